//! The contract of packs without the host: a component in wasmtime, and batches written straight from `wit/pack.wit`.

pub use component::{
    Pack,
    bindings::exports::betrace::rules::pack::{Column, Values},
};
pub use judge::{is_ruled_out, judge, verdict_of};
pub use projection::{Batched, Trim};

mod cells;
mod component;
mod judge;
mod projection;
