//! Scenario: the server is told to end while it replays, for `betrace replay` and for a dry run, and while a client is in
//! the middle of a request.
//!
//! Guarantees: it ends within 10 s and says that all is well; what it found so far is told, and told to be a part; a
//! request whose body still comes is answered, and what it brought is there afterwards.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use betrace_tests::{
    client::{Client, request, span},
    server::{Server, binary},
};
use prost::Message as _;

/// Within which a server that is told to end has ended.
const END_MAX: Duration = Duration::from_secs(10);

/// Traces of one span, each of which breaks each rule: some seconds of judging for a replay.
const TRACES: u64 = 6_000;
const TRACES_OF_REQUEST: u64 = 1_000;
const RULES: usize = 60;

fn start(folder: &Path) -> Server {
    Server::start(
        &folder.join("data"),
        &["--settle", "10ms", "--idle", "10ms"],
    )
    .unwrap()
}

/// Starts a server and returns what it says of how its store was left.
fn start_logged(folder: &Path) -> (Server, String) {
    let log = folder.join("log");
    let mut command = Command::new(binary().unwrap());
    command.stderr(std::fs::File::create(&log).unwrap());
    let quiet = ["--settle", "10ms", "--idle", "10ms"];
    let server = Server::start_by(command, &folder.join("data"), &quiet).unwrap();
    (server, std::fs::read_to_string(log).unwrap())
}

/// Tells a server to end; what is received says that it did, in time and well.
fn end(server: Server) -> mpsc::Receiver<()> {
    let (ended, wait) = mpsc::channel();
    thread::spawn(move || {
        assert!(server.terminate().unwrap().success());
        ended.send(()).unwrap();
    });
    wait
}

/// Forwards connections to a server, and tells when something is seen in what it answers.
fn forward(to: SocketAddr, sought: &'static str) -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, wait) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, seen) = (client.unwrap(), seen.clone());
            let Ok(mut server) = TcpStream::connect(to) else {
                return;
            };
            let (mut asks, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _broken_off = std::io::copy(&mut asks, &mut asked);
                let _gone = asked.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let mut answer = vec![0; 64 << 10];
                while let Ok(n @ 1..) = server.read(&mut answer) {
                    let part = answer.get(..n).unwrap_or_default();
                    if part
                        .windows(sought.len())
                        .any(|found| found == sought.as_bytes())
                    {
                        let _more_than_once = seen.send(());
                    }
                    if client.write_all(part).is_err() {
                        return;
                    }
                }
                let _gone = client.shutdown(Shutdown::Both);
            });
        }
    });
    (address, wait)
}

/// Runs a command that replays, tells the server to end in the middle of it, and returns what the command says.
fn ended_in_the_middle(server: Server, args: &[&str]) -> Output {
    let (address, replays) = forward(server.api, r#"{"progress""#);
    let asking = Command::new(binary().unwrap())
        .args(args)
        .args(["--server", &format!("http://{address}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    replays.recv_timeout(Duration::from_mins(1)).unwrap();
    end(server).recv_timeout(END_MAX).unwrap();
    asking.wait_with_output().unwrap()
}

#[test]
fn a_replay_and_a_dry_run_hold_up_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut client = Client::connect(server.grpc).await.unwrap();
        for of_request in 0..TRACES / TRACES_OF_REQUEST {
            let first = of_request * TRACES_OF_REQUEST + 1;
            let spans = (first..first + TRACES_OF_REQUEST)
                .map(|trace| span(trace.into(), 1, 0, "phi.access"));
            client.send(request("ehr", spans.collect())).await.unwrap();
        }
    });
    server.wait_until_judged().unwrap();
    let mut rules = String::new();
    for n in 0..RULES {
        writeln!(
            rules,
            "rule r{n} {{ match {{ phi.access and not audit.log }} }}"
        )
        .unwrap();
    }
    let file = folder.path().join("rules.btr");
    std::fs::write(&file, rules).unwrap();
    let file = file.display().to_string();

    let replay: &[&str] = &["replay", &file, "-o", "json"];
    let dry_run: &[&str] = &[
        "rules",
        "apply",
        &file,
        "--dry-run",
        "--from",
        "2026-01-01",
        "-o",
        "json",
    ];
    let mut server = server;
    for command in [replay, dry_run] {
        let asked = ended_in_the_middle(server, command);
        let said = String::from_utf8_lossy(&asked.stdout);
        assert!(
            said.contains(r#""partial": true"#),
            "{command:?}: {asked:?}"
        );
        let log;
        (server, log) = start_logged(folder.path());
        assert!(
            log.contains("the store is open, as it was closed"),
            "{command:?}: {log}"
        );
    }
}

/// Waits until nobody listens any more.
fn wait_until_closed(port: SocketAddr) {
    while TcpStream::connect(port).is_ok() {
        thread::yield_now();
    }
}

#[test]
fn a_request_that_is_under_way_is_answered_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let body = request("ehr", vec![span(7, 1, 0, "late")]).encode_to_vec();
    let (first, second) = body.split_at(body.len() / 2);
    let mut client = TcpStream::connect(server.http).unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).unwrap();
    client.write_all(first).unwrap();
    // Connections are taken in their order: once a later one is answered, this one is served.
    let get = ureq::get(format!("http://{}/", server.http));
    let get = get.config().http_status_as_error(false).build();
    get.call().unwrap();
    let port = server.http;
    let ended = end(server);
    wait_until_closed(port);
    client.write_all(second).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    ended.recv_timeout(END_MAX).unwrap();

    let server = start(folder.path());
    server.get(&format!("/api/v1/traces/{:032x}", 7)).unwrap();
    assert!(server.terminate().unwrap().success());
}
