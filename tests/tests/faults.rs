//! Scenario: the server is told to end, or its disk takes no more, while clients send.
//!
//! Guarantees: it ends within 10 s and says that all is well, whoever is connected; it refuses what it cannot store so that
//! clients send again, and takes it as soon as it can, without being restarted; what was acknowledged is there afterwards.
//! A start says whether the store was closed, and what of it is taken up again.

use std::{
    fs::{self, File},
    io::Write as _,
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use betrace_tests::{
    client::{Client, request, span},
    load::{Load, RULE, Spans, shown_with, traces},
    server::{self, Server, binary},
};
use prost::Message as _;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use tokio::{
    task::{block_in_place, spawn_blocking},
    time::timeout,
};

/// Within which a server that is told to end has ended.
const END_MAX: Duration = Duration::from_secs(10);

/// How often it is tried to send what was refused, and how long it is waited in between.
const TRIES_MAX: u32 = 300;
const TRY_EVERY: Duration = Duration::from_millis(100);

/// A file takes nothing beyond so many bytes: of a database no more than its header.
const HEADER_BYTES: u64 = 4_096;

/// Starts a server whose log is a file beside its data. A file that may not grow is an error to it, not its end.
fn start(folder: &TempDir) -> Result<Server> {
    start_with(folder, "50ms")
}

/// As [`start`]; a trace that is quiet for so long is judged.
fn start_with(folder: &TempDir, quiet: &str) -> Result<Server> {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(binary()?)
        .stderr(File::create(folder.path().join("log"))?);
    let data = folder.path().join("data");
    Server::start_by(command, &data, &["--settle", quiet, "--idle", quiet])
}

fn log(folder: &TempDir) -> Result<String> {
    Ok(fs::read_to_string(folder.path().join("log"))?)
}

fn publish(server: &Server, folder: &Path) -> Result<()> {
    let rule = folder.join("phi.btr");
    fs::write(&rule, RULE)?;
    let (rule, api) = (rule.display().to_string(), server.api);
    let applied = server::run(&[
        "rules",
        "apply",
        &rule,
        "--server",
        &format!("http://{api}"),
    ])?;
    assert!(applied.status.success(), "{applied:?}");
    Ok(())
}

/// Tells a server to end, and asserts that it does in time and well.
async fn end(server: Server) -> Result<()> {
    let ended = timeout(END_MAX, spawn_blocking(move || server.terminate())).await;
    assert!(ended.context("it takes too long")???.success());
    Ok(())
}

fn check(server: &Server, acknowledged: &Spans) -> Result<()> {
    server.wait_until_judged()?;
    assert!(acknowledged.len() > 10);
    for trace in traces(acknowledged) {
        shown_with(server, trace, acknowledged)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_end_answers_what_it_took_and_closes_its_store() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder)?;
    publish(&server, folder.path())?;
    let mut load = Load::start(&server, 0);
    load.wait(50).await?;
    let ending = tokio::spawn(end(server));
    let acknowledged = load.until_refused().await;
    ending.await??;
    let server = start(&folder)?;
    let log = log(&folder)?;
    assert!(log.contains("the store is open, as it was closed"), "{log}");
    check(&server, &acknowledged)?;
    end(server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_let_go_hold_up_no_end() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder)?;
    let mut idle = Client::connect(server.grpc).await?;
    idle.send(request("ehr", vec![span(1, 1, 0, "root")]))
        .await?;
    let mut half_open = Vec::new();
    for port in [server.grpc, server.http, server.api] {
        half_open.push(TcpStream::connect(port)?);
        let mut half_sent = TcpStream::connect(port)?;
        half_sent.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\ncontent-type: application/json\r\n\r\n{")?;
        half_open.push(half_sent);
    }
    // Connections are taken in their order: whoever is answered comes after those.
    let mut last = Client::connect(server.grpc).await?;
    last.send(request("ehr", vec![span(2, 1, 0, "root")]))
        .await?;
    for port in [server.http, server.api] {
        let get = ureq::get(format!("http://{port}/healthz"));
        let get = get.config().http_status_as_error(false).build();
        spawn_blocking(move || get.call()).await??;
    }
    end(server).await?;
    drop((idle, half_open));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_after_a_kill_says_what_it_takes_up_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start_with(&folder, "1h")?;
    let said = "the store was not closed by its last process";
    assert!(!log(&folder)?.contains(said));
    let spans = vec![span(1, 1, 9, "a"), span(1, 2, 1, "b")];
    let mut client = Client::connect(server.grpc).await?;
    client.send(request("ehr", spans)).await?;
    server.kill()?;
    let server = start_with(&folder, "1h")?;
    let log = log(&folder)?;
    let line = log.lines().find(|line| line.contains(said));
    let line = line.context("nothing is said")?;
    let counts = "requests=1 spans=2 traces=1 unjudged_blocks=0 half_made=[] repaired=[]";
    assert!(line.contains(counts), "{line}");
    end(server).await
}

/// Sends until it is acknowledged. `refused` hears of each refusal, which is to be one that clients retry.
async fn send_until_taken(
    server: &Server,
    trace: u128,
    mut refused: impl FnMut(u32) -> Result<()>,
) -> Result<()> {
    let mut n_refused = 0;
    for _ in 0..TRIES_MAX {
        let Ok(mut client) = Client::connect(server.grpc).await else {
            // It opens its store again.
            tokio::time::sleep(TRY_EVERY).await;
            continue;
        };
        let spans = vec![span(trace, 1, 0, "root")];
        let sent = client.send(request("ehr", spans)).await;
        let Err(error) = sent else {
            return Ok(());
        };
        let status = error.downcast_ref::<tonic::Status>().context("a status")?;
        if std::error::Error::source(status).is_some() {
            // The connection broke, since the server has just closed its ports: no answer of the server's.
            continue;
        }
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
        let details = String::from_utf8_lossy(status.details());
        assert!(details.contains("google.rpc.RetryInfo"), "{status:?}");
        n_refused += 1;
        refused(n_refused)?;
    }
    bail!("nothing is taken any more")
}

/// Asserts that clients of OTLP/HTTP too are told to come again, whether the store takes nothing or is opened again.
fn refused_over_http(server: &Server) -> Result<()> {
    let protobuf = request("ehr", vec![span(0xdef, 1, 0, "root")]).encode_to_vec();
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":
        "00000000000000000000000000000def","spanId":"0000000000000001"}]}]}]}"#;
    let sent = [
        ("application/x-protobuf", &protobuf[..]),
        ("application/json", json),
    ];
    for (content_type, body) in sent {
        let post = || {
            let post = ureq::post(format!("http://{}/v1/traces", server.http));
            let post = post.config().http_status_as_error(false).build();
            post.header("content-type", content_type).send(body)
        };
        let mut tries = 0..TRIES_MAX;
        let answer = loop {
            // Nobody listens while the store is opened again.
            match (post(), tries.next()) {
                (Ok(answer), _) => break answer,
                (Err(_), Some(_)) => std::thread::sleep(TRY_EVERY),
                (Err(error), None) => return Err(error.into()),
            }
        };
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        assert_eq!(answer.status(), 503, "{answer:?}");
        assert_eq!(header("content-type").as_deref(), Some(content_type));
        let after: u64 = header("retry-after").context("no Retry-After")?.parse()?;
        assert!(after > 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_no_more_is_written_to_again_once_it_does() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = start(&folder)?;
    publish(&server, folder.path())?;
    let pid = Pid::from_raw(i32::try_from(server.pid())?).context("a process")?;
    let limit = |current| {
        let unlimited = Rlimit {
            current,
            maximum: None,
        };
        prlimit(Some(pid), Resource::Fsize, unlimited)
    };
    let mut load = Load::start(&server, 0);
    load.wait(20).await?;
    limit(Some(HEADER_BYTES))?;
    let acknowledged = load.until_refused().await;
    assert!(server.is_running()?);
    send_until_taken(&server, 0xabc, |n_refused| {
        // By a store that was opened again in between, too: it is once the first write failed.
        if n_refused == 1 {
            block_in_place(|| refused_over_http(&server))?;
            limit(None)?;
        }
        Ok(())
    })
    .await?;
    let log = log(&folder)?;
    for said in [
        "the store is closed and opened again",
        "the store is open again",
    ] {
        assert!(log.contains(said), "{log}");
    }
    check(&server, &acknowledged)?;
    server.get(&format!("/api/v1/traces/{:032x}", 0xabc))?;
    assert!(server.is_running()?);
    end(server).await
}
