//! A server with the tenants `loud`, who sends what no program should, and `calm`, who sends ordinary traces all the time.
//!
//! Knows how both send and ask, and nothing of what is sent.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use betrace::clock::{Clock as _, SystemClock};
use betrace_tests::{
    client::request,
    server::{Server, run},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    trace::v1::Span,
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, Request, transport::Channel};

use crate::neighbour::{self, Noticed};

/// How long a trace is quiet until it is judged.
const QUIET: &str = "200ms";

/// How often is looked again at what is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many connections the loud tenant sends over.
const CONNECTIONS: usize = 2;

/// How often a request is sent again that was refused for the moment.
const TRIES_MAX: usize = 1_000;

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) loud: String,
    pub(crate) calm: String,
    admin: String,
    folder: TempDir,
}

/// What came of requests.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Spans refused for good.
    pub(crate) rejected: u64,
    /// How often a request was refused for the moment.
    pub(crate) refused: usize,
}

impl Stage {
    /// Starts with rules for the loud tenant.
    pub(crate) fn start(rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = |args: &[&str]| {
            let data = data.to_str().unwrap();
            let output = run(&[&["tenants"], args, &["--data", data]].concat()).unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let loud = made(&["create", "loud"]);
        // By when they arrive nothing is as old; by their own clocks some hostile traces are.
        let limited = run(&[
            "tenants",
            "limit",
            "loud",
            "stored-age=1h",
            "--data",
            data.to_str().unwrap(),
        ]);
        assert!(limited.unwrap().status.success());
        let calm = made(&["create", "calm"]);
        let admin = made(&["admin-token"]);
        let mut server = Server::start(&data, &["--settle", QUIET, "--idle", QUIET]).unwrap();
        server.use_token(&admin);
        let stage = Self {
            server,
            loud,
            calm,
            admin,
            folder,
        };
        stage.publish(rules, &stage.loud);
        stage.publish(neighbour::RULE, &stage.calm);
        stage
    }

    fn publish(&self, rules: &str, token: &str) {
        let file = self.file("rules.btr", rules);
        self.command(&["rules", "apply", &file], token);
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs a command of the loud tenant, and returns what it prints.
    pub(crate) fn loud_command(&self, args: &[&str]) -> String {
        self.command(args, &self.loud)
    }

    fn command(&self, args: &[&str], token: &str) -> String {
        let server = format!("http://{}", self.server.api);
        let where_to = ["--server", &server, "--token", token];
        let output = run(&[args, &where_to].concat()).unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks the API as the loud tenant.
    pub(crate) fn loud_gets(&self, path: &str) -> Value {
        self.ask(path, &self.loud).1
    }

    /// Returns the loud tenant's verdicts on a trace, `rule: verdict`, with the reasons of the inconclusive ones.
    pub(crate) fn verdicts(&self, trace: u128) -> Vec<String> {
        let shown = self.loud_gets(&format!("/api/v1/traces/{trace:032x}"));
        let mut verdicts: Vec<String> = shown["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                let (rule, verdict) = (text("rule"), text("verdict"));
                match text("reason") {
                    reason if reason.is_empty() => format!("{rule}: {verdict}"),
                    reason => format!("{rule}: {verdict}, {reason}"),
                }
            })
            .collect();
        verdicts.sort();
        verdicts
    }

    /// Returns the loud tenant's traces, newest first: the id, how many spans, and what is missing.
    pub(crate) fn listed(&self, query: &str) -> Vec<(u128, u64, Vec<String>)> {
        let listed = self.loud_gets(&format!("/api/v1/traces?{query}"));
        let traces = listed["traces"].as_array().unwrap().iter();
        traces
            .map(|trace| {
                let id = u128::from_str_radix(trace["trace_id"].as_str().unwrap(), 16).unwrap();
                let missing = trace["missing"].as_array().unwrap().iter();
                let missing = missing.map(|fact| fact.as_str().unwrap().to_owned());
                (id, trace["n_spans"].as_u64().unwrap(), missing.collect())
            })
            .collect()
    }

    /// Returns the value of a counter of the loud tenant, summed over its other labels.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let all = self.metrics();
        let lines = all.lines().filter(|line| {
            let labels = line.strip_prefix(name).filter(|rest| rest.starts_with('{'));
            labels.is_some_and(|labels| labels.contains("tenant=\"loud\""))
        });
        lines.map(value).sum()
    }

    /// Returns all metrics.
    pub(crate) fn metrics(&self) -> String {
        let get = ureq::get(format!("http://{}/metrics", self.server.api));
        let get = get.header("authorization", format!("Bearer {}", self.admin));
        let mut answer = get.call().unwrap();
        let body = answer.body_mut().with_config().limit(1 << 30);
        body.read_to_string().unwrap()
    }

    /// Asks the API; also says how long the answer took.
    pub(crate) fn ask(&self, path: &str, token: &str) -> (Duration, Value) {
        let clock = SystemClock::new();
        let asked = clock.monotonic();
        let get = ureq::get(format!("http://{}{path}", self.server.api));
        let get = get.config().http_status_as_error(false).build();
        let get = get.header("authorization", format!("Bearer {token}"));
        let mut answer = get.call().unwrap();
        let body = answer.body_mut().with_config().limit(1 << 30);
        let value = body.read_json().unwrap();
        (clock.monotonic().saturating_sub(asked), value)
    }

    /// Sends requests as the loud tenant, and again what is refused for the moment.
    pub(crate) fn send(&self, requests: Vec<ExportTraceServiceRequest>) -> Sent {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut shares = vec![Vec::new(); CONNECTIONS];
        for (n, request) in requests.into_iter().enumerate() {
            shares[n % CONNECTIONS].push(request);
        }
        let grpc = format!("http://{}", self.server.grpc);
        let tasks: Vec<_> = shares
            .into_iter()
            .map(|share| runtime.spawn(send_all(grpc.clone(), self.loud.clone(), share)))
            .collect();
        let mut sum = Sent::default();
        for task in tasks {
            let sent = runtime.block_on(task).unwrap();
            sum.rejected += sent.rejected;
            sum.refused += sent.refused;
        }
        sum
    }

    /// Waits until what the loud tenant sent is taken, and next to nothing is open or unjudged: `calm` goes on.
    fn until_next_to_nothing_waits(&self, n_spans: u64) {
        loop {
            let all = self.metrics();
            let gauge = |name: &str| -> u64 {
                let lines = all.lines().filter(|line| line.starts_with(name));
                lines.map(value).sum()
            };
            let done = gauge("betrace_assemble_open_spans ") < 8
                && gauge("betrace_judge_unjudged_blocks ") < 4;
            let taken = self.counted("betrace_ingest_spans_total");
            if done && taken >= n_spans {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Sends requests, and waits until they are judged, while `calm` and an operator go on with their work.
    pub(crate) fn send_beside_calm(
        &self,
        requests: Vec<ExportTraceServiceRequest>,
    ) -> (Sent, Noticed) {
        let before = self.counted("betrace_ingest_spans_total");
        let n_spans: usize = requests.iter().map(n_spans).sum();
        let is_over = AtomicBool::new(false);
        let clock = SystemClock::new();
        thread::scope(|scope| {
            let calm = scope.spawn(|| self.be_calm(&is_over));
            let operator = scope.spawn(|| self.watch(&is_over));
            let began = clock.monotonic();
            let sent = self.send(requests);
            let taken = clock.monotonic().saturating_sub(began);
            self.until_next_to_nothing_waits(before + n_spans as u64 - sent.rejected);
            let judged = clock.monotonic().saturating_sub(began);
            is_over.store(true, Ordering::Release);
            let mut noticed = calm.join().unwrap();
            let watched = operator.join().unwrap();
            self.server.wait_until_judged().unwrap();
            noticed.answered = noticed.answered.max(watched.answered);
            noticed.stood_still = watched.stood_still;
            noticed.memory_mib = self.server.memory_max().map(|bytes| bytes >> 20);
            println!(
                "{n_spans} spans taken in {taken:?}, judged in {judged:?}: {sent:?} {noticed:?}"
            );
            (sent, noticed)
        })
    }

    pub(crate) fn end(self) {
        assert!(self.server.terminate().unwrap().success());
    }
}

pub(crate) fn value(line: &str) -> u64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn n_spans(request: &ExportTraceServiceRequest) -> usize {
    let scopes = request.resource_spans.iter().flat_map(|of| &of.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

async fn send_all(grpc: String, token: String, requests: Vec<ExportTraceServiceRequest>) -> Sent {
    let mut client = TraceServiceClient::connect(grpc).await.unwrap();
    let mut sent = Sent::default();
    for request in requests {
        sent.rejected += send_one(&mut client, &token, request, &mut sent.refused).await;
    }
    sent
}

/// Returns how many spans were refused for good.
async fn send_one(
    client: &mut TraceServiceClient<Channel>,
    token: &str,
    request: ExportTraceServiceRequest,
    refused: &mut usize,
) -> u64 {
    for _ in 0..TRIES_MAX {
        match client.export(with_token(request.clone(), token)).await {
            Ok(answer) => {
                let partial = answer.into_inner().partial_success;
                return partial.map_or(0, |partial| partial.rejected_spans.cast_unsigned());
            }
            Err(status) => {
                // OTLP, "Failures": what a client is to send again, and when.
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                assert!(!status.details().is_empty(), "RetryInfo");
                *refused += 1;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
    panic!("refused too often");
}

pub(crate) fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Cuts spans into requests of so many.
pub(crate) fn requests_of(
    n: usize,
    spans: impl Iterator<Item = Span>,
) -> Vec<ExportTraceServiceRequest> {
    let mut spans = spans.peekable();
    let mut requests = Vec::new();
    while spans.peek().is_some() {
        requests.push(request("loud", spans.by_ref().take(n).collect()));
    }
    requests
}
