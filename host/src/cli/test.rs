//! `betrace test`.

use std::path::PathBuf;

use super::{
    console::Console,
    exit::{Failure, Outcome},
    target::Format,
};

mod file;
mod mistake;
mod spans;

/// Run rule tests (*.test.toml).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A test file names rules, and cases of spans with the verdicts that they must get:

  rules = [\"hipaa.btr\"]

  [[case]]
  name = \"PHI read with no audit record\"
  expect = { hipaa-phi-audit = \"violated\" }
  spans = [{ id = \"s1\", name = \"phi.access\", for = \"12ms\", attributes = { \"user.id\" = \"u7\" } }]

Exit status: 0 all pass, 1 a case fails, 2 a file cannot be read or compiled.

Examples:
  betrace test rules/
  betrace test hipaa.test.toml -o json")]
pub struct Args {
    /// Test files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Runs the tests.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot test {:?} {:?}",
        args.files,
        args.output
    )))
}
