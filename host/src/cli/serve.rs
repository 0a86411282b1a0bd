//! `betrace serve`.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    console::Console,
    exit::{Failure, Outcome},
};
use crate::time::DurationArg;

/// Take in OTLP, judge each trace by the published rules, keep both, and answer for them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints one line `ready grpc=ADDR http=ADDR api=ADDR` on stdout when it accepts. SIGTERM and Ctrl-C end it
cleanly; after anything else it picks up where it was, without losing what it acknowledged.

Examples:
  betrace serve --data ./betrace-data
  betrace serve --data ./betrace-data --rules rules/
  betrace serve --data /var/lib/betrace --grpc 127.0.0.1:0 --http 127.0.0.1:0 --api 127.0.0.1:0")]
pub struct Args {
    /// The store's folder; made where there is none.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// A configuration file (TOML); flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where to take in OTLP/gRPC; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    pub grpc: SocketAddr,
    /// Where to take in OTLP/HTTP.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    pub http: SocketAddr,
    /// Where to answer the HTTP API.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4320")]
    pub api: SocketAddr,
    /// A folder of rules (.btr, .wasm) to publish before accepting.
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// A trace whose root has ended is judged when it has been quiet so long.
    #[arg(long, value_name = "DURATION", default_value = "7s")]
    pub settle: DurationArg,
    /// A trace without an ended root is judged when it has been quiet so long.
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub idle: DurationArg,
}

/// Serves until it is told to stop.
pub fn run(args: Args, _console: &mut Console) -> Outcome {
    Err(Failure::usage(anyhow::anyhow!(
        "this build cannot serve `{}`",
        args.data.display()
    )))
}
