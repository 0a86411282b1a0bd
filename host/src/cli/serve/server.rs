//! A server in a runtime of its own, so that nothing of it is left when it has ended and the store can be opened again.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::{Context as _, anyhow};
use tokio::{
    runtime::{Builder, Runtime},
    task::spawn_blocking,
};

use super::{
    Running, Settings,
    folders::RulesFolder,
    follow::{self, Follower, Following, Looked},
};
use crate::{
    cli::{exit::Failure, target::store_help},
    store::StoreError,
};

/// How long what blocks may take to notice that its server has ended.
const TASKS_END_MAX: Duration = Duration::from_secs(1);

/// A server that accepts, and follows folders of rules.
#[derive(Debug)]
pub(super) struct Server {
    running: Running,
    following: Vec<Following>,
    runtime: OwnRuntime,
}

/// A runtime that may be dropped where others may not: within another.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().build();
        Ok(Self(Some(runtime?)))
    }

    /// Runs something to its end.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let runtime = self.0.as_ref().context("the runtime has ended")?;
        Ok(runtime.spawn(work).await?)
    }

    /// Ends all tasks, and waits so long for what blocks. Blocks.
    fn end(mut self, max: Duration) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(max);
        }
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A folder of rules, and whether they compile.
pub(super) struct Rules {
    pub(super) of: RulesFolder,
    pub(super) read: Result<(), Failure>,
}

impl Rules {
    /// Of a folder that was published before.
    pub(super) fn again(of: RulesFolder) -> Self {
        Self { of, read: Ok(()) }
    }
}

impl Server {
    /// Opens the store, and accepts once the folders are published.
    pub(super) async fn start(settings: Settings, rules: Vec<Rules>) -> Result<Self, Failure> {
        let runtime = OwnRuntime::new().map_err(Failure::usage)?;
        let running = runtime.run(Running::start(settings)).await;
        let running = running.map_err(Failure::usage)?;
        let mut server = Self {
            running: running.map_err(not_started)?,
            following: Vec::with_capacity(rules.len()),
            runtime,
        };
        for rules in rules {
            match server.running.follow(rules).await {
                Ok(following) => server.following.push(following),
                Err(failure) => {
                    server.end(Duration::ZERO).await.map_err(Failure::usage)?;
                    return Err(failure);
                }
            }
        }
        Ok(server)
    }

    /// Returns where it takes OTLP/gRPC and OTLP/HTTP, and where it answers the API.
    pub(super) fn addresses(&self) -> [SocketAddr; 3] {
        let Running {
            grpc, http, api, ..
        } = &self.running;
        [*grpc, *http, *api]
    }

    /// Waits until the store has failed. An error is one of the listeners'.
    pub(super) async fn failed(&mut self) -> Result<(), Failure> {
        self.running.failed().await.map_err(Failure::usage)
    }

    /// Ends it, and closes the store. Clients have so long to let go of their connections.
    pub(super) async fn end(self, drain_max: Duration) -> anyhow::Result<()> {
        let Self {
            running,
            following,
            runtime,
        } = self;
        // Nothing is published while the server stops.
        drop(following);
        let stopped = running.stop_within(drain_max).await;
        // With its tasks go the connections that they hold, and replays whose reader is gone end.
        spawn_blocking(move || runtime.end(TASKS_END_MAX)).await?;
        stopped
    }
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
        let begun = spawn_blocking(begin).await;
        begun.map_err(|error| Failure::usage(anyhow!(error)))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A replay that takes long, say.
    #[test]
    fn what_blocks_holds_up_no_end_and_tasks_are_gone_after_it() {
        let runtime = OwnRuntime::new().unwrap();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Arc::new(());
        let of_task = std::sync::Arc::clone(&held);
        let outer = Builder::new_current_thread().build().unwrap();
        let started = runtime.run(async move {
            drop(spawn_blocking(move || blocked.recv()));
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(of_task);
            });
        });
        outer.block_on(started).unwrap();
        runtime.end(Duration::from_millis(1));
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
        drop(release);
    }
}
