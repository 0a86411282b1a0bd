//! `betrace serve`.

mod config;
pub mod folders;
mod follow;
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
    store::{Store, StoreError},
    time::DurationArg,
};

use config::Config;
use folders::RulesFolder;
use follow::{Follower, Following, Looked};
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
  betrace serve --data /var/lib/betrace --api 0.0.0.0:4320 --tls-cert cert.pem --tls-key key.pem
  betrace serve --data ./betrace-data --grpc 127.0.0.1:0 --http 127.0.0.1:0 --api 127.0.0.1:0

A configuration file holds the same names: grpc = \"127.0.0.1:4317\", settle = \"7s\", rules = \"rules\",
tls = { cert = \"cert.pem\", key = \"key.pem\" }; its paths are taken from where it lies. Stored traces are kept
for ever, or with [retention], age = \"30d\" for so long, unless a tenant's limits say otherwise. --rules are those of
the tenant `default`. Once there are tokens (`betrace tenants`) every listener asks for one, and only
then may one be reached from other machines.")]
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
    /// The server's certificate and its chain (PEM): all three listeners then speak TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A folder of rules (.btr, .wasm) to publish before accepting, and to follow: what changes there
    /// is published, what is taken out there is taken out. A mistake leaves the last good rules live.
    /// With tokens it says whose they are: `--rules acme=DIR`, as often as there are tenants.
    #[arg(long, value_name = "[TENANT=]DIR")]
    pub rules: Vec<RulesFolder>,
    /// A trace whose root has ended is judged when it has been quiet so long. [default: 7s]
    #[arg(long, value_name = "DURATION")]
    pub settle: Option<DurationArg>,
    /// A trace without an ended root is judged when it has been quiet so long. [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub idle: Option<DurationArg>,
    /// Where to send the server's own traces by OTLP/gRPC, to a Collector say: `http://127.0.0.1:4317`.
    /// `OTEL_EXPORTER_OTLP_HEADERS` says what goes with them.
    #[arg(long, value_name = "URL")]
    pub traces_to: Option<String>,
}

/// Serves until it is told to stop.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    let config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let config = config.overridden_by(&args);
    // Compiled before anything is opened: a mistake in a rule changes nothing, and is shown as the compiler shows it.
    let mut rules = Vec::new();
    for of in &config.rules.0 {
        let folder = std::slice::from_ref(&of.folder);
        let read = packs::read(folder, DenyArgs::default(), console).map(drop);
        let read = match read {
            // There are no last good rules to go on with.
            Err(failure) if !Store::is_in(&args.data) => return Err(failure),
            read => read,
        };
        rules.push(Rules {
            of: of.clone(),
            read,
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::usage(anyhow!(error)))?;
    let traces = {
        let _inside = runtime.enter();
        logs::start(config.traces_to.as_deref()).map_err(Failure::usage)?
    };
    let served = runtime.block_on(serve(config.settings(args.data), rules, console));
    if let Some(traces) = traces {
        traces.stop();
    }
    served
}

/// A folder of rules, and whether they compile.
struct Rules {
    of: RulesFolder,
    read: Result<(), Failure>,
}

async fn serve(settings: Settings, rules: Vec<Rules>, console: &mut Console) -> Outcome {
    // Heard from the first moment on: a start may take long.
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::usage(anyhow!(error)))?;
    let mut running = Running::start(settings).await.map_err(not_started)?;
    let mut following = Vec::with_capacity(rules.len());
    for rules in rules {
        following.push(running.follow(rules).await?);
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
    // Nothing is published while the server stops.
    drop(following);
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
    /// Publishes the rules of a folder, and follows it from then on. Where they cannot be published the ones that the
    /// folder had before stay live; where there were none, that is an error.
    async fn follow(&self, rules: Rules) -> Result<Following, Failure> {
        let operations = self.operations(rules.of.tenant.clone(), follow::PUBLISHER);
        let begin = move || -> Result<Following, Failure> {
            let Rules {
                of: RulesFolder { tenant: _, folder },
                read,
            } = rules;
            follow::check_tenant(&operations)?;
            let had_rules = follow::has_published(&operations)?;
            let mut follower = Follower::new(folder.clone(), operations);
            let published = read.and_then(|()| follower.publish().map_err(Failure::wrong));
            let looked = match published {
                Ok(applied) => Looked::Published(applied),
                Err(Failure::Error { error, .. }) if had_rules => {
                    Looked::Refused(format!("{error:#}"))
                }
                Err(failure) => return Err(failure),
            };
            follow::tell(&folder, &looked);
            Following::start(follower).map_err(|error| Failure::usage(anyhow!(error)))
        };
        let begun = tokio::task::spawn_blocking(begin).await;
        begun.map_err(|error| Failure::usage(anyhow!(error)))?
    }
}
