//! Whom a command speaks to: a running server, or a store that no server has open.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;

use super::{
    client::{Client, SERVER_DEFAULT},
    exit::{Exit, Failure},
};
use crate::api::{
    Operations,
    error::{ApiError, ErrorCode},
};

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

/// What a command speaks to.
#[derive(Debug)]
pub enum Target {
    /// A running server.
    Server(Client),
}

impl Target {
    /// Returns what may be asked.
    pub fn operations(&self) -> &dyn Operations {
        match self {
            Self::Server(client) => client,
        }
    }

    /// Whether it is a server.
    pub fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }
}

impl TargetArgs {
    /// Opens the store, or makes ready to speak to the server.
    pub fn open(&self) -> Result<Target, Failure> {
        match &self.data {
            Some(data) => Err(Failure::usage(anyhow!("cannot open {}", data.display()))),
            None => Ok(Target::Server(self.client()?)),
        }
    }

    fn client(&self) -> Result<Client, Failure> {
        let server = self.server.as_deref().unwrap_or(SERVER_DEFAULT);
        Client::try_new(server, self.token.as_deref())
            .map_err(|error| Failure::usage(anyhow!(error)))
    }
}

/// An operation's error ends the command with the status that says whose mistake it is.
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let (exit, help) = match error.code {
            ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::InvalidRule
            | ErrorCode::TooLarge => (Exit::Wrong, None),
            ErrorCode::BadRequest | ErrorCode::MethodNotAllowed | ErrorCode::Internal => {
                (Exit::Usage, None)
            }
            ErrorCode::Unauthorized => (Exit::Usage, Some("pass --token, or set BETRACE_TOKEN")),
            ErrorCode::Unavailable if error.message.starts_with("failed to reach") => (
                Exit::Unreachable,
                Some(
                    "start it with `betrace serve --data DIR`, name another with --server URL, \
                     or open a store that no server uses with --data DIR",
                ),
            ),
            ErrorCode::Unavailable => (Exit::Unreachable, None),
        };
        let failure = Self::Error {
            exit,
            error: error.into(),
            help: None,
        };
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}
