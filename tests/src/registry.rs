//! A registry of OCI artifacts, as Debian packages it (`docker-registry`), started and stopped.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::guests::root;

/// The program, where it is installed.
const PROGRAM: &str = "docker-registry";

/// Where `cargo xtask test` unpacks it, where it is not.
const UNPACKED: &str = "target/registry/usr/bin/docker-registry";

/// Who may ask, where a registry asks for that: `acme`, with the password `secret` (bcrypt).
const PASSWORDS: &str = "acme:$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

/// A running registry on a free loopback port.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Registry {
    /// Starts one, that asks for a name and a password or does not; says so where there is no program.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn start(asks: bool) -> Result<Option<Self>> {
        let Some(program) = program() else {
            #[expect(clippy::print_stdout, reason = "a test that skips says so")]
            {
                println!(
                    "skipped: there is no {PROGRAM}; `cargo xtask test` unpacks it where it can"
                );
            }
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("htpasswd"), PASSWORDS)?;
        let auth = if asks {
            format!(
                "auth: {{ htpasswd: {{ realm: test, path: \"{}\" }} }}\n",
                path("htpasswd")
            )
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nlog: {{ level: info }}\nhttp: {{ addr: \"127.0.0.1:0\" }}\n\
             storage: {{ filesystem: {{ rootdirectory: \"{}\" }} }}\n{auth}",
            path("storage")
        );
        fs::write(path("config.yml"), config)?;
        let mut child = Command::new(program)
            .args(["serve", &path("config.yml")])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        let mut log = BufReader::new(stderr);
        let address = listening(&mut log);
        // What it goes on to say would fill the pipe.
        let drain = thread::Builder::new().spawn(move || log.read_to_end(&mut Vec::new()));
        match address.and_then(|address| drain.map(|_| address).map_err(Into::into)) {
            Ok(address) => Ok(Some(Self {
                child,
                folder,
                address,
            })),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Returns the files of blobs, by what they hold.
    ///
    /// # Errors
    ///
    /// Where there is no such blob.
    pub fn blob_file(&self, digest: &str) -> Result<PathBuf> {
        let hex = digest.strip_prefix("sha256:").context("a SHA-256")?;
        let two = hex.get(..2).context("a digest")?;
        let blobs = "storage/docker/registry/v2/blobs/sha256";
        let file = self.folder.path().join(format!("{blobs}/{two}/{hex}/data"));
        if !file.exists() {
            bail!("no blob {digest}");
        }
        Ok(file)
    }
}

fn listening(log: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    loop {
        line.clear();
        if log.read_line(&mut line)? == 0 {
            bail!("the registry ended before it listened");
        }
        if let Some((_, address)) = line.split_once("listening on ") {
            let end = address.find(['"', ',', ' ']).unwrap_or(address.len());
            return Ok(address.get(..end).unwrap_or(address).trim().to_owned());
        }
    }
}

fn program() -> Option<PathBuf> {
    let unpacked = root().join(UNPACKED);
    if unpacked.is_file() {
        return Some(unpacked);
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|program: &PathBuf| Path::is_file(program))
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
