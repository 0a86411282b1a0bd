//! Which rows of which traces make a batch.

use std::ops::Range;

use crate::{
    block::{Block, BlockError, NONE},
    sandbox::limits::{SPANS_PER_CALL_MAX, TRACES_PER_CALL_MAX},
};

use super::{plan::JudgePlan, traces::TraceSet, view::View};

/// Traces and span rows of one block, by their numbers there.
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

/// The rows of one block that one call, or several, are shown.
pub(super) struct Part {
    /// Which block of the group.
    pub(super) view: usize,
    pub(super) selection: Selection,
}

/// Selects of one block the rows that a cluster reads of some traces.
pub(super) fn select(
    plan: &JudgePlan<'_>,
    names: Option<&[u32]>,
    view: &View<'_>,
    traces: &TraceSet,
) -> Result<Selection, BlockError> {
    let trace_ends = view.block.trace_ends()?;
    let mut selector = Selector {
        trace_ends,
        selection: Selection {
            traces: Vec::with_capacity(traces.len()),
            trace_ends: Vec::with_capacity(traces.len()),
            rows: Rows::Range(0..0),
        },
        rows: Vec::new(),
    };
    match names {
        None => selector.take_all(traces),
        Some(names) if plan.shares_rows() => {
            let by_name = view.rows_by_name(plan)?;
            let lists: Vec<&[u32]> = names.iter().map(|name| by_name.of(*name)).collect();
            match lists.as_slice() {
                [one] => selector.take_listed(traces, one),
                lists => {
                    // Each is sorted, which a merge sort makes use of.
                    let mut rows = lists.concat();
                    rows.sort();
                    selector.take_listed(traces, &rows);
                }
            }
        }
        Some(names) => {
            let symbols = view.names(plan)?;
            let mut marked = Vec::new();
            for name in names {
                let Some(&symbol) = symbols.get(*name as usize).filter(|s| **s != NONE) else {
                    continue;
                };
                let symbol = symbol as usize;
                if marked.len() <= symbol {
                    marked.resize(symbol + 1, false);
                }
                if let Some(slot) = marked.get_mut(symbol) {
                    *slot = true;
                }
            }
            let n_rows = selector.rows_of_all(traces);
            if is_little(n_rows, view.block) {
                selector.take_all(traces);
                selector.keep_marked(&view.block.names_at(&selector.rows)?, &marked);
            } else {
                selector.take_marked(traces, view.block.names()?, &marked);
            }
        }
    }
    Ok(selector.finish())
}

struct Selector<'b> {
    trace_ends: &'b [u32],
    selection: Selection,
    rows: Vec<u32>,
}

impl Selector<'_> {
    fn rows_of(&self, trace: u32) -> Range<u32> {
        let before = (trace as usize).checked_sub(1);
        let start = before.and_then(|before| self.trace_ends.get(before));
        let end = self.trace_ends.get(trace as usize).copied().unwrap_or(0);
        start.copied().unwrap_or(0).min(end)..end
    }

    /// Returns how many rows the traces have.
    fn rows_of_all(&self, traces: &TraceSet) -> usize {
        traces.iter().map(|trace| self.rows_of(trace).len()).sum()
    }

    fn end_trace(&mut self, trace: u32) {
        self.selection.traces.push(trace);
        self.selection.trace_ends.push(self.rows.len() as u32);
    }

    /// Takes all rows of the traces.
    fn take_all(&mut self, traces: &TraceSet) {
        if traces.len() == self.trace_ends.len() {
            self.selection
                .traces
                .extend(0..self.trace_ends.len() as u32);
            self.selection.trace_ends = self.trace_ends.to_vec();
            self.selection.rows = Rows::Range(0..self.trace_ends.last().copied().unwrap_or(0));
            return;
        }
        for trace in traces.iter() {
            self.rows.extend(self.rows_of(trace));
            self.end_trace(trace);
        }
    }

    /// Takes those of the rows, which ascend, that are of the traces.
    fn take_listed(&mut self, traces: &TraceSet, rows: &[u32]) {
        let mut at = 0;
        for trace in traces.iter() {
            let of_trace = self.rows_of(trace);
            let rest = rows.get(at..).unwrap_or_default();
            at += rest.iter().take_while(|row| **row < of_trace.start).count();
            let rest = rows.get(at..).unwrap_or_default();
            let n_rows = rest.iter().take_while(|row| **row < of_trace.end).count();
            self.rows.extend(rest.iter().take(n_rows));
            at += n_rows;
            self.end_trace(trace);
        }
    }

    /// Keeps of the rows that were taken, all of some traces, those whose name is marked.
    fn keep_marked(&mut self, names: &[u32], marked: &[bool]) {
        let rows = std::mem::take(&mut self.rows);
        let mut named = rows.into_iter().zip(names);
        let mut start = 0;
        for end in &mut self.selection.trace_ends {
            let of_trace = named.by_ref().take((*end - start) as usize);
            let is_marked = |name: &u32| marked.get(*name as usize).copied().unwrap_or(false);
            let kept = of_trace.filter(|(_, name)| is_marked(name));
            self.rows.extend(kept.map(|(row, _)| row));
            start = *end;
            *end = self.rows.len() as u32;
        }
    }

    /// Takes the rows of the traces whose name is marked.
    fn take_marked(&mut self, traces: &TraceSet, names: &[u32], marked: &[bool]) {
        for trace in traces.iter() {
            let of_trace = self.rows_of(trace);
            let range = of_trace.start as usize..of_trace.end as usize;
            let names = names.get(range).unwrap_or_default();
            // Every row is written and the next one over it unless it is kept: which spans of a trace
            // a rule speaks of is nothing that a processor could guess.
            let before = self.rows.len();
            self.rows.resize(before + names.len(), 0);
            let mut kept = 0;
            let room = self.rows.get_mut(before..).unwrap_or_default();
            for (row, name) in of_trace.zip(names) {
                if let Some(slot) = room.get_mut(kept) {
                    *slot = row;
                }
                kept += usize::from(marked.get(*name as usize).copied().unwrap_or(false));
            }
            self.rows.truncate(before + kept);
            self.end_trace(trace);
        }
    }

    fn finish(self) -> Selection {
        let mut selection = self.selection;
        if !self.rows.is_empty() {
            selection.rows = Rows::of(self.rows);
        }
        selection
    }
}

/// Puts what is selected into batches that one call may hold: up to 16,384 spans, or one longer trace alone.
///
/// Blocks share a batch where they fit whole: what is joined is copied once more. A part that no call has room for is
/// cut.
pub(super) fn batches(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut batches = Vec::new();
    let mut batch: Vec<Part> = Vec::new();
    let (mut n_rows, mut n_traces) = (0, 0);
    for Part { view, selection } in parts {
        let rows_after = n_rows + selection.rows.len();
        let traces_after = n_traces + selection.traces.len();
        if rows_after > SPANS_PER_CALL_MAX || traces_after > TRACES_PER_CALL_MAX {
            batches.extend((!batch.is_empty()).then(|| std::mem::take(&mut batch)));
            (n_rows, n_traces) = (0, 0);
        }
        let mut rest = Some(selection);
        while let Some(selection) = rest.take() {
            // One trace that no call has room for goes alone.
            let n_here = selection.n_traces_of_call().max(1);
            let (here, later) = selection.split(n_here);
            n_rows += here.rows.len();
            n_traces += here.traces.len();
            batch.push(Part {
                view,
                selection: here,
            });
            if later.is_some() || n_rows > SPANS_PER_CALL_MAX {
                batches.push(std::mem::take(&mut batch));
                (n_rows, n_traces) = (0, 0);
            }
            rest = later;
        }
    }
    batches.extend((!batch.is_empty()).then_some(batch));
    batches
}

impl Selection {
    /// Returns the two halves of the traces; `None` where there is but one.
    pub(super) fn halves(&self) -> Option<(Self, Self)> {
        let middle = self.traces.len() / 2;
        if middle == 0 {
            return None;
        }
        let (left, right) = self.clone().split(middle);
        right.map(|right| (left, right))
    }

    /// Returns how many of the first traces fit into one call.
    fn n_traces_of_call(&self) -> usize {
        let fits = |end: &u32| *end as usize <= SPANS_PER_CALL_MAX;
        self.trace_ends
            .partition_point(fits)
            .min(TRACES_PER_CALL_MAX)
    }

    /// Returns the first traces, and the others if there are any.
    fn split(mut self, n_traces: usize) -> (Self, Option<Self>) {
        if n_traces >= self.traces.len() {
            return (self, None);
        }
        let traces = self.traces.split_off(n_traces);
        let mut trace_ends = self.trace_ends.split_off(n_traces);
        let cut = self.trace_ends.last().copied().unwrap_or(0);
        for end in &mut trace_ends {
            *end -= cut;
        }
        let (left, right) = self.rows.split_at(cut);
        self.rows = left;
        let rest = Self {
            traces,
            trace_ends,
            rows: right,
        };
        (self, Some(rest))
    }

    /// Returns the selection without all traces but some.
    pub(super) fn only(&self, keep: impl Fn(u32) -> bool) -> Self {
        let mut kept = Self {
            traces: Vec::new(),
            trace_ends: Vec::new(),
            rows: Rows::Range(0..0),
        };
        let mut rows = Vec::new();
        let mut start = 0;
        for (&trace, &end) in self.traces.iter().zip(&self.trace_ends) {
            if keep(trace) {
                rows.extend((start..end).filter_map(|at| self.rows.get(at)));
                kept.traces.push(trace);
                kept.trace_ends.push(rows.len() as u32);
            }
            start = end;
        }
        kept.rows = Rows::of(rows);
        kept
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

    /// Returns the cells of a column at these rows: of the whole column, or of those rows alone where they are few.
    pub(super) fn read<'b, T: Copy + 'b>(
        &self,
        block: &'b Block,
        whole: impl FnOnce(&'b Block) -> Result<&'b [T], BlockError>,
        at: impl FnOnce(&'b Block, &[u32]) -> Result<Vec<T>, BlockError>,
    ) -> Result<Vec<T>, BlockError> {
        match self {
            Self::List(rows) if is_little(rows.len(), block) => at(block, rows),
            Self::List(_) | Self::Range(_) => Ok(self.pick(whole(block)?)),
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
