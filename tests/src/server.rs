//! The `betrace` binary, started and stopped.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Finds the binary beside the test that runs: cargo builds both into one folder.
///
/// # Errors
///
/// Where it was not built.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test
        .ancestors()
        .nth(2)
        .context("the test lies in target/PROFILE/deps")?;
    let binary = folder.join("betrace");
    if !binary.exists() {
        bail!(
            "no `{}`: run `cargo build --package betrace` with the same profile first",
            binary.display()
        );
    }
    Ok(binary)
}

/// Runs a command of the binary to its end.
///
/// # Errors
///
/// Where it cannot be started.
pub fn run(args: &[&str]) -> Result<std::process::Output> {
    Ok(Command::new(binary()?)
        .args(args)
        .stdin(Stdio::null())
        .output()?)
}

/// A running `betrace serve` on free loopback ports.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it takes OTLP/gRPC.
    pub grpc: SocketAddr,
    /// Where it takes OTLP/HTTP.
    pub http: SocketAddr,
    /// Where it answers the API.
    pub api: SocketAddr,
    /// With what it is asked.
    token: Option<String>,
}

impl Server {
    /// Starts a server over a folder and waits for its `ready` line.
    ///
    /// # Errors
    ///
    /// Where it ends without one.
    pub fn start(data: &Path, more: &[&str]) -> Result<Self> {
        Self::start_by(Command::new(binary()?), data, more)
    }

    /// As [`Self::start`], by a command that runs the binary with the arguments that it is given.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_by(mut command: Command, data: &Path, more: &[&str]) -> Result<Self> {
        let mut child = command
            .args([
                "serve",
                "--grpc",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--api",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = |name: &str| -> Result<SocketAddr> {
            let word = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            Ok(word
                .with_context(|| format!("no {name} in the ready line `{}`", line.trim_end()))?
                .parse()?)
        };
        match (address("grpc"), address("http"), address("api")) {
            (Ok(grpc), Ok(http), Ok(api)) => Ok(Self {
                child,
                grpc,
                http,
                api,
                token: None,
            }),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                let status = child.wait()?;
                Err(error.context(format!("the server did not start: {status}")))
            }
        }
    }

    /// Asks it with a token from here on.
    pub fn use_token(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    fn asked(&self, path: &str) -> Result<ureq::http::Response<ureq::Body>> {
        let get = ureq::get(format!("http://{}{path}", self.api));
        let get = match &self.token {
            Some(token) => get.header("authorization", format!("Bearer {token}")),
            None => get,
        };
        Ok(get.call()?)
    }

    /// Returns the number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    ///
    /// Where the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills it as a power cut would: it gets no chance to do anything.
    ///
    /// # Errors
    ///
    /// Where it is gone already.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    ///
    /// Where it is gone already.
    pub fn terminate(mut self) -> Result<ExitStatus> {
        let status = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        if !status.success() {
            bail!("kill says {status}");
        }
        Ok(self.child.wait()?)
    }

    /// Returns the most memory that it has had, in bytes, where the system says (proc(5), `VmHWM`).
    pub fn memory_max(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    }

    /// Asks the API.
    ///
    /// # Errors
    ///
    /// Where it cannot be reached or answers no JSON. A refusal is an error too.
    pub fn get(&self, path: &str) -> Result<Value> {
        let mut response = self.asked(path)?;
        Ok(response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_json()?)
    }

    /// Returns the value of a metric, summed over its labels; 0 where it has none.
    ///
    /// # Errors
    ///
    /// Where the API cannot be reached.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let mut response = self.asked("/metrics")?;
        let text = response.body_mut().read_to_string()?;
        Ok(text
            .lines()
            .filter_map(|line| {
                let rest = line.strip_prefix(name)?;
                (rest.starts_with('{') || rest.starts_with(' ')).then_some(())?;
                rest.rsplit(' ').next()?.parse::<f64>().ok()
            })
            .sum())
    }

    /// Waits until every trace is sealed and judged.
    ///
    /// # Errors
    ///
    /// Where the API cannot be reached, or after a minute.
    pub fn wait_until_judged(&self) -> Result<()> {
        for _ in 0..600 {
            let waiting = self.metric("betrace_assemble_open_spans")?
                + self.metric("betrace_judge_unjudged_blocks")?;
            if waiting == 0.0 {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        bail!("spans are still open or blocks unjudged after a minute")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends it where a test failed before it did.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
