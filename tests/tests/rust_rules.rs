//! Scenario: somebody begins rules with `betrace new`, tests and builds them with `betrace build`.
//!
//! Guarantees: what is begun passes its test and builds, in both languages; a crate's tests judge the compiled component
//! too, and fail where it says something else; where something is missing, what to do is said.
//!
//! What needs a toolchain for guests is skipped, and said so, where there is none.

use std::{fs, path::Path, process::Output};

use anyhow::{Context, Result, ensure};
use betrace_tests::{
    guests::{Guests, root},
    server,
};

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

#[test]
fn a_new_rule_file_passes_its_test_and_builds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("order-rules");
    let rules = path(&rules)?;
    for args in [
        &["new", "--lang", "dsl", rules][..],
        &["test", rules],
        &["fmt", "--check", rules],
        &["build", rules],
        &["inspect", &format!("{rules}/order-rules.wasm")],
    ] {
        let output = server::run(args)?;
        ensure!(output.status.success(), "{args:?}: {}", said(&output));
    }
    let again = server::run(&["new", "--lang", "dsl", rules])?;
    ensure!(again.status.code() == Some(3), "{}", said(&again));
    ensure!(
        said(&again).contains("is there already"),
        "{}",
        said(&again)
    );
    Ok(())
}

#[test]
fn a_new_crate_passes_its_tests_natively_and_as_a_component() -> Result<()> {
    let Some(guests) = Guests::find() else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let krate = folder.path().join("order-rules");
    let sdk = root().join("rules-sdk");
    let new = server::run(&["new", "--lang", "rust", path(&krate)?, "--sdk", path(&sdk)?])?;
    ensure!(new.status.success(), "{}", said(&new));
    let built = guests
        .betrace(["build", path(&krate)?, "--test"])?
        .output()?;
    ensure!(built.status.success(), "{}", said(&built));
    ensure!(
        said(&built).contains("1 rule: order-rules"),
        "{}",
        said(&built)
    );
    ensure!(said(&built).contains("1 passed"), "{}", said(&built));
    let inspected = server::run(&["inspect", path(&krate.join("order_rules.wasm"))?])?;
    ensure!(
        said(&inspected).contains("ORDER_NOT_PAID (high)"),
        "{}",
        said(&inspected)
    );
    Ok(())
}

#[test]
fn the_tests_of_a_crate_judge_its_component_and_tell_another_one() -> Result<()> {
    let Some(guests) = Guests::find() else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let krate = root().join("examples/rust-rule");
    let out = path(folder.path())?;
    let built = guests
        .betrace(["build", path(&krate)?, "--test", "-o", out])?
        .output()?;
    ensure!(built.status.success(), "{}", said(&built));
    // A pack that has the same ids and means something else.
    let other = folder.path().join("other.btr");
    fs::write(&other, "rule phi-audit { match { phi.access } }\n")?;
    let component = folder.path().join("other.wasm");
    let compiled = server::run(&["compile", path(&other)?, "-o", path(&component)?])?;
    ensure!(compiled.status.success(), "{}", said(&compiled));
    let mut cargo = guests.cargo(["test", "--lib", "audited"])?;
    cargo
        .current_dir(&krate)
        .env("BETRACE_COMPONENT", &component);
    let tested = cargo.output()?;
    ensure!(!tested.status.success(), "{}", said(&tested));
    let expected = "the component says something else than the native rule `phi-audit`";
    ensure!(said(&tested).contains(expected), "{}", said(&tested));
    Ok(())
}

#[cfg(unix)]
#[test]
fn without_the_target_the_command_that_installs_it_is_said() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir()?;
    let rustc = folder.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho /there/is/no/such/library\n")?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    let krate = root().join("examples/rust-rule");
    let output = std::process::Command::new(server::binary()?)
        .args(["build", path(&krate)?])
        .env("RUSTC", &rustc)
        .env_remove("CARGO_UNSTABLE_BUILD_STD")
        .output()?;
    ensure!(output.status.code() == Some(3), "{}", said(&output));
    ensure!(
        said(&output).contains("rustup target add wasm32-unknown-unknown"),
        "{}",
        said(&output)
    );
    Ok(())
}

#[test]
fn a_folder_of_nothing_to_build_says_how_to_begin() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = server::run(&["build", path(folder.path())?])?;
    ensure!(output.status.code() == Some(2), "{}", said(&output));
    ensure!(
        said(&output).contains("betrace new --lang rust"),
        "{}",
        said(&output)
    );
    Ok(())
}
