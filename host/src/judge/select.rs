//! Which rows of which traces make a batch.

use std::ops::Range;

use crate::{
    block::BlockError,
    sandbox::limits::{SPANS_PER_CALL_MAX, TRACES_PER_CALL_MAX},
};

use super::{
    plan::JudgePlan,
    rows::{Rows, is_little},
    traces::TraceSet,
    view::{View, by_symbol},
};

/// Traces and span rows of one block, by their numbers there.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Ascending.
    pub(super) traces: Vec<u32>,
    /// The end of each trace's rows.
    pub(super) trace_ends: Vec<u32>,
    pub(super) rows: Rows,
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
                    let mut rows = lists.concat();
                    #[expect(
                        clippy::stable_sort_primitive,
                        reason = "each list is sorted, which a merge sort makes use of"
                    )]
                    rows.sort();
                    selector.take_listed(traces, &rows);
                }
            }
        }
        Some(names) => {
            let symbols = view.names(plan)?;
            let of_names = names.iter().filter_map(|name| symbols.get(*name as usize));
            let marked = by_symbol(of_names.map(|symbol| (*symbol, true)), false);
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
        // Every row is written and the next one over it unless it is kept: which spans of a trace
        // a rule speaks of is nothing that a processor could guess.
        let mut rows = vec![0; self.rows_of_all(traces) + 1];
        let mut kept = 0;
        for trace in traces.iter() {
            let of_trace = self.rows_of(trace);
            let range = of_trace.start as usize..of_trace.end as usize;
            for (row, name) in of_trace.zip(names.get(range).unwrap_or_default()) {
                if let Some(slot) = rows.get_mut(kept) {
                    *slot = row;
                }
                kept += usize::from(marked.get(*name as usize).copied().unwrap_or(false));
            }
            self.selection.traces.push(trace);
            self.selection.trace_ends.push(kept as u32);
        }
        rows.truncate(kept);
        self.rows = rows;
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

    /// Returns the selection with the trace at a place alone.
    pub(super) fn nth(&self, at: usize) -> Option<Self> {
        let end = *self.trace_ends.get(at)?;
        let before = at
            .checked_sub(1)
            .and_then(|before| self.trace_ends.get(before));
        let rows = before.copied().unwrap_or(0)..end;
        Some(Self {
            traces: vec![*self.traces.get(at)?],
            trace_ends: vec![rows.end - rows.start],
            rows: Rows::of(rows.filter_map(|row| self.rows.get(row)).collect()),
        })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
