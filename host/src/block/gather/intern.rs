//! Texts and their provisional symbols.

use std::borrow::Cow;

use hashbrown::HashMap;

/// Distinct texts, numbered in order of first sight.
#[derive(Default)]
pub(in crate::block) struct Interner<'a> {
    numbers: HashMap<Cow<'a, [u8]>, u32, foldhash::fast::FixedState>,
}

impl<'a> Interner<'a> {
    /// Returns the number of a text.
    pub(super) fn intern(&mut self, text: &'a [u8]) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(Cow::Borrowed(text)).or_insert(next)
    }

    /// Returns the number of a text that does not outlive the call.
    pub(super) fn intern_owned(&mut self, text: &[u8]) -> u32 {
        let next = self.numbers.len() as u32;
        let text = Cow::Owned(text.to_owned());
        *self.numbers.entry(text).or_insert(next)
    }

    /// Returns the texts in order, and for each provisional number the rank.
    pub(in crate::block) fn ranked(&self) -> (Vec<&[u8]>, Vec<u32>) {
        let mut texts: Vec<Keyed<'_>> = self
            .numbers
            .iter()
            .map(|(text, &number)| Keyed {
                key: (0, 0),
                text: text.as_ref(),
                number,
            })
            .collect();
        sort(&mut texts, 0);
        let mut ranks = vec![0; texts.len()];
        for (rank, text) in texts.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(text.number as usize) {
                *slot = rank as u32;
            }
        }
        (texts.into_iter().map(|keyed| keyed.text).collect(), ranks)
    }
}

/// A text, and eight bytes of it that are being sorted by, with how many of them it has.
#[derive(Clone, Copy)]
struct Keyed<'t> {
    key: (u64, u8),
    text: &'t [u8],
    number: u32,
}

/// Texts that share this many bytes are compared as a whole, which bounds the recursion.
const KEYED_BYTES_MAX: usize = 64;

/// Sorts texts that have the same first `shared` bytes, eight further bytes at a time: comparing texts
/// where they lie took a quarter of building a block whose texts are mostly distinct.
fn sort(texts: &mut [Keyed<'_>], shared: usize) {
    if shared >= KEYED_BYTES_MAX {
        texts.sort_unstable_by_key(|keyed| keyed.text);
        return;
    }
    for keyed in texts.iter_mut() {
        keyed.key = key(keyed.text.get(shared..).unwrap_or_default());
    }
    texts.sort_unstable_by_key(|keyed| keyed.key);
    for run in texts.chunk_by_mut(|a, b| a.key == b.key) {
        // Texts are distinct: those that end within the eight bytes stand alone.
        if run.len() > 1 {
            sort(run, shared + 8);
        }
    }
}

fn key(text: &[u8]) -> (u64, u8) {
    if let Some(bytes) = text.first_chunk() {
        return (u64::from_be_bytes(*bytes), 8);
    }
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(text) {
        *to = *from;
    }
    (u64::from_be_bytes(bytes), text.len() as u8)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_are_those_of_the_texts_in_order(
            texts in prop::collection::vec(
                (0..3_usize, prop::collection::vec(0..2_u8, 0..20)).prop_map(|(long, text)| {
                    [vec![1; long * 40], text].concat()
                }),
                0..80,
            ),
        ) {
            let mut interner = Interner::default();
            let numbers: Vec<u32> = texts.iter().map(|text| interner.intern(text)).collect();
            let (sorted, ranks) = interner.ranked();
            let expected: BTreeSet<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            prop_assert!(sorted.iter().copied().eq(expected));
            for (text, number) in texts.iter().zip(numbers) {
                prop_assert_eq!(sorted[ranks[number as usize] as usize], text.as_slice());
            }
        }
    }
}
