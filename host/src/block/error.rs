//! Why a block cannot be read.

use std::error::Error;

use thiserror::Error;

use super::{BlockId, ChunkId};

/// A block, or a part of one, that cannot be read.
#[derive(Debug, Error)]
pub enum BlockError {
    /// The bytes are not those that were written, or make no sense.
    #[error("chunk {chunk} of block {block} is corrupt: {what}")]
    Corrupt {
        /// The block.
        block: BlockId,
        /// The chunk.
        chunk: ChunkId,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The source has no such chunk.
    #[error("chunk {chunk} of block {block} is missing")]
    Missing {
        /// The block.
        block: BlockId,
        /// The chunk.
        chunk: ChunkId,
    },
    /// Another version of the program wrote it.
    #[error("block {block} has format {found}; this program reads format {expected}")]
    OtherVersion {
        /// The block.
        block: BlockId,
        /// The format that it has.
        found: u8,
        /// The format that can be read.
        expected: u8,
    },
    /// The bytes of a [`BlockMeta`](super::BlockMeta), postings or filter are not those that were written.
    #[error("a block's entry is corrupt: {what}")]
    Entry {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The caller asks for a trace that the block does not have.
    #[error("block {block} has no trace {trace}")]
    NoTrace {
        /// The block.
        block: BlockId,
        /// The number asked for.
        trace: u32,
    },
    /// The caller asks for a row that a table of the block does not have.
    #[error("block {block} has no row {row}")]
    NoRow {
        /// The block.
        block: BlockId,
        /// The row asked for.
        row: u32,
    },
    /// The source failed.
    #[error("chunk {chunk} of block {block} cannot be read")]
    Read {
        /// The block.
        block: BlockId,
        /// The chunk.
        chunk: ChunkId,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
