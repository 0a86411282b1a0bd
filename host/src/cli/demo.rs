//! `betrace demo`: the product in under a minute, with nothing made up: the real server over a temporary store, the
//! OpenTelemetry SDK's own exporter, the HTTP API as any client uses it.

mod story;
mod traffic;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::runtime::Runtime;

use super::{
    client::Client,
    console::Console,
    exit::{Exit, Failure, Outcome},
    serve::{Running, Settings},
};
use crate::{
    assemble::AssembleOptions, clock::SystemClock, live::LiveOptions, memory::MemoryBudget,
};

use story::Story;
use traffic::Traffic;

/// Traces settle sooner than in production: the SDK is told to flush, so nothing trickles in.
const SETTLE: Duration = Duration::from_millis(400);

/// See it work: real traffic, signals, a rule replayed over what is stored, a rule swapped under the running server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Starts the real server on free loopback ports with a temporary store, and ends by itself in under a minute.

Examples:
  betrace demo")]
pub struct Args {}

/// Runs the demo.
pub fn run(Args {}: Args, console: &mut Console) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| Failure::usage(anyhow::anyhow!(error)))?;
    let runtime = Runtime::new().map_err(|error| Failure::usage(anyhow::anyhow!(error)))?;
    let running = runtime
        .block_on(Running::start(settings(folder.path().join("store"))))
        .map_err(Failure::usage)?;
    let told = tell(&runtime, &running, console);
    runtime.block_on(running.stop()).map_err(Failure::usage)?;
    told
}

fn tell(runtime: &Runtime, running: &Running, console: &mut Console) -> Outcome {
    let server = format!("http://{}", running.api);
    let client =
        Client::try_new(&server, None).map_err(|what| Failure::usage(anyhow::anyhow!(what)))?;
    let traffic = {
        let _inside = runtime.enter();
        Traffic::start(running.grpc, Arc::new(SystemClock::new()))
            .context("the OTLP exporter does not start")
    };
    let mut story = Story {
        client,
        traffic: traffic.map_err(Failure::usage)?,
        console,
    };
    story.server(running)?;
    story.rules()?;
    story.morning()?;
    story.question()?;
    story.swap()?;
    story.end()?;
    Ok(Exit::Fine)
}

fn settings(data: PathBuf) -> Settings {
    let free = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    let assemble = AssembleOptions {
        settle: SETTLE,
        idle: 2 * SETTLE,
        ..AssembleOptions::default()
    };
    let live = LiveOptions {
        seal_every: LiveOptions::seal_every_for(&assemble),
        assemble,
        ..LiveOptions::default()
    };
    Settings {
        data,
        grpc: free,
        http: free,
        api: free,
        tls: None,
        live,
        memory: MemoryBudget::default(),
    }
}
