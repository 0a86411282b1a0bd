//! `cargo xtask test`.

use std::process::{Command, ExitCode};

use crate::{
    guests, registry,
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
    registry::prepare(&mut steps);
    if !has_clang() {
        steps.skip(
            "the rule in C",
            "there is no clang that builds for wasm32, with wasm-ld (Debian: clang lld)",
        );
    }
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

/// Whether `examples/c-rule` can be built; its test asks the same.
fn has_clang() -> bool {
    let said = |program: &str, arg: &str| Command::new(program).arg(arg).output();
    let targets = said("clang", "--print-targets");
    let linker = said("wasm-ld", "--version");
    targets.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("wasm32"))
        && linker.is_ok_and(|said| said.status.success())
}

fn has_traffic() -> bool {
    root()
        .ancestors()
        .any(|above| above.join(TRAFFIC).is_file())
}
