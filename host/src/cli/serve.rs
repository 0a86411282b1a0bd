//! `betrace serve`.

mod config;
mod running;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    logs, packs,
    source::DenyArgs,
    target::store_help,
};
use crate::{
    api::{
        Operations,
        wire::{ApplyRequest, PackUpload},
    },
    rule_id::RuleMode,
    store::StoreError,
    time::DurationArg,
};

use config::Config;
pub(super) use running::{Running, Settings};

/// How long clients may take to let go of their connections when the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// Take in OTLP, judge each trace by the published rules, keep both, and answer for them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one line `ready grpc=ADDR http=ADDR api=ADDR` on stdout when it accepts. SIGTERM and Ctrl-C
end it cleanly; after anything else it picks up where it was, without losing what it acknowledged.
BETRACE_LOG says what is logged on stderr: error, warn, info (the default), debug.

Examples:
  betrace serve --data ./betrace-data
  betrace serve --data ./betrace-data --rules rules/
  betrace serve --data /var/lib/betrace --config /etc/betrace.toml
  betrace serve --data ./betrace-data --grpc 127.0.0.1:0 --http 127.0.0.1:0 --api 127.0.0.1:0

A configuration file holds the same names: grpc = \"127.0.0.1:4317\", settle = \"7s\", rules = \"rules\".")]
pub struct Args {
    /// The store's folder; made where there is none.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// A configuration file (TOML); flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to take in OTLP/gRPC; port 0 picks a free one. [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub grpc: Option<SocketAddr>,
    /// Where to take in OTLP/HTTP. [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub http: Option<SocketAddr>,
    /// Where to answer the HTTP API. [default: 127.0.0.1:4320]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub api: Option<SocketAddr>,
    /// A folder of rules (.btr, .wasm) to publish before accepting.
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// A trace whose root has ended is judged when it has been quiet so long. [default: 7s]
    #[arg(long, value_name = "DURATION")]
    pub settle: Option<DurationArg>,
    /// A trace without an ended root is judged when it has been quiet so long. [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub idle: Option<DurationArg>,
}

/// Serves until it is told to stop.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    let config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let config = config.overridden_by(&args);
    // Compiled before anything is opened: a mistake in a rule changes nothing.
    let packs = match &config.rules {
        Some(folder) => packs::read(std::slice::from_ref(folder), DenyArgs::default(), console)?,
        None => Vec::new(),
    };
    logs::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::usage(anyhow!(error)))?;
    runtime.block_on(serve(config.settings(args.data), packs, console))
}

async fn serve(settings: Settings, packs: Vec<PackUpload>, console: &mut Console) -> Outcome {
    // Heard from the first moment on: a start may take long.
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::usage(anyhow!(error)))?;
    let mut running = Running::start(settings).await.map_err(not_started)?;
    if !packs.is_empty() {
        running.apply(packs).await.map_err(Failure::wrong)?;
    }
    let Running {
        grpc, http, api, ..
    } = &running;
    console.line(format_args!("ready grpc={grpc} http={http} api={api}"))?;
    console.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        error = running.failed() => return Err(Failure::usage(error)),
    }
    running.stop().await.map_err(Failure::usage)?;
    Ok(Exit::Fine)
}

/// Says what to do about a store that is damaged. One in use is another server's, which the message says.
fn not_started(error: anyhow::Error) -> Failure {
    let help = match error.downcast_ref::<StoreError>() {
        Some(StoreError::InUse { .. }) | None => None,
        Some(error) => store_help(error),
    };
    let failure = Failure::usage(error);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Reads where to listen.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, like 127.0.0.1:4317 or [::1]:0".to_owned())
}

impl Running {
    /// Publishes packs, all or none. What they say is in the folder is theirs, whatever file it was in before.
    async fn apply(&self, packs: Vec<PackUpload>) -> anyhow::Result<()> {
        let operations = self.operations();
        let request = ApplyRequest {
            packs,
            dry_run: false,
            take_over: true,
            mode: RuleMode::Live,
        };
        tokio::task::spawn_blocking(move || operations.apply(&request)).await??;
        Ok(())
    }
}
