//! Rules as text and traces for them, made of a sequence of choices: few names, keys and values, so that they meet, and the
//! odd ones among them.
//!
//! The choices come from a seed, from a fuzzer's bytes, or from a tape that is being made shorter; the rest is the same.

pub use choices::{Choices, shrink};
pub use otlp::{Oddity, request};
pub use rules::{Rule, pack, rule};
pub use traces::{plain_trace, trace};

mod choices;
mod conditions;
mod filters;
mod otlp;
mod rules;
mod traces;
mod words;
