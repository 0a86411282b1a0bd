//! What our judge says of real traces (`shared/data` in a folder above this project). Says what it skips where they are
//! absent.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy knows a test by its attribute, and so not what the test calls"
)]

mod agents;
mod independent_count;
mod input;
mod said;
mod verdicts;
mod worse;
