//! Requests to a store that this process has open: the same assembly, sealing and judging as live traffic.
//!
//! Nothing waits for a clock: traces are sealed at the end of the input, or, where more spans are open than
//! [`OPEN_SPANS_MAX`], those that have been quiet for longest in the order of the input. A trace of which more
//! comes later is reopened, as always. Storing and judging have a thread of their own.

use std::{
    num::Saturating,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};

use super::Destination;
use crate::{
    api::local::{Local, Rooms},
    assemble::{Arrival, AssembleOptions, Assembler, Sealed},
    cli::exit::Failure,
    ingest::file::FileRequest,
    live::{Judging, Sealer},
    telemetry::Telemetry,
    tenant::TenantId,
};

/// How many spans are open at most: some hundred MB of memory.
const OPEN_SPANS_MAX: usize = 250_000;

/// How many spans are sealed at once where more are open.
const SEAL_SPANS: usize = 100_000;

pub(super) struct ToStore {
    rooms: Rooms,
    tenant: TenantId,
    assembler: Assembler,
    /// The number of the request stands for the time: it only says what came before what.
    now: Saturating<u64>,
    sender: Sender<Vec<Sealed>>,
    worker: JoinHandle<anyhow::Result<()>>,
}

impl ToStore {
    pub(super) fn start(local: &Local) -> Result<Self, Failure> {
        let rooms = local.rooms().clone();
        // One part is stored while the next is read.
        let (sender, receiver) = bounded(1);
        let of_worker = rooms.clone();
        let worker = thread::Builder::new()
            .name("import".to_owned())
            .spawn(move || store_all(of_worker, &receiver))
            .context("failed to start a thread")
            .map_err(Failure::usage)?;
        Ok(Self {
            rooms,
            tenant: local.tenant().clone(),
            assembler: Assembler::new(AssembleOptions::default()),
            now: Saturating(0),
            sender,
            worker,
        })
    }

    /// Hands traces on; `false` where the worker has failed, which `finish` tells.
    fn hand_on(&self, sealed: Vec<Sealed>) -> bool {
        sealed.is_empty() || self.sender.send(sealed).is_ok()
    }
}

impl Destination for ToStore {
    fn take(&mut self, request: FileRequest) -> Result<(), Failure> {
        self.now += 1;
        let arrival = Arrival {
            frame: None,
            bytes: request.otlp.len(),
            now: Duration::from_nanos(self.now.0),
            arrived: self.rooms.clock.unix_nanos(),
        };
        let records = request.decoded.records;
        // The bounds of live traffic refuse; a file is taken whole, and sealed where it is too much.
        self.assembler
            .readmit(&self.tenant, records, arrival, |_| 0);
        // So early only what is too large is due.
        let mut sealed = self.assembler.due(arrival.now);
        if self.assembler.stats().open_spans > OPEN_SPANS_MAX {
            sealed.extend(self.assembler.flush_quietest(SEAL_SPANS));
        }
        if self.hand_on(sealed) {
            Ok(())
        } else {
            Err(Failure::usage(anyhow!("the import cannot go on")))
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let rest = self.assembler.flush();
        // A worker that has failed says why when it is joined.
        let _told_below = self.hand_on(rest);
        let Self { sender, worker, .. } = *self;
        drop(sender);
        match worker.join() {
            Ok(stored) => stored.map_err(Failure::usage),
            Err(_) => Err(Failure::usage(anyhow!("the import was broken off"))),
        }
    }
}

fn store_all(rooms: Rooms, receiver: &Receiver<Vec<Sealed>>) -> anyhow::Result<()> {
    let Rooms {
        store,
        registry,
        sandbox,
        clock,
        open: _,
    } = rooms;
    let telemetry = std::sync::Arc::new(Telemetry::new());
    let sealer = Sealer::new(
        store.clone(),
        registry.clone(),
        telemetry.clone(),
        &AssembleOptions::default(),
    );
    let mut judging = Judging::new(store, registry, sandbox, clock, telemetry);
    for sealed in receiver {
        sealer.seal(sealed).context("failed to store traces")?;
        judging
            .drain(|| false)
            .context("failed to judge what was stored")?;
    }
    Ok(())
}
