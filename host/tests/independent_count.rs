//! What our judge says of real traces, against a count that shares no code with it: `tests/independent/count.py`.
//!
//! Scenario: 508,018 spans of a TrainTicket deployment, read, assembled, put into blocks, judged by the ten rules of
//! `tests/data/nezha` in the sandbox.
//! Guarantees: every rule has the same verdict on as many traces, and names the same traces as violated.
//!
//! Skipped, and said so, where the spans (`shared/data` in a folder above) or `python3` are absent.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows a test by its attribute, and so not what the test calls"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use betrace::{
    assemble::{Arrival, AssembleOptions, Assembler},
    block::{BlockBuilder, EncodedBlock},
    clock::UnixNanos,
    ingest::file::Reader,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    tenant::TenantId,
    verdict::Verdict,
};
use betrace_dsl::Source;
use serde_json::Value;

/// What one rule says of all traces.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    by_verdict: [u64; 4],
    violated: BTreeSet<String>,
}

#[test]
fn ten_rules_say_of_real_traces_what_an_independent_count_says() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let spans = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/data/nezha_tt.arrival.jsonl.zst"))
        .find(|path| path.exists());
    let Some(spans) = spans else {
        println!("skipped: no shared/data/nezha_tt.arrival.jsonl.zst above this folder");
        return;
    };
    let Some(counted) = count(&tests.join("independent/count.py"), &spans) else {
        println!("skipped: no python3");
        return;
    };
    let limits = SandboxLimits {
        instances_max: 2,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let rules = rules(&sandbox, &tests.join("data/nezha"));
    assert_eq!(rules.len(), 10);

    let mut judged: BTreeMap<String, Tally> = BTreeMap::new();
    for encoded in blocks(&spans) {
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

fn rules(sandbox: &Sandbox, folder: &Path) -> Vec<PublishedRule> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let of_file = |path: &PathBuf| {
        let text = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let (compiled, diagnostics) = betrace_dsl::compile(&Source {
            name: &name,
            text: &text,
        });
        let compiled = compiled.unwrap_or_else(|| panic!("{diagnostics:?}"));
        PublishedRule::all_of(&sandbox.load(&compiled.component).unwrap())
    };
    files.iter().flat_map(of_file).collect()
}

/// Reads and assembles all spans, and puts their traces into blocks of about 16,000 spans.
fn blocks(spans: &Path) -> Vec<EncodedBlock> {
    const BLOCK_SPANS: usize = 16_000;
    let tenant = TenantId::default_tenant();
    let mut assembler = Assembler::new(AssembleOptions::default());
    for request in Reader::open(spans).unwrap() {
        let request = request.unwrap();
        let arrival = Arrival {
            frame: None,
            bytes: request.otlp.len(),
            now: Duration::ZERO,
            arrived: UnixNanos(0),
        };
        let records = request.decoded.records;
        assembler.add(&tenant, records, arrival, |_| 0).unwrap();
    }
    let mut blocks = Vec::new();
    let mut builder = BlockBuilder::new(tenant.clone());
    for sealed in assembler.flush() {
        builder.push(sealed.trace);
        if builder.n_spans() >= BLOCK_SPANS {
            let full = std::mem::replace(&mut builder, BlockBuilder::new(tenant.clone()));
            blocks.push(full.finish());
        }
    }
    if !builder.is_empty() {
        blocks.push(builder.finish());
    }
    blocks
}
