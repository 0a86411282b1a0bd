//! How many spans a second the server takes over gRPC, acknowledged when durable, judged by ten rules meanwhile.
//!
//! `cargo bench --package betrace-tests --bench live`. The binary of the same profile is started as a child; clients and
//! server share the machine. Sends 508,018 real spans (`shared/data/nezha_tt.arrival.jsonl.zst` in a folder above this
//! one); says so and measures nothing where they are absent.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench reads the clock and prints"
)]

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use betrace::ingest::file::Reader;
use betrace_tests::{
    client::Client,
    server::{self, Server},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

const CONNECTIONS: usize = 8;
const SPANS: f64 = 508_018.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let spans = tests
        .ancestors()
        .map(|above| above.join("shared/data/nezha_tt.arrival.jsonl.zst"));
    let Some(spans) = spans.into_iter().find(|path| path.exists()) else {
        println!("skipped: no shared/data/nezha_tt.arrival.jsonl.zst above this folder");
        return Ok(());
    };
    let mut requests = Vec::new();
    for request in Reader::open(&spans)? {
        requests.push(ExportTraceServiceRequest::decode(request?.otlp)?);
    }
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), &["--settle", "1s", "--idle", "2s"])?;
    let rules = tests.join("data/nezha").display().to_string();
    let applied = server::run(&[
        "rules",
        "apply",
        &rules,
        "--server",
        &format!("http://{}", server.api),
    ])?;
    ensure!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );

    let mut shares: Vec<Vec<ExportTraceServiceRequest>> = vec![Vec::new(); CONNECTIONS];
    for (n, request) in requests.into_iter().enumerate() {
        shares
            .get_mut(n % CONNECTIONS)
            .context("a connection")?
            .push(request);
    }
    let mut sending = Vec::new();
    let started = Instant::now();
    for share in shares {
        let mut client = Client::connect(server.grpc).await?;
        sending.push(tokio::spawn(async move {
            for request in share {
                client.send(request).await?;
            }
            anyhow::Ok(())
        }));
    }
    for one in sending {
        one.await??;
    }
    let acknowledged = started.elapsed().as_secs_f64();
    tokio::task::block_in_place(|| server.wait_until_judged())?;
    let judged = started.elapsed().as_secs_f64();
    println!(
        "acknowledged {:>9.0} spans/s ({acknowledged:.2} s)",
        SPANS / acknowledged
    );
    println!(
        "judged       {:>9.0} spans/s ({judged:.2} s, of which at least 1 s is the wait for quiet)",
        SPANS / judged
    );
    ensure!(server.terminate()?.success());
    Ok(())
}
