//! A process over a disk, without its threads, and the machine that starts the next one when it has ended.

use tempfile::TempDir;

use super::*;
use crate::store::{disk::crash::End, examine_on, tests::Nobody};

/// How often a process is started on a disk that fails before somebody mends it.
const STARTS_MAX: u64 = 6;

/// What a process runs on, and outlives it.
pub(super) struct Machine {
    pub(super) disk: CrashDisk,
    pub(super) clock: ManualClock,
    /// Of which the lock is the operating system's.
    folder: TempDir,
    pub(super) happened: Happened,
    runtime: tokio::runtime::Runtime,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            disk: CrashDisk::new(seed),
            clock: ManualClock::new(UnixNanos(1_772_366_400_000_000_000)),
            folder: tempfile::tempdir().unwrap(),
            happened: Happened::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        }
    }

    /// Starts as [`Live::start`] does.
    pub(super) fn start(&self) -> Result<Process, Box<dyn std::error::Error>> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let store = Store::open_on(&disk, self.folder.path(), Arc::clone(&clock))?;
        assert!(store.damaged().is_empty(), "{:?}", store.damaged());
        let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&SANDBOX))?);
        let telemetry: Arc<Telemetry> = Arc::default();
        let options = LiveOptions::default().assemble;
        let (judge, woken) = bounded(1);
        let (shared, messages) = Shared::new(&store, Arc::clone(&clock), &telemetry, &options);
        let sealer = Sealer::new(
            store.clone(),
            Arc::clone(&registry),
            Arc::clone(&telemetry),
            &options,
        );
        shared.recover(&sealer)?;
        let sandbox = Arc::clone(&SANDBOX);
        Ok(Process {
            assembly: assembly::Assembly {
                look_for_oldest_at: Cell::default(),
                shared: Arc::clone(&shared),
                sealer,
                seal_every: Duration::ZERO,
                judge,
            },
            judging: Judging::new(
                store.clone(),
                Arc::clone(&registry),
                sandbox,
                clock,
                telemetry,
            ),
            shared,
            messages,
            _woken: woken,
            store,
            registry,
        })
    }

    /// Ends a process and starts the next, as often as it takes. Who starts it mends the disk when it has had enough.
    pub(super) fn restart(
        &mut self,
        process: Process,
        end: Option<End>,
        seeded: &mut Random,
    ) -> Process {
        match end {
            Some(End::Killed) => self.happened.killed += 1,
            Some(End::PowerLoss) => self.happened.power_losses += 1,
            None => {}
        }
        if let Some(end) = end {
            self.disk.end(end);
        }
        drop(process);
        let mends_after = seeded.below(STARTS_MAX);
        for n_starts in 0.. {
            match self.start() {
                Ok(process) => {
                    process.wait_for_inbox();
                    if !process.has_failed() {
                        return process;
                    }
                }
                Err(error) => assert!(n_starts <= STARTS_MAX, "the store stays shut: {error}"),
            }
            self.happened.failed_starts += 1;
            // Dead, perhaps: then what it did is all that the next sees.
            self.disk.end(end.unwrap_or(End::Killed));
            if n_starts >= mends_after {
                self.disk.mend();
            }
        }
        unreachable!("a start on a disk that is mended goes well, or the test has failed")
    }

    /// Reads every byte of a store that nobody has open.
    pub(super) fn examine(&self) {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let examination = examine_on(&disk, self.folder.path(), &mut Nobody).unwrap();
        let findings = examination.findings;
        assert!(findings.is_empty(), "{findings:?}");
        assert!(examination.counts.blocks > 0);
    }

    /// Sends a request, and returns whether it was acknowledged.
    pub(super) fn send(&self, process: &Process, spans: Vec<Span>) -> bool {
        let otlp = otlp(spans);
        let records = ingest::decode(&otlp).unwrap().records;
        let sink = LiveSink::new(Arc::clone(&process.shared));
        let submission = Submission {
            tenant: tenant(),
            otlp,
            records,
        };
        let accepted = self.runtime.block_on(sink.accept(submission));
        match &accepted {
            Ok(()) => {}
            Err(Refused::Unavailable { .. }) => assert!(process.has_failed()),
            Err(refused) => panic!("{refused}"),
        }
        accepted.is_ok()
    }
}

pub(super) struct Process {
    pub(super) shared: Arc<Shared>,
    assembly: assembly::Assembly,
    messages: Receiver<Message>,
    judging: Judging,
    /// Held, or nobody could be woken.
    _woken: Receiver<()>,
    pub(super) store: Store,
    pub(super) registry: Arc<Registry>,
}

impl Process {
    /// Whether it has to be started again.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.failed().is_some()
    }

    /// Waits until the thread that writes the inbox has nothing left to do: erasing nobody is done after what was asked
    /// for before, and the second time after what came of that.
    pub(super) fn wait_for_inbox(&self) {
        let nobody = TenantId::try_new("nobody").unwrap();
        for _ in 0..2 {
            let _failed = self.store.inbox().erase(&nobody);
        }
    }

    /// Assembles some of the requests that wait.
    pub(super) fn assemble(&self, n_max: usize) {
        for message in self.messages.try_iter().take(n_max) {
            self.assembly.take(message);
        }
    }

    pub(super) fn seal(&self) {
        // What a round leaves is sealed by the next.
        if let Err(error) = self.assembly.seal(self.shared.clock.monotonic()) {
            self.shared.fail(&error);
        }
    }

    /// Stores what is due, and is to die before the inbox is told.
    pub(super) fn seal_half(&self) {
        let due = self.shared.assembler().due(self.shared.clock.monotonic());
        let sealed = self.assembly.sealer.seal(due);
        if let Err(error) = sealed {
            self.shared.fail(&error);
        }
    }

    pub(super) fn judge(&mut self, n_groups_max: u64) {
        let n_groups = Cell::new(0);
        let is_stopped = || n_groups.replace(n_groups.get() + 1) == n_groups_max;
        let judged = self.judging.drain(is_stopped);
        if let Err(error) = judged {
            self.shared.fail(&error);
        }
    }

    /// Merges blocks. That it did not come about is no failure of the pipeline.
    pub(super) fn compact(&self) -> usize {
        self.store.compact().unwrap_or(0)
    }
}
