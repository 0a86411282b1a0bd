//! Scenario: the spans of a real deployment, 508,018 in 19,645 requests, are imported from their file into one store,
//! and sent request by request over gRPC to a server with another, which ten rules judge as they arrive.
//!
//! Guarantees: both store 6,958 traces; replays of the ten rules over both answer alike to the byte; what the server
//! judged live, its coverage and its signals, is what the replays say.
//!
//! Skipped, and said so, where the spans (`shared/data` in a folder above) are absent.

#![expect(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use betrace::ingest::file::Reader;
use betrace_tests::{
    client::Client,
    server::{self, Server},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;

const TRACES: u64 = 6_958;
const REQUESTS: u64 = 19_645;
/// Requests on their way at a time, as from a few Collectors.
const CONNECTIONS: usize = 8;

fn spans() -> Option<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/data/nezha_tt.arrival.jsonl.zst"))
        .find(|path| path.exists())
}

fn rules() -> Result<Vec<String>> {
    let mut rules = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/nezha"))? {
        rules.push(entry?.path().display().to_string());
    }
    rules.sort();
    Ok(rules)
}

/// Runs a command that is to succeed, and reads what it prints as JSON.
fn json(args: &[&str]) -> Result<Value> {
    let output = server::run(args)?;
    if !output.status.success() {
        bail!("{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn replay(rules: &[String], store: [&str; 2]) -> Result<Value> {
    let mut args = vec!["replay"];
    args.extend(rules.iter().map(String::as_str));
    args.extend(store);
    args.extend(["-o", "json"]);
    let mut report = json(&args)?;
    assert_eq!(report["traces"].as_u64(), Some(TRACES));
    report
        .as_object_mut()
        .context("an object")?
        .remove("elapsed_ms");
    Ok(report)
}

async fn send_all(spans: &Path, server: &Server) -> Result<u64> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(server.grpc).await?);
    }
    let mut sent = 0;
    let mut batch = Vec::with_capacity(CONNECTIONS);
    let mut requests = Reader::open(spans)?;
    loop {
        for request in requests.by_ref().take(CONNECTIONS) {
            batch.push(ExportTraceServiceRequest::decode(request?.otlp)?);
        }
        if batch.is_empty() {
            return Ok(sent);
        }
        sent += batch.len() as u64;
        let on_their_way =
            clients
                .iter()
                .cloned()
                .zip(batch.drain(..))
                .map(|(mut client, request)| {
                    tokio::spawn(async move { client.send_until_taken(request).await })
                });
        for answer in on_their_way.collect::<Vec<_>>() {
            answer.await??;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_and_received_live_the_same_spans_have_the_same_verdicts() -> Result<()> {
    let Some(spans) = spans() else {
        println!("skipped: no shared/data/nezha_tt.arrival.jsonl.zst above this folder");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let rules = rules()?;
    assert_eq!(rules.len(), 10);

    let imported = folder.path().join("imported").display().to_string();
    let output = server::run(&["import", &spans.display().to_string(), "--data", &imported])?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let from_file = replay(&rules, ["--data", &imported])?;

    let server = Server::start(
        &folder.path().join("received"),
        &["--settle", "1s", "--idle", "2s"],
    )?;
    let url = format!("http://{}", server.api);
    let mut apply = vec!["rules", "apply"];
    apply.extend(rules.iter().map(String::as_str));
    let applied = server::run(&[apply, vec!["--server", &url]].concat())?;
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    assert_eq!(send_all(&spans, &server).await?, REQUESTS);
    tokio::task::block_in_place(|| {
        server.wait_until_judged()?;
        let received = replay(&rules, ["--server", &url])?;
        assert_eq!(
            serde_json::to_vec(&received)?,
            serde_json::to_vec(&from_file)?
        );
        check_live(&server, &received)
    })?;
    assert!(server.terminate()?.success());
    Ok(())
}

/// Compares what was judged live with a replay.
fn check_live(server: &Server, replayed: &Value) -> Result<()> {
    let coverage = server.get("/api/v1/coverage")?;
    let coverage: BTreeMap<&str, &Value> = coverage
        .as_array()
        .context("a list")?
        .iter()
        .filter_map(|rule| Some((rule["rule"].as_str()?, rule)))
        .collect();
    let mut live = signals(server)?;
    for rule in replayed["rules"].as_array().context("a list")? {
        let id = rule["id"].as_str().context("an id")?;
        for verdict in ["held", "violated", "not_applicable", "inconclusive"] {
            assert_eq!(coverage[id][verdict], rule[verdict], "{verdict} of {id}");
        }
        let violations = rule["violations"].as_array().context("a list")?;
        assert_eq!(
            Some(violations.len() as u64),
            rule["violated"].as_u64(),
            "{id}"
        );
        for violation in violations {
            let trace = violation["trace_id"].as_str().context("an id")?;
            let signal = live
                .remove(&(id.to_owned(), trace.to_owned()))
                .context("no signal")?;
            assert_eq!(signal["clause"], violation["clause"], "{id} on {trace}");
            assert_eq!(signal["message"], violation["message"], "{id} on {trace}");
            let witnesses = signal["witnesses"].as_array().context("a list")?;
            let witnesses: Vec<_> = witnesses
                .iter()
                .map(|witness| witness["span_id"].clone())
                .collect();
            assert_eq!(
                Value::from(witnesses),
                violation["witnesses"],
                "{id} on {trace}"
            );
        }
    }
    assert!(
        live.values().all(|signal| signal["status"] == "retracted"),
        "a signal that no replay finds"
    );
    Ok(())
}

/// The signals by rule and trace.
fn signals(server: &Server) -> Result<BTreeMap<(String, String), Value>> {
    let mut all = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/api/v1/signals?limit=1000{after}"))?;
        for signal in page["signals"].as_array().context("a list")? {
            let text = |key: &str| signal[key].as_str().unwrap_or_default().to_owned();
            let twin = all.insert((text("rule"), text("trace_id")), signal.clone());
            assert!(twin.is_none(), "a violation is signalled twice: {signal}");
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}
