//! A server, wired: the one place where all rooms meet.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, anyhow};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    api::{
        self, Host, LocalTenants, Operations, TenantOperations, TenantRooms,
        error::ApiError,
        local::{Local, OpenTraces, Rooms},
    },
    clock::{Clock, SystemClock},
    ingest::{self, Receiver},
    listen::{self, Listener, Protocols, TlsFiles, Versions},
    live::{Live, LiveOptions, Parts},
    memory::MemoryBudget,
    rule_id::RuleId,
    rules::Registry,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    share::ShareMax,
    store::Store,
    telemetry::{Telemetry, of_tenant},
    tenant::{Access, TenantId},
    trace::{SealedTrace, TraceId},
};

/// What a server needs to know.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Settings {
    pub(in crate::cli) data: PathBuf,
    pub(in crate::cli) grpc: SocketAddr,
    pub(in crate::cli) http: SocketAddr,
    pub(in crate::cli) api: SocketAddr,
    /// For all three.
    pub(in crate::cli) tls: Option<TlsFiles>,
    pub(in crate::cli) live: LiveOptions,
    /// What all of it may have.
    pub(in crate::cli) memory: MemoryBudget,
}

/// A server that accepts. [`Running::stop`] ends it cleanly.
#[derive(Debug)]
pub(in crate::cli) struct Running {
    pub(in crate::cli) grpc: SocketAddr,
    pub(in crate::cli) http: SocketAddr,
    pub(in crate::cli) api: SocketAddr,
    host: Arc<ServerHost>,
    stop: watch::Sender<bool>,
    servers: JoinSet<()>,
}

/// What the API asks of the server.
struct ServerHost {
    rooms: Rooms,
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    ending: AtomicBool,
}

impl fmt::Debug for ServerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHost")
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

/// The rooms that have something of a tenant in memory.
#[derive(Debug)]
struct ServerTenants {
    registry: Arc<Registry>,
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
}

impl TenantRooms for ServerTenants {
    fn end(&self, tenant: &TenantId) -> Result<(), ApiError> {
        self.registry.forget(tenant);
        Ok(self.live.forget(tenant)?)
    }

    fn forget(&self, tenant: &TenantId, rules: &[RuleId]) {
        self.registry.forget(tenant);
        self.telemetry.forget(tenant, rules);
    }
}

impl OpenTraces for Live {
    fn open_trace(&self, tenant: &TenantId, trace: TraceId) -> Option<SealedTrace> {
        Live::open_trace(self, tenant, trace)
    }
}

impl Host for ServerHost {
    fn access(&self, bearer: Option<&str>) -> Access {
        self.rooms.store.access(bearer)
    }

    fn operations(&self, tenant: TenantId, who: String) -> Arc<dyn Operations> {
        Arc::new(Local::new(self.rooms.clone(), tenant, who))
    }

    fn tenants(&self, who: String) -> Arc<dyn TenantOperations> {
        let rooms = ServerTenants {
            registry: Arc::clone(&self.rooms.registry),
            live: Arc::clone(&self.live),
            telemetry: Arc::clone(&self.telemetry),
        };
        let store = self.rooms.store.clone();
        Arc::new(LocalTenants::new(store, Some(Arc::new(rooms)), who))
    }

    fn ready(&self) -> Result<(), String> {
        self.live.refuses().map_or(Ok(()), Err)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    fn metrics(&self, of: Option<&TenantId>) -> String {
        let quarantined = self
            .rooms
            .registry
            .all_quarantined()
            .unwrap_or_else(|error| {
                tracing::warn!(error = %error, "metrics are shown without what is quarantined");
                Vec::new()
            });
        self.telemetry.stands(self.rooms.store.standing());
        let all = self.telemetry.render_with(&quarantined);
        match of {
            None => all,
            Some(tenant) => of_tenant(&all, tenant),
        }
    }
}

impl Running {
    /// Opens the store, takes up what an earlier run left, and accepts. Call it inside a runtime.
    pub(in crate::cli) async fn start(settings: Settings) -> anyhow::Result<Self> {
        let (for_grpc, for_http) = match &settings.tls {
            None => (None, None),
            Some(files) => (
                Some(files.load(Protocols::Grpc)?),
                Some(files.load(Protocols::Http)?),
            ),
        };
        let in_flight_bytes_max = ShareMax {
            all: settings.memory.in_flight_bytes(),
            tenant: settings.memory.tenant_in_flight_bytes(),
        };
        let (host, [grpc, http, api]) = open_and_bind(settings).await?;
        let grpc = Listener::start(grpc, for_grpc)?;
        let http = Listener::start(http, for_http.clone())?;
        let api = Listener::start(api, for_http)?;
        let (stop, stopped) = watch::channel(false);
        let receiver = Receiver::new(Arc::new(host.live.sink()), in_flight_bytes_max);
        let mut running = Self {
            grpc: grpc.local_addr(),
            http: http.local_addr(),
            api: api.local_addr(),
            host: Arc::clone(&host),
            stop,
            servers: JoinSet::new(),
        };
        let servers = &mut running.servers;
        let until = |mut stopped: watch::Receiver<bool>| async move {
            // An error means that the sender is gone, which is to stop too.
            let _gone = stopped.wait_for(|stop| *stop).await;
        };
        let (of_grpc, of_http, of_api) = (
            until(stopped.clone()),
            until(stopped.clone()),
            until(stopped),
        );
        let of_receiver = receiver.clone();
        servers.spawn(ingest::grpc::serve(grpc, of_receiver, of_grpc));
        // The API's port takes OTLP too: that is where `import --server` sends, with the one address it knows.
        let router = api::router(host).merge(ingest::http::router(receiver.clone()));
        servers.spawn(ingest::http::serve(http, receiver, of_http));
        servers.spawn(listen::serve(api, router, Versions::Both, of_api));
        Ok(running)
    }

    /// Returns what a tenant may ask, without a detour through the network; `who` is named in the history of rules.
    pub(in crate::cli) fn operations(&self, tenant: TenantId, who: &str) -> Local {
        Local::new(self.host.rooms.clone(), tenant, who.to_owned())
    }

    /// Waits until the store has failed, or the pipeline: it is to be started anew. A listener that ends is an error;
    /// none does by itself.
    pub(in crate::cli) async fn failed(&mut self) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = self.host.live.until_failed() => {
                let why = self.host.live.failed().unwrap_or_default();
                tracing::error!(error = why, "the store is closed and opened again");
                return Ok(());
            }
            ended = self.servers.join_next() => ended,
        };
        Err(match ended {
            Some(Err(error)) => anyhow!(error).context("a listener failed"),
            Some(Ok(())) | None => anyhow!("a listener ended"),
        })
    }

    /// Stops accepting, answers what was asked, and closes the store.
    pub(in crate::cli) async fn stop(self) -> anyhow::Result<()> {
        self.stop_within(super::DRAIN_MAX).await
    }

    /// As [`Self::stop`]; clients have so long to let go of their connections.
    pub(in crate::cli) async fn stop_within(mut self, drain_max: Duration) -> anyhow::Result<()> {
        self.host.ending.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        let drained = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(drain_max, drained).await.is_err() {
            tracing::warn!("some clients did not let go of their connections");
            self.servers.shutdown().await;
        }
        let host = self.host;
        tokio::task::spawn_blocking(move || host.live.stop()).await?;
        Ok(())
    }
}

/// Opens the store and binds the listeners. Where others than this machine can reach one, nothing is bound before it is
/// known that there are tokens.
async fn open_and_bind(settings: Settings) -> anyhow::Result<(Arc<ServerHost>, [TcpListener; 3])> {
    let listen = [
        ("--grpc", settings.grpc),
        ("--http", settings.http),
        ("--api", settings.api),
    ];
    let beyond = listen.iter().find(|(_, at)| !at.ip().is_loopback());
    let Some((what, address)) = beyond.copied() else {
        // Before the store is opened: a port in use is the most common mistake, and changes nothing.
        let listeners = bind_all(listen).await?;
        let host = tokio::task::spawn_blocking(move || open(&settings)).await??;
        return Ok((host, listeners));
    };
    if settings.tls.is_none() {
        tracing::warn!(
            "{what} {address} takes tokens and spans in the clear: set `tls`, or have a proxy do it"
        );
    }
    let data = settings.data.display().to_string();
    let without_tokens = || {
        anyhow!(
            "{what} {address} is not a loopback address, and there are no tokens: anybody could read and write. \
             Make a token first: `betrace tenants create NAME --data {data}`; or listen on 127.0.0.1"
        )
    };
    if !Store::is_in(&settings.data) {
        return Err(without_tokens());
    }
    let host = tokio::task::spawn_blocking(move || open(&settings)).await??;
    if !host.rooms.store.asks_for_tokens() {
        return Err(without_tokens());
    }
    Ok((host, bind_all(listen).await?))
}

async fn bind_all(listen: [(&str, SocketAddr); 3]) -> anyhow::Result<[TcpListener; 3]> {
    let [(grpc, at_grpc), (http, at_http), (api, at_api)] = listen;
    Ok([
        bind(grpc, at_grpc).await?,
        bind(http, at_http).await?,
        bind(api, at_api).await?,
    ])
}

async fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "{what} cannot listen on {address}; is another server running? Port 0 picks a free one"
        )
    })
}

fn open(settings: &Settings) -> anyhow::Result<Arc<ServerHost>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Store::open(&settings.data, Arc::clone(&clock))?;
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let sandbox = Arc::new(Sandbox::new(
        PackCompiler::Child { program },
        SandboxLimits::default(),
    )?);
    let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox))?);
    let telemetry = Arc::new(Telemetry::new());
    let parts = Parts {
        store: store.clone(),
        registry: Arc::clone(&registry),
        sandbox: Arc::clone(&sandbox),
        clock: Arc::clone(&clock),
        telemetry: Arc::clone(&telemetry),
    };
    let live = Arc::new(Live::start(parts, settings.live.clone())?);
    let open: Arc<dyn OpenTraces> = Arc::clone(&live) as Arc<dyn OpenTraces>;
    let rooms = Rooms {
        store,
        registry,
        sandbox,
        clock,
        open: Some(open),
    };
    Ok(Arc::new(ServerHost {
        rooms,
        live,
        telemetry,
        ending: AtomicBool::new(false),
    }))
}
