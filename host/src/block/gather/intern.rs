//! Texts and their provisional symbols.

use std::{borrow::Cow, hash::Hash};

use hashbrown::HashMap;

/// Distinct texts, numbered in order of first sight.
pub(in crate::block) struct Interner<'a, T: ?Sized + ToOwned> {
    numbers: HashMap<Cow<'a, T>, u32, foldhash::fast::FixedState>,
}

impl<T: ?Sized + ToOwned + Hash + Eq> Default for Interner<'_, T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::default(),
        }
    }
}

impl<'a, T: ?Sized + ToOwned + Hash + Eq + Ord + AsRef<[u8]>> Interner<'a, T> {
    /// Returns the number of a text.
    pub(super) fn intern(&mut self, text: &'a T) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(Cow::Borrowed(text)).or_insert(next)
    }

    /// Returns the number of a text that does not outlive the call.
    pub(super) fn intern_owned(&mut self, text: &T) -> u32 {
        let next = self.numbers.len() as u32;
        let text = Cow::Owned(text.to_owned());
        *self.numbers.entry(text).or_insert(next)
    }

    /// Returns the texts in order, and for each provisional number the rank.
    pub(in crate::block) fn ranked(&self) -> (Vec<&[u8]>, Vec<u32>) {
        let mut texts: Vec<(&[u8], u32)> = self
            .numbers
            .iter()
            .map(|(text, &number)| (text.as_ref().as_ref(), number))
            .collect();
        texts.sort_unstable();
        let mut ranks = vec![0; texts.len()];
        for (rank, (_, number)) in texts.iter().enumerate() {
            if let Some(slot) = ranks.get_mut(*number as usize) {
                *slot = rank as u32;
            }
        }
        (texts.into_iter().map(|(text, _)| text).collect(), ranks)
    }
}
