//! `betrace demo`.

use super::{
    console::Console,
    exit::{Failure, Outcome},
};

/// See it work: real traffic, signals, a rule replayed over what is stored, a rule swapped while traffic flows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts the real server on free loopback ports with a temporary store, and ends by itself in under a minute.

Examples:
  betrace demo")]
pub struct Args {}

/// Runs the demo.
pub fn run(Args {}: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!("this build has no demo")))
}
