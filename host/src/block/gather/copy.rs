//! From the columns of stored blocks to those of another: what merging small blocks does.
//!
//! Copies row by row in the order in which the spans would be gathered, so that the block is the one that they would
//! make, byte for byte. Only symbols, rows and the numbers of columns change.

use std::{collections::VecDeque, ops::Range};

use super::{Gathered, PARENT_ID_KEPT, TraceRow};
use crate::{
    block::{
        Block, NONE,
        attribute::kind,
        section::{Form, Section},
        stored::{
            COPIED_SCOPES, EVENT_NUMBERS, EVENT_SYMBOLS, LINK_NUMBERS, LINK_SYMBOLS, SPAN_NUMBERS,
            SPAN_SYMBOLS, Stored, elements,
        },
        varint::zigzag,
    },
    clock::UnixNanos,
    trace::{Facts, TraceId},
};

/// A block that is copied from, and where its parts have come to lie.
pub(in crate::block) struct Copying<'a> {
    from: &'a Stored<'a>,
    /// By symbol of the block; [`NONE`] until it is met.
    strings: Vec<u32>,
    blobs: Vec<u32>,
    /// By scope, and by the number of the column in the block.
    columns: [Vec<CopiedColumn>; COPIED_SCOPES.len()],
}

#[derive(Clone, Copy)]
struct CopiedColumn {
    /// The column that it goes to; [`NONE`] until it is met.
    to: u32,
    /// The next of its values. Rows are copied in ascending order.
    at: usize,
}

impl<'a> Copying<'a> {
    pub(in crate::block) fn new(from: &'a Stored<'a>) -> Self {
        let unmet = CopiedColumn { to: NONE, at: 0 };
        Self {
            from,
            strings: vec![NONE; from.strings.len()],
            blobs: vec![NONE; from.blobs.len()],
            columns: from
                .attributes
                .each_ref()
                .map(|attributes| vec![unmet; attributes.columns.len()]),
        }
    }
}

impl<'a> Gathered<'a> {
    /// Pushes a trace of a stored block. Of one block they are to be pushed in ascending order.
    pub(in crate::block) fn push_stored(&mut self, copying: &mut Copying<'a>, trace: u32) {
        let from = copying.from;
        let at = trace as usize;
        let rows = Block::range(from.trace_ends, at);
        let arrived_first = cell(from.numbers(Section::ArrivedFirst), at);
        let arrived_after = cell(from.numbers(Section::ArrivedLast), at);
        let first = rows.clone().next();
        let start = first.and_then(|row| from.starts.get(row)).copied();
        self.push_row(TraceRow {
            trace_id: from.trace_ids.get(at).copied().unwrap_or(TraceId([0; 16])),
            n_spans: rows.len() as u32,
            start,
            facts: Facts(cell(from.facts, at)),
            arrived_first: UnixNanos(arrived_first),
            arrived_last: UnixNanos(arrived_first.wrapping_add(arrived_after)),
        });
        let mut before = start.unwrap_or_default();
        for row in rows {
            self.copy_span(copying, row, before);
            before = cell(from.starts, row);
        }
    }

    fn copy_span(&mut self, copying: &mut Copying<'a>, row: usize, before: u64) {
        let from = copying.from;
        let start = cell(from.starts, row);
        if let Ok(at) = from
            .numbers(Section::EarlyEndRows)
            .binary_search(&(row as u64))
        {
            let own_row = self.len(Section::Durations) as u64;
            self.put(Section::EarlyEndRows, own_row);
            self.put(
                Section::EarlyEnds,
                cell(from.numbers(Section::EarlyEnds), at),
            );
        }
        let distance = match cell(from.parents, row) {
            NONE => 0,
            parent => zigzag(row as i64 - i64::from(parent)),
        };
        self.put(Section::Parents, distance);
        if cell(from.numbers(Section::ParentIdForms), row) == PARENT_ID_KEPT {
            self.put_raw(Section::ParentIds, &cell(from.parent_span_ids, row));
        }
        self.put_raw(Section::SpanIds, &cell(from.span_ids, row));
        self.put(Section::Starts, start.wrapping_sub(before));
        self.copy_row(copying, &SPAN_NUMBERS, &SPAN_SYMBOLS, row);
        let (events, links) = (
            Block::range(from.event_ends, row),
            Block::range(from.link_ends, row),
        );
        self.put(Section::SpanEvents, events.len() as u64);
        self.put(Section::SpanLinks, links.len() as u64);
        self.copy_attributes(copying, 0, row);
        for event in events {
            let since = cell(from.event_times, event).wrapping_sub(start);
            self.put(Section::EventTimes, zigzag(since as i64));
            self.copy_row(copying, &EVENT_NUMBERS, &EVENT_SYMBOLS, event);
            self.copy_attributes(copying, 1, event);
        }
        for link in links {
            self.copy_link(copying, link);
        }
        let (resource, scope) = (cell(from.resource_rows, row), cell(from.scope_rows, row));
        if let Some(resource) = from.resources.get(resource as usize) {
            self.push_resource(resource);
        }
        if let Some(scope) = from.scopes.get(scope as usize) {
            self.push_scope(scope);
        }
    }

    fn copy_link(&mut self, copying: &mut Copying<'a>, link: usize) {
        let from = copying.from;
        let own_row = self.len(Section::LinkFlags) as u64;
        for half in [0, 1] {
            let odd = from.numbers(Section::LinkOddIdRows);
            if let Ok(at) = odd.binary_search(&(link as u64 * 2 + half)) {
                let blob = cell(from.numbers(Section::LinkOddIds), at);
                let blob = self.copied_blob(copying, blob);
                self.put(Section::LinkOddIdRows, own_row * 2 + half);
                self.put(Section::LinkOddIds, blob);
            }
        }
        self.put_raw(
            Section::LinkTraceIds,
            &from.link_trace_ids.get(link).copied().unwrap_or_default(),
        );
        self.put_raw(Section::LinkSpanIds, &cell(from.link_span_ids, link));
        self.copy_row(copying, &LINK_NUMBERS, &LINK_SYMBOLS, link);
        self.copy_attributes(copying, 2, link);
    }

    /// Copies the cells of a row that stay what they are, but for symbols.
    fn copy_row(
        &mut self,
        copying: &mut Copying<'a>,
        numbers: &[Section],
        symbols: &[Section],
        row: usize,
    ) {
        let from = copying.from;
        for &section in numbers {
            self.put(section, cell(from.numbers(section), row));
        }
        for &section in symbols {
            let optional = u64::from(section.form() == Form::OptionalSymbols);
            let number = match cell(from.symbols(section), row) {
                NONE => 0,
                symbol => self.copied_string(copying, u64::from(symbol)) + optional,
            };
            self.put(section, number);
        }
    }

    /// Copies the attributes of a row, of the scope that has this place in [`COPIED_SCOPES`].
    fn copy_attributes(&mut self, copying: &mut Copying<'a>, of: usize, row: usize) {
        let from = copying.from;
        let (Some(&scope), Some(attributes)) = (COPIED_SCOPES.get(of), from.attributes.get(of))
        else {
            return;
        };
        let (mut table, mut shape) = self.begin_row(scope);
        for &number in attributes.shapes.of_row(row).iter().rev() {
            let copied = copying.columns.get_mut(of);
            let (Some(&(key, source)), Some(copied)) = (
                attributes.columns.get(number as usize),
                copied.and_then(|copied| copied.get_mut(number as usize)),
            ) else {
                continue;
            };
            if copied.to == NONE {
                copied.to = table.column(key.as_bytes(), shape.len());
            }
            while source
                .rows
                .get(copied.at)
                .is_some_and(|at| (*at as usize) < row)
            {
                copied.at += 1;
            }
            let (to, at) = (copied.to, copied.at);
            let (kind, value) = (cell(&source.kinds, at), cell(&source.values, at));
            if table.claim(to) {
                shape.push(to);
                let value = self.copied_value(copying, kind, value);
                table.put(to, kind, value);
            }
        }
        self.end_row(scope, table, shape);
    }

    fn copied_value(&mut self, copying: &mut Copying<'a>, kind: u8, value: u64) -> u64 {
        let mut waiting = VecDeque::new();
        let copied = self.copied_cell(copying, kind, value, &mut waiting);
        while let Some((at, rows)) = waiting.pop_front() {
            for (row, to) in rows.zip(at..) {
                self.copy_element(copying, row, to, &mut waiting);
            }
        }
        copied
    }

    fn copy_element(
        &mut self,
        copying: &mut Copying<'a>,
        row: usize,
        to: usize,
        waiting: &mut VecDeque<(usize, Range<usize>)>,
    ) {
        let from = copying.from;
        let kind = cell(from.element_kinds, row);
        let value = self.copied_cell(copying, kind, cell(from.element_values, row), waiting);
        let key = match cell(from.element_keys, row) {
            NONE => 0,
            key => self.copied_string(copying, u64::from(key)) + 1,
        };
        self.set_element(to, kind, value, key);
    }

    /// Returns a value as it is here; what an array or a list holds waits.
    fn copied_cell(
        &mut self,
        copying: &mut Copying<'a>,
        kind: u8,
        value: u64,
        waiting: &mut VecDeque<(usize, Range<usize>)>,
    ) -> u64 {
        match kind {
            kind::STRING => self.copied_string(copying, value),
            kind::BYTES => self.copied_blob(copying, value),
            kind::ARRAY | kind::KVLIST => {
                let rows = elements(value);
                let count = rows.len();
                let first = self.add_elements(count);
                if count > 0 {
                    waiting.push_back((first, rows));
                }
                (first as u64) << 32 | count as u64
            }
            _ => value,
        }
    }

    fn copied_string(&mut self, copying: &mut Copying<'a>, symbol: u64) -> u64 {
        let Copying { from, strings, .. } = copying;
        let at = symbol as usize;
        let (Some(copied), Some(text)) = (strings.get_mut(at), from.strings.get(at)) else {
            return 0;
        };
        if *copied == NONE {
            *copied = self.strings.intern(text);
        }
        u64::from(*copied)
    }

    fn copied_blob(&mut self, copying: &mut Copying<'a>, symbol: u64) -> u64 {
        let Copying { from, blobs, .. } = copying;
        let at = symbol as usize;
        let (Some(copied), Some(bytes)) = (blobs.get_mut(at), from.blobs.get(at)) else {
            return 0;
        };
        if *copied == NONE {
            *copied = self.blobs.intern(bytes);
        }
        u64::from(*copied)
    }
}

/// Returns a cell. Columns have a cell for every row of their table, so the default is never met.
fn cell<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}
