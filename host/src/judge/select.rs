//! Which rows of which traces make a batch.

use std::ops::Range;

use crate::{
    block::{Block, BlockError},
    sandbox::limits::{SPANS_PER_CALL_MAX, TRACES_PER_CALL_MAX},
};

/// The traces and span rows of one batch, by their numbers in the block.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Ascending.
    pub(super) traces: Vec<u32>,
    /// The end of each trace's rows.
    pub(super) trace_ends: Vec<u32>,
    pub(super) rows: Rows,
}

/// Rows of a table of the block, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// All of a range.
    Range(Range<u32>),
    /// Those listed.
    List(Vec<u32>),
}

/// Which span rows a pack's rules read.
#[derive(Debug)]
pub(super) enum RowFilter {
    /// All rows of the traces.
    All,
    /// Rows whose name's symbol is marked.
    Named(Vec<bool>),
}

/// Cuts traces into batches that one call may hold: up to 16,384 spans, or one longer trace alone.
pub(super) struct Selector<'b> {
    trace_ends: &'b [u32],
    names: &'b [u32],
    filter: RowFilter,
}

impl<'b> Selector<'b> {
    pub(super) fn new(block: &'b Block, filter: RowFilter) -> Result<Self, BlockError> {
        let names = match filter {
            RowFilter::All => &[],
            RowFilter::Named(_) => block.names()?,
        };
        Ok(Self {
            trace_ends: block.trace_ends()?,
            names,
            filter,
        })
    }

    /// Takes the next batch off the front of `traces`; `None` where none are left.
    pub(super) fn next(&self, traces: &mut &[u32]) -> Option<Selection> {
        let mut trace_ends = Vec::new();
        let mut rows = Vec::new();
        for &trace in *traces {
            let before = rows.len();
            self.push_rows(self.rows_of(trace as usize), &mut rows);
            let full = rows.len() > SPANS_PER_CALL_MAX || trace_ends.len() == TRACES_PER_CALL_MAX;
            if full && !trace_ends.is_empty() {
                rows.truncate(before);
                break;
            }
            trace_ends.push(rows.len() as u32);
        }
        let (batch, rest) = traces.split_at_checked(trace_ends.len())?;
        *traces = rest;
        (!batch.is_empty()).then(|| Selection {
            traces: batch.to_vec(),
            trace_ends,
            rows: Rows::of(rows),
        })
    }

    fn rows_of(&self, trace: usize) -> Range<u32> {
        let before = trace
            .checked_sub(1)
            .and_then(|before| self.trace_ends.get(before));
        let end = self.trace_ends.get(trace);
        before.copied().unwrap_or(0)..end.copied().unwrap_or(0)
    }

    fn push_rows(&self, of_trace: Range<u32>, rows: &mut Vec<u32>) {
        match &self.filter {
            RowFilter::All => rows.extend(of_trace),
            RowFilter::Named(marked) => {
                let range = of_trace.start as usize..of_trace.end as usize;
                let names = self.names.get(range).unwrap_or_default();
                // Every row is written and the next one over it unless it is kept: which spans of a trace
                // a rule speaks of is nothing that a processor could guess.
                let before = rows.len();
                rows.resize(before + names.len(), 0);
                let mut kept = 0;
                let room = rows.get_mut(before..).unwrap_or_default();
                for (row, name) in of_trace.zip(names) {
                    if let Some(slot) = room.get_mut(kept) {
                        *slot = row;
                    }
                    kept += usize::from(marked.get(*name as usize).copied().unwrap_or(false));
                }
                rows.truncate(before + kept);
            }
        }
    }
}

impl Selection {
    /// Returns the two halves of the traces; `None` where there is but one.
    pub(super) fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.traces.len() / 2;
        if middle == 0 {
            return None;
        }
        let (left, right) = self.traces.split_at_checked(middle)?;
        let (left_ends, right_ends) = self.trace_ends.split_at_checked(middle)?;
        let cut = left_ends.last().copied().unwrap_or(0);
        let (left_rows, right_rows) = self.rows.split_at(cut);
        Some((
            Self {
                traces: left.to_vec(),
                trace_ends: left_ends.to_vec(),
                rows: left_rows,
            },
            Self {
                traces: right.to_vec(),
                trace_ends: right_ends.iter().map(|end| end - cut).collect(),
                rows: right_rows,
            },
        ))
    }
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

    fn split_at(&self, at: u32) -> (Self, Self) {
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

        #[test]
        fn halves_hold_what_the_whole_held(ends in prop::collection::vec(0_u32..5, 2..9), from in 0_u32..9) {
            let mut end = 0;
            let trace_ends: Vec<u32> = ends.iter().map(|n| { end += n; end }).collect();
            let whole = Selection {
                traces: (0..ends.len() as u32).collect(),
                trace_ends,
                rows: Rows::of((from..from + end).collect()),
            };
            let (left, right) = whole.halves().unwrap();
            prop_assert_eq!([left.traces.clone(), right.traces].concat(), whole.traces);
            let cut = left.trace_ends.last().copied().unwrap();
            let right_ends = right.trace_ends.iter().map(|end| end + cut);
            let ends: Vec<u32> = left.trace_ends.iter().copied().chain(right_ends).collect();
            prop_assert_eq!(ends, whole.trace_ends);
            let mut rows = Vec::new();
            left.rows.for_each(|row| rows.push(row));
            right.rows.for_each(|row| rows.push(row));
            prop_assert_eq!(Rows::of(rows), whole.rows);
        }
    }
}
