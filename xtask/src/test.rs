//! `cargo xtask test` and `cargo xtask bench`.

use std::{path::PathBuf, process::ExitCode};

use crate::{
    say,
    steps::{Steps, cargo, is_installed, root},
};

/// The real traffic that some tests read. They say so and pass where it is not there.
const TRAFFIC: &str = "nezha_tt.arrival.jsonl.zst";

pub(crate) fn run(args: &[String]) -> ExitCode {
    let mut steps = Steps::new();
    // The whole-system tests start the binary, which cargo builds for its own package's tests only.
    let built = steps.run(
        "build the binary",
        &mut cargo(&[
            "build",
            "--package",
            "betrace",
            "--bin",
            "betrace",
            "--locked",
        ]),
    );
    if !built {
        return steps.finish("test");
    }
    let data = data_folder();
    match &data {
        Some(folder) => say(&format!("real traffic: {}", folder.display())),
        None => steps.skip(
            "tests over real traffic",
            &format!("{TRAFFIC} is not there; put its folder in BETRACE_TEST_DATA"),
        ),
    }
    let nextest = is_installed("nextest");
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
            "--all-targets",
        ])
    };
    if let Some(folder) = &data {
        runner.env("BETRACE_TEST_DATA", folder);
    }
    let name = if nextest {
        "tests (cargo nextest)"
    } else {
        "tests (cargo test)"
    };
    steps.run(name, runner.args(args));
    // Neither runner above runs the examples in the documentation.
    steps.run(
        "documentation tests",
        &mut cargo(&["test", "--workspace", "--locked", "--doc"]),
    );
    steps.finish("test")
}

pub(crate) fn bench(args: &[String]) -> ExitCode {
    let mut steps = Steps::new();
    let mut runner = cargo(&["bench", "--workspace", "--locked", "--benches"]);
    if let Some(folder) = data_folder() {
        runner.env("BETRACE_TEST_DATA", folder);
    }
    steps.run("benches", runner.args(args));
    steps.finish("bench")
}

/// Finds the folder of real traffic: where `BETRACE_TEST_DATA` says, else beside the checkout.
fn data_folder() -> Option<PathBuf> {
    let named = std::env::var_os("BETRACE_TEST_DATA").map(PathBuf::from);
    named
        .into_iter()
        .chain([
            root().join("../shared/data"),
            root().join("../../shared/data"),
        ])
        .find(|folder| folder.join(TRAFFIC).is_file())
        .and_then(|folder| folder.canonicalize().ok())
}
