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

mod chunk;
mod error;
mod filter;
mod id;
mod meta;
mod postings;
mod varint;

pub use chunk::{ChunkSource, EncodedBlock};
pub use error::BlockError;
pub use filter::TraceFilter;
pub use id::{BlockId, ChunkId};
pub use meta::BlockMeta;
pub use postings::Postings;
