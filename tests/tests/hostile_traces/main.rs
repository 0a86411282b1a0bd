//! Scenario: one tenant sends traces that no program should send: very many spans in one, very many of one span, one id ten
//! thousand times, circles of parents, clocks that are years off, a hundred thousand names.
//!
//! Guarantees: all of it is acknowledged, and judged, or inconclusive with its reason; what was cut, repeated or far from its
//! time is counted; memory stays below a bound; and meanwhile the next tenant's traces are acknowledged and judged, the
//! gauges move, and lists answer. `BETRACE_FLOOD_SPANS=1000000` makes the floods as large as `cargo xtask nightly` does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at the first surprise"
)]

mod clocks;
mod cycles;
mod floods;
mod ids;
mod names;
mod neighbour;
mod stage;
