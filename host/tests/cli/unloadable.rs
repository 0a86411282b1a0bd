//! A server over a store of which a pack is damaged.

use std::fs;

use serde_json::Value;

use super::{
    run::betrace_in,
    server::{Server, folder},
    store::LINES,
};

const OTHER: &str = "rule phi-is-read { signal PHI_READ (low) match { phi.access } }";

#[test]
fn a_rule_whose_pack_is_damaged_is_quarantined_and_the_server_judges_by_all_others() {
    let folder = folder();
    let path = folder.path().to_owned();
    fs::write(path.join("other.btr"), OTHER).unwrap();
    for command in [
        ["rules", "apply", "phi.btr"].as_slice(),
        &["import", "traces.jsonl"],
    ] {
        let args = [command, &["--data", "data"]].concat();
        betrace_in(&path, &args, b"").exits(0);
    }
    // The head of a component, wherever it was written.
    let catalog = path.join("data/catalog.redb");
    let mut bytes = fs::read(&catalog).unwrap();
    let head = b"\0asm\x0d\0\x01\0";
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(head))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(&catalog, &bytes).unwrap();
    let doctor = betrace_in(&path, &["doctor", "--data", "data"], b"").exits(2);
    for words in ["packs:", "are not called", "publish the pack again"] {
        assert!(doctor.stdout.contains(words), "{words}: {}", doctor.stdout);
    }

    let server = Server::start_in(folder, &["--api", "127.0.0.1:0"]);
    server.run(&["rules", "apply", "other.btr"]).exits(0);
    fs::write(path.join("more.jsonl"), LINES.replace("c60", "c70")).unwrap();
    server.run(&["import", "more.jsonl"]).exits(0);
    // One from before, and two of the rule that is judged by as ever.
    server.signals_of(None, 3);
    let shown = |id: &str| server.json(&["rules", "show", id]);
    assert_eq!(shown("phi-is-read")["quarantine"], Value::Null);
    let phi = shown("phi-is-audited");
    assert_eq!(phi["quarantine"]["reason"], "not_loaded");
    let counts = ["held", "violated", "inconclusive"];
    let counts = counts.map(|of| phi["coverage"][of].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 2]);
    let text = server.run(&["rules", "show", "phi-is-audited"]).exits(0);
    for words in [
        "its pack does not load",
        "is damaged in the store",
        "`betrace rules enable`",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    let list = server.run(&["rules", "list"]).exits(0).stdout;
    assert!(list.contains("quarantined"), "{list}");
    let (_, metrics) = server.raw("GET /metrics", "localhost");
    let metric = "betrace_judge_quarantined{tenant=\"default\",rule=\"phi-is-audited\",reason=\"not_loaded\"} 1";
    assert!(metrics.contains(metric), "{metrics}");
    let replayed = server.json(&["replay", "phi-is-audited"]);
    assert_eq!(replayed["rules"][0]["inconclusive"], 4);
    server
        .run(&["rules", "enable", "phi-is-audited"])
        .exits(2)
        .says(&["is damaged in the store: publish it again"]);

    server.run(&["rules", "apply", "phi.btr"]).exits(0);
    let phi = shown("phi-is-audited");
    assert_eq!(
        (&phi["quarantine"], &phi["version"]),
        (&Value::Null, &1.into())
    );
    let replayed = server.json(&["replay", "phi-is-audited"]);
    assert_eq!(replayed["rules"][0]["violated"], 2);
}
