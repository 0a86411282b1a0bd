//! Files into a store, without a server.
//!
//! The same assembly, sealing and judging as live, without the inbox: the file is the durable copy, and reading it
//! again changes nothing. Traces are sealed at the end, or, where more is open than may be, those that have been quiet
//! for longest: what comes of them later reopens them.

use std::sync::Arc;

use super::{Judging, LiveError, Parts, SealReport, Sealer};
use crate::{
    assemble::{Arrival, AssembleOptions, Assembler, Sealed},
    clock::Clock,
    tenant::TenantId,
    trace::SpanRecord,
};

/// Which part of what is open is sealed when there is no room.
const SEALED_FOR_ROOM_PART: usize = 4;

/// Takes spans from files.
#[derive(Debug)]
pub struct Importer {
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    assembler: Assembler,
    sealer: Sealer,
    judging: Judging,
    sum: SealReport,
}

impl Importer {
    /// Starts with nothing open.
    pub fn new(parts: Parts, tenant: TenantId, options: AssembleOptions) -> Self {
        let Parts {
            store,
            registry,
            sandbox,
            clock,
            telemetry,
        } = parts;
        Self {
            tenant,
            sealer: Sealer::new(
                store.clone(),
                Arc::clone(&registry),
                Arc::clone(&telemetry),
                &options,
            ),
            assembler: Assembler::new(options),
            judging: Judging::new(store, registry, sandbox, Arc::clone(&clock), telemetry),
            clock,
            sum: SealReport::default(),
        }
    }

    /// Takes the spans of one request of `bytes` length.
    ///
    /// # Errors
    ///
    /// Where the store cannot be written.
    pub fn add(&mut self, records: Vec<SpanRecord>, bytes: usize) -> Result<(), LiveError> {
        while self
            .assembler
            .room_for(&self.tenant, records.len(), bytes)
            .is_err()
        {
            let n_open = self.assembler.stats().open_spans;
            if n_open == 0 {
                // A request larger than all that may be open: it is open alone.
                break;
            }
            let quietest = self
                .assembler
                .flush_quietest(n_open.div_ceil(SEALED_FOR_ROOM_PART));
            self.seal(quietest)?;
        }
        let now = self.clock.monotonic();
        let arrival = Arrival {
            frame: None,
            bytes,
            now,
            arrived: self.clock.unix_nanos(),
        };
        self.assembler
            .readmit(&self.tenant, records, arrival, |_| 0);
        // What was cut does not wait.
        if self.assembler.next_due().is_some_and(|due| due.is_zero()) {
            let cut = self.assembler.due(now);
            self.seal(cut)?;
        }
        Ok(())
    }

    /// Seals and judges all that is open. Returns what the import stored in all.
    ///
    /// # Errors
    ///
    /// Where the store cannot be written.
    pub fn finish(mut self) -> Result<SealReport, LiveError> {
        let rest = self.assembler.flush();
        self.seal(rest)?;
        Ok(self.sum)
    }

    fn seal(&mut self, sealed: Vec<Sealed>) -> Result<(), LiveError> {
        let SealReport {
            blocks,
            n_traces,
            n_spans,
            n_reopened,
            n_repeated,
        } = self.sealer.seal(sealed)?;
        self.sum.blocks.extend(blocks);
        self.sum.n_traces += n_traces;
        self.sum.n_spans += n_spans;
        self.sum.n_reopened += n_reopened;
        self.sum.n_repeated += n_repeated;
        self.judging.drain(|| false)?;
        Ok(())
    }
}
