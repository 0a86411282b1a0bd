//! The toolchain for guests, rules in Rust for wasm32-unknown-unknown, and the guests that the tests need.
//!
//! | tried in this order | leaves |
//! |---|---|
//! | the target of the Rust that is installed | nothing to set |
//! | `rustup target add` | nothing to set |
//! | Debian's packages of a Rust with its sources, unpacked below `target/` | that compiler, its linker, `-Zbuild-std` |
//!
//! What is to be set for cargo, and for `betrace build`, which calls it, is kept in [`ENVIRONMENT`], one `KEY=VALUE` a line.
//! The tests read it; where it is not, those that need guests say that they skip.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, ExitCode},
};

use crate::{
    say,
    steps::{Steps, cargo, root, succeeds},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// Where the toolchain and what is to be set for it are kept.
const FOLDER: &str = "target/guest-toolchain";
const ENVIRONMENT: &str = "target/guest-toolchain/environment";

/// Where guests are built; the tests build there too, and find what is built already.
const BUILT: &str = "target/guests";

/// The crates of rules that the tests need.
const CRATES: [&str; 2] = ["examples/rust-rule", "tests/data/rust-rules"];

/// Debian's packages of a Rust that compiles its own standard library. The library of the compiler, whose name has the
/// version, is added by what the second depends on.
const PACKAGES: [&str; 5] = [
    "rustc-web",
    "libstd-rust-web-dev",
    "rust-web-src",
    "lld-22",
    "libllvm22",
];

/// What is to be set for cargo.
type Environment = Vec<(String, String)>;

/// `cargo xtask guests`.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::new();
    prepare(&mut steps);
    steps.finish("guests")
}

/// Finds or makes the toolchain and builds the guests with it; where that cannot be, says why.
pub(crate) fn prepare(steps: &mut Steps) {
    let environment = match find() {
        Ok(environment) => environment,
        Err(why) => {
            // Of an earlier run, whose toolchain is gone.
            let _absent = fs::remove_file(root().join(ENVIRONMENT));
            steps.skip("guests, and the tests that need them", &why);
            return;
        }
    };
    if let Err(error) = keep(&environment) {
        steps.skip("guests, and the tests that need them", &error.to_string());
        return;
    }
    for name in CRATES {
        let mut build = cargo(&[
            "build",
            "--release",
            "--lib",
            "--locked",
            "--target",
            TARGET,
        ]);
        build
            .arg("--manifest-path")
            .arg(root().join(name).join("Cargo.toml"))
            .envs(environment.iter().cloned());
        steps.run(&format!("guests of {name}"), &mut build);
    }
}

fn keep(environment: &Environment) -> std::io::Result<()> {
    fs::create_dir_all(root().join(FOLDER))?;
    let mut file = fs::File::create(root().join(ENVIRONMENT))?;
    for (key, value) in environment {
        writeln!(file, "{key}={value}")?;
    }
    Ok(())
}

fn find() -> Result<Environment, String> {
    let built = [("CARGO_TARGET_DIR".to_owned(), shown(&root().join(BUILT)))];
    if is_installed() {
        return Ok(built.into());
    }
    say(&format!(
        "\n=== {TARGET} is not installed: asking rustup for it"
    ));
    if succeeds(Command::new("rustup").args(["target", "add", TARGET])) && is_installed() {
        return Ok(built.into());
    }
    let mut environment = debian().map_err(|why| {
        format!(
            "no Rust here builds for {TARGET} (`rustup target add {TARGET}` installs it), and {why}"
        )
    })?;
    environment.extend(built);
    Ok(environment)
}

/// Whether the installed Rust has the standard library for the target.
fn is_installed() -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let output = rustc.output();
    output.is_ok_and(|output| {
        let libdir = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(libdir.trim()).is_dir()
    })
}

/// Unpacks Debian's packages, unless they are, and returns how they are used.
fn debian() -> Result<Environment, String> {
    let packages = root().join(FOLDER).join("packages");
    let unpacked = root().join(FOLDER).join("root");
    let done = root().join(FOLDER).join("unpacked");
    if !done.is_file() {
        say("\n=== unpacking a Rust with its sources from Debian's packages");
        download(&packages)?;
        unpack(&packages, &unpacked)?;
        fs::write(&done, "").map_err(|error| error.to_string())?;
    }
    let usr = unpacked.join("usr");
    let rustc = usr.join("bin/rustc");
    let libraries = usr.join("lib/x86_64-linux-gnu");
    if !succeeds(
        Command::new(&rustc)
            .arg("-V")
            .env("LD_LIBRARY_PATH", &libraries),
    ) {
        return Err(format!(
            "the one of Debian's packages in {FOLDER} does not run: remove that folder"
        ));
    }
    let set = [
        ("RUSTC", shown(&rustc)),
        ("LD_LIBRARY_PATH", shown(&libraries)),
        (
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            shown(&usr.join("lib/llvm-22/bin/wasm-ld")),
        ),
        // Building the standard library is not stable; a stable compiler does it where it is told that it may.
        ("RUSTC_BOOTSTRAP", "1".to_owned()),
        ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort".to_owned()),
    ];
    Ok(set.map(|(key, value)| (key.to_owned(), value)).into())
}

/// Downloads the packages; nothing is installed. The lists of a machine may be older than the packages: then they are brought
/// up to date, where that is allowed, and asked once more.
fn download(packages: &Path) -> Result<(), String> {
    fs::create_dir_all(packages).map_err(|error| error.to_string())?;
    try_download(packages).or_else(|_| {
        let _refused = succeeds(Command::new("apt-get").arg("update"));
        try_download(packages)
    })
}

fn try_download(packages: &Path) -> Result<(), String> {
    let depends = Command::new("apt-cache")
        .args(["depends", "libstd-rust-web-dev"])
        .output();
    let depends = depends.map_err(|_| "there is no apt to get one with".to_owned())?;
    let depends = String::from_utf8_lossy(&depends.stdout);
    let compiler = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("libstd-rust-web-"))
        .ok_or("apt knows no package rustc-web (is `apt-get update` to be run?)")?;
    let mut get = Command::new("apt-get");
    get.arg("download")
        .args(PACKAGES)
        .arg(compiler)
        .current_dir(packages);
    if succeeds(&mut get) {
        Ok(())
    } else {
        Err("Debian's packages of one cannot be downloaded (is `apt-get update` to be run?)".into())
    }
}

/// Unpacks the packages, and puts the sources where the compiler looks for them.
fn unpack(packages: &Path, unpacked: &Path) -> Result<(), String> {
    let entries = fs::read_dir(packages).map_err(|error| error.to_string())?;
    for package in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if !succeeds(Command::new("dpkg").arg("-x").arg(&package).arg(unpacked)) {
            return Err(format!("`{}` cannot be unpacked", package.display()));
        }
    }
    let sources = unpacked.join("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
    if sources.is_file() {
        Ok(())
    } else {
        Err("Debian's packages of one hold no sources of the standard library".into())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
