//! Rules in Rust, built by the binary with the toolchain that `cargo xtask test` found or made.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::server::binary;

/// What is to be set for cargo, one `KEY=VALUE` a line; see `guests` of xtask.
const ENVIRONMENT: &str = "target/guest-toolchain/environment";

/// A toolchain for guests.
#[derive(Debug)]
pub struct Guests {
    environment: Vec<(String, String)>,
}

/// Returns the workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

impl Guests {
    /// Finds the toolchain; says so where there is none.
    pub fn find() -> Option<Self> {
        let Ok(text) = fs::read_to_string(root().join(ENVIRONMENT)) else {
            #[expect(clippy::print_stdout, reason = "a test that skips says so")]
            {
                println!("skipped: no toolchain for guests; `cargo xtask test` finds or makes one");
            }
            return None;
        };
        let pair = |line: &str| {
            let (key, value) = line.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        Some(Self {
            environment: text.lines().filter_map(pair).collect(),
        })
    }

    /// Begins a command of the binary.
    ///
    /// # Errors
    ///
    /// Where it was not built.
    pub fn betrace<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(args)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Begins a command of cargo, for what runs on this machine.
    ///
    /// # Errors
    ///
    /// Where the binary was not built, which the tests of a crate call.
    pub fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Result<Command> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(args)
            .envs(self.environment.iter().cloned())
            .env_remove("CARGO_UNSTABLE_BUILD_STD")
            .env_remove("RUSTC")
            .env("BETRACE_BIN", binary()?)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Builds a crate by `betrace build`, and returns the component.
    ///
    /// # Errors
    ///
    /// Where it does not build, with what was said.
    pub fn build(&self, krate: &Path) -> Result<Vec<u8>> {
        let output = tempfile::tempdir()?;
        let args = [
            "build".as_ref(),
            krate.as_os_str(),
            "-o".as_ref(),
            output.path().as_os_str(),
        ];
        let built = self.betrace(args)?.output()?;
        let said = String::from_utf8_lossy(&built.stderr);
        ensure!(built.status.success(), "{}: {said}", krate.display());
        let mut files = fs::read_dir(output.path())?;
        let file = files.next().context("a component was written")??;
        Ok(fs::read(file.path())?)
    }
}
