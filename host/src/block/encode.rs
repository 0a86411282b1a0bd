//! From columns of numbers to chunks of bytes: the second half of building a block.

use std::mem;

use bytes::Bytes;

use super::{
    BlockMeta, ChunkId, EncodedBlock, Postings, TraceFilter,
    attribute::kind,
    dictionary::put_dictionary,
    directory::{AttributeEntry, ChunkEntry, Directory, Extent, block_id},
    gather::{AttributeTable, Column, Gathered, TraceRow},
    names::postings_by_name,
    numbers::{Reading, put_numbers},
    section::{AttributeScope, Form, Section, Table},
    varint::{put_varint, zigzag},
};
use crate::{clock::UnixNanos, tenant::TenantId};

/// A chunk is closed when it reaches this: a reader of one column then reads little beside it, and a
/// small block has one chunk and its directory.
const CHUNK_BYTES_MIN: usize = 16 * 1_024;

/// Encodes traces that were gathered in order of their ids.
pub(super) fn encode(tenant: &TenantId, mut gathered: Gathered<'_>) -> EncodedBlock {
    let traces = mem::take(&mut gathered.traces);
    let traces = traces.as_slice();
    let mut numbers = mem::take(&mut gathered.numbers);
    let mut raw = mem::take(&mut gathered.raw);
    let (strings, string_ranks) = gathered.strings.ranked();
    let (blobs, blob_ranks) = gathered.blobs.ranked();
    let ranks = Ranks {
        strings: &string_ranks,
        blobs: &blob_ranks,
    };
    let orders = gathered.attributes.each_ref().map(key_order);
    for scope in AttributeScope::ALL {
        if let (Some(table), Some(order), Some(column)) = (
            gathered.attributes.get(scope as usize),
            orders.get(scope as usize),
            numbers.get_mut(scope.shape_columns() as usize),
        ) {
            *column = shape_columns(table, order);
        }
    }
    rank_elements(&mut numbers, ranks);
    let postings = ranks.postings(&numbers, traces);
    let names = postings.iter().map(|(name, _)| u64::from(*name));
    put_column(&mut numbers, Section::DistinctNames, names.collect());

    let mut layout = Layout::default();
    let mut directory = Directory {
        tenant: tenant.as_str().to_owned(),
        rows: table_rows(traces, &numbers, strings.len(), blobs.len()),
        ..Directory::default()
    };
    for &section in Section::ALL {
        let mut column = take_column(&mut numbers, section);
        let bytes = match section.form() {
            Form::Dictionary if section == Section::Strings => dictionary(&strings),
            Form::Dictionary => dictionary(&blobs),
            Form::Raw => take_column(&mut raw, section),
            form @ (Form::List | Form::BlobList) => {
                ranks.apply(form, &mut column);
                list(&column, section.reading())
            }
            form
            @ (Form::Numbers | Form::Symbols | Form::OptionalSymbols | Form::OptionalBlobs) => {
                ranks.apply(form, &mut column);
                cells(&column, section.reading())
            }
        };
        directory.sections.push(layout.put(&bytes));
    }
    for ((table, order), entries) in gathered
        .attributes
        .iter()
        .zip(&orders)
        .zip(&mut directory.attributes)
    {
        for column in order.iter().filter_map(|&at| table.columns.get(at)) {
            entries.push(AttributeEntry {
                key: String::from_utf8_lossy(column.key).into_owned(),
                n_rows: column.kinds.len() as u32,
                extent: layout.put(&attribute(column, ranks)),
            });
        }
    }
    assemble(tenant, traces, (layout, directory), (&strings, postings))
}

/// Puts together what a store is given.
fn assemble(
    tenant: &TenantId,
    traces: &[TraceRow],
    (layout, mut directory): (Layout, Directory),
    (strings, postings): (&[&[u8]], Vec<(u32, Postings)>),
) -> EncodedBlock {
    directory.chunks = layout.chunks.iter().map(|c| ChunkEntry::of(c)).collect();
    let head = Bytes::from(directory.encode());
    let id = block_id(&head);
    let chunks: Vec<(ChunkId, Bytes)> = std::iter::once(head)
        .chain(layout.chunks.into_iter().map(Bytes::from))
        .enumerate()
        .map(|(number, bytes)| (ChunkId(number as u32), bytes))
        .collect();
    let starts = || traces.iter().filter_map(|trace| trace.start);
    let meta = BlockMeta {
        id,
        tenant: tenant.clone(),
        n_traces: directory.rows(Table::Traces),
        n_spans: directory.rows(Table::Spans),
        incomplete: traces.iter().filter(|t| !t.facts.is_complete()).count() as u32,
        n_chunks: chunks.len() as u32,
        size_bytes: chunks.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
        arrived_min: traces
            .iter()
            .map(|t| t.arrived_first)
            .min()
            .unwrap_or_default(),
        arrived_max: traces
            .iter()
            .map(|t| t.arrived_last)
            .max()
            .unwrap_or_default(),
        start_min: UnixNanos(starts().min().unwrap_or_default()),
        start_max: UnixNanos(starts().max().unwrap_or_default()),
    };
    let text = |symbol: u32| strings.get(symbol as usize).copied().unwrap_or_default();
    let postings = postings.into_iter().map(|(name, postings)| {
        let name = String::from_utf8_lossy(text(name)).into_owned();
        (name, postings)
    });
    let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
    EncodedBlock {
        meta,
        chunks,
        postings: postings.collect(),
        filter: TraceFilter::new(&ids),
    }
}

/// Chunks as they fill.
#[derive(Default)]
struct Layout {
    chunks: Vec<Vec<u8>>,
}

impl Layout {
    fn put(&mut self, section: &[u8]) -> Extent {
        let full = self.chunks.last().is_none_or(|chunk| {
            chunk.len() >= CHUNK_BYTES_MIN
                || (section.len() >= CHUNK_BYTES_MIN && !chunk.is_empty())
        });
        if full && !section.is_empty() {
            self.chunks.push(Vec::new());
        }
        let number = self.chunks.len() as u32;
        let mut extent = Extent {
            chunk: ChunkId(number),
            at: 0,
            size_bytes: section.len(),
        };
        if let Some(chunk) = self.chunks.last_mut() {
            extent.at = chunk.len();
            chunk.extend_from_slice(section);
        }
        extent
    }
}

/// The final symbols, by the provisional ones.
#[derive(Clone, Copy)]
struct Ranks<'a> {
    strings: &'a [u32],
    blobs: &'a [u32],
}

impl Ranks<'_> {
    fn apply(self, form: Form, column: &mut [u64]) {
        let (ranks, plus) = match form {
            Form::Symbols => (self.strings, 0),
            Form::OptionalSymbols => (self.strings, 1),
            Form::OptionalBlobs => (self.blobs, 1),
            Form::BlobList => (self.blobs, 0),
            Form::Numbers | Form::List | Form::Raw | Form::Dictionary => return,
        };
        for cell in column {
            if let Some(provisional) = cell.checked_sub(plus) {
                *cell = rank(ranks, provisional) + plus;
            }
        }
    }

    /// Returns the traces of each name, in order of the names.
    fn postings(self, numbers: &[Vec<u64>], traces: &[TraceRow]) -> Vec<(u32, Postings)> {
        let names = numbers.get(Section::Names as usize).into_iter().flatten();
        let names: Vec<u32> = names.map(|&name| rank(self.strings, name) as u32).collect();
        let ends = traces.iter().scan(0, |end, trace| {
            *end += trace.n_spans;
            Some(*end)
        });
        postings_by_name(&names, ends, self.strings.len())
    }

    /// Returns a value as it is stored.
    fn value(self, kind: u8, value: u64) -> u64 {
        match kind {
            kind::STRING => rank(self.strings, value),
            kind::BYTES => rank(self.blobs, value),
            kind::INT => zigzag(value as i64),
            _ => value,
        }
    }
}

fn rank(ranks: &[u32], provisional: u64) -> u64 {
    ranks
        .get(provisional as usize)
        .copied()
        .map_or(0, u64::from)
}

fn take_column<T: Default>(columns: &mut [T], section: Section) -> T {
    columns
        .get_mut(section as usize)
        .map(mem::take)
        .unwrap_or_default()
}

fn put_column(numbers: &mut [Vec<u64>], section: Section, column: Vec<u64>) {
    if let Some(slot) = numbers.get_mut(section as usize) {
        *slot = column;
    }
}

fn table_rows(
    traces: &[TraceRow],
    numbers: &[Vec<u64>],
    n_strings: usize,
    n_blobs: usize,
) -> [u32; Table::COUNT] {
    let rows = |section: Section| numbers.get(section as usize).map_or(0, Vec::len);
    let mut counts = [0; Table::COUNT];
    for (table, count) in [
        (Table::Traces, traces.len()),
        (Table::Spans, rows(Section::Names)),
        (Table::Events, rows(Section::EventNames)),
        (Table::Links, rows(Section::LinkFlags)),
        (Table::Elements, rows(Section::ElementKinds)),
        (Table::Resources, rows(Section::ResourceShapes)),
        (Table::Scopes, rows(Section::ScopeShapes)),
        (Table::Strings, n_strings),
        (Table::Blobs, n_blobs),
    ] {
        if let Some(slot) = counts.get_mut(table as usize) {
            *slot = count as u32;
        }
    }
    counts
}

/// Returns the columns of a table in order of their keys.
fn key_order(table: &AttributeTable<'_>) -> Vec<usize> {
    let mut order: Vec<(&[u8], usize)> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| (column.key, at))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// Returns for each shape how many columns it has, then which, by their rank in the order of the keys.
fn shape_columns(table: &AttributeTable<'_>, order: &[usize]) -> Vec<u64> {
    let mut ranks = vec![0; order.len()];
    for (rank, &at) in order.iter().enumerate() {
        if let Some(slot) = ranks.get_mut(at) {
            *slot = rank as u64;
        }
    }
    let mut list = Vec::new();
    for shape in &table.shapes {
        list.push(shape.len() as u64);
        list.extend(shape.iter().rev().filter_map(|&at| ranks.get(at as usize)));
    }
    list
}

fn rank_elements(numbers: &mut [Vec<u64>], ranks: Ranks<'_>) {
    let mut values = take_column(numbers, Section::ElementValues);
    if let Some(kinds) = numbers.get(Section::ElementKinds as usize) {
        for (value, &kind) in values.iter_mut().zip(kinds) {
            *value = ranks.value(kind as u8, *value);
        }
    }
    put_column(numbers, Section::ElementValues, values);
}

/// Kinds, then values. Ints are stored as zigzag, so that small negative ones are small.
fn attribute(column: &Column<'_>, ranks: Ranks<'_>) -> Vec<u8> {
    let kinds: Vec<u64> = column.kinds.iter().copied().map(u64::from).collect();
    let values: Vec<u64> = column
        .values
        .iter()
        .zip(&column.kinds)
        .map(|(&value, &kind)| ranks.value(kind, value))
        .collect();
    let mut out = Vec::new();
    put_numbers(&mut out, &kinds, Reading::Warm);
    put_numbers(&mut out, &values, Reading::Warm);
    out
}

fn cells(column: &[u64], reading: Reading) -> Vec<u8> {
    let mut out = Vec::new();
    if !column.is_empty() {
        put_numbers(&mut out, column, reading);
    }
    out
}

fn list(column: &[u64], reading: Reading) -> Vec<u8> {
    let mut out = Vec::new();
    if !column.is_empty() {
        put_varint(&mut out, column.len() as u64);
        put_numbers(&mut out, column, reading);
    }
    out
}

fn dictionary(texts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    if !texts.is_empty() {
        put_dictionary(&mut out, texts);
    }
    out
}
