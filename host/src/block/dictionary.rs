//! The distinct texts of a block, sorted, so that a symbol is a rank and a lookup needs no hash map.
//!
//! ```text
//! number of pages | per page: number of texts, plain bytes, stored bytes, separator | the pages
//! page:  lengths of the texts as numbers | the texts, one after another      (zstd where it is smaller)
//! ```
//!
//! Pages of 16 KiB are decoded when first touched: a block with megabytes of distinct URLs answers
//! "has it this literal?" by decoding one page. A separator is the shortest text that is above the page
//! before and not above the first text of its own.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{
    BlockError,
    compress::{compress, decompress},
    numbers::{ROWS_MAX, Reading, put_numbers, take_numbers},
    section::Place,
    varint::{put_varint, take_varint},
};

/// A page is closed when its texts reach this.
const PAGE_TEXT_BYTES: usize = 16 * 1_024;

/// A page of at most this many bytes may be claimed for one page; one text can be as long as a request.
const PAGE_PLAIN_BYTES_MAX: usize = 1 << 30;

/// Sorted distinct byte strings, by number. Pages are decoded when first touched.
#[derive(Debug)]
pub struct Blobs {
    place: Place,
    bytes: Bytes,
    pages: Vec<Page>,
    count: u32,
}

/// Sorted distinct texts, by symbol. Pages are decoded when first touched.
#[derive(Debug)]
pub struct Strings {
    blobs: Blobs,
}

impl Strings {
    /// Returns how many there are; symbols are below it.
    pub fn len(&self) -> u32 {
        self.blobs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Returns the text of a symbol.
    ///
    /// # Errors
    ///
    /// [`BlockError::Corrupt`], also where there is no such symbol.
    pub fn get(&self, symbol: u32) -> Result<&str, BlockError> {
        let text = self.blobs.get(symbol)?;
        std::str::from_utf8(text).map_err(|_| self.blobs.place.corrupt("a text is not UTF-8"))
    }

    /// Returns the symbol of a text; `None` where no cell of the block has it. Decodes one page at most.
    pub fn lookup(&self, text: &str) -> Result<Option<u32>, BlockError> {
        self.blobs.lookup(text.as_bytes())
    }

    pub(super) fn decode(bytes: &Bytes, count: u32, place: Place) -> Result<Self, BlockError> {
        let blobs = Blobs::decode(bytes, count, place)?;
        Ok(Self { blobs })
    }
}

impl Blobs {
    /// Returns how many there are; symbols are below it.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the bytes of a symbol.
    ///
    /// # Errors
    ///
    /// [`BlockError::Corrupt`], also where there is no such symbol.
    pub fn get(&self, symbol: u32) -> Result<&[u8], BlockError> {
        let after = self.pages.partition_point(|page| page.first <= symbol);
        let page = after.checked_sub(1).and_then(|page| self.pages.get(page));
        let Some(page) = page.filter(|_| symbol < self.count) else {
            return Err(self.place.corrupt("no such symbol"));
        };
        page.texts(self)?
            .get((symbol - page.first) as usize)
            .ok_or_else(|| self.place.corrupt("no such symbol"))
    }

    /// Returns the symbol of some bytes; `None` where no cell of the block has them.
    pub fn lookup(&self, wanted: &[u8]) -> Result<Option<u32>, BlockError> {
        let after = self
            .pages
            .partition_point(|page| page.separator.as_ref() <= wanted);
        let Some(page) = after.checked_sub(1).and_then(|page| self.pages.get(page)) else {
            return Ok(None);
        };
        let found = page.texts(self)?.position(wanted);
        Ok(found.map(|index| page.first + index as u32))
    }

    pub(super) fn decode(bytes: &Bytes, count: u32, place: Place) -> Result<Self, BlockError> {
        let (pages, heads_bytes) =
            take_heads(bytes, count).ok_or_else(|| place.corrupt("pages of the dictionary"))?;
        Ok(Self {
            place,
            bytes: bytes.slice(heads_bytes..),
            pages,
            count,
        })
    }
}

#[derive(Debug)]
struct Page {
    first: u32,
    count: u32,
    plain_bytes: usize,
    /// Where it lies after the heads.
    at: usize,
    stored_bytes: usize,
    separator: Bytes,
    texts: OnceLock<Texts>,
}

impl Page {
    fn texts(&self, of: &Blobs) -> Result<&Texts, BlockError> {
        if let Some(texts) = self.texts.get() {
            return Ok(texts);
        }
        let stored = of.bytes.get(self.at..self.at + self.stored_bytes);
        let texts = stored
            .and_then(|stored| self.decode(stored))
            .ok_or_else(|| of.place.corrupt("a page of the dictionary"))?;
        Ok(self.texts.get_or_init(|| texts))
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
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle)?.cmp(wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Appends sorted distinct texts.
pub(super) fn put_dictionary(out: &mut Vec<u8>, texts: &[&[u8]]) {
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
        pages.extend_from_slice(stored);
        before = page.last().copied();
        rest = after;
        n_pages += 1;
    }
    put_varint(out, n_pages);
    out.extend_from_slice(&heads);
    out.extend_from_slice(&pages);
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

/// Returns the pages and the bytes that their heads took.
fn take_heads(bytes: &Bytes, count: u32) -> Option<(Vec<Page>, usize)> {
    let mut rest: &[u8] = bytes;
    let mut pages = Vec::new();
    let (mut first, mut at) = (0_u32, 0_usize);
    for _ in 0..take_varint(&mut rest)? {
        let n_texts = u32::try_from(take_varint(&mut rest)?).ok()?;
        let plain_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let stored_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let separator_bytes = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (separator, after) = rest.split_at_checked(separator_bytes)?;
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
            texts: OnceLock::new(),
        });
        rest = after;
        first = first.checked_add(n_texts)?;
        at = at.checked_add(stored_bytes)?;
    }
    (first == count && at == rest.len()).then(|| (pages, bytes.len() - rest.len()))
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

    fn encode(texts: &BTreeSet<Vec<u8>>) -> Bytes {
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let mut bytes = Vec::new();
        put_dictionary(&mut bytes, &texts);
        bytes.into()
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
            let blobs = Blobs::decode(&encode(&texts), texts.len() as u32, PLACE).unwrap();
            for (symbol, text) in texts.iter().enumerate() {
                prop_assert_eq!(blobs.get(symbol as u32).unwrap(), text.as_slice());
                prop_assert_eq!(blobs.lookup(text).unwrap(), Some(symbol as u32));
            }
            prop_assert!(blobs.get(texts.len() as u32).is_err());
            prop_assert_eq!(blobs.lookup(&other).unwrap().is_some(), texts.contains(&other));
        }

        #[test]
        fn damaged_bytes_are_an_error_or_other_texts_but_no_panic(
            at: prop::sample::Index,
            value: u8,
            cut: prop::sample::Index,
        ) {
            let texts: BTreeSet<Vec<u8>> = (0..40_u8).map(|n| vec![n; 900]).collect();
            let mut bytes = encode(&texts).to_vec();
            let at = at.index(bytes.len());
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut.index(bytes.len()) / 4);
            if let Ok(blobs) = Blobs::decode(&bytes.into(), 40, PLACE) {
                for symbol in 0..40 {
                    drop(blobs.get(symbol));
                }
                drop(blobs.lookup(&[7; 900]));
            }
        }
    }
}
