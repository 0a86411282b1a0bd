//! `cargo xtask fuzz`: the targets of `tests/fuzz`, one after another.

use std::process::{Command, ExitCode};

use crate::steps::{Steps, is_installed};

const TARGETS: [&str; 5] = [
    "parse",
    "compile_and_validate",
    "oracle_agreement",
    "format_round_trip",
    "decode_otlp",
];
/// How long each target runs where nothing else is asked for.
const SECONDS: &str = "60";

/// `args`: how many seconds each target is to run.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let seconds = args.first().map_or(SECONDS, String::as_str);
    let mut steps = Steps::new();
    for target in TARGETS {
        if !is_installed("fuzz") {
            steps.skip(target, "cargo-fuzz is not installed");
            continue;
        }
        // Instrumentation is the nightly compiler's; the cargo that runs this may be of another.
        let mut fuzz = Command::new("rustup");
        fuzz.args(["run", "nightly", "cargo", "fuzz", "run"])
            .args(["--fuzz-dir", "tests/fuzz", target, "--"])
            .arg(format!("-max_total_time={seconds}"));
        steps.run(target, &mut fuzz);
    }
    steps.finish("fuzz")
}
