//! Sealed traces of one tenant as columns with a dictionary: the unit of judging, storage and replay.
//!
//! A block is built once, in memory, and never changed. It owns the meaning of its bytes; it reads and
//! writes no file, and knows neither rules nor verdicts.
//!
//! ```text
//! SealedTrace* -> BlockBuilder -> EncodedBlock (meta, chunks, postings, filter) -> store
//!                                       |                                            |
//!                                       +-------------> Block <----- ChunkSource ----+
//!                                                         |
//!                                                         +-> columns, decoded when first asked for
//!                                                         +-> spans(trace): the trace as it was sent
//! ```

mod attribute;
mod attributes;
mod bits;
mod builder;
mod chunk;
mod columns;
mod compress;
mod dictionary;
mod directory;
mod encode;
mod error;
mod filter;
mod gather;
mod id;
mod meta;
mod names;
mod numbers;
mod parents;
mod postings;
mod read;
mod rebuild;
mod rows;
mod section;
mod shapes;
mod stored;
mod strings;
mod texts;
mod varint;

#[cfg(test)]
mod tests;

pub use attribute::{AttributeColumn, kind};
pub use builder::{BlockBuilder, merge};
pub use chunk::{ChunkSource, EncodedBlock};
pub use error::BlockError;
pub use filter::TraceFilter;
pub use id::{BlockId, ChunkId};
pub use meta::BlockMeta;
pub use postings::Postings;
pub use read::{Block, NONE};
pub use section::AttributeScope;
pub use stored::Stored;
pub use strings::{Blobs, Strings};
