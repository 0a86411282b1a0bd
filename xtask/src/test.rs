//! `cargo xtask test`.

use std::process::ExitCode;

use crate::{
    guests,
    steps::{Steps, cargo, is_installed, root},
};

/// The real traffic that some tests read. They say so and pass where it is not there.
const TRAFFIC: &str = "shared/data/nezha_tt.arrival.jsonl.zst";

pub(crate) fn run(args: &[String]) -> ExitCode {
    let mut steps = Steps::new();
    if !has_traffic() {
        steps.skip(
            "tests over real traffic",
            &format!("{TRAFFIC} is in no folder above this one"),
        );
    }
    guests::prepare(&mut steps);
    // Neither runner below runs the examples in the documentation. They come first, so that what the runner
    // says at its end is what the eye meets.
    steps.run(
        "documentation tests",
        &mut cargo(&["test", "--workspace", "--locked", "--doc"]),
    );
    let nextest = is_installed("nextest");
    // Everything at once: a package built alone selects other features of the heavy crates, and builds them again.
    // The whole-system tests start the binary, which is built for the tests of its own package.
    let mut runner = if nextest {
        cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ])
    } else {
        cargo(&[
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ])
    };
    let name = if nextest {
        "tests (cargo nextest)"
    } else {
        "tests (cargo test)"
    };
    steps.run(name, runner.args(args));
    steps.finish("test")
}

fn has_traffic() -> bool {
    root()
        .ancestors()
        .any(|above| above.join(TRAFFIC).is_file())
}
