//! `betrace doctor`: a whole store, a damaged one, one that is in use, and none.

use std::{fs, path::Path, sync::Arc};

use betrace::{clock::SystemClock, store::Store};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    run::{Run, betrace_in},
    store::{LINES, RULE},
};

fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("phi.btr"), RULE).unwrap();
    fs::write(folder.path().join("traces.jsonl"), LINES).unwrap();
    let commands: [&[&str]; 2] = [&["rules", "apply", "phi.btr"], &["import", "traces.jsonl"]];
    for command in commands {
        let args = [command, &["--data", "data"]].concat();
        betrace_in(folder.path(), &args, b"").exits(0);
    }
    folder
}

fn doctor(folder: &Path, more: &[&str]) -> Run {
    let args = [&["doctor", "--data", "data"], more].concat();
    betrace_in(folder, &args, b"")
}

#[test]
fn a_whole_store_is_fine_and_each_part_of_it_was_counted() {
    let folder = store();
    let said = doctor(folder.path(), &[]).exits(0);
    assert!(said.stdout.contains("nothing is wrong"), "{}", said.stdout);
    assert_eq!(said.stderr, "");
    let json: Value =
        serde_json::from_str(&doctor(folder.path(), &["-o", "json"]).exits(0).stdout).unwrap();
    assert_eq!(json["ok"], true);
    let counts = &json["counts"];
    let counted = ["tenants", "packs", "traces", "spans", "signals", "requests"];
    let counted = counted.map(|name| counts[name].as_u64().unwrap());
    assert_eq!(counted, [1, 1, 2, 3, 1, 0]);
    assert_eq!(json["files"].as_array().unwrap().len(), 3);
    let lines = doctor(folder.path(), &["-o", "ndjson"]).exits(0);
    assert_eq!(lines.stdout, "", "there are no findings");
}

#[test]
fn damage_is_named_with_what_to_do_and_a_replay_says_what_it_left_out() {
    let folder = store();
    let path = folder.path().join("data/blocks-1.redb");
    let mut bytes = fs::read(&path).unwrap();
    // The texts of a block are in it as they are.
    let word = b"phi.access";
    let at = bytes.windows(word.len()).position(|at| at == word).unwrap();
    bytes[at] ^= 0x20;
    fs::write(&path, &bytes).unwrap();
    let said = doctor(folder.path(), &[]).exits(2);
    for words in [
        "blocks-1.redb",
        "pages:",
        "block:",
        "checksum",
        "means:",
        "to do:",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    assert!(fs::read(&path).unwrap() == bytes, "nothing was changed");
    let lines = doctor(folder.path(), &["-o", "ndjson"]).exits(2).stdout;
    let areas: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|finding| finding["area"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(areas, ["pages", "block"]);
    betrace_in(folder.path(), &["replay", "phi.btr", "--data", "data"], b"")
        .exits(0)
        .says(&["a block is left out", "cannot be read"]);
}

#[test]
fn damage_of_the_catalog_is_said_by_every_command() {
    let folder = store();
    let path = folder.path().join("data/catalog.redb");
    let whole = fs::read(&path).unwrap();
    let word = b"PHI_NOT_AUDITED";
    let places = (0..whole.len()).filter(|at| whole[*at..].starts_with(word));
    // What was written more than once is read in one place.
    let in_use: Vec<usize> = places
        .filter(|at| {
            let mut bytes = whole.clone();
            bytes[*at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            doctor(folder.path(), &[]).status == 2
        })
        .collect();
    assert!(!in_use.is_empty());
    for at in in_use {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        betrace_in(folder.path(), &["rules", "list", "--data", "data"], b"").says(&[
            "the store is damaged",
            "catalog.redb",
            "betrace doctor",
        ]);
    }
}

#[test]
fn a_store_that_is_in_use_or_is_none_is_a_mistake_of_the_caller() {
    let folder = store();
    let open = Store::open(&folder.path().join("data"), Arc::new(SystemClock::new())).unwrap();
    doctor(folder.path(), &[]).exits(3).says(&["is in use by"]);
    drop(open);
    betrace_in(folder.path(), &["doctor", "--data", "elsewhere"], b"")
        .exits(3)
        .says(&["there is no store in `elsewhere`"]);
    betrace_in(folder.path(), &["doctor"], b"").exits(3);
}
