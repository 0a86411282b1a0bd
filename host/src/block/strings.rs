//! The texts and blobs of a block, by symbol.
//!
//! Texts are in three tiers: names of spans, texts of columns that have few, and the others. The first two
//! are searched where they lie, and the pages of the third are read when they are needed.

use super::{Block, BlockError, dictionary::Pages, section::Section, texts::Texts};

/// The distinct texts of a block. In no order over all; names of spans have the first symbols.
#[derive(Clone, Copy, Debug)]
pub struct Strings<'b> {
    pub(super) block: &'b Block,
    /// The names of the spans, unless these are very many.
    pub(super) names: &'b Texts,
    pub(super) hot: &'b Texts,
    pub(super) len: u32,
}

impl<'b> Strings<'b> {
    /// Returns how many there are; symbols are below it.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the text of a symbol.
    ///
    /// # Errors
    ///
    /// [`BlockError::Corrupt`], also where there is no such symbol.
    pub fn get(&self, symbol: u32) -> Result<&'b str, BlockError> {
        let (hot_at, cold_at) = (self.names.len() as u32, self.cold_at());
        let text = if symbol < hot_at {
            self.names.get(symbol as usize)
        } else if symbol < cold_at {
            self.hot.get((symbol - hot_at) as usize)
        } else {
            let stored = || self.block.section(Section::Strings);
            Some(self.block.cold_strings()?.get(symbol - cold_at, stored)?)
        };
        text.and_then(|text| std::str::from_utf8(text).ok())
            .ok_or_else(|| self.block.corrupt(Section::Strings))
    }

    /// Returns the symbol of a text; `None` where no cell of the block has it. Decodes one page at most, and
    /// none for a span's name or a text that many cells share.
    pub fn lookup(&self, text: &str) -> Result<Option<u32>, BlockError> {
        let text = text.as_bytes();
        if let Some(index) = self.names.position(text) {
            return Ok(Some(index as u32));
        }
        if let Some(index) = self.hot.position(text) {
            return Ok(Some((self.names.len() + index) as u32));
        }
        let stored = || self.block.section(Section::Strings);
        let found = self.block.cold_strings()?.lookup(text, stored)?;
        Ok(found.map(|number| self.cold_at() + number))
    }

    fn cold_at(&self) -> u32 {
        (self.names.len() + self.hot.len()) as u32
    }
}

/// The distinct byte strings of a block: attribute values of kind bytes, and odds and ends.
#[derive(Clone, Copy, Debug)]
pub struct Blobs<'b> {
    pub(super) block: &'b Block,
    pub(super) pages: &'b Pages,
}

impl<'b> Blobs<'b> {
    /// Returns how many there are; symbols are below it.
    pub fn len(&self) -> u32 {
        self.pages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of a symbol.
    ///
    /// # Errors
    ///
    /// [`BlockError::Corrupt`], also where there is no such symbol.
    pub fn get(&self, symbol: u32) -> Result<&'b [u8], BlockError> {
        let stored = || self.block.section(Section::Blobs);
        self.pages.get(symbol, stored)
    }
}
