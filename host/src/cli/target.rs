//! Whom a command speaks to: a running server, or a store that no server has open.

use std::path::PathBuf;

use clap::ValueEnum;

/// The server or store of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where")]
pub struct TargetArgs {
    /// The server's API [default: http://127.0.0.1:4320].
    #[arg(long, value_name = "URL", env = SERVER_VARIABLE)]
    server: Option<String>,
    /// The bearer token that says whose data it is.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BETRACE_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// A store to open directly, while no server has it open; wins over `BETRACE_SERVER`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const SERVER_VARIABLE: &str = "BETRACE_SERVER";

/// How to print what people or programs read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
}
