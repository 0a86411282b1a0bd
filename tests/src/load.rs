//! Traffic that goes on until the server refuses, and what of it was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    client::{Client, request, span},
    server::Server,
};

/// How many clients send at once.
pub const CLIENTS: u64 = 4;

/// A rule that every third trace violates.
pub const RULE: &str = "rule phi { match { phi.access and not audit.log } }\n";

/// Span names by trace and span id.
pub type Spans = BTreeMap<(String, String), String>;

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
    grpc: SocketAddr,
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

/// Clients that send to one server, other traces in each run.
#[derive(Debug)]
pub struct Load {
    _clients: JoinSet<()>,
    receiver: mpsc::Receiver<Spans>,
    acknowledged: Spans,
}

impl Load {
    /// Starts the clients.
    pub fn start(server: &Server, run: u64) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            clients.spawn(send_until_refused(client, run, server.grpc, sender.clone()));
        }
        Self {
            _clients: clients,
            receiver,
            acknowledged: Spans::new(),
        }
    }

    /// Waits until so many requests more were acknowledged.
    ///
    /// # Errors
    ///
    /// Where the server refused one before.
    pub async fn wait(&mut self, n_requests: u64) -> Result<()> {
        for _ in 0..n_requests {
            let more = self.receiver.recv().await;
            self.acknowledged
                .extend(more.context("the server refused a request")?);
        }
        Ok(())
    }

    /// Goes on until every client was refused, and returns all that was acknowledged.
    pub async fn until_refused(mut self) -> Spans {
        while let Some(more) = self.receiver.recv().await {
            self.acknowledged.extend(more);
        }
        self.acknowledged
    }
}

/// Returns the traces of spans.
pub fn traces(spans: &Spans) -> BTreeSet<&String> {
    spans.keys().map(|(trace, _)| trace).collect()
}

/// Returns what the server shows of a trace, after looking for its spans.
///
/// # Errors
///
/// Where the server does not show it.
///
/// # Panics
///
/// Where one of the spans is missing, or is stored twice.
pub fn shown_with(server: &Server, trace: &str, spans: &Spans) -> Result<Value> {
    let shown = server.get(&format!("/api/v1/traces/{trace}"))?;
    let stored = spans_of(&shown);
    let from = (trace.to_owned(), String::new());
    let of_trace = spans.range(from..).take_while(|(key, _)| key.0 == trace);
    for ((_, id), name) in of_trace {
        assert_eq!(stored.get(id), Some(name), "span {id} of trace {trace}");
    }
    Ok(shown)
}

/// Returns the spans of a trace as the API shows it.
///
/// # Panics
///
/// Where one is stored twice.
#[expect(
    clippy::indexing_slicing,
    reason = "serde_json answers null for what is not there"
)]
pub fn spans_of(shown: &Value) -> BTreeMap<String, String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut spans = BTreeMap::new();
    for resource in list(&shown["otlp"], "resourceSpans") {
        for scope in list(&resource, "scopeSpans") {
            for span in list(&scope, "spans") {
                let text = |key: &str| span[key].as_str().unwrap_or_default().to_owned();
                let before = spans.insert(text("spanId"), text("name"));
                assert!(before.is_none(), "a span is stored twice");
            }
        }
    }
    spans
}
