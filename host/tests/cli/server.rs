//! Commands against a running server, and its HTTP API as a stranger meets it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use betrace::{
    api::{Operations, wire::ChangesQuery},
    cli::client::Client,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    run::{Run, betrace_in},
    store::{LINES, RULE},
};

/// A folder with a rule and traces.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("phi.btr"), RULE).unwrap();
    fs::write(folder.path().join("traces.jsonl"), LINES).unwrap();
    folder
}

/// A server on free ports over a store of its own.
pub(crate) struct Server {
    folder: Option<TempDir>,
    child: Child,
    http: String,
    pub(crate) api: String,
}

impl Server {
    fn start() -> Self {
        Self::start_in(folder(), &["--api", "127.0.0.1:0"])
    }

    /// Starts over the store `data` of a folder.
    pub(crate) fn start_in(folder: TempDir, more: &[&str]) -> Self {
        let free = "127.0.0.1:0";
        let mut child = Command::new(env!("CARGO_BIN_EXE_betrace"))
            .args(["serve", "--data", "data", "--grpc", free, "--http", free])
            .args(["--settle", "10ms", "--idle", "10ms"])
            .args(more)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ready)
            .unwrap();
        let address = |name: &str| {
            let word = ready
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("no {name} in `{ready}`"))
                .to_owned()
        };
        assert!(ready.starts_with("ready grpc="), "{ready}");
        Self {
            http: address("http="),
            api: address("api="),
            folder: Some(folder),
            child,
        }
    }

    fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Ends it, and returns its folder.
    pub(crate) fn stop(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let url = self.url();
        let mut args = args.to_vec();
        args.extend(["--server", &url]);
        betrace_in(self.folder(), &args, b"")
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.extend(["-o", "json"]);
        serde_json::from_str(&self.run(&args).exits(0).stdout).unwrap()
    }

    /// Waits until `n` signals have been raised.
    fn signals(&self, n: usize) {
        self.signals_of(None, n);
    }

    /// Waits until `n` signals of the token's tenant have been raised.
    pub(crate) fn signals_of(&self, token: Option<&str>, n: usize) {
        let client = Client::try_new(&self.url(), token).unwrap();
        let mut query = ChangesQuery {
            since: Some(0),
            wait_ms: Some(5_000),
            rule: None,
        };
        let mut seen = 0;
        while seen < n {
            let changes = client.signal_changes(&query).unwrap();
            assert!(!changes.signals.is_empty(), "no signal within 5 s");
            seen += changes.signals.len();
            query.since = Some(changes.next);
        }
    }

    /// Sends a request as it is written, and returns the status and the body.
    pub(crate) fn raw(&self, request: &str, host: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.api).unwrap();
        let (line, rest) = request.split_once('\n').unwrap_or((request, ""));
        let (headers, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let headers = headers.replace('\n', "\r\n");
        let headers = if headers.is_empty() {
            headers
        } else {
            headers + "\r\n"
        };
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself in a test of that.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn commands_do_with_a_server_what_they_do_with_a_store() {
    let server = Server::start();
    let applied = server.json(&["rules", "apply", "phi.btr"]);
    assert_eq!(applied["rules"][0]["change"], "added");
    let imported = server.json(&["import", "traces.jsonl"]);
    assert_eq!(
        (&imported["spans"], &imported["traces"]),
        (&3.into(), &2.into())
    );
    server.signals(1);

    let signals = server.json(&[
        "signals",
        "list",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-02",
    ]);
    assert_eq!(signals[0]["message"], "PHI read by u7");
    let shown = server.json(&["signals", "show", signals[0]["id"].as_str().unwrap()]);
    assert_eq!(shown, signals[0]);
    let trace = signals[0]["trace_id"].as_str().unwrap();
    let otlp = server
        .run(&["traces", "show", trace, "-o", "otlp-json"])
        .exits(0)
        .stdout;
    let sent: Value = serde_json::from_str(LINES.lines().next().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&otlp).unwrap(), sent);
    let view = server.json(&["traces", "show", trace]);
    assert_eq!(view["open"], false);
    assert_eq!(view["verdicts"][0]["verdict"], "violated");
    assert_eq!(
        server.json(&["traces", "list"]).as_array().unwrap().len(),
        2
    );

    for rule in ["phi.btr", "phi-is-audited"] {
        let report = server.json(&["replay", rule]);
        let counts = (&report["rules"][0]["held"], &report["rules"][0]["violated"]);
        assert_eq!(counts, (&1.into(), &1.into()));
    }
    let detail = server.json(&["rules", "show", "phi-is-audited"]);
    assert_eq!(detail["coverage"]["coverage"], 0.5);
    assert_eq!(detail["quarantine"], Value::Null);
    assert_eq!(detail["cost"]["failed_batches"], 0);
    for what in ["fuel", "processor_seconds", "batches"] {
        assert!(detail["cost"][what].as_f64().unwrap() > 0.0, "{detail}");
    }
    server.run(&["rules", "disable", "phi-is-audited"]).exits(0);
    assert_eq!(server.json(&["rules", "list"])[0]["enabled"], false);
    server
        .run(&["rules", "show", "no-such-rule"])
        .exits(2)
        .says(&["there is no rule `no-such-rule`"]);
    server
        .run(&["replay", "no-such-rule"])
        .exits(2)
        .says(&["no rule `no-such-rule`"]);
    let stored = ["rules", "list", "--data", "data"];
    betrace_in(server.folder(), &stored, b"")
        .exits(3)
        .says(&["in use by process", "--server"]);
}

#[test]
fn a_signal_is_seen_by_those_who_watch() {
    let server = Server::start();
    server.run(&["rules", "apply", "phi.btr"]).exits(0);
    let url = server.url();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_betrace"))
        .args(["signals", "watch", "-o", "ndjson", "--server", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let (sender, seen) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            // Nobody listens once the first line was seen.
            sender.send(line).ok();
        }
    });
    // Nobody knows when the watching has begun: traces come until it has.
    let line = (10..60).find_map(|n| {
        let first = LINES.lines().next().unwrap();
        let one = first.replace("5b8efff798038103d269b633813fc60c", &format!("{n:032x}"));
        fs::write(server.folder().join("one.jsonl"), one).unwrap();
        server.run(&["import", "one.jsonl"]).exits(0);
        seen.recv_timeout(Duration::from_millis(500)).ok()
    });
    watch.kill().unwrap();
    watch.wait().unwrap();
    reader.join().unwrap();
    let signal: Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!(
        (&signal["rule"], &signal["status"]),
        (&json!("phi-is-audited"), &json!("open"))
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of requests")]
fn errors_have_a_status_a_code_and_a_message() {
    let server = Server::start();
    let json = "content-type: application/json";
    let large = "x".repeat(70_000);
    for (request, status, code) in [
        (
            "GET /api/v1/rules/no-such-rule".to_owned(),
            404,
            "not_found",
        ),
        ("GET /api/v1/rules/No%20Rule".to_owned(), 404, "not_found"),
        ("GET /api/v1/signals/12".to_owned(), 404, "not_found"),
        (
            format!("GET /api/v1/signals/{}", "ab".repeat(16)),
            404,
            "not_found",
        ),
        (
            format!("GET /api/v1/traces/{}", "ab".repeat(16)),
            404,
            "not_found",
        ),
        ("GET /api/v1/nothing".to_owned(), 404, "not_found"),
        ("DELETE /api/v1/rules".to_owned(), 405, "method_not_allowed"),
        (
            "GET /api/v1/signals?limit=many".to_owned(),
            400,
            "bad_request",
        ),
        (
            "GET /api/v1/signals?from=yesterday".to_owned(),
            400,
            "bad_request",
        ),
        (
            "GET /api/v1/signals?status=closed".to_owned(),
            400,
            "bad_request",
        ),
        ("GET /api/v1/signals?after=x".to_owned(), 400, "bad_request"),
        ("GET /api/v1/signals?limt=1".to_owned(), 400, "bad_request"),
        (
            format!("POST /api/v1/rules\n{json}\n\n{{"),
            400,
            "bad_request",
        ),
        // A page of another origin can send text without asking, and JSON only after a preflight.
        (
            "POST /api/v1/rules\ncontent-type: text/plain\n\n{\"packs\":[]}".to_owned(),
            400,
            "bad_request",
        ),
        (
            format!("POST /api/v1/rules\n{json}\n\n{{\"packs\":[{{\"name\":\"a\"}}]}}"),
            400,
            "bad_request",
        ),
        (
            format!(
                "POST /api/v1/rules\n{json}\n\n{{\"packs\":[{{\"name\":\"a\",\"component\":\"!\"}}]}}"
            ),
            400,
            "bad_request",
        ),
        (
            format!(
                "POST /api/v1/rules\n{json}\n\n{{\"packs\":[{{\"name\":\"a\",\"component\":\"AGFzbQ==\"}}]}}"
            ),
            422,
            "invalid_rule",
        ),
        (
            format!(
                "POST /api/v1/rules\n{json}\n\n{{\"packs\":[{{\"name\":\"a.btr\",\"source\":\"when {{ a }}\"}}]}}"
            ),
            422,
            "invalid_rule",
        ),
        (
            format!("POST /api/v1/rules/x\n{json}\n\n{{\"action\":\"explode\"}}"),
            400,
            "bad_request",
        ),
        (
            format!("POST /api/v1/rules/x\n{json}\n\n{{\"action\":\"enable\"}}"),
            404,
            "not_found",
        ),
        (
            format!("POST /api/v1/rules/x\n{json}\n\n{{\"action\":\"{large}\"}}"),
            413,
            "too_large",
        ),
        (
            format!("POST /api/v1/replays\n{json}\n\n{{\"rules\":[\"x\"]}}"),
            404,
            "not_found",
        ),
        (
            format!("POST /api/v1/replays\n{json}\n\n{{}}"),
            400,
            "bad_request",
        ),
    ] {
        let (got, body) = server.raw(&request, "127.0.0.1");
        assert_eq!(got, status, "{request:.80}: {body}");
        let body: Value =
            serde_json::from_str(&body).unwrap_or_else(|_| panic!("{request:.80}: {body}"));
        assert_eq!(body["error"]["code"], code, "{request:.80}");
        assert!(
            !body["error"]["message"].as_str().unwrap().is_empty(),
            "{request:.80}"
        );
    }
}

#[test]
fn a_source_alone_is_compiled_by_the_server() {
    let server = Server::start();
    let body = json!({ "packs": [{ "name": "phi.btr", "source": RULE }] });
    let request = format!("POST /api/v1/rules\ncontent-type: application/json\n\n{body}");
    let (status, body) = server.raw(&request, "127.0.0.1");
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        server.json(&["rules", "show", "phi-is-audited"])["source"],
        RULE
    );
}

#[test]
fn a_name_that_is_not_ours_is_refused_without_a_token() {
    let server = Server::start();
    for (host, status) in [
        ("127.0.0.1:4320", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("evil.example", 400),
    ] {
        assert_eq!(server.raw("GET /api/v1/rules", host).0, status, "{host}");
    }
}

#[test]
fn health_readiness_and_metrics_are_told() {
    let server = Server::start();
    assert_eq!(server.raw("GET /healthz", "x").0, 200);
    assert_eq!(server.raw("GET /readyz", "x").0, 200);
    let (status, metrics) = server.raw("GET /metrics", "x");
    assert_eq!(status, 200);
    assert!(metrics.contains("betrace_"), "{metrics}");
}

#[test]
fn a_port_in_use_exits_with_3_and_is_named() {
    let server = Server::start();
    let args = [
        "serve",
        "--data",
        "other",
        "--http",
        &server.http,
        "--grpc",
        "127.0.0.1:0",
        "--api",
        "127.0.0.1:0",
    ];
    betrace_in(server.folder(), &args, b"").exits(3).says(&[
        "--http cannot listen on",
        &server.http,
        "Port 0",
    ]);
    assert!(!server.folder().join("other").exists());
}
