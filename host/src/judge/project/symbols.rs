//! Symbols and texts.
//!
//! A symbol of a batch is a symbol of the block's dictionary plus 2, since 0 and 1 have meanings of their own.
//! Texts that are no strings of the block (canonical decimals of ints, hexadecimal ids) have the symbol of the
//! same text in the dictionary, or one past its end.

use hashbrown::HashMap;

use crate::block::{Block, BlockError};

use super::decimal::parse_decimal;

/// Stands for a cell that is there and is no text; 0 stands for a missing one.
pub(super) const NO_TEXT: u32 = 1;
/// The symbol of the dictionary's first text.
pub(super) const FIRST: u32 = 2;

/// The symbols of one block, for all packs that judge it.
pub(in crate::judge) struct Symbols<'b> {
    block: &'b Block,
    /// Texts that the dictionary does not have, by their symbols past its end.
    extra: HashMap<String, u32, foldhash::fast::FixedState>,
    ints: HashMap<i64, u32, foldhash::fast::FixedState>,
    /// The last of them that was asked for: equal ints often follow each other.
    last_int: Option<(i64, u32)>,
    /// By symbol of the dictionary, what decimal number the text is.
    decimals: HashMap<u32, Option<(u8, u64)>, foldhash::fast::FixedState>,
}

impl<'b> Symbols<'b> {
    pub(in crate::judge) fn of(block: &'b Block) -> Self {
        Self {
            block,
            extra: HashMap::default(),
            ints: HashMap::default(),
            last_int: None,
            decimals: HashMap::default(),
        }
    }

    /// Returns the symbol of a text of the dictionary.
    pub(super) fn of_string(symbol: u32) -> u32 {
        symbol + FIRST
    }

    /// Returns the symbol of a text that is not known to be in the dictionary.
    pub(super) fn of_text(&mut self, text: &str) -> Result<u32, BlockError> {
        let strings = self.block.strings()?;
        if let Some(symbol) = strings.lookup(text)? {
            return Ok(Self::of_string(symbol));
        }
        let next = strings.len() + FIRST + self.extra.len() as u32;
        Ok(*self.extra.entry_ref(text).or_insert(next))
    }

    /// Returns the symbol of an int's canonical decimal text.
    pub(super) fn of_int(&mut self, int: i64) -> Result<u32, BlockError> {
        if let Some((_, symbol)) = self.last_int.filter(|(last, _)| *last == int) {
            return Ok(symbol);
        }
        let symbol = match self.ints.get(&int) {
            Some(symbol) => *symbol,
            None => self.of_text(&int.to_string())?,
        };
        self.ints.insert(int, symbol);
        self.last_int = Some((int, symbol));
        Ok(symbol)
    }

    /// Returns the symbol of a literal; `u32::MAX` where no cell can have that text.
    pub(super) fn literal(&mut self, text: &str) -> Result<u32, BlockError> {
        if let Some(symbol) = self.block.strings()?.lookup(text)? {
            return Ok(Self::of_string(symbol));
        }
        // An int or an id may have a text that no string has.
        let is_int = text.parse().is_ok_and(|int: i64| int.to_string() == text);
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = matches!(text.len(), 16 | 32) && text.bytes().all(is_hex);
        if is_int || is_id {
            self.of_text(text)
        } else {
            Ok(u32::MAX)
        }
    }

    /// Returns the kind and bits of a string of the dictionary that is a decimal number.
    pub(super) fn decimal(&mut self, symbol: u32) -> Result<Option<(u8, u64)>, BlockError> {
        if let Some(decimal) = self.decimals.get(&symbol) {
            return Ok(*decimal);
        }
        let decimal = parse_decimal(self.block.strings()?.get(symbol)?);
        self.decimals.insert(symbol, decimal);
        Ok(decimal)
    }

    /// Returns what no symbol of the block, as far as they are handed out, reaches.
    pub(super) fn end(&self) -> Result<u32, BlockError> {
        Ok(self.block.strings()?.len() + FIRST + self.extra.len() as u32)
    }

    /// Returns the symbols of `false` and `true` in the dictionary.
    pub(super) fn truths(&self) -> Result<[Option<u32>; 2], BlockError> {
        let strings = self.block.strings()?;
        Ok([strings.lookup("false")?, strings.lookup("true")?])
    }
}

/// The distinct texts of one batch, in one blob.
pub(super) struct Texts {
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<u32>,
    /// By symbol of the block at hand.
    numbers: HashMap<u32, u32, foldhash::fast::FixedState>,
    /// The last symbol that was asked for, and its number: equal texts often follow each other.
    last: Option<(u32, u32)>,
}

impl Texts {
    pub(super) fn new() -> Self {
        Self {
            text: Vec::new(),
            // Text 0 stands for none.
            ends: vec![0],
            numbers: HashMap::default(),
            last: None,
        }
    }

    /// Goes on to the texts of another block: those that both have are in the blob twice.
    pub(super) fn begin_block(&mut self) {
        self.numbers.clear();
        self.last = None;
    }

    /// Returns the number of a text of the block's dictionary.
    pub(super) fn of_string(&mut self, block: &Block, symbol: u32) -> Result<u32, BlockError> {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == symbol) {
            return Ok(number);
        }
        let number = match self.numbers.get(&Symbols::of_string(symbol)) {
            Some(number) => *number,
            None => self.add(Symbols::of_string(symbol), block.strings()?.get(symbol)?),
        };
        self.last = Some((symbol, number));
        Ok(number)
    }

    /// Returns the number of a text with this symbol.
    pub(super) fn add(&mut self, symbol: u32, text: &str) -> u32 {
        let next = self.ends.len() as u32;
        let number = *self.numbers.entry(symbol).or_insert(next);
        if number == next {
            self.text.extend_from_slice(text.as_bytes());
            self.ends.push(self.text.len() as u32);
        }
        number
    }
}
