//! Tells which trace ids are certainly not in a block.
//!
//! A Bloom filter: 10 bits a trace and 6 probes give 0.9 % of false positives, so that a lookup over
//! 1,000 blocks reads about nine in vain. The probes step through the bits by the two halves of a
//! 128-bit hash (Kirsch and Mitzenmacher, 2006). Trace ids are hashed, since not every SDK makes them
//! random.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::BlockError;
use crate::trace::TraceId;

const BITS_PER_TRACE: usize = 10;
const PROBES: u64 = 6;
const CHECKSUM_BYTES: usize = 8;

/// A set of trace ids that may say yes in error, never no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFilter {
    words: Vec<u64>,
}

impl TraceFilter {
    /// Makes the filter of these traces.
    pub fn new(traces: &[TraceId]) -> Self {
        let n_words = (traces.len() * BITS_PER_TRACE).div_ceil(64);
        let mut words = vec![0; n_words];
        for trace in traces {
            for (word, mask) in probes(*trace, n_words) {
                if let Some(word) = words.get_mut(word) {
                    *word |= mask;
                }
            }
        }
        Self { words }
    }

    /// Whether the trace may be in the block. Of a trace that is, always true.
    pub fn may_contain(&self, trace: TraceId) -> bool {
        !self.words.is_empty()
            && probes(trace, self.words.len())
                .all(|(word, mask)| self.words.get(word).is_some_and(|word| word & mask != 0))
    }

    /// Returns the bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.words.len() * 8 + CHECKSUM_BYTES);
        for word in &self.words {
            out.extend_from_slice(&word.to_le_bytes());
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
        let (words, []) = body.as_chunks::<8>() else {
            return Err(bad);
        };
        if xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(bad);
        }
        Ok(Self {
            words: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        })
    }
}

/// Returns the places of a trace: a word's index and the bit in it.
fn probes(trace: TraceId, n_words: usize) -> impl Iterator<Item = (usize, u64)> {
    let hash = xxh3_128(&trace.0);
    // An odd step cannot be zero.
    let (start, step) = (hash as u64, (hash >> 64) as u64 | 1);
    let n_bits = n_words as u64 * 64;
    (0..PROBES).map(move |i| {
        let bit = start.wrapping_add(i.wrapping_mul(step)) % n_bits.max(1);
        ((bit / 64) as usize, 1 << (bit % 64))
    })
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
        assert!(wrong < 1_500, "{wrong} of 100,000 in error");
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
