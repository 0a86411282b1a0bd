//! `cargo xtask check`: what must hold of the text of the project.

use std::process::ExitCode;

use crate::steps::{Steps, cargo, is_installed, root};

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
    deny(&mut steps);
    steps.finish("check")
}

/// Licences, sources and advisories of what is built in, as `deny.toml` says.
fn deny(steps: &mut Steps) {
    let own = "licences, sources and versions of dependencies";
    let advisories = "advisories";
    if !is_installed("deny") {
        let why = "cargo-deny is not installed (`cargo install --locked cargo-deny`)";
        steps.skip(own, why);
        steps.skip(advisories, why);
        return;
    }
    let check = ["deny", "--workspace", "check"];
    steps.run(own, cargo(&check).args(["licenses", "bans", "sources"]));
    // What is known of others changes daily, and is fetched; a machine without a network checks the rest.
    let fetched = cargo(&["deny", "fetch", "db"]).current_dir(root()).status();
    if fetched.is_ok_and(|status| status.success()) {
        steps.run(advisories, cargo(&check).arg("advisories"));
    } else {
        steps.skip(advisories, "their database cannot be reached");
    }
}
