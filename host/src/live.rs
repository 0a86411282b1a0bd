//! The pipeline from a request to its verdicts, and its recovery.
//!
//! ```text
//! accept -> inbox (durable) -> assembly -> sealer: block listed, inbox released -> judging: verdicts, signals
//!  async    its writer thread   a thread, which seals too                          threads in lanes; another merges blocks
//! ```
//!
//! The order of things is what makes it safe to be killed anywhere: a request is acknowledged when the inbox has
//! committed it, and its entry goes when every trace that rests on it is in a listed block. A start reads what is left
//! in the inbox before it accepts anything, and judges what is listed and unjudged.
//!
//! A failure of the store stops the pipeline, and says so: spans are refused from then on, and what was acknowledged is
//! read again by the next start, which a server makes by itself.

mod assembly;
mod compaction;
mod error;
mod failure;
mod faults;
mod filling;
mod freed;
mod import;
mod judging;
mod lanes;
mod late;
pub mod limits;
mod options;
mod pending;
mod priority;
mod raise;
mod rates;
mod recording;
mod recovery;
mod schedule;
mod sealer;
mod sink;
#[cfg(test)]
pub(crate) mod tests;
mod verdicts;

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::watch;

use crate::{
    assemble::{Arrival, AssembleOptions, Assembler},
    clock::Clock,
    rules::Registry,
    sandbox::Sandbox,
    store::{Store, StoreError},
    telemetry::Telemetry,
    tenant::TenantId,
    trace::{SealedTrace, SentSpan, TraceId},
};

use compaction::{Merging, compact_until_stopped};
pub use error::LiveError;
use failure::{Chain, Watch};
use freed::Freed;
pub use import::{ImportStopped, Importer};
pub use judging::Judging;
use lanes::Lanes;
pub use options::{LiveOptions, PENDING_REQUESTS_MAX, RetentionOptions};
use pending::{Load, Pending};
use rates::Rates;
pub use sealer::{BLOCK_SPANS_MAX, SealReport, Sealer};
pub use sink::LiveSink;

/// A running pipeline. Dropping it stops it as [`Live::stop`] does.
#[derive(Debug)]
pub struct Live {
    shared: Arc<Shared>,
    /// Until they are joined.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the rooms around the pipeline need of it.
#[derive(Debug)]
pub struct Parts {
    /// Where all of it is kept.
    pub store: Store,
    /// Which rules are live.
    pub registry: Arc<Registry>,
    /// Where they run.
    pub sandbox: Arc<Sandbox>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
}

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
    assembler: Mutex<Assembler>,
    pending: Pending,
    freed: Freed,
    rates: Rates,
    /// Read while a request is handed to the inbox; written to wait until those that are have been.
    handing_over: RwLock<()>,
    /// Held while a tenant is forgotten.
    forgetting: Mutex<()>,
    to_assembly: Mutex<Option<Sender<Message>>>,
    stopping: Arc<AtomicBool>,
    /// Whether the last request was refused since there is little room.
    is_full: AtomicBool,
    /// Why the pipeline stopped, where that is not the store's failure.
    failed: watch::Sender<Option<String>>,
}

/// What the assembly thread hears.
enum Message {
    /// Durable spans.
    Spans {
        tenant: TenantId,
        records: Vec<SentSpan>,
        arrival: Arrival,
        /// As it was counted on its way here.
        load: Load,
    },
    /// A tenant was removed: what is open of it goes. Answered when nothing of it is open or being sealed.
    Forget { tenant: TenantId, done: Sender<()> },
    /// The clock was moved.
    Tick,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("failed", &self.failed())
            .finish_non_exhaustive()
    }
}

impl Live {
    /// Reads what the inbox kept, and starts the threads.
    ///
    /// # Errors
    ///
    /// Where what is in the inbox cannot be stored, or a thread cannot be started.
    pub fn start(parts: Parts, options: LiveOptions) -> Result<Self, LiveError> {
        let Parts {
            store,
            registry,
            sandbox,
            clock,
            telemetry,
        } = parts;
        let LiveOptions {
            assemble,
            seal_every,
            fairness,
            retention,
        } = options;
        let (shared, from_inbox) = Shared::new(&store, clock, &telemetry, &assemble);
        let (wake, woken) = bounded(1);
        let sealer = Sealer::new(
            store.clone(),
            Arc::clone(&registry),
            Arc::clone(&telemetry),
            &assemble,
        );
        shared.recover(&sealer)?;
        let assembly = assembly::Assembly {
            look_for_oldest_at: Cell::default(),
            shared: Arc::clone(&shared),
            sealer,
            seal_every,
            judge: wake.clone(),
        };
        let judging = Judging::new(
            store,
            registry,
            sandbox,
            Arc::clone(&shared.clock),
            telemetry,
        );
        // What a crash left unjudged does not wait for the next block.
        let _awake = wake.try_send(());
        drop(wake);
        let (compact, compaction_woken) = bounded(1);
        let (of_judging, of_compaction) = (Arc::clone(&shared), Arc::clone(&shared));
        let (lanes, workers) = Lanes::new(judging, fairness, &shared.stopping);
        let live = Self {
            shared,
            threads: Mutex::default(),
        };
        live.spawn("assembly", move || assembly.run(&from_inbox))?;
        for worker in workers {
            live.spawn(worker.name(), move || worker.run())?;
        }
        live.spawn("judging", move || {
            lanes.run(&woken, &compact, |error| of_judging.fail(error));
        })?;
        let (mut merging, merge_when_asked) = Merging::new(of_compaction.store.clone());
        live.spawn("merging", merge_when_asked)?;
        live.spawn("compaction", move || {
            compact_until_stopped(&of_compaction, &compaction_woken, &mut merging, &retention);
        })?;
        Ok(live)
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), LiveError> {
        let watch = Watch(Arc::clone(&self.shared));
        let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _watch = watch;
            run();
        });
        let thread = spawned.map_err(|source| LiveError::Thread { source })?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread);
        Ok(())
    }

    /// Returns the sink for ingest.
    pub fn sink(&self) -> LiveSink {
        LiveSink::new(Arc::clone(&self.shared))
    }

    /// Looks at an open trace, as it would be sealed at this moment.
    pub fn open_trace(&self, tenant: &TenantId, trace_id: TraceId) -> Option<SealedTrace> {
        let open = self.shared.assembler().open(tenant, trace_id);
        open.map(|trace| trace.seal().to_sealed())
    }

    /// Drops what is under way of a tenant whose removal has begun, so that [`Store::finish_removal`] finds all that there
    /// is: requests that are being taken are waited for, and what is open, or in the inbox, goes. Blocks.
    ///
    /// # Errors
    ///
    /// Where the inbox cannot be written.
    pub fn forget(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let _one_at_a_time = self
            .shared
            .forgetting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever saw the tenant before it began to leave has handed over; whoever comes now is refused.
        drop(
            self.shared
                .handing_over
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        // What was handed over is durable, and on its way to assembly, when this returns.
        self.shared.store.inbox().erase(tenant)?;
        let (done, forgotten) = bounded(1);
        let message = Message::Forget {
            tenant: tenant.clone(),
            done,
        };
        let sender = self.shared.sender().clone();
        // Without the thread nothing is sealed any more, and the next start finds nothing of the tenant in the inbox.
        if let Some(sender) = sender
            && sender.send(message).is_ok()
        {
            let _thread_ended = forgotten.recv();
        }
        self.shared.rates.forget(tenant);
        Ok(())
    }

    /// Says that the clock was moved, for clocks that stand still in between.
    pub fn tick(&self) {
        if let Some(sender) = &*self.shared.sender()
            && sender.is_empty()
        {
            // The thread looks at the clock whatever it hears.
            let _ticked = sender.try_send(Message::Tick);
        }
    }

    /// Stops: what is listed is judged up to the block at hand, what is open stays in the inbox for the next start.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        drop(self.shared.sender().take());
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the pipeline panicked");
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Returns what the threads share, and what the assembly thread is to hear.
    fn new(
        store: &Store,
        clock: Arc<dyn Clock>,
        telemetry: &Arc<Telemetry>,
        assemble: &AssembleOptions,
    ) -> (Arc<Self>, Receiver<Message>) {
        // A tick, and the one tenant that is being forgotten, have places of their own.
        let (to_assembly, from_inbox) = bounded(PENDING_REQUESTS_MAX + 2);
        let shared = Self {
            store: store.clone(),
            clock,
            telemetry: Arc::clone(telemetry),
            assembler: Mutex::new(Assembler::new(assemble.clone())),
            pending: Pending::default(),
            freed: Freed::default(),
            rates: Rates::default(),
            handing_over: RwLock::default(),
            forgetting: Mutex::default(),
            to_assembly: Mutex::new(Some(to_assembly)),
            stopping: Arc::default(),
            is_full: AtomicBool::new(false),
            failed: watch::Sender::new(None),
        };
        (Arc::new(shared), from_inbox)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn assembler(&self) -> MutexGuard<'_, Assembler> {
        // The assembler's calls leave it whole even where they panic: they are not re-entered.
        self.assembler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn sender(&self) -> MutexGuard<'_, Option<Sender<Message>>> {
        self.to_assembly
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on, unless the pipeline stops: then the inbox keeps it for the next start.
    fn send(&self, message: Message) {
        if let Some(sender) = &*self.sender() {
            // Cannot be full: `pending` admits no more than it holds.
            let _kept_in_the_inbox = sender.try_send(message);
        }
    }
}
