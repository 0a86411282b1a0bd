//! What our judge says of real traces, against a count that shares no code with it: `tests/independent/count.py`.
//!
//! Scenario: 508,018 spans of a TrainTicket deployment, read, assembled, put into blocks, judged by the ten rules of
//! `tests/data/nezha` in the sandbox.
//! Guarantees: every rule has the same verdict on as many traces, and names the same traces as violated.
//!
//! Skipped, and said so, where the spans (`shared/data` in a folder above) or `python3` are absent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
    process::{Command, Stdio},
};

use betrace::{
    ingest::file::Reader,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    verdict::Verdict,
};
use serde_json::Value;

use crate::input;

/// What one rule says of all traces.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    by_verdict: [u64; 4],
    violated: BTreeSet<String>,
}

#[test]
fn ten_rules_say_of_real_traces_what_an_independent_count_says() {
    let tests = input::tests();
    let Some(spans) = input::find("nezha_tt.arrival.jsonl.zst") else {
        return;
    };
    let Some(counted) = count(&tests.join("independent/count.py"), &spans) else {
        println!("skipped: no python3");
        return;
    };
    let sandbox = input::sandbox();
    let packs = input::packs(&tests.join("data/nezha")).into_iter();
    let rules: Vec<_> = packs
        .flat_map(|(_, component)| PublishedRule::all_of(&sandbox.load(&component).unwrap()))
        .collect();
    assert_eq!(rules.len(), 10);
    let requests = Reader::open(&spans).unwrap();
    let traces = input::assemble(requests.map(|request| request.unwrap().decoded.records));

    let mut judged: BTreeMap<String, Tally> = BTreeMap::new();
    for encoded in input::blocks(traces, input::BLOCK_SPANS) {
        let block = encoded.to_block();
        let ids = block.trace_ids().unwrap();
        let verdicts = judge(&sandbox, &rules, &block, &JudgeOptions::default()).unwrap();
        for (rule, of_rule) in rules.iter().zip(verdicts) {
            let tally = judged.entry(rule.id.to_string()).or_default();
            for (id, verdict) in ids.iter().zip(of_rule.verdicts) {
                tally.by_verdict[verdict as usize] += 1;
                if verdict == Verdict::Violated {
                    tally.violated.insert(id.to_string());
                }
            }
        }
    }
    assert_eq!(judged.len(), 10);
    for (rule, tally) in &judged {
        assert_eq!(tally.by_verdict.iter().sum::<u64>(), 6_958);
        assert_eq!(Some(tally), counted.get(rule), "{rule}");
    }
}

/// Runs the count; `None` where there is no Python to run it.
fn count(script: &Path, spans: &Path) -> Option<BTreeMap<String, Tally>> {
    let mut child = Command::new("python3")
        .arg(script)
        .arg("--violated")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    zstd::stream::copy_decode(File::open(spans).unwrap(), &mut stdin).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let counted: Value = serde_json::from_slice(&output.stdout).unwrap();
    let tally = |rule: &Value| {
        let violated = rule["violated_traces"].as_array().unwrap().iter();
        let tally = Tally {
            by_verdict: Verdict::ALL.map(|verdict| rule[verdict.name()].as_u64().unwrap()),
            violated: violated.map(|id| id.as_str().unwrap().to_owned()).collect(),
        };
        (rule["id"].as_str().unwrap().to_owned(), tally)
    };
    Some(
        counted["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(tally)
            .collect(),
    )
}
