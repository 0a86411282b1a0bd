//! Rows of a table of a block, and what is read of columns there.

use std::{borrow::Cow, ops::Range};

use crate::block::{Block, BlockError};

/// Rows of a table of the block, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// All of a range.
    Range(Range<u32>),
    /// Those listed.
    List(Vec<u32>),
}

impl Rows {
    /// Takes ascending rows.
    pub(super) fn of(rows: Vec<u32>) -> Self {
        match (rows.first(), rows.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize + 1 == rows.len() => {
                Self::Range(first..last + 1)
            }
            (None, _) => Self::Range(0..0),
            _ => Self::List(rows),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(rows) => rows.len(),
        }
    }

    /// Returns the row at a place.
    pub(super) fn get(&self, at: u32) -> Option<u32> {
        match self {
            Self::Range(range) => range.clone().nth(at as usize),
            Self::List(rows) => rows.get(at as usize).copied(),
        }
    }

    /// Calls `each` with every row in order.
    pub(super) fn for_each(&self, each: impl FnMut(u32)) {
        match self {
            Self::Range(range) => range.clone().for_each(each),
            Self::List(rows) => rows.iter().copied().for_each(each),
        }
    }

    /// Returns the cells of a dense column at these rows.
    pub(super) fn pick<T: Copy>(&self, column: &[T]) -> Vec<T> {
        match self {
            Self::Range(range) => column
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default()
                .to_vec(),
            Self::List(rows) => rows
                .iter()
                .filter_map(|row| column.get(*row as usize).copied())
                .collect(),
        }
    }

    /// Returns the cells of a column at these rows: of the whole column, or of those rows alone where they are few.
    pub(super) fn read<'b, T: Copy + 'b>(
        &self,
        block: &'b Block,
        whole: impl FnOnce(&'b Block) -> Result<&'b [T], BlockError>,
        at: impl FnOnce(&'b Block, &[u32]) -> Result<Vec<T>, BlockError>,
    ) -> Result<Vec<T>, BlockError> {
        match self.few(block) {
            Some(rows) => at(block, &rows),
            None => Ok(self.pick(whole(block)?)),
        }
    }

    /// Returns the rows where they are so few that reading all of a column would be most of the work.
    pub(super) fn few(&self, block: &Block) -> Option<Cow<'_, [u32]>> {
        is_little(self.len(), block).then(|| match self {
            Self::Range(range) => Cow::Owned(range.clone().collect()),
            Self::List(rows) => Cow::Borrowed(rows.as_slice()),
        })
    }

    /// Calls `each` with place and index of every row that is in both this and `sparse`, which ascends.
    pub(super) fn for_each_common(&self, sparse: &[u32], mut each: impl FnMut(usize, usize)) {
        match self {
            Self::Range(range) => {
                let first = sparse.partition_point(|row| *row < range.start);
                let end = sparse.partition_point(|row| *row < range.end);
                let within = sparse.get(first..end).unwrap_or_default();
                for (index, row) in (first..).zip(within) {
                    each((row - range.start) as usize, index);
                }
            }
            // Every row up to the last has a cell.
            Self::List(rows)
                if sparse
                    .last()
                    .is_some_and(|last| *last as usize + 1 == sparse.len()) =>
            {
                let within = rows
                    .iter()
                    .take_while(|row| (**row as usize) < sparse.len());
                for (place, row) in within.enumerate() {
                    each(place, *row as usize);
                }
            }
            // Nearly every cell is passed: stepping over each costs less than finding the next.
            Self::List(rows) if sparse.len() < rows.len().saturating_mul(8) => {
                let mut cells = (0..).zip(sparse).peekable();
                for (place, row) in rows.iter().enumerate() {
                    while cells.next_if(|(_, cell)| *cell < row).is_some() {}
                    if let Some((index, _)) = cells.next_if(|(_, cell)| *cell == row) {
                        each(place, index);
                    }
                }
            }
            Self::List(rows) => {
                let mut index = 0;
                for (place, row) in rows.iter().enumerate() {
                    let rest = sparse.get(index..).unwrap_or_default();
                    index += gallop(rest, *row);
                    match sparse.get(index) {
                        Some(found) if found == row => each(place, index),
                        Some(_) => {}
                        None => break,
                    }
                }
            }
        }
    }

    pub(super) fn split_at(&self, at: u32) -> (Self, Self) {
        match self {
            Self::Range(range) => {
                let middle = range.start.saturating_add(at).min(range.end);
                let (left, right) = (range.start..middle, middle..range.end);
                (Self::Range(left), Self::Range(right))
            }
            Self::List(rows) => {
                let (left, right) = rows.split_at(rows.len().min(at as usize));
                (Self::List(left.to_vec()), Self::List(right.to_vec()))
            }
        }
    }
}

/// Whether so few spans of a block are read that decoding all of a column would be most of the work.
pub(super) fn is_little(n_rows: usize, block: &Block) -> bool {
    const PART: usize = 16;
    n_rows * PART <= block.meta().n_spans as usize
}

/// Returns how many of the ascending `rows` are below `row`: near ones are found in a few steps.
fn gallop(rows: &[u32], row: u32) -> usize {
    let mut step = 1;
    while rows.get(step - 1).is_some_and(|below| *below < row) {
        step *= 2;
    }
    // All up to the last step but one are below.
    let known = step / 2;
    let window = rows.get(known..rows.len().min(step)).unwrap_or_default();
    known + window.partition_point(|below| *below < row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn common_rows_are_those_in_both(
            rows in prop::collection::btree_set(0_u32..60, 0..40),
            sparse in prop_oneof![
                prop::collection::btree_set(0_u32..60, 0..40),
                prop::collection::btree_set(0_u32..600, 300..500),
                (0_u32..60).prop_map(|n| (0..n).collect()),
            ],
        ) {
            let rows: Vec<u32> = rows.into_iter().collect();
            let sparse: Vec<u32> = sparse.into_iter().collect();
            let expected: Vec<(usize, usize)> = rows
                .iter()
                .enumerate()
                .filter_map(|(place, row)| Some((place, sparse.binary_search(row).ok()?)))
                .collect();
            for rows in [Rows::List(rows.clone()), Rows::of(rows)] {
                let mut found = Vec::new();
                rows.for_each_common(&sparse, |place, index| found.push((place, index)));
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
