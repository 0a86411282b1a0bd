//! The bytes of a block on their way to a store and back.

use std::sync::Arc;

use bytes::Bytes;

use super::{BlockError, BlockId, BlockMeta, ChunkId, Postings, TraceFilter};

/// A block as bytes, with what a store indexes it by.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedBlock {
    /// What a catalog keeps of it.
    pub meta: BlockMeta,
    /// The chunks, from 0 without gaps. Each is at least one byte.
    pub chunks: Vec<(ChunkId, Bytes)>,
    /// For each span name, in order of the names, the traces that have a span of that name.
    pub postings: Vec<(String, Postings)>,
    /// Tells which trace ids are certainly not in the block.
    pub filter: TraceFilter,
}

/// Where the chunks of one block are read from.
///
/// May block. Is called from any thread, and at most a few times for each chunk: what was read is kept.
pub trait ChunkSource: Send + Sync {
    /// Returns the bytes of a chunk, as they were in [`EncodedBlock::chunks`].
    ///
    /// # Errors
    ///
    /// [`BlockError::Missing`] where there is no such chunk, [`BlockError::Read`] where reading failed.
    /// The block itself checks the bytes.
    fn chunk(&self, id: ChunkId) -> Result<Bytes, BlockError>;
}

/// The chunks of a block that is still in memory.
#[derive(Debug)]
pub(super) struct MemoryChunks {
    block: BlockId,
    chunks: Vec<Bytes>,
}

impl MemoryChunks {
    pub(super) fn of(encoded: &EncodedBlock) -> Arc<Self> {
        Arc::new(Self {
            block: encoded.meta.id,
            chunks: encoded.chunks.iter().map(|(_, b)| b.clone()).collect(),
        })
    }
}

impl ChunkSource for MemoryChunks {
    fn chunk(&self, id: ChunkId) -> Result<Bytes, BlockError> {
        self.chunks
            .get(id.0 as usize)
            .cloned()
            .ok_or(BlockError::Missing {
                block: self.block,
                chunk: id,
            })
    }
}
