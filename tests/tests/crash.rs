//! Scenario: the server is killed, as by a power cut, in the middle of ingest, twenty times over one store, or
//! as often as `BETRACE_KILLS` says.
//!
//! Guarantees: every span that was acknowledged is there afterwards; every stored trace has exactly one verdict of
//! the rule, and it is the one that its stored spans call for; no violation is signalled twice.

#![expect(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail"
)]

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use betrace_tests::{
    load::{Load, RULE, Spans, shown_with, spans_of, traces},
    server::{self, Server},
};
use serde_json::Value;

/// How often the server is killed where `BETRACE_KILLS` does not say.
const KILLS: u64 = 20;
/// The server runs between so many and thrice as many acknowledged requests.
const ACKNOWLEDGED_MIN: u64 = 10;

#[expect(
    clippy::disallowed_methods,
    reason = "how often a test kills is told by who runs it"
)]
fn n_kills() -> Result<u64> {
    match std::env::var("BETRACE_KILLS") {
        Ok(told) => told.parse().context("BETRACE_KILLS is a number"),
        Err(_) => Ok(KILLS),
    }
}

/// Runs one server until it has acknowledged so many requests, and kills it while more are under way.
async fn ingest_and_kill(server: Server, run: u64, acknowledged_before_kill: u64) -> Result<Spans> {
    let mut load = Load::start(&server, run);
    load.wait(acknowledged_before_kill).await?;
    server.kill()?;
    // What was acknowledged while the kill was under way counts too.
    Ok(load.until_refused().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("store");
    let rule = folder.path().join("phi.btr");
    std::fs::write(&rule, RULE)?;
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
    for run in 0..n_kills()? {
        // Spread over the range without randomness: 7 and 20 have no common factor.
        let kill_after = ACKNOWLEDGED_MIN + run * 7 % (2 * ACKNOWLEDGED_MIN);
        acknowledged.extend(ingest_and_kill(start()?, run, kill_after).await?);
    }

    let server = start()?;
    tokio::task::block_in_place(|| check(&server, &acknowledged))?;
    assert!(server.terminate()?.success());
    Ok(())
}

fn check(server: &Server, acknowledged: &Spans) -> Result<()> {
    server.wait_until_judged()?;
    let traces = traces(acknowledged);
    assert!(traces.len() as u64 >= n_kills()?, "{} traces", traces.len());
    let mut violated = BTreeSet::new();
    for trace in &traces {
        let shown = shown_with(server, trace, acknowledged)?;
        let stored = spans_of(&shown);
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
