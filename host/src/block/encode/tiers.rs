//! The symbols of texts: first those of span names, then of texts that many cells share, then the others.
//!
//! Rules compare names and literals with the first two kinds, which are few, lie before the others and are
//! searched without decoding anything. Within each tier a symbol is a rank.

use crate::block::{attribute::kind, gather::AttributeTable, section::Form};

use super::{Ranks, Section};

/// More bytes of names than this are no tier of their own.
const NAMES_BYTES_MAX: usize = 16 * 1_024;

/// The bytes of the second tier: it is read of every block, and not compressed.
const HOT_BYTES_MAX: usize = 8 * 1_024;

/// A column with more bytes of distinct texts than this stays out of the second tier.
const HOT_COLUMN_BYTES_MAX: usize = 4 * 1_024;

/// A column of more distinct texts than this is in the second tier if it repeats each four times.
const HOT_DISTINCT_FREE: usize = 32;

/// The texts of a block by symbol, and where the tiers end.
pub(super) struct Tiers<'t> {
    pub(super) texts: Vec<&'t [u8]>,
    /// By provisional symbol.
    pub(super) symbols: Vec<u32>,
    pub(super) n_names: usize,
    pub(super) n_hot: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tier {
    Name,
    Hot,
    Cold,
}

/// Orders texts, of which `ranks` has the place in `sorted` of each provisional symbol.
pub(super) fn order<'t>(
    sorted: &[&'t [u8]],
    ranks: &[u32],
    numbers: &[Vec<u64>],
    attributes: &[AttributeTable<'_>],
) -> Tiers<'t> {
    let mut sorter = Sorter {
        sorted,
        ranks,
        tiers: vec![Tier::Cold; sorted.len()],
        stamps: vec![0; sorted.len()],
        stamp: 0,
    };
    let names = numbers.get(Section::Names as usize);
    sorter.put_names(names.map_or(&[][..], Vec::as_slice));
    sorter.put_hot(numbers, attributes);
    let tiers = sorter.tiers;
    let mut texts = Vec::with_capacity(sorted.len());
    let mut by_rank = vec![0; sorted.len()];
    let mut ends = [0; 3];
    for (tier, end) in [Tier::Name, Tier::Hot, Tier::Cold]
        .into_iter()
        .zip(&mut ends)
    {
        for ((rank, text), of) in sorted.iter().enumerate().zip(&tiers) {
            if *of == tier {
                if let Some(slot) = by_rank.get_mut(rank) {
                    *slot = texts.len() as u32;
                }
                texts.push(*text);
            }
        }
        *end = texts.len();
    }
    let symbol = |rank: &u32| by_rank.get(*rank as usize).copied().unwrap_or_default();
    let [n_names, hot_end, _] = ends;
    Tiers {
        texts,
        symbols: ranks.iter().map(symbol).collect(),
        n_names,
        n_hot: hot_end - n_names,
    }
}

/// Texts on their way into tiers. All by rank.
struct Sorter<'s> {
    sorted: &'s [&'s [u8]],
    ranks: &'s [u32],
    tiers: Vec<Tier>,
    /// The column that last had a text.
    stamps: Vec<u32>,
    stamp: u32,
}

impl Sorter<'_> {
    /// Returns the ranks of the distinct texts of a column, by its provisional symbols.
    fn distinct(&mut self, column: impl Iterator<Item = u64>) -> Vec<u32> {
        self.stamp += 1;
        let mut distinct = Vec::new();
        for symbol in column {
            let rank = Ranks::rank(self.ranks, symbol) as u32;
            if let Some(stamp) = self.stamps.get_mut(rank as usize)
                && *stamp != self.stamp
            {
                *stamp = self.stamp;
                distinct.push(rank);
            }
        }
        distinct
    }

    fn bytes(&self, ranks: &[u32]) -> usize {
        let text = |rank: &u32| self.sorted.get(*rank as usize);
        ranks.iter().filter_map(text).map(|text| text.len()).sum()
    }

    fn put(&mut self, ranks: &[u32], tier: Tier) {
        for &rank in ranks {
            if let Some(slot) = self.tiers.get_mut(rank as usize)
                && *slot == Tier::Cold
            {
                *slot = tier;
            }
        }
    }

    fn put_names(&mut self, names: &[u64]) {
        let distinct = self.distinct(names.iter().copied());
        if self.bytes(&distinct) <= NAMES_BYTES_MAX && distinct.len() <= NAMES_BYTES_MAX {
            self.put(&distinct, Tier::Name);
        }
    }

    fn put_hot(&mut self, numbers: &[Vec<u64>], attributes: &[AttributeTable<'_>]) {
        let mut columns = Vec::new();
        for &section in Section::ALL {
            if section.form() == Form::OptionalSymbols || section.form() == Form::Symbols {
                let missing = u64::from(section.form() == Form::OptionalSymbols);
                let column = numbers.get(section as usize);
                let column = column.map_or(&[][..], Vec::as_slice);
                let symbols = column.iter().filter_map(|cell| cell.checked_sub(missing));
                columns.extend(self.hot_column(symbols, column.len()));
            }
        }
        for column in attributes.iter().flat_map(|table| &table.columns) {
            let cells = column.kinds.iter().zip(&column.values);
            let strings = cells.filter(|(kind, _)| **kind == kind::STRING);
            columns.extend(self.hot_column(strings.map(|(_, value)| *value), column.kinds.len()));
        }
        // The smallest first: they have the literals that rules compare with.
        columns.sort_by_cached_key(|ranks| (self.bytes(ranks), ranks.clone()));
        let mut left = HOT_BYTES_MAX;
        for mut ranks in columns {
            ranks.retain(|rank| self.tiers.get(*rank as usize) == Some(&Tier::Cold));
            let Some(rest) = left.checked_sub(self.bytes(&ranks)) else {
                break;
            };
            left = rest;
            self.put(&ranks, Tier::Hot);
        }
    }

    /// Returns the distinct texts of a column, in order, where they are few.
    fn hot_column(
        &mut self,
        symbols: impl Iterator<Item = u64>,
        n_rows: usize,
    ) -> Option<Vec<u32>> {
        let mut distinct = self.distinct(symbols);
        let repeats = distinct.len() <= HOT_DISTINCT_FREE || distinct.len() * 4 <= n_rows;
        let small = repeats && self.bytes(&distinct) <= HOT_COLUMN_BYTES_MAX;
        small.then(|| {
            distinct.sort_unstable();
            distinct
        })
    }
}
