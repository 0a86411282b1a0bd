//! What was acknowledged and may not be in a listed block, read again at a start.
//!
//! A frame whose spans are stored already changes nothing. What cannot be read is named at each start and kept: it is
//! for whoever repairs the store, and no request adds to it.

use std::sync::atomic::Ordering;

use super::{Chain, LiveError, Sealer, Shared};
use crate::{
    assemble::{Arrival, Held},
    ingest,
    store::{Found, FrameId},
    tenant::TenantId,
};

/// Which part of what is open is sealed when there is no room.
const SEALED_FOR_ROOM_PART: usize = 4;

impl Shared {
    /// Reads the inbox before anything is accepted. Where it holds more than may be open, the traces that were quiet
    /// longest are stored at once; what is read of them later reopens them.
    pub(super) fn recover(&self, sealer: &Sealer) -> Result<(), LiveError> {
        let (mut n_frames, mut n_spans) = (0_u64, 0_u64);
        for entry in self.store.inbox().scan() {
            let (FrameId(id), frame) = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "part of the inbox is damaged and was passed over");
                    continue;
                }
            };
            let records = match ingest::decode(&frame.otlp) {
                Ok(decoded) => decoded.records,
                Err(error) => {
                    tracing::error!(error = %error, frame = id, "an entry of the inbox cannot be read");
                    continue;
                }
            };
            if records.is_empty() {
                // What is left of a frame whose tenant was removed.
                self.store.inbox().release(&[FrameId(id)]);
                continue;
            }
            let more = Held::of(&records, frame.otlp.len());
            self.make_room(sealer, &frame.tenant, more)?;
            n_frames += 1;
            n_spans += records.len() as u64;
            self.telemetry.open_spans.inc_by(records.len() as i64);
            let arrival = Arrival {
                frame: Some(id),
                bytes: frame.otlp.len(),
                now: self.clock.monotonic(),
                arrived: frame.arrived,
            };
            self.assembler()
                .readmit(&frame.tenant, &records, arrival, |_| 0);
        }
        self.tell_what_was_found(n_frames, n_spans);
        Ok(())
    }

    /// Says how the store was left, and what of it is taken up again.
    fn tell_what_was_found(&self, requests: u64, spans: u64) {
        let Found {
            left_open,
            half_made,
            repaired,
        } = self.store.found();
        let traces = self.assembler().stats().open_traces;
        let unjudged_blocks = self.store.n_unjudged();
        if *left_open {
            tracing::warn!(
                requests,
                spans,
                traces,
                unjudged_blocks,
                ?half_made,
                ?repaired,
                "the store was not closed by its last process: what was acknowledged is taken up again"
            );
        } else {
            tracing::info!(
                requests,
                spans,
                traces,
                unjudged_blocks,
                ?repaired,
                "the store is open, as it was closed"
            );
        }
    }

    fn make_room(&self, sealer: &Sealer, tenant: &TenantId, more: Held) -> Result<(), LiveError> {
        loop {
            let sealed = {
                let mut assembler = self.assembler();
                let has_room = assembler.room_for(tenant, more).is_ok();
                let n_open = assembler.open_spans();
                // A request larger than all that may be open is open alone.
                if has_room || n_open == 0 || self.stopping.load(Ordering::Acquire) {
                    return Ok(());
                }
                assembler.flush_quietest(n_open.div_ceil(SEALED_FOR_ROOM_PART))
            };
            self.store_sealed(sealer, sealed)?;
        }
    }
}
