//! A set of traces of one block.
//!
//! As bytes: the count, then the gaps between the numbers, as LEB128. A checksum is the store's affair:
//! postings are read as one value of a table that has its own.

use super::{
    BlockError,
    varint::{put_varint, take_varint},
};

/// A set of trace numbers of one block, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postings {
    traces: Vec<u32>,
}

impl Postings {
    /// Makes a set of numbers in any order.
    pub fn new(mut traces: Vec<u32>) -> Self {
        if !traces.is_sorted_by(|a, b| a < b) {
            traces.sort_unstable();
            traces.dedup();
        }
        Self { traces }
    }

    /// All traces of a block that has `n_traces`.
    pub fn all(n_traces: u32) -> Self {
        Self {
            traces: (0..n_traces).collect(),
        }
    }

    /// Returns the numbers, ascending.
    pub fn as_slice(&self) -> &[u32] {
        &self.traces
    }

    /// Returns the numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.traces.iter().copied()
    }

    /// Returns how many traces are in the set.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether no trace is in the set.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Whether a trace is in the set.
    pub fn contains(&self, trace: u32) -> bool {
        self.traces.binary_search(&trace).is_ok()
    }

    /// Returns the traces that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut others = other.iter().peekable();
        let traces = self.iter().filter(|trace| {
            while others.next_if(|other| other < trace).is_some() {}
            others.peek() == Some(trace)
        });
        Self {
            traces: traces.collect(),
        }
    }

    /// Returns the traces that are in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut traces = Vec::with_capacity(self.len() + other.len());
        let mut others = other.iter().peekable();
        for trace in self.iter() {
            while let Some(smaller) = others.next_if(|&other| other < trace) {
                traces.push(smaller);
            }
            others.next_if_eq(&trace);
            traces.push(trace);
        }
        traces.extend(others);
        Self { traces }
    }

    /// Returns the bytes that [`Self::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() + 4);
        put_varint(&mut out, self.len() as u64);
        let mut next = 0;
        for trace in self.iter() {
            put_varint(&mut out, u64::from(trace - next));
            next = trace.saturating_add(1);
        }
        out
    }

    /// Returns how many traces the bytes of [`Self::to_bytes`] hold, or claim to.
    pub fn count_in(mut bytes: &[u8]) -> u64 {
        take_varint(&mut bytes).unwrap_or(0)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// [`BlockError::Entry`] where these are no postings.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, BlockError> {
        let bad = BlockError::Entry { what: "postings" };
        let Some(count) = take_varint(&mut bytes) else {
            return Err(bad);
        };
        // Each number takes a byte at least, so the claim is bounded by what is there.
        if count > bytes.len() as u64 {
            return Err(bad);
        }
        let mut traces = Vec::with_capacity(count as usize);
        let mut next = 0_u64;
        for _ in 0..count {
            let trace = take_varint(&mut bytes).and_then(|gap| next.checked_add(gap));
            let Some(Ok(trace)) = trace.map(u32::try_from) else {
                return Err(bad);
            };
            traces.push(trace);
            next = u64::from(trace) + 1;
        }
        if bytes.is_empty() {
            Ok(Self { traces })
        } else {
            Err(bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(postings: &Postings) -> BTreeSet<u32> {
        postings.iter().collect()
    }

    proptest! {
        #[test]
        fn and_or_and_bytes_agree_with_sets(
            a in prop::collection::vec(0..60_u32, 0..40),
            b in prop::collection::vec(prop_oneof![0..60_u32, Just(u32::MAX)], 0..40),
        ) {
            let (a, b) = (Postings::new(a), Postings::new(b));
            prop_assert_eq!(set(&a.and(&b)), &set(&a) & &set(&b));
            prop_assert_eq!(set(&a.or(&b)), &set(&a) | &set(&b));
            prop_assert!(a.iter().all(|trace| a.contains(trace)));
            prop_assert_eq!(Postings::from_bytes(&b.to_bytes()).unwrap(), b);
        }

        #[test]
        fn any_bytes_are_postings_or_an_error(bytes: Vec<u8>) {
            if let Ok(postings) = Postings::from_bytes(&bytes) {
                prop_assert!(postings.as_slice().is_sorted_by(|a, b| a < b));
            }
        }
    }
}
