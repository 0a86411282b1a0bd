//! A run of steps: each is a command; all are run, and the summary says which failed.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::say;

/// Steps that have run, with how they ended.
pub(crate) struct Steps {
    done: Vec<(String, State)>,
}

enum State {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { done: Vec::new() }
    }

    /// Runs a command with our own stdout and stderr, so that its closing lines are seen.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> bool {
        say(&format!("\n=== {name}"));
        let state = match command.current_dir(root()).status() {
            Ok(status) if status.success() => State::Passed,
            Ok(status) => State::Failed(status.to_string()),
            Err(error) => State::Failed(format!("cannot be started: {error}")),
        };
        let passed = matches!(state, State::Passed);
        self.done.push((name.to_owned(), state));
        passed
    }

    /// Notes a step that is left out, and why.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.done
            .push((name.to_owned(), State::Skipped(why.to_owned())));
    }

    /// Prints how each step ended, and returns the exit status of them all.
    pub(crate) fn finish(self, what: &str) -> ExitCode {
        say(&format!("\n=== {what}: summary"));
        let mut failed = 0;
        for (name, state) in &self.done {
            match state {
                State::Passed => say(&format!("  ok       {name}")),
                State::Skipped(why) => say(&format!("  skipped  {name}: {why}")),
                State::Failed(why) => {
                    failed += 1;
                    say(&format!("  FAILED   {name}: {why}"));
                }
            }
        }
        if failed == 0 {
            say(&format!("=== {what}: passed"));
            ExitCode::SUCCESS
        } else {
            say(&format!(
                "=== {what}: {failed} of {} steps failed",
                self.done.len()
            ));
            ExitCode::FAILURE
        }
    }
}

/// Starts a `cargo` command line.
pub(crate) fn cargo(args: &[&str]) -> Command {
    // Cargo tells its children which cargo they run under.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Whether `cargo NAME` is installed.
pub(crate) fn is_installed(name: &str) -> bool {
    cargo(&[name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a command ends well; what it prints on stdout is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
