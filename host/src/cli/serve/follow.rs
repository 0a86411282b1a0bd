//! The folder of rules that a server follows.
//!
//! It is looked at again and again instead of being watched: links that are swapped (as Kubernetes mounts its configuration),
//! network file systems and editors that rename all look alike then, and a look costs a `stat` a file. What is found is
//! published once two looks in a row have found the same, so that a file is not read while it is written. What cannot be
//! published changes nothing: the last good rules go on judging, and the log says why.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};

use crate::{
    api::{local::Local, wire::PackUpload},
    cli::{
        exit::Failure,
        packs::{self, RULE_ENDINGS},
    },
    rules::Applied,
    store::RuleRecord,
    tenant::TenantId,
};

/// How long between two looks: a change is live within two of them and the compiling.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who published what came from the folder, in the history of a rule.
pub(super) const PUBLISHER: &str = "serve --rules";

/// What tells that a file is another one, or holds something else. Links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

type Stamps = BTreeMap<PathBuf, Stamp>;

/// What a look led to.
#[derive(Debug)]
pub(super) enum Looked {
    /// Nothing has changed, or something is changing.
    Nothing,
    /// The folder's rules are live.
    Published(Applied),
    /// They cannot be published. The last good ones are live.
    Refused(String),
}

/// A folder, and what of it was dealt with.
#[derive(Debug)]
pub(super) struct Follower {
    folder: PathBuf,
    operations: Local,
    /// What was found when the rules were last published or refused; nothing before the first time.
    done: Option<Stamps>,
    /// What the last look found.
    seen: Option<Stamps>,
    /// Why the folder itself could not be read, if that has been said.
    unreadable: Option<String>,
}

impl Follower {
    pub(super) fn new(folder: PathBuf, operations: Local) -> Self {
        Self {
            folder,
            operations,
            done: None,
            seen: None,
            unreadable: None,
        }
    }

    /// Publishes what is in the folder at this moment.
    ///
    /// # Errors
    ///
    /// Why it cannot be published.
    pub(super) fn publish(&mut self) -> anyhow::Result<Applied> {
        let found = stamps(&self.folder)?;
        let packs = read(&found);
        self.done = Some(found);
        let applied = self.operations.replace_packs(&packs?)?;
        Ok(applied)
    }

    /// Looks whether the folder has changed, and publishes what is there once it no longer changes.
    pub(super) fn look(&mut self) -> Looked {
        let found = match stamps(&self.folder) {
            Ok(found) => found,
            Err(error) => {
                self.seen = None;
                let why = format!("{error:#}");
                if self.unreadable.as_ref() == Some(&why) {
                    return Looked::Nothing;
                }
                self.unreadable = Some(why.clone());
                // Once it is readable again it is as if it had changed.
                self.done = None;
                return Looked::Refused(why);
            }
        };
        self.unreadable = None;
        let is_settled = self.seen.as_ref() == Some(&found);
        let is_done = self.done.as_ref() == Some(&found);
        self.seen = Some(found);
        if is_done || !is_settled {
            return Looked::Nothing;
        }
        match self.publish() {
            Ok(applied) => Looked::Published(applied),
            Err(error) => Looked::Refused(format!("{error:#}")),
        }
    }
}

/// Returns the rule files of a folder. One without any is an error: it is rather not mounted than meant.
fn stamps(folder: &Path) -> anyhow::Result<Stamps> {
    let files = packs::expand(&[folder.to_owned()], &RULE_ENDINGS).map_err(why)?;
    let of = |file: PathBuf| -> io::Result<_> {
        let of = fs::metadata(&file)?;
        let stamp = Stamp {
            device: of.dev(),
            inode: of.ino(),
            size_bytes: of.size(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        };
        Ok((file, stamp))
    };
    let files: io::Result<Stamps> = files.into_iter().map(of).collect();
    files.with_context(|| format!("failed to read the folder `{}`", folder.display()))
}

fn read(files: &Stamps) -> anyhow::Result<Vec<PackUpload>> {
    let read = files.keys().map(|file| packs::upload(file).map_err(why));
    read.collect()
}

fn why(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Error { error, .. } => error,
        Failure::ReaderGone => anyhow!("nobody reads"),
    }
}

/// Refuses to publish for a tenant that nobody can be.
///
/// # Errors
///
/// Where there is no such tenant.
pub(super) fn check_tenant(operations: &Local) -> Result<(), Failure> {
    let (store, tenant) = (&operations.rooms().store, operations.tenant());
    let is_there = if store.asks_for_tokens() {
        store.tenants()?.contains(tenant)
    } else {
        // Without tokens everybody is that one.
        *tenant == TenantId::default_tenant()
    };
    if is_there {
        return Ok(());
    }
    let error = anyhow!("there is no tenant `{tenant}` that the rules could be of");
    let help = format!(
        "make it with `betrace tenants create {tenant} --data {}`, or name another with --rules TENANT=DIR; \
         without tokens there is none but `default`",
        store.dir().display()
    );
    Err(Failure::usage(error).help(help))
}

/// Whether rules that the folder had before are live.
///
/// # Errors
///
/// Where the store does not say.
pub(super) fn has_published(operations: &Local) -> Result<bool, Failure> {
    let registry = &operations.rooms().registry;
    let records = registry
        .records(operations.tenant())
        .map_err(|error| Failure::usage(anyhow!(error)))?;
    let is_ours = |record: &RuleRecord| {
        let mut versions = record.versions.iter();
        let live = versions.find(|of| Some(of.version) == record.live);
        live.is_some_and(|live| live.published_by == PUBLISHER)
    };
    Ok(records.iter().any(is_ours))
}

/// A follower at work. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Following {
    /// Dropped to end it.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    /// Looks at the folder from now on.
    ///
    /// # Errors
    ///
    /// Where there is no thread to be had.
    pub(super) fn start(mut follower: Follower) -> io::Result<Self> {
        let (stop, stopped) = mpsc::sync_channel(0);
        let follow = move || {
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let looked = follower.look();
                tell(&follower.folder, &looked);
            }
        };
        let thread = thread::Builder::new().name("rules-folder".to_owned());
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread.spawn(follow)?),
        })
    }
}

/// Says in the log what came of a look.
pub(super) fn tell(folder: &Path, looked: &Looked) {
    let folder = folder.display();
    match looked {
        Looked::Nothing => {}
        Looked::Published(applied) => {
            let changed = applied.rules.iter().filter(|rule| rule.changed);
            let changed: Vec<&str> = changed.map(|rule| rule.id.as_str()).collect();
            tracing::info!(%folder, rule_set = applied.rule_set, ?changed, "the folder's rules are live");
        }
        Looked::Refused(why) => tracing::error!(
            %folder, "the folder's rules cannot be published, and the last good ones stay live: {why}"
        ),
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has said itself what went wrong.
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
