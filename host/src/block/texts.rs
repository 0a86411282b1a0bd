//! A few sorted distinct texts, searched where they lie.
//!
//! ```text
//! count u16 | for each where it ends u16 | the texts, one after another        (little-endian)
//! ```

use std::cmp::Ordering;

use bytes::Bytes;

/// The bytes of a number.
const NUMBER_BYTES: usize = 2;

/// Texts by number, in order. Of damaged bytes some are not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    bytes: Bytes,
    count: usize,
}

impl Texts {
    /// Takes what [`put_texts`] made; no bytes are no texts.
    pub(super) fn decode(bytes: Bytes) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let count = usize::from(number(&bytes, 0)?);
        (bytes.len() >= (count + 1) * NUMBER_BYTES).then_some(Self { bytes, count })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.count {
            return None;
        }
        let end = number(&self.bytes, index + 1)?;
        let start = match index {
            0 => 0,
            _ => number(&self.bytes, index)?,
        };
        let texts = self.bytes.get((self.count + 1) * NUMBER_BYTES..)?;
        texts.get(usize::from(start)..usize::from(end))
    }

    pub(super) fn position(&self, wanted: &[u8]) -> Option<usize> {
        position(self.count, |index| self.get(index), wanted)
    }
}

/// Searches sorted texts, of which `get` answers those below `count`.
pub(super) fn position<'t>(
    count: usize,
    get: impl Fn(usize) -> Option<&'t [u8]>,
    wanted: &[u8],
) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        match get(middle)?.cmp(wanted) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return Some(middle),
            Ordering::Greater => high = middle,
        }
    }
    None
}

fn number(bytes: &[u8], index: usize) -> Option<u16> {
    let number = bytes.get(index * NUMBER_BYTES..)?.first_chunk()?;
    Some(u16::from_le_bytes(*number))
}

/// Appends sorted distinct texts of less than 64 KiB in all.
pub(super) fn put_texts(out: &mut Vec<u8>, texts: &[&[u8]]) {
    let mut end = 0;
    out.extend_from_slice(&(texts.len() as u16).to_le_bytes());
    for text in texts {
        end += text.len();
        out.extend_from_slice(&(end as u16).to_le_bytes());
    }
    debug_assert!(u16::try_from(end.max(texts.len())).is_ok());
    for text in texts {
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_has_its_number_and_others_have_none(
            texts in prop::collection::btree_set(prop::collection::vec(0..3_u8, 0..6), 1..60),
            other in prop::collection::vec(0..3_u8, 0..7),
        ) {
            let sorted: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            let mut bytes = Vec::new();
            put_texts(&mut bytes, &sorted);
            let found = Texts::decode(bytes.into()).unwrap();
            prop_assert_eq!(found.len(), sorted.len());
            for (index, text) in sorted.iter().enumerate() {
                prop_assert_eq!(found.get(index), Some(*text));
                prop_assert_eq!(found.position(text), Some(index));
            }
            prop_assert_eq!(found.get(sorted.len()), None);
            let there: BTreeSet<&[u8]> = sorted.into_iter().collect();
            prop_assert_eq!(found.position(&other).is_some(), there.contains(&other[..]));
        }

        #[test]
        fn any_bytes_are_texts_or_nothing(bytes: Vec<u8>) {
            let n_bytes = bytes.len();
            if let Some(texts) = Texts::decode(bytes.into()) {
                prop_assert!(texts.position(b"a").is_none_or(|index| index < texts.len()));
                for index in 0..texts.len() {
                    prop_assert!(texts.get(index).is_none_or(|text| text.len() < n_bytes));
                }
            }
        }
    }
}
