//! `betrace serve`.

mod config;
pub mod folders;
mod follow;
mod running;
mod server;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::anyhow;
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    logs, packs,
    source::DenyArgs,
};
use crate::{memory::MemoryBudget, size, store::Store, time::DurationArg};

use config::Config;
use folders::RulesFolder;
pub(super) use running::{Running, Settings};
use server::{Rules, Server};

/// How long clients may take to let go of their connections when the server stops. With what comes after it a server has
/// ended 10 s after it was told to.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long clients may take to let go when the store has failed: they are refused anyway.
const FAILED_DRAIN_MAX: Duration = Duration::from_secs(1);

/// After how long a store that failed is opened again; twice as long each time.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// After how long a store that failed is opened again at most.
const REOPEN_AFTER_MAX: Duration = Duration::from_secs(30);

/// A store that went well for so long is opened again as if it failed for the first time.
const WELL_AFTER: Duration = Duration::from_mins(2);

/// Take in OTLP, judge each trace by the published rules, keep both, and answer for them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one line `ready grpc=ADDR http=ADDR api=ADDR` on stdout when it accepts. SIGTERM and Ctrl-C
end it cleanly; after anything else it picks up where it was, without losing what it acknowledged.
When the disk fails or is full it refuses spans, so that clients send again, says so on /readyz, and
takes them as soon as it can. BETRACE_LOG says what is logged on stderr: error, warn, info (the
default), debug.

Examples:
  betrace serve --data ./betrace-data
  betrace serve --data ./betrace-data --rules rules/
  betrace serve --data /var/lib/betrace --config /etc/betrace.toml
  betrace serve --data /var/lib/betrace --api 0.0.0.0:4320 --tls-cert cert.pem --tls-key key.pem
  betrace serve --data ./betrace-data --grpc 127.0.0.1:0 --http 127.0.0.1:0 --api 127.0.0.1:0

A configuration file holds the same names: grpc = \"127.0.0.1:4317\", settle = \"7s\", rules = \"rules\",
memory = \"1GiB\", tls = { cert = \"cert.pem\", key = \"key.pem\" }; its paths are taken from where it lies. Stored traces are kept
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
    /// How much memory the server may have. What comes when it is full is refused, to be sent again. [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<MemoryBudget>,
    /// Where to send the server's own traces by OTLP/gRPC, to a Collector say: `http://127.0.0.1:4317`.
    /// `OTEL_EXPORTER_OTLP_HEADERS` says what goes with them.
    #[arg(long, value_name = "URL")]
    pub traces_to: Option<String>,
    /// Print what holds, of flags, file and defaults, and end.
    #[arg(long)]
    pub check_config: bool,
}

/// Serves until it is told to stop.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    let config = match &args.config {
        Some(file) => Config::read(file).map_err(Failure::usage)?,
        None => Config::default(),
    };
    let config = config.overridden_by(&args);
    if args.check_config {
        return check(&config.settings(args.data), console);
    }
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
    // A thread of its own, so that the last traces are sent though nothing is waited for here any more.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
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

/// Shows the settings, in the words of a configuration file.
fn check(settings: &Settings, console: &mut Console) -> Outcome {
    let Settings {
        data: _,
        grpc,
        http,
        api,
        tls,
        live,
        memory,
    } = settings;
    let tls = if tls.is_some() { "TLS" } else { "in the clear" };
    let age = live.retention.age;
    let age = age.map(|age| ("retention.age", format!("{age:?}"), String::new()));
    let all = [
        ("grpc", grpc.to_string(), tls.to_owned()),
        ("http", http.to_string(), tls.to_owned()),
        ("api", api.to_string(), tls.to_owned()),
        (
            "settle",
            format!("{:?}", live.assemble.settle),
            String::new(),
        ),
        ("idle", format!("{:?}", live.assemble.idle), String::new()),
        (
            "memory",
            size::display(memory.max_bytes()),
            memory.to_string(),
        ),
    ];
    for (name, value, why) in all.into_iter().chain(age) {
        let why = if why.is_empty() {
            why
        } else {
            format!("  # {why}")
        };
        console.line(format_args!("{name} = \"{value}\"{why}"))?;
    }
    console.flush()?;
    Ok(Exit::Fine)
}

async fn serve(settings: Settings, rules: Vec<Rules>, console: &mut Console) -> Outcome {
    // Heard from the first moment on: a start may take long.
    let mut told = Told::listen()?;
    let folders: Vec<RulesFolder> = rules.iter().map(|rules| rules.of.clone()).collect();
    let mut server = Server::start(settings.clone(), rules).await?;
    let [grpc, http, api] = server.addresses();
    console.line(format_args!("ready grpc={grpc} http={http} api={api}"))?;
    console.flush()?;
    // Ports that were picked stay what they are.
    let settings = Settings {
        grpc,
        http,
        api,
        ..settings
    };
    let mut pause = Pause::default();
    loop {
        let begun = tokio::time::Instant::now();
        tokio::select! {
            () = told.heard() => break,
            failed = server.failed() => failed?,
        }
        server.end(FAILED_DRAIN_MAX).await.map_err(Failure::usage)?;
        let again = || settings.clone();
        server = tokio::select! {
            () = told.heard() => return Ok(Exit::Fine),
            server = start_again(again, &folders, pause.after(begun.elapsed())) => server,
        };
    }
    server.end(DRAIN_MAX).await.map_err(Failure::usage)?;
    Ok(Exit::Fine)
}

/// Opens the store again, which failed, and accepts as before; tries until that goes well.
async fn start_again(
    settings: impl Fn() -> Settings,
    folders: &[RulesFolder],
    mut pause: Pause,
) -> Server {
    loop {
        tokio::time::sleep(pause.0).await;
        let rules = folders.iter().cloned().map(Rules::again).collect();
        match Server::start(settings(), rules).await {
            Ok(server) => {
                tracing::info!("the store is open again");
                return server;
            }
            Err(failure) => {
                pause = pause.longer();
                let wait_s = pause.0.as_secs();
                tracing::error!(error = %failure.why(), wait_s, "the store cannot be opened again");
            }
        }
    }
}

/// How long it is waited before a store that failed is opened again: longer each time, unless it went well for a while.
#[derive(Clone, Copy, Debug)]
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(REOPEN_AFTER)
    }
}

impl Pause {
    /// Returns the pause after a server that went well for so long.
    fn after(&mut self, went_well: Duration) -> Self {
        let next = *self;
        *self = next.longer();
        if went_well >= WELL_AFTER {
            *self = Self::default();
            return *self;
        }
        next
    }

    fn longer(self) -> Self {
        Self((self.0 * 2).min(REOPEN_AFTER_MAX))
    }
}

/// Who may tell a server to end.
struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::usage(anyhow!(error)));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reads where to listen.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, like 127.0.0.1:4317 or [::1]:0".to_owned())
}
