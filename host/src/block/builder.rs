//! Collects sealed traces and makes a block of them.

use super::{
    EncodedBlock,
    encode::encode,
    gather::{Copying, Gathered},
    stored::Stored,
};
use crate::{tenant::TenantId, trace::SentTrace};

/// Collects the traces of one tenant for one block.
///
/// Keeps them as they are until [`Self::finish`]. How many make a block is the caller's to say; a block
/// of about 16,000 spans is what judging and storage are made for.
#[derive(Debug)]
pub struct BlockBuilder {
    tenant: TenantId,
    traces: Vec<SentTrace>,
    n_spans: usize,
}

impl BlockBuilder {
    /// Starts a block of a tenant.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            traces: Vec::new(),
            n_spans: 0,
        }
    }

    /// Adds a trace. A trace id may be added once.
    pub fn push(&mut self, trace: impl Into<SentTrace>) {
        let trace = trace.into();
        self.n_spans += trace.spans.len();
        self.traces.push(trace);
    }

    /// Returns how many spans have been added.
    pub fn n_spans(&self) -> usize {
        self.n_spans
    }

    /// Returns how many traces have been added.
    pub fn n_traces(&self) -> usize {
        self.traces.len()
    }

    /// Whether nothing has been added.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Makes the block. The order in which traces were added does not matter.
    pub fn finish(mut self) -> EncodedBlock {
        self.traces.sort_by_key(|trace| trace.trace_id);
        let mut gathered = Gathered::new();
        for trace in &self.traces {
            gathered.push_trace(trace);
        }
        encode(&self.tenant, gathered)
    }
}

/// Makes a block of traces that lie in others: the one that their spans would make. `traces` names for each the place of
/// its block in `from` and its number there; they are in order of their ids, which are distinct.
pub fn merge(tenant: &TenantId, from: &[Stored<'_>], traces: &[(usize, u32)]) -> EncodedBlock {
    let mut copying: Vec<Copying<'_>> = from.iter().map(Copying::new).collect();
    let mut gathered = Gathered::new();
    for (block, trace) in traces {
        if let Some(copying) = copying.get_mut(*block) {
            gathered.push_stored(copying, *trace);
        }
    }
    encode(tenant, gathered)
}
