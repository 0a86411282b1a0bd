//! `betrace holds` over a store.

use std::fs;

use serde_json::Value;

use super::{
    run::{Run, betrace_in},
    store::LINES,
};

#[test]
fn a_hold_is_made_listed_and_removed_and_keeps_its_tenant() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("traces.jsonl"), LINES).unwrap();
    let run = |args: &[&str]| -> Run {
        let args = [args, &["--data", "data"]].concat();
        betrace_in(folder.path(), &args, b"")
    };
    run(&["import", "traces.jsonl"]).exits(0);
    run(&["holds", "list"])
        .exits(0)
        .says(&["there are no holds"]);
    let range = ["--from", "2026-03-01", "--to", "2026-04-01"];
    run(&[&["holds", "add"], &range[..]].concat()).exits(0);
    let listed = run(&["holds", "list", "-o", "json"]).exits(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["id"], 1);
    assert_eq!(listed[0]["from"], "2026-03-01T00:00:00Z");
    assert_eq!(listed[0]["by"], "cli");
    run(&["tenants", "remove", "default", "--yes"])
        .exits(2)
        .says(&["betrace holds remove"]);
    run(&["holds", "add", "--from", "2026-04-01", "--to", "2026-03-01"])
        .exits(3)
        .says(&["is not before"]);
    run(&["holds", "remove", "7"]).exits(2).says(&["hold"]);
    run(&["holds", "remove", "1"]).exits(0);
    run(&["tenants", "remove", "default", "--yes"]).exits(0);
}
