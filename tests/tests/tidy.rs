//! What holds of the text of the project, and no compiler checks.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the project is to fail"
)]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// A heavy crate, as its paths begin, and the only places that may name it.
const ROOMS: [(&str, &[&str]); 14] = [
    ("wasmtime::", &["host/src/sandbox", "tests/"]),
    ("redb::", &["host/src/store"]),
    ("clap::", &["host/src/cli"]),
    ("lsp_server::", &["host/src/cli/lsp"]),
    ("lsp_types::", &["host/src/cli/lsp"]),
    ("tonic::transport", &["host/src/ingest", "tests/"]),
    ("tokio_rustls::", &["host/src/listen"]),
    ("prometheus_client::", &["host/src/telemetry"]),
    ("oci_client::", &["host/src/cli/oci"]),
    ("use ring::", &["host/src/signature"]),
    ("wit_bindgen::", &["rules-sdk/src/bindings"]),
    (
        "wit_component::",
        &[
            "dsl-compiler/src/component",
            "host/src/cli/build/component",
            "host/src/guest",
        ],
    ),
    (
        "wasm_encoder::",
        &["dsl-compiler/src/codegen", "dsl-compiler/src/component"],
    ),
    (
        "wasmparser::",
        &["host/src/sandbox", "dsl-compiler/", "tests/src/fuzz"],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The Rust files below a folder, by their paths from the root.
fn rust_files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["host", "dsl-compiler", "rules-sdk", "tests", "xtask"] {
        rust_files(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "{} files", found.len());
    found
}

#[test]
fn each_heavy_crate_is_named_in_its_room_alone() {
    let this = "tests/tests/tidy.rs";
    for (name, text) in sources().iter().filter(|(name, _)| name != this) {
        for (path, rooms) in ROOMS {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let names = code.filter(|line| line.contains(path)).count();
            assert!(
                names == 0 || rooms.iter().any(|room| name.starts_with(room)),
                "{name} names `{path}`, which only {rooms:?} may"
            );
        }
    }
}

#[test]
fn the_contract_changes_only_together_with_its_hash() {
    let mut hash = Sha256::new();
    for file in ["pack.wit", "world.wit"] {
        hash.update(fs::read(root().join("wit").join(file)).unwrap());
    }
    let hash = hash
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(
        architecture.contains(&hash),
        "wit/ has the hash {hash}, and ARCHITECTURE.md another: a change of the contract is written there and in CHANGELOG.md"
    );
}

#[test]
fn production_files_are_rooms_that_a_reader_can_hold() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| name.contains("/src/") && !name.contains("test"))
        .filter_map(|(name, text)| {
            let production = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let n_lines = production.lines().count();
            (n_lines > 450).then(|| format!("{name}: {n_lines} lines"))
        })
        .collect();
    assert!(
        long.is_empty(),
        "split at the second responsibility: {long:?}"
    );
}
