//! `cargo xtask check`: what must hold of the text of the project.

use std::process::ExitCode;

use crate::steps::{Steps, cargo, is_installed};

pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::new();
    steps.run("format", &mut cargo(&["fmt", "--all", "--check"]));
    steps.run(
        "lints",
        cargo(&["clippy", "--workspace", "--all-targets", "--locked"])
            .args(["--", "-D", "warnings"]),
    );
    steps.run(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"),
    );
    if is_installed("deny") {
        steps.run(
            "licences and advisories",
            &mut cargo(&["deny", "--workspace", "check"]),
        );
    } else {
        steps.skip("licences and advisories", "cargo-deny is not installed");
    }
    steps.finish("check")
}
