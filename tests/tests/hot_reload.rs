//! Scenario: 100,000 traces come in over four connections while two packs are published anew fifty times, as fast as
//! `rules apply` goes. In every edition exactly one of their two rules fires on a trace that is bad, and which of them
//! changes with each edition.
//!
//! Guarantees: each trace is judged once, by a whole edition: every rule has one verdict of every trace, a bad trace has
//! one signal, never two (a mix of editions) and never none (a trace missed).

#![expect(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there, and a test may fail"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use betrace_tests::{
    client::{Client, request, span, text},
    server::{self, Server},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

const SWAPS: usize = 50;
const CONNECTIONS: usize = 4;
/// Traces of a request, one span each.
const TRACES: u128 = 500;
const REQUESTS_MIN: usize = 200;
/// One trace of so many is bad, as many in every request.
const BAD: u128 = 50;

/// Writes the two files of an edition: `even` fires on bad traces in even editions, `odd` in odd ones.
fn write_edition(folder: &Path, edition: usize) -> Result<()> {
    for (name, parity) in [("even", 0), ("odd", 1)] {
        let value = if edition % 2 == parity {
            "yes"
        } else {
            "maybe"
        };
        let rule =
            format!("// {edition}\nrule {name} {{ match {{ work.where(bad == {value}) }} }}\n");
        fs::write(folder.join(format!("{name}.btr")), rule)?;
    }
    Ok(())
}

fn apply(folder: &Path, server: &str) -> Result<()> {
    let folder = folder.display().to_string();
    let applied = server::run(&["rules", "apply", &folder, "--server", server])?;
    let said = String::from_utf8_lossy(&applied.stderr).into_owned();
    ensure!(applied.status.success(), said);
    Ok(())
}

/// The traces of a request.
fn traces(number: usize) -> ExportTraceServiceRequest {
    let first = number as u128 * TRACES + 1;
    let spans = (first..first + TRACES).map(|trace| {
        let mut span = span(trace, 1, 0, "work");
        let bad = if trace % BAD == 0 { "yes" } else { "no" };
        span.attributes = vec![text("bad", bad)];
        span
    });
    request("shop", spans.collect())
}

/// Sends requests until there are enough of them and all editions have been applied; returns how many.
async fn send(server: &Server, swapped: Arc<AtomicUsize>) -> Result<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let (next, swapped) = (Arc::clone(&next), Arc::clone(&swapped));
        let mut client = Client::connect(server.grpc).await?;
        connections.push(tokio::spawn(async move {
            let mut sent = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= REQUESTS_MIN && swapped.load(Ordering::Relaxed) >= SWAPS {
                    return anyhow::Ok(sent);
                }
                client.send_until_taken(traces(number)).await?;
                sent += 1;
            }
        }));
    }
    let mut sent = 0;
    for connection in connections {
        sent += connection.await??;
    }
    Ok(sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_swaps_under_load_lose_and_double_no_verdict() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("rules");
    fs::create_dir(&rules)?;
    write_edition(&rules, 0)?;
    let quick = ["--settle", "50ms", "--idle", "50ms"];
    let server = Server::start(&folder.path().join("data"), &quick)?;
    let url = format!("http://{}", server.api);
    apply(&rules, &url)?;

    let swapped = Arc::new(AtomicUsize::new(0));
    let swapping = {
        let swapped = Arc::clone(&swapped);
        tokio::task::spawn_blocking(move || -> Result<()> {
            for edition in 1..=SWAPS {
                let done = write_edition(&rules, edition).and_then(|()| apply(&rules, &url));
                // Where it fails the sending ends too, and says nothing of its own.
                swapped.fetch_add(if done.is_ok() { 1 } else { SWAPS }, Ordering::Relaxed);
                done?;
            }
            Ok(())
        })
    };
    let sent = send(&server, swapped).await?;
    swapping.await??;
    tokio::task::block_in_place(|| check(&server, sent as u64 * TRACES as u64))?;
    assert!(server.terminate()?.success());
    Ok(())
}

fn check(server: &Server, n_traces: u64) -> Result<()> {
    server.wait_until_judged()?;
    let coverage = server.get("/api/v1/coverage")?;
    let mut fired = 0;
    for rule in coverage.as_array().context("a list")? {
        let count = |verdict: &str| rule[verdict].as_u64().unwrap_or(0);
        let all = ["held", "violated", "not_applicable", "inconclusive"].map(count);
        assert_eq!(
            all.iter().sum::<u64>(),
            n_traces,
            "verdicts of {}",
            rule["rule"]
        );
        assert_eq!(count("inconclusive"), 0);
        fired += count("violated");
    }
    assert_eq!(coverage.as_array().map(Vec::len), Some(2));
    assert_eq!(fired, n_traces / BAD as u64);

    let mut of_trace: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!("/api/v1/signals?limit=1000{after}"))?;
        for signal in page["signals"].as_array().context("a list")? {
            let text = |key: &str| signal[key].as_str().unwrap_or_default().to_owned();
            assert_eq!(text("status"), "open", "{signal}");
            of_trace
                .entry(text("trace_id"))
                .or_default()
                .push(text("rule"));
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(of_trace.len() as u64, n_traces / BAD as u64);
    let by = |rule: &str| of_trace.values().filter(|rules| **rules == [rule]).count();
    let (even, odd) = (by("even"), by("odd"));
    assert_eq!(
        even + odd,
        of_trace.len(),
        "a trace was judged by a mix of editions"
    );
    // Both kinds of edition judged, or nothing was shown.
    assert!(even > 0 && odd > 0, "{even} {odd}");
    let history = server.get("/api/v1/rules/even")?;
    assert_eq!(
        history["versions"].as_array().map(Vec::len),
        Some(SWAPS + 1)
    );
    Ok(())
}
