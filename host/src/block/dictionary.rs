//! Distinct texts in any number, sorted, so that a symbol is a rank and a lookup needs no hash map.
//!
//! ```text
//! heads:  number of pages | per page: number of texts, plain bytes, stored bytes, separator, lengths u64
//! pages:  one after another
//! page:   lengths of the texts as numbers | the texts, one after another      (zstd where it is smaller)
//! ```
//!
//! The heads are read of every block in which a text is looked up, the pages of few: the two are apart.
//! Pages of 16 KiB are decoded when first touched: a block with megabytes of distinct URLs answers
//! "has it this literal?" by decoding one page. A separator is the shortest text that is above the page
//! before and not above the first text of its own. Of the lengths of its texts, a page's head says which
//! occur, so that a text that is not there mostly costs no page: names and codes have other lengths than ids.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{
    BlockError,
    compress::{compress, decompress},
    numbers::{ROWS_MAX, Reading, put_numbers, take_numbers},
    read::cached,
    section::Place,
    texts,
    varint::{put_varint, take_varint},
};

/// A page is closed when its texts reach this.
const PAGE_TEXT_BYTES: usize = 16 * 1_024;

/// A page of at most this many bytes may be claimed for one page; one text can be as long as a request.
const PAGE_PLAIN_BYTES_MAX: usize = 1 << 30;

/// Sorted distinct byte strings, by number. Pages are decoded when first touched.
#[derive(Debug)]
pub(super) struct Pages {
    place: Place,
    heads: Vec<Page>,
    count: u32,
}

impl Pages {
    /// Returns how many texts there are.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Returns a text by its number. `stored` returns all pages.
    ///
    /// # Errors
    ///
    /// [`BlockError::Corrupt`], also where there is no such text, and what `stored` fails with.
    pub(super) fn get(
        &self,
        number: u32,
        stored: impl FnOnce() -> Result<Bytes, BlockError>,
    ) -> Result<&[u8], BlockError> {
        let after = self.heads.partition_point(|page| page.first <= number);
        let page = after.checked_sub(1).and_then(|page| self.heads.get(page));
        let Some(page) = page.filter(|_| number < self.count) else {
            return Err(self.place.corrupt("no such symbol"));
        };
        page.texts(self.place, stored)?
            .get((number - page.first) as usize)
            .ok_or_else(|| self.place.corrupt("no such symbol"))
    }

    /// Returns the number of a text; `None` where it is not there.
    pub(super) fn lookup(
        &self,
        wanted: &[u8],
        stored: impl FnOnce() -> Result<Bytes, BlockError>,
    ) -> Result<Option<u32>, BlockError> {
        let after = self
            .heads
            .partition_point(|page| page.separator.as_ref() <= wanted);
        let page = after.checked_sub(1).and_then(|page| self.heads.get(page));
        let Some(page) = page.filter(|page| page.lengths & length_bit(wanted) != 0) else {
            return Ok(None);
        };
        let found = page.texts(self.place, stored)?.position(wanted);
        Ok(found.map(|index| page.first + index as u32))
    }

    /// Takes the heads of `count` texts, whose pages have `pages_bytes` in all.
    pub(super) fn decode(
        heads: &Bytes,
        count: u32,
        pages_bytes: usize,
        place: Place,
    ) -> Result<Self, BlockError> {
        let heads = match count {
            0 => Some(Vec::new()),
            _ => take_heads(heads, count, pages_bytes),
        };
        let heads = heads.ok_or_else(|| place.corrupt("pages of the dictionary"))?;
        Ok(Self {
            place,
            heads,
            count,
        })
    }
}

#[derive(Debug)]
struct Page {
    first: u32,
    count: u32,
    plain_bytes: usize,
    /// Where it lies among the pages.
    at: usize,
    stored_bytes: usize,
    separator: Bytes,
    /// The bits of the texts' lengths.
    lengths: u64,
    texts: OnceLock<Texts>,
}

impl Page {
    fn texts(
        &self,
        place: Place,
        stored: impl FnOnce() -> Result<Bytes, BlockError>,
    ) -> Result<&Texts, BlockError> {
        cached(&self.texts, || {
            let stored = stored()?;
            stored
                .get(self.at..self.at + self.stored_bytes)
                .and_then(|stored| self.decode(stored))
                .ok_or_else(|| place.corrupt("a page of the dictionary"))
        })
    }

    fn decode(&self, stored: &[u8]) -> Option<Texts> {
        let plain = if stored.len() == self.plain_bytes {
            stored.to_vec()
        } else {
            decompress(stored, self.plain_bytes)?
        };
        let mut rest = plain.as_slice();
        let mut ends: Vec<u32> = take_numbers(&mut rest, self.count as usize)?;
        let mut end = 0_u32;
        for length in &mut ends {
            end = end.checked_add(*length)?;
            *length = end;
        }
        (end as usize == rest.len()).then(|| Texts {
            text: rest.to_vec(),
            ends,
        })
    }
}

/// The texts of a decoded page.
#[derive(Debug)]
struct Texts {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let before = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let start = before.copied().unwrap_or_default();
        self.text.get(start as usize..end as usize)
    }

    fn position(&self, wanted: &[u8]) -> Option<usize> {
        texts::position(self.ends.len(), |index| self.get(index), wanted)
    }
}

/// Returns the heads and the pages of sorted distinct texts.
pub(super) fn encode_pages(texts: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
    if texts.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut heads = Vec::new();
    let mut pages = Vec::new();
    let mut n_pages = 0;
    let mut rest = texts;
    let mut before: Option<&[u8]> = None;
    while let Some(first) = rest.first() {
        let mut text_bytes = 0;
        let full = rest.iter().position(|text| {
            let full = text_bytes >= PAGE_TEXT_BYTES;
            text_bytes += text.len();
            full
        });
        let (page, after) = rest.split_at(full.unwrap_or(rest.len()));
        let plain = plain_page(page);
        let small = compress(&plain);
        let stored = small.as_ref().unwrap_or(&plain);
        let separator = before.map_or(&[][..], |before| separator(before, first));
        put_varint(&mut heads, page.len() as u64);
        put_varint(&mut heads, plain.len() as u64);
        put_varint(&mut heads, stored.len() as u64);
        put_varint(&mut heads, separator.len() as u64);
        heads.extend_from_slice(separator);
        let lengths = page.iter().fold(0, |bits, text| bits | length_bit(text));
        heads.extend_from_slice(&lengths.to_le_bytes());
        pages.extend_from_slice(stored);
        before = page.last().copied();
        rest = after;
        n_pages += 1;
    }
    let mut counted = Vec::new();
    put_varint(&mut counted, n_pages);
    counted.extend_from_slice(&heads);
    (counted, pages)
}

/// Longer texts share the last bit.
fn length_bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

fn plain_page(texts: &[&[u8]]) -> Vec<u8> {
    let lengths: Vec<u64> = texts.iter().map(|text| text.len() as u64).collect();
    let mut plain = Vec::new();
    put_numbers(&mut plain, &lengths, Reading::Hot);
    for text in texts {
        plain.extend_from_slice(text);
    }
    plain
}

/// Returns the shortest start of `first` that is above `before`, which is below `first`.
fn separator<'a>(before: &[u8], first: &'a [u8]) -> &'a [u8] {
    let shared = before.iter().zip(first).take_while(|(a, b)| a == b).count();
    first.get(..=shared).unwrap_or(first)
}

fn take_heads(bytes: &Bytes, count: u32, pages_bytes: usize) -> Option<Vec<Page>> {
    let mut rest: &[u8] = bytes;
    let mut pages = Vec::new();
    let (mut first, mut at) = (0_u32, 0_usize);
    for _ in 0..take_varint(&mut rest)? {
        let n_texts = u32::try_from(take_varint(&mut rest)?).ok()?;
        let plain_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let stored_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let separator_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (separator, after) = rest.split_at_checked(separator_bytes)?;
        let (lengths, after) = after.split_first_chunk()?;
        if plain_bytes > PAGE_PLAIN_BYTES_MAX || n_texts as usize > ROWS_MAX {
            return None;
        }
        pages.push(Page {
            first,
            count: n_texts,
            plain_bytes,
            at,
            stored_bytes,
            separator: bytes.slice_ref(separator),
            lengths: u64::from_le_bytes(*lengths),
            texts: OnceLock::new(),
        });
        rest = after;
        first = first.checked_add(n_texts)?;
        at = at.checked_add(stored_bytes)?;
    }
    (first == count && at == pages_bytes && rest.is_empty()).then_some(pages)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{
        super::{BlockId, ChunkId},
        *,
    };

    const PLACE: Place = Place {
        block: BlockId([0; 16]),
        chunk: ChunkId(0),
    };

    fn encode(texts: &BTreeSet<Vec<u8>>) -> (Bytes, Bytes) {
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let (heads, pages) = encode_pages(&texts);
        (heads.into(), pages.into())
    }

    proptest! {
        #[test]
        fn every_text_has_its_rank_and_others_have_none(
            texts in prop::collection::btree_set(
                prop_oneof![
                    prop::collection::vec(0..3_u8, 0..6),
                    (0..9_u8, 2_000..9_000_usize).prop_map(|(byte, n)| vec![byte; n]),
                ],
                0..60,
            ),
            other in prop::collection::vec(0..3_u8, 0..7),
        ) {
            let (heads, bytes) = encode(&texts);
            let count = texts.len() as u32;
            let pages = Pages::decode(&heads, count, bytes.len(), PLACE).unwrap();
            let stored = || Ok(bytes.clone());
            for (number, text) in (0..).zip(&texts) {
                prop_assert_eq!(pages.get(number, stored).unwrap(), text.as_slice());
                prop_assert_eq!(pages.lookup(text, stored).unwrap(), Some(number));
            }
            prop_assert!(pages.get(count, stored).is_err());
            let found = pages.lookup(&other, stored).unwrap();
            prop_assert_eq!(found.is_some(), texts.contains(&other));
        }

        #[test]
        fn damaged_bytes_are_an_error_or_other_texts_but_no_panic(
            at: prop::sample::Index,
            value: u8,
            cut: prop::sample::Index,
        ) {
            let texts: BTreeSet<Vec<u8>> = (0..40_u8).map(|n| vec![n; 900]).collect();
            let (heads, bytes) = encode(&texts);
            let heads_bytes = heads.len();
            let mut both = [heads, bytes].concat();
            let at = at.index(both.len());
            both[at] = value;
            both.truncate(both.len() - cut.index(both.len()) / 4);
            let mut heads = Bytes::from(both);
            let stored = heads.split_off(heads_bytes.min(heads.len()));
            if let Ok(pages) = Pages::decode(&heads, 40, stored.len(), PLACE) {
                for number in 0..40 {
                    drop(pages.get(number, || Ok(stored.clone())));
                }
                drop(pages.lookup(&[7; 900], || Ok(stored.clone())));
            }
        }

        #[test]
        fn a_text_of_a_length_that_none_has_costs_no_page(length in 0..70_usize) {
            let texts: BTreeSet<Vec<u8>> = (0..40_u8).map(|n| vec![n; 20]).collect();
            let (heads, bytes) = encode(&texts);
            let pages = Pages::decode(&heads, 40, bytes.len(), PLACE).unwrap();
            let mut touched = false;
            let found = pages.lookup(&vec![9; length], || {
                touched = true;
                Ok(bytes.clone())
            });
            prop_assert_eq!(found.unwrap(), (length == 20).then_some(9));
            prop_assert_eq!(touched, length == 20);
        }
    }
}
