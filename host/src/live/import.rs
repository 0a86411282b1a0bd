//! Files into a store, without a server.
//!
//! The same assembly, sealing and judging as live, without the inbox: the file is the durable copy, and reading it
//! again changes nothing. Nothing waits for a clock: traces are sealed at the end of the input, or, where more spans
//! are open than [`OPEN_SPANS_MAX`], those that have been quiet for longest in the order of the input. A trace of which
//! more comes later is reopened, as always. Storing and judging have a thread of their own.

use std::{
    num::Saturating,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Judging, LiveError, Parts, SealReport, Sealer};
use crate::{
    assemble::{Arrival, AssembleOptions, Assembler, Sealed},
    clock::Clock,
    tenant::TenantId,
    trace::SentSpan,
};

/// How many spans are open at most: some hundred MB of memory.
const OPEN_SPANS_MAX: usize = 250_000;

/// How many spans are sealed at once where more are open.
const SEAL_SPANS: usize = 100_000;

/// Takes spans from files.
#[derive(Debug)]
pub struct Importer {
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    assembler: Assembler,
    /// The number of the request stands for the time: it only says what came before what.
    now: Saturating<u64>,
    sender: Sender<Vec<Sealed>>,
    worker: JoinHandle<Result<SealReport, LiveError>>,
}

/// The import cannot go on; [`Importer::finish`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportStopped;

impl Importer {
    /// Starts with nothing open.
    ///
    /// # Errors
    ///
    /// Where there is no thread to be had.
    pub fn start(parts: Parts, tenant: TenantId) -> Result<Self, LiveError> {
        let clock = Arc::clone(&parts.clock);
        // One part is stored while the next is read.
        let (sender, receiver) = bounded(1);
        let worker = thread::Builder::new().name("import".to_owned());
        let worker = worker
            .spawn(move || store_all(parts, &receiver))
            .map_err(|source| LiveError::Thread { source })?;
        Ok(Self {
            tenant,
            clock,
            assembler: Assembler::new(AssembleOptions::default()),
            now: Saturating(0),
            sender,
            worker,
        })
    }

    /// Takes the spans of one request of `bytes` length. Waits where storing is behind.
    ///
    /// # Errors
    ///
    /// Where storing has failed.
    pub fn add(&mut self, records: &[SentSpan], bytes: usize) -> Result<(), ImportStopped> {
        self.now += 1;
        let arrival = Arrival {
            frame: None,
            bytes,
            now: Duration::from_nanos(self.now.0),
            arrived: self.clock.unix_nanos(),
        };
        // The bounds of live traffic refuse; a file is taken whole, and sealed where it is too much.
        self.assembler
            .readmit(&self.tenant, records, arrival, |_| 0);
        // So early only what is too large is due.
        let mut sealed = self.assembler.due(arrival.now);
        if self.assembler.open_spans() > OPEN_SPANS_MAX {
            sealed.extend(self.assembler.flush_quietest(SEAL_SPANS));
        }
        self.hand_on(sealed)
    }

    /// Stores and judges all that is open. Returns what the import stored in all.
    ///
    /// # Errors
    ///
    /// Where the store cannot be written. What was stored before stays.
    pub fn finish(mut self) -> Result<SealReport, LiveError> {
        let rest = self.assembler.flush();
        // A worker that has failed says why when it is joined.
        let _told_below = self.hand_on(rest);
        let Self { sender, worker, .. } = self;
        drop(sender);
        worker.join().unwrap_or(Err(LiveError::Panicked))
    }

    fn hand_on(&self, sealed: Vec<Sealed>) -> Result<(), ImportStopped> {
        if sealed.is_empty() {
            return Ok(());
        }
        self.sender.send(sealed).map_err(|_| ImportStopped)
    }
}

fn store_all(parts: Parts, receiver: &Receiver<Vec<Sealed>>) -> Result<SealReport, LiveError> {
    let Parts {
        store,
        registry,
        sandbox,
        clock,
        telemetry,
    } = parts;
    let (of_sealer, counted) = (Arc::clone(&registry), Arc::clone(&telemetry));
    let sealer = Sealer::new(
        store.clone(),
        of_sealer,
        counted,
        &AssembleOptions::default(),
    );
    let mut judging = Judging::new(store, registry, sandbox, clock, telemetry);
    let mut sum = SealReport::default();
    for sealed in receiver {
        sum.add(sealer.seal(sealed)?);
        judging.drain(|| false)?;
    }
    Ok(sum)
}
