//! A set of traces of one block, a bit each: what the candidates of a thousand rules are worked out with.

use crate::block::Postings;

/// A set of trace numbers of one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TraceSet {
    words: Vec<u64>,
}

impl TraceSet {
    /// No trace, of whatever block.
    pub(super) const EMPTY: Self = Self { words: Vec::new() };

    /// No trace of a block that has `n_traces`.
    pub(super) fn none(n_traces: u32) -> Self {
        Self {
            words: vec![0; n_traces.div_ceil(u64::BITS) as usize],
        }
    }

    /// All of them.
    pub(super) fn all(n_traces: u32) -> Self {
        let mut words = vec![u64::MAX; n_traces.div_ceil(u64::BITS) as usize];
        let beyond = words.len() as u32 * u64::BITS - n_traces;
        if let Some(last) = words.last_mut() {
            *last >>= beyond;
        }
        Self { words }
    }

    /// Takes numbers that are below `n_traces`.
    pub(super) fn of(postings: &Postings, n_traces: u32) -> Self {
        let mut set = Self::none(n_traces);
        postings.iter().for_each(|trace| set.insert(trace));
        set
    }

    pub(super) fn insert(&mut self, trace: u32) {
        if let Some(word) = self.words.get_mut((trace / u64::BITS) as usize) {
            *word |= 1 << (trace % u64::BITS);
        }
    }

    pub(super) fn contains(&self, trace: u32) -> bool {
        let word = self.words.get((trace / u64::BITS) as usize);
        word.is_some_and(|word| word >> (trace % u64::BITS) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(super) fn len(&self) -> usize {
        let ones = self.words.iter().map(|word| word.count_ones() as usize);
        ones.sum()
    }

    /// Keeps what is in both.
    pub(super) fn keep(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Takes out what is in `other`.
    pub(super) fn remove(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Adds what is in `other`.
    pub(super) fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Returns the numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = (0..).zip(&self.words);
        words.flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < u64::BITS).then_some(at * u64::BITS + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_of_bits_agree_with_sets(
            n_traces in 1_u32..200,
            a in prop::collection::btree_set(0_u32..200, 0..50),
            b in prop::collection::btree_set(0_u32..200, 0..50),
        ) {
            let within = |set: &BTreeSet<u32>| -> BTreeSet<u32> {
                set.iter().copied().filter(|trace| *trace < n_traces).collect()
            };
            let (a, b) = (within(&a), within(&b));
            let of = |set: &BTreeSet<u32>| TraceSet::of(&Postings::new(set.iter().copied().collect()), n_traces);
            let back = |set: &TraceSet| set.iter().collect::<BTreeSet<u32>>();
            let (x, y) = (of(&a), of(&b));
            prop_assert_eq!(back(&x), a.clone());
            prop_assert_eq!((x.len(), x.is_empty()), (a.len(), a.is_empty()));
            for trace in 0..200 {
                prop_assert_eq!(x.contains(trace), a.contains(&trace));
            }
            for (change, expected) in [
                (TraceSet::keep as fn(&mut TraceSet, &TraceSet), &a & &b),
                (TraceSet::add, &a | &b),
                (TraceSet::remove, &a - &b),
            ] {
                let mut set = x.clone();
                change(&mut set, &y);
                prop_assert_eq!(back(&set), expected);
            }
            prop_assert_eq!(back(&TraceSet::all(n_traces)), (0..n_traces).collect::<BTreeSet<u32>>());
        }
    }
}
