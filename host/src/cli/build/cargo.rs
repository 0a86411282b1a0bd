//! Cargo, called for a crate of rules. It is the user's own: whatever it has to say goes to stderr as it is.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, anyhow};
use serde::Deserialize;

use crate::cli::exit::Failure;

/// What rules in Rust are built for: no system, so nothing to import.
const TARGET: &str = "wasm32-unknown-unknown";

/// Cargo's own setting, for a Rust that has the sources of the standard library in place of a build of it.
const BUILD_STD: &str = "CARGO_UNSTABLE_BUILD_STD";

/// What the tests of a crate compare their own judgements with; see `testing` of betrace-rules.
const COMPONENT: &str = "BETRACE_COMPONENT";
const PROGRAM: &str = "BETRACE_BIN";

/// What cargo built.
pub(super) struct Built {
    /// The name of the library.
    pub(super) name: String,
    /// The bytes of the core module.
    pub(super) module: Vec<u8>,
}

/// A line of cargo's about something that is built.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds the library of a crate for the target.
pub(super) fn build(folder: &Path) -> Result<Built, Failure> {
    check_target()?;
    let mut cargo = cargo(folder);
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = cargo.output().map_err(|error| no_rust("cargo", error))?;
    if !output.status.success() {
        return Err(Failure::wrong(anyhow!(
            "`{}` does not build",
            folder.display()
        )));
    }
    let manifest = fs::canonicalize(folder.join("Cargo.toml"))
        .with_context(|| format!("failed to read the crate in `{}`", folder.display()))
        .map_err(Failure::usage)?;
    let (name, path) = module_of(&output.stdout, &manifest).ok_or_else(|| {
        Failure::wrong(anyhow!(
            "`{}` builds no module of WebAssembly",
            folder.display()
        ))
        .help("in its Cargo.toml, write crate-type = [\"cdylib\", \"rlib\"] under [lib]")
    })?;
    let module = fs::read(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))
        .map_err(Failure::usage)?;
    Ok(Built { name, module })
}

/// Runs the tests of a crate, with the component beside; returns whether they pass.
pub(super) fn test(folder: &Path, component: &Path) -> Result<bool, Failure> {
    let component = fs::canonicalize(component)
        .with_context(|| format!("failed to find `{}`", component.display()))
        .map_err(Failure::usage)?;
    let program = env::current_exe()
        .context("failed to find this program")
        .map_err(Failure::usage)?;
    let mut cargo = cargo(folder);
    cargo
        .arg("test")
        .env(COMPONENT, component)
        .env(PROGRAM, program);
    if env::var_os(BUILD_STD).is_some() {
        // A compiler that builds its standard library is there for the target; tests run on this machine, by the usual one.
        cargo.env_remove(BUILD_STD).env_remove("RUSTC");
    }
    let status = cargo.status().map_err(|error| no_rust("cargo", error))?;
    Ok(status.success())
}

fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder);
    cargo
}

/// Returns the name and the file of the module that cargo says it built of this manifest.
fn module_of(lines: &[u8], manifest: &Path) -> Option<(String, PathBuf)> {
    let messages = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    messages
        .filter(|message| {
            message.reason == "compiler-artifact" && message.manifest_path == manifest
        })
        .find_map(|message| {
            let is_module =
                |path: &PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
            let path = message.filenames.into_iter().find(is_module)?;
            Some((message.target?.name, path))
        })
}

/// Says what to install where the standard library for the target is not.
fn check_target() -> Result<(), Failure> {
    if env::var_os(BUILD_STD).is_some() {
        return Ok(());
    }
    let rustc: OsString = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| no_rust(&rustc.to_string_lossy(), error))?;
    let libdir = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    Err(
        Failure::usage(anyhow!("this Rust has no standard library for {TARGET}"))
            .help(format!("install it: `rustup target add {TARGET}`")),
    )
}

fn no_rust(program: &str, error: std::io::Error) -> Failure {
    Failure::usage(anyhow::Error::new(error).context(format!("failed to run `{program}`")))
        .help("rules in Rust need Rust: see https://rustup.rs")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::module_of;

    #[test]
    fn the_module_of_the_crate_itself_is_found_among_what_cargo_says() {
        let lines = br#"{"reason":"compiler-artifact","manifest_path":"/d/Cargo.toml","target":{"name":"d"},"filenames":["/t/d.wasm"]}
{"reason":"compiler-message","message":{}}
not json
{"reason":"compiler-artifact","manifest_path":"/c/Cargo.toml","target":{"name":"build-script-build"},"filenames":["/t/b"]}
{"reason":"compiler-artifact","manifest_path":"/c/Cargo.toml","target":{"name":"c"},"filenames":["/t/libc.rlib","/t/c.wasm"]}
{"reason":"build-finished","success":true}"#;
        let found = module_of(lines, Path::new("/c/Cargo.toml"));
        assert_eq!(found, Some(("c".to_owned(), PathBuf::from("/t/c.wasm"))));
        assert_eq!(module_of(lines, Path::new("/e/Cargo.toml")), None);
    }
}
