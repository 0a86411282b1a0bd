//! Scenario: the server is killed, as by a power cut, in the middle of ingest, twenty times over one store.
//!
//! Guarantees: every span that was acknowledged is there afterwards; every stored trace has exactly one verdict of
//! the rule, and it is the one that its stored spans call for; no violation is signalled twice.

#![expect(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail"
)]

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use betrace_tests::{
    client::{Client, request, span},
    server::{self, Server},
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

const KILLS: u64 = 20;
const CLIENTS: u64 = 4;
/// The server runs between so many and thrice as many acknowledged requests.
const ACKNOWLEDGED_MIN: u64 = 10;

/// Span names by trace and span id.
type Spans = BTreeMap<(String, String), String>;

/// A trace's spans come in two requests, the record of the audit in the second; every third has none.
fn halves(trace: u128) -> [Vec<(u64, &'static str)>; 2] {
    let second = if trace.is_multiple_of(3) {
        "cleanup"
    } else {
        "audit.log"
    };
    [
        vec![(1, "GET /patients/{id}"), (2, "phi.access")],
        vec![(3, second), (4, "db.query")],
    ]
}

async fn send_until_refused(
    client: u64,
    run: u64,
    grpc: std::net::SocketAddr,
    acknowledged: mpsc::Sender<Spans>,
) {
    let Ok(mut otlp) = Client::connect(grpc).await else {
        return;
    };
    for n in 0.. {
        let trace = u128::from((run * CLIENTS + client) << 32 | n) + 1;
        for half in halves(trace) {
            let spans: Vec<_> = half
                .iter()
                .map(|&(id, name)| span(trace, id, u64::from(id > 1), name))
                .collect();
            if otlp.send(request("ehr", spans)).await.is_err() {
                return;
            }
            let sent = half.iter().map(|&(id, name)| {
                (
                    (format!("{trace:032x}"), format!("{id:016x}")),
                    name.to_owned(),
                )
            });
            if acknowledged.send(sent.collect()).await.is_err() {
                return;
            }
        }
    }
}

/// Runs one server until it has acknowledged so many requests, and kills it while more are under way.
async fn ingest_and_kill(server: Server, run: u64, acknowledged_before_kill: u64) -> Result<Spans> {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(send_until_refused(client, run, server.grpc, sender.clone()));
    }
    drop(sender);
    let mut acknowledged = Spans::new();
    for _ in 0..acknowledged_before_kill {
        acknowledged.extend(
            receiver
                .recv()
                .await
                .context("the server refused a request")?,
        );
    }
    server.kill()?;
    // What was acknowledged while the kill was under way counts too.
    while let Some(more) = receiver.recv().await {
        acknowledged.extend(more);
    }
    Ok(acknowledged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let rule = folder.path().join("phi.btr");
    std::fs::write(
        &rule,
        "rule phi { match { phi.access and not audit.log } }\n",
    )?;
    let rules = folder
        .path()
        .to_str()
        .context("the path is text")?
        .to_owned();
    let start = || Server::start(&data, &["--settle", "50ms", "--idle", "100ms"]);

    let server = start()?;
    let applied = server::run(&[
        "rules",
        "apply",
        &format!("{rules}/phi.btr"),
        "--server",
        &format!("http://{}", server.api),
    ])?;
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    server.kill()?;

    let mut acknowledged = Spans::new();
    for run in 0..KILLS {
        // Spread over the range without randomness: 7 and 20 have no common factor.
        let kill_after = ACKNOWLEDGED_MIN + 2 * ACKNOWLEDGED_MIN * (run * 7 % KILLS) / KILLS;
        acknowledged.extend(ingest_and_kill(start()?, run, kill_after).await?);
    }

    let server = start()?;
    tokio::task::block_in_place(|| check(&server, &acknowledged))?;
    assert!(server.terminate()?.success());
    Ok(())
}

fn check(server: &Server, acknowledged: &Spans) -> Result<()> {
    server.wait_until_judged()?;
    let traces: BTreeSet<&String> = acknowledged.keys().map(|(trace, _)| trace).collect();
    assert!(traces.len() as u64 >= KILLS, "{} traces", traces.len());
    let mut violated = BTreeSet::new();
    for trace in &traces {
        let shown = server.get(&format!("/api/v1/traces/{trace}"))?;
        let stored = spans_of(&shown);
        for (key, name) in acknowledged.range(((*trace).clone(), String::new())..) {
            if &key.0 != *trace {
                break;
            }
            assert_eq!(
                stored.get(&key.1),
                Some(name),
                "span {} of trace {trace}",
                key.1
            );
        }
        let is_audited = stored.values().any(|name| name == "audit.log");
        let expected = if is_audited { "held" } else { "violated" };
        let verdicts = shown["verdicts"].as_array().context("verdicts")?;
        assert_eq!(verdicts.len(), 1, "trace {trace}: {verdicts:?}");
        assert_eq!(verdicts[0]["verdict"], expected, "trace {trace}");
        if expected == "violated" {
            violated.insert((*trace).clone());
        }
    }
    let signalled = signals(server)?;
    let open: Vec<_> = signalled
        .iter()
        .filter(|(_, status)| status != "retracted")
        .map(|(trace, _)| trace)
        .collect();
    let distinct: BTreeSet<_> = signalled.iter().map(|(trace, _)| trace).collect();
    assert_eq!(
        distinct.len(),
        signalled.len(),
        "a violation is signalled twice"
    );
    for trace in &violated {
        assert!(open.contains(&trace), "no signal of trace {trace}");
    }
    check_coverage(server, &traces, open.len() as u64)
}

/// Requests that were taken but not acknowledged before the kill may have left traces too.
fn check_coverage(server: &Server, traces: &BTreeSet<&String>, n_open_signals: u64) -> Result<()> {
    let coverage = server.get("/api/v1/coverage")?;
    let of = |verdict: &str| coverage[0][verdict].as_u64().context("a count");
    let judged = of("held")? + of("violated")? + of("not_applicable")? + of("inconclusive")?;
    assert!(
        judged >= traces.len() as u64,
        "{judged} verdicts on at least {} traces",
        traces.len()
    );
    assert_eq!(of("violated")?, n_open_signals);
    assert_eq!(of("inconclusive")?, 0, "{coverage}");
    let rule = server::run(&[
        "replay",
        "phi",
        "-o",
        "json",
        "--server",
        &format!("http://{}", server.api),
    ])?;
    let replayed: Value = serde_json::from_slice(&rule.stdout)?;
    for verdict in ["held", "violated", "not_applicable", "inconclusive"] {
        assert_eq!(
            replayed["rules"][0][verdict].as_u64(),
            Some(of(verdict)?),
            "{verdict} live and in replay"
        );
    }
    assert_eq!(replayed["traces"].as_u64(), Some(judged));
    Ok(())
}

fn spans_of(shown: &Value) -> BTreeMap<String, String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut spans = BTreeMap::new();
    for resource in list(&shown["otlp"], "resourceSpans") {
        for scope in list(&resource, "scopeSpans") {
            for span in list(&scope, "spans") {
                let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
                assert!(
                    spans.insert(text("spanId"), text("name")).is_none(),
                    "a span is stored twice"
                );
            }
        }
    }
    spans
}

/// The trace and status of every signal.
fn signals(server: &Server) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/api/v1/signals?limit=500{after}"))?;
        for signal in page["signals"].as_array().context("signals")? {
            let text = |key: &str| signal[key].as_str().unwrap_or_default().to_owned();
            all.push((text("trace_id"), text("status")));
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}
