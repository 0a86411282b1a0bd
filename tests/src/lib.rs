//! What the whole-system tests share.
//!
//! | for | here |
//! |---|---|
//! | the binary as its users drive it | `server`, `client`, `load` |
//! | and as its enemies do | `http2` |
//! | the compiler against its oracle | `generated`, `contract`, `agreement` |
//! | rules in Rust, built | `guests` |
//! | fuzzing | `fuzz` |

#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
pub mod agreement;
pub mod client;
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]
pub mod contract;
pub mod fuzz;
#[expect(
    clippy::indexing_slicing,
    reason = "choices are taken modulo what there is to choose from"
)]
pub mod generated;
pub mod guests;
pub mod http2;
pub mod load;
pub mod registry;
pub mod server;
