//! Tells which trace ids are certainly not in a block, and lets a store find the block of a trace without asking each.
//!
//! 32 bits of a hash of each trace, in order. Among 1,000 traces one in four million others passes for one of them; over
//! ten million stored traces a new one meets a false place once in 400 lookups. A Bloom filter of 10 bits a trace takes
//! a third of the room, and cannot be turned into an index over many blocks: each block had to be asked. Trace ids are
//! hashed, since not every SDK makes them random.

use xxhash_rust::xxh3::xxh3_64;

use super::BlockError;
use crate::trace::TraceId;

const HASH_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 8;

/// A set of trace ids that may say yes in error, never no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    /// Ascending.
    hashes: Vec<u32>,
}

impl TraceFilter {
    /// Makes the filter of these traces.
    pub fn new(traces: &[TraceId]) -> Self {
        let mut hashes: Vec<u32> = traces.iter().map(|trace| Self::hash(*trace)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self { hashes }
    }

    /// Returns what stands for a trace in a filter.
    pub fn hash(trace: TraceId) -> u32 {
        xxh3_64(&trace.0) as u32
    }

    /// Returns the hashes of the traces, ascending, each once.
    pub fn hashes(&self) -> &[u32] {
        &self.hashes
    }

    /// Whether the trace may be in the block. Of a trace that is, always true.
    pub fn may_contain(&self, trace: TraceId) -> bool {
        self.hashes.binary_search(&Self::hash(trace)).is_ok()
    }

    /// Returns the bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.hashes.len() * HASH_BYTES + CHECKSUM_BYTES);
        for hash in &self.hashes {
            out.extend_from_slice(&hash.to_le_bytes());
        }
        out.extend_from_slice(&xxh3_64(&out).to_le_bytes());
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`BlockError::Entry`] where this is no filter: a lookup must then read the block.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlockError> {
        let bad = BlockError::Entry { what: "filter" };
        let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(bad);
        };
        let (hashes, []) = body.as_chunks::<HASH_BYTES>() else {
            return Err(bad);
        };
        if xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(bad);
        }
        let hashes: Vec<u32> = hashes
            .iter()
            .map(|hash| u32::from_le_bytes(*hash))
            .collect();
        if hashes.is_sorted_by(|a, b| a < b) {
            Ok(Self { hashes })
        } else {
            Err(bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TraceId {
        let mut id = [1; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        TraceId(id)
    }

    #[test]
    fn says_yes_to_all_that_are_there_and_to_few_others() {
        let there: Vec<_> = (0..2_000).map(id).collect();
        let filter = TraceFilter::new(&there);
        assert!(there.iter().all(|&trace| filter.may_contain(trace)));
        let wrong = (2_000..102_000)
            .filter(|&n| filter.may_contain(id(n)))
            .count();
        // 2,000 in 2^32 of each.
        assert!(wrong < 3, "{wrong} of 100,000 in error");
    }

    #[test]
    fn comes_back_from_bytes_or_not_at_all() {
        let filter = TraceFilter::new(&[id(1), id(2)]);
        let bytes = filter.to_bytes();
        assert_eq!(TraceFilter::from_bytes(&bytes).unwrap(), filter);
        for cut in 0..bytes.len() {
            assert!(TraceFilter::from_bytes(&bytes[..cut]).is_err());
        }
        let mut flipped = bytes;
        flipped[0] ^= 1;
        assert!(TraceFilter::from_bytes(&flipped).is_err());
    }

    #[test]
    fn of_no_traces_says_no() {
        assert!(!TraceFilter::new(&[]).may_contain(id(1)));
    }
}
