//! Whom a command speaks to: a running server, or a store that no server has open.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use clap::ValueEnum;

use super::{
    client::{Client, SERVER_DEFAULT},
    console::Console,
    exit::{Exit, Failure},
};
use crate::{
    api::{
        LocalTenants, Operations, TenantOperations,
        error::{ApiError, ErrorCode},
        local::{Local, Rooms},
    },
    clock::{Clock, SystemClock},
    rules::Registry,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::{Store, StoreError},
    tenant::{NAME_RULE, TenantId},
};

/// The server or store of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Where")]
pub struct TargetArgs {
    /// The server's API.
    #[arg(
        long,
        value_name = "URL",
        env = SERVER_VARIABLE,
        help = "The server's API [default: http://127.0.0.1:4320]"
    )]
    server: Option<String>,
    /// The bearer token that says whose data it is.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BETRACE_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// A file of certificates (PEM) that an https server's is to lead to; without it, those that browsers know.
    #[arg(
        long,
        value_name = "FILE",
        env = "BETRACE_CA_CERT",
        hide_env_values = true
    )]
    ca_cert: Option<PathBuf>,
    /// A store to open directly, while no server has it open; wins over `BETRACE_SERVER`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Whose data of that store; a server goes by the token. [default: default]
    #[arg(long, value_name = "NAME", requires = "data", value_parser = tenant)]
    tenant: Option<TenantId>,
}

fn tenant(name: &str) -> Result<TenantId, String> {
    TenantId::try_new(name).ok_or_else(|| format!("a tenant's name is {NAME_RULE}"))
}

/// Who is named in histories.
const WHO: &str = "cli";

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
    /// A store that this process has open.
    Store(Box<Local>),
}

impl Target {
    /// Returns what may be asked.
    pub fn operations(&self) -> &dyn Operations {
        match self {
            Self::Server(client) => client,
            Self::Store(local) => &**local,
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
        self.checked()?;
        let Some(data) = &self.data else {
            return Ok(Target::Server(self.client()?));
        };
        is_store(data)?;
        Ok(Target::Store(Box::new(self.open_store(data)?)))
    }

    /// As [`Self::open`], but makes the store where there is none.
    pub fn open_or_make(&self) -> Result<Target, Failure> {
        self.checked()?;
        match &self.data {
            Some(data) => Ok(Target::Store(Box::new(self.open_store(data)?))),
            None => Ok(Target::Server(self.client()?)),
        }
    }

    /// A server that is named beside a store can only be a mistake, unless the environment names it.
    fn checked(&self) -> Result<(), Failure> {
        let named = std::env::var_os(SERVER_VARIABLE);
        let flag = self
            .server
            .as_ref()
            .is_some_and(|server| named.is_none_or(|named| named != **server));
        if self.data.is_some() && flag {
            return Err(Failure::usage(anyhow!(
                "--data and --server name two places: leave one out"
            )));
        }
        Ok(())
    }

    /// Opens the tenants of the store, or makes ready to ask a server about its own.
    pub fn open_tenants(&self) -> Result<Box<dyn TenantOperations>, Failure> {
        if let Some(data) = &self.data {
            is_store(data)?;
        }
        self.make_tenants()
    }

    /// As [`Self::open_tenants`], but makes the store where there is none.
    pub fn make_tenants(&self) -> Result<Box<dyn TenantOperations>, Failure> {
        self.checked()?;
        if self.tenant.is_some() {
            let error =
                anyhow!("--tenant says whose data a command is about, and this is about none");
            return Err(
                Failure::usage(error).help("leave it out: the tenant is an argument of its own")
            );
        }
        let Some(data) = &self.data else {
            return Ok(Box::new(self.client()?));
        };
        let store = Store::open(data, Arc::new(SystemClock::new()))?;
        warn_of_damage(&store);
        Ok(Box::new(LocalTenants::new(store, None, WHO.to_owned())))
    }

    fn open_store(&self, data: &Path) -> Result<Local, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Store::open(data, Arc::clone(&clock))?;
        warn_of_damage(&store);
        let sandbox = Arc::new(one_shot_sandbox()?);
        let registry = Registry::open(store.clone(), Arc::clone(&sandbox))
            .context("failed to load the published rules")
            .map_err(Failure::usage)?;
        let rooms = Rooms {
            store,
            registry: Arc::new(registry),
            sandbox,
            clock,
            open: None,
        };
        let tenant = self.tenant.clone();
        let tenant = tenant.unwrap_or_else(TenantId::default_tenant);
        Ok(Local::new(rooms, tenant, WHO.to_owned()))
    }

    fn client(&self) -> Result<Client, Failure> {
        // In the environment what is empty is not set.
        let unset = std::env::var_os(SERVER_VARIABLE).is_some_and(|server| server.is_empty());
        let named = |server: &&str| !(unset && server.is_empty());
        let server = self.server.as_deref().filter(named);
        let token = self.token.as_deref().filter(|token| !token.is_empty());
        let server = server.unwrap_or(SERVER_DEFAULT);
        let Some(file) = &self.ca_cert else {
            return Client::try_new(server, token).map_err(|error| Failure::usage(anyhow!(error)));
        };
        let pem = fs::read(file)
            .with_context(|| format!("failed to read `{}`", file.display()))
            .map_err(Failure::usage)?;
        Client::try_trusting(server, token, Some(&pem))
            .map_err(|error| anyhow!(error).context(format!("`{}` cannot be used", file.display())))
            .map_err(Failure::usage)
    }
}

/// Opening would make one, and a mistyped path would look like an empty store.
pub(super) fn is_store(data: &Path) -> Result<(), Failure> {
    let holds_something = |mut entries: fs::ReadDir| entries.next().is_some();
    if fs::read_dir(data).is_ok_and(holds_something) {
        return Ok(());
    }
    let error = anyhow!("there is no store in `{}`", data.display());
    Err(Failure::usage(error).help("`betrace serve` and `betrace import` make one"))
}

/// Whatever is answered from a damaged store, it is not to pass for the whole truth.
fn warn_of_damage(store: &Store) {
    for error in store.damaged() {
        Console::say(format_args!("warning: the store is damaged: {error}"));
    }
    if !store.damaged().is_empty() {
        Console::say(
            "warning: answers may lack what is lost: `betrace doctor --data DIR` says more",
        );
    }
}

/// Starts a sandbox for one command, which compiles in children as a server does.
pub(super) fn one_shot_sandbox() -> Result<Sandbox, Failure> {
    let program = std::env::current_exe()
        .context("failed to find this program, to compile with")
        .map_err(Failure::usage)?;
    Sandbox::new(PackCompiler::Child { program }, SandboxLimits::default())
        .context("failed to start the sandbox")
        .map_err(Failure::usage)
}

/// Returns what to do about a store that cannot be opened or used, where its error does not say so.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else goes wrong says itself what to do, or nobody knows"
)]
pub(super) fn store_help(error: &StoreError) -> Option<&'static str> {
    let damaged = "the file is damaged: `betrace doctor --data DIR` says what can still be read; put the store back from a \
                   backup, or name another directory";
    match error {
        StoreError::InUse { .. } => Some("pass --server URL in place of --data"),
        StoreError::Database { .. } | StoreError::Corrupt { .. } => Some(damaged),
        StoreError::Io { source, .. } => match source.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Some(damaged),
            _ => None,
        },
        _ => None,
    }
}

/// A store that cannot be opened or used is a matter of configuration, or of this machine.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let help = store_help(&error);
        let failure = Self::usage(error);
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// An operation's error ends the command with the status that says whose mistake it is.
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let (exit, help) = match error.code {
            ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::InvalidRule
            | ErrorCode::Untrusted
            | ErrorCode::TooLarge => (Exit::Wrong, None),
            ErrorCode::BadRequest | ErrorCode::MethodNotAllowed | ErrorCode::Internal => {
                (Exit::Usage, None)
            }
            ErrorCode::Forbidden => (Exit::Usage, None),
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
            error: match error.cause.clone() {
                Some(cause) => anyhow!(cause).context(error),
                None => error.into(),
            },
            help: None,
        };
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}
