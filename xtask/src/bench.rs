//! `cargo xtask bench`: the benches, and the comparison of replays with `DuckDB`.

use std::process::{Command, ExitCode, Stdio};

use crate::steps::{Steps, cargo, root};

const AGAINST_DUCKDB: &str = "tests/independent/against_duckdb.py";

/// `args`: `duckdb` and what goes to its script, or what goes to the benches.
pub(crate) fn run(args: &[String]) -> ExitCode {
    match args.split_first() {
        Some((first, rest)) if first == "duckdb" => against_duckdb(rest),
        Some(_) | None => {
            let mut steps = Steps::new();
            let mut runner = cargo(&["bench", "--workspace", "--locked", "--benches"]);
            steps.run("benches", runner.args(args));
            steps.finish("bench")
        }
    }
}

fn against_duckdb(args: &[String]) -> ExitCode {
    let mut steps = Steps::new();
    // A Python of a virtual environment may be named: few systems let packages be installed beside their own.
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut version = Command::new(&python);
    version.arg("--version").stdout(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        steps.skip("replays against DuckDB", "there is no python3");
        return steps.finish("bench duckdb");
    }
    let mut build = cargo(&["build", "--release", "--locked", "--package", "betrace"]);
    if steps.run("the binary", &mut build) {
        let mut script = Command::new(python);
        script
            .arg(AGAINST_DUCKDB)
            .arg("--betrace")
            .arg(root().join("target/release/betrace"))
            .args(args);
        steps.run("replays against DuckDB", &mut script);
    }
    steps.finish("bench duckdb")
}
