//! From columns of numbers to chunks of bytes: the second half of building a block.

mod attributes;
mod stream;
mod tiers;

use std::mem;

use self::{stream::Ends, tiers::Tiers};
use super::{
    BlockId, BlockMeta, EncodedBlock, Postings, TraceFilter,
    attribute::kind,
    dictionary::encode_pages,
    directory::{Contents, block_id},
    gather::{Gathered, TraceRow},
    names::postings_by_name,
    numbers::{Reading, put_numbers},
    section::{AttributeScope, Form, Section, Table},
    texts::put_texts,
    varint::{put_varint, zigzag},
};
use crate::{clock::UnixNanos, tenant::TenantId};

/// Encodes traces that were gathered in order of their ids.
pub(super) fn encode(tenant: &TenantId, mut gathered: Gathered<'_>) -> EncodedBlock {
    let traces = mem::take(&mut gathered.traces);
    let traces = traces.as_slice();
    let mut numbers = mem::take(&mut gathered.numbers);
    let mut raw = mem::take(&mut gathered.raw);
    let (sorted, string_ranks) = gathered.strings.ranked();
    let tiers = tiers::order(&sorted, &string_ranks, &numbers, &gathered.attributes);
    let (blobs, blob_ranks) = gathered.blobs.ranked();
    let ranks = Ranks {
        strings: &tiers.symbols,
        blobs: &blob_ranks,
    };
    let orders = gathered.attributes.each_ref().map(attributes::key_order);
    let tables = gathered.attributes.iter().zip(&orders);
    for (scope, (table, order)) in AttributeScope::ALL.into_iter().zip(tables) {
        let columns = attributes::shape_columns(table, order);
        put_column(&mut numbers, scope.shape_columns(), columns);
    }
    rank_elements(&mut numbers, ranks);
    let postings = ranks.postings(&numbers, traces);
    if tiers.n_names == 0 {
        let names = postings.iter().map(|(name, _)| u64::from(*name));
        put_column(&mut numbers, Section::DistinctNames, names.collect());
    }

    put_texts_of(&mut raw, &tiers, &blobs);

    let mut contents = Contents {
        tenant: tenant.as_str().to_owned(),
        rows: table_rows(traces, &numbers, tiers.texts.len(), blobs.len()),
        ..Contents::default()
    };
    let attributes = attributes::encode(
        &gathered.attributes,
        &orders,
        &numbers,
        ranks,
        &mut contents,
    );
    let columns = (&mut numbers[..], &mut raw[..]);
    let (stream, ends) = lay_out(columns, &attributes, ranks, &mut contents);
    let (directory, chunks) = stream::cut(&contents, &stream, ends);
    let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
    EncodedBlock {
        meta: BlockMeta {
            id: block_id(&directory),
            n_chunks: chunks.len() as u32,
            size_bytes: chunks.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
            ..meta_of(tenant, traces)
        },
        chunks,
        postings: by_name(postings, &tiers.texts),
        filter: TraceFilter::new(&ids),
    }
}

/// Returns the stream, and how much of its beginning is read how often.
fn lay_out(
    (numbers, raw): (&mut [Vec<u64>], &mut [Vec<u8>]),
    attributes: &[u8],
    ranks: Ranks<'_>,
    contents: &mut Contents,
) -> (Vec<u8>, Ends) {
    let (mut stream, mut ends) = (Vec::new(), Ends::default());
    for (number, &section) in Section::ALL.iter().enumerate() {
        if number == Section::BEFORE_ATTRIBUTES {
            stream.extend_from_slice(attributes);
        }
        let mut column = take_column(numbers, section);
        let bytes = match section.form() {
            Form::Texts | Form::Dictionary | Form::Raw => take_column(raw, section),
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
        contents.sections.push(bytes.len());
        stream.extend_from_slice(&bytes);
        if number < Section::BEFORE_SPANS {
            ends.always = stream.len();
        }
        if number < Section::BEFORE_TIMES {
            ends.often = stream.len();
        }
    }
    (stream, ends)
}

/// Encodes the texts and blobs, which stand beside the ids.
fn put_texts_of(raw: &mut [Vec<u8>], tiers: &Tiers<'_>, blobs: &[&[u8]]) {
    let (names, others) = tiers
        .texts
        .split_at_checked(tiers.n_names)
        .unwrap_or_default();
    let (hot, cold) = others.split_at_checked(tiers.n_hot).unwrap_or_default();
    put_column(raw, Section::NameTexts, texts(names));
    put_column(raw, Section::HotTexts, texts(hot));
    let (heads, pages) = encode_pages(cold);
    put_column(raw, Section::StringPages, heads);
    put_column(raw, Section::Strings, pages);
    let (heads, pages) = encode_pages(blobs);
    put_column(raw, Section::BlobPages, heads);
    put_column(raw, Section::Blobs, pages);
}

/// Returns the traces of each name, in order of the names.
fn by_name(postings: Vec<(u32, Postings)>, texts: &[&[u8]]) -> Vec<(String, Postings)> {
    let name = |symbol: u32| {
        let text = texts.get(symbol as usize).copied().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    let named = postings.into_iter().map(|(symbol, of)| (name(symbol), of));
    let mut named: Vec<_> = named.collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    named
}

/// Returns what a catalog keeps, as far as the traces tell it.
fn meta_of(tenant: &TenantId, traces: &[TraceRow]) -> BlockMeta {
    let starts = || traces.iter().filter_map(|trace| trace.start);
    BlockMeta {
        id: BlockId([0; 16]),
        tenant: tenant.clone(),
        n_traces: traces.len() as u32,
        n_spans: traces.iter().map(|trace| trace.n_spans).sum(),
        incomplete: traces.iter().filter(|t| !t.facts.is_complete()).count() as u32,
        n_chunks: 0,
        size_bytes: 0,
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
    }
}

/// The final symbols, by the provisional ones.
#[derive(Clone, Copy)]
struct Ranks<'a> {
    strings: &'a [u32],
    blobs: &'a [u32],
}

impl Ranks<'_> {
    fn rank(ranks: &[u32], provisional: u64) -> u64 {
        let rank = ranks.get(provisional as usize);
        rank.copied().map_or(0, u64::from)
    }

    fn apply(self, form: Form, column: &mut [u64]) {
        let (ranks, plus) = match form {
            Form::Symbols => (self.strings, 0),
            Form::OptionalSymbols => (self.strings, 1),
            Form::OptionalBlobs => (self.blobs, 1),
            Form::BlobList => (self.blobs, 0),
            Form::Numbers | Form::List | Form::Raw | Form::Texts | Form::Dictionary => return,
        };
        for cell in column {
            if let Some(provisional) = cell.checked_sub(plus) {
                *cell = Self::rank(ranks, provisional) + plus;
            }
        }
    }

    /// Returns the traces of each name, in order of the names.
    fn postings(self, numbers: &[Vec<u64>], traces: &[TraceRow]) -> Vec<(u32, Postings)> {
        let names = numbers.get(Section::Names as usize).into_iter().flatten();
        let names: Vec<u32> = names
            .map(|&name| Self::rank(self.strings, name) as u32)
            .collect();
        let ends = traces.iter().scan(0, |end, trace| {
            *end += trace.n_spans;
            Some(*end)
        });
        postings_by_name(&names, ends, self.strings.len())
    }

    /// Returns a value as it is stored.
    fn value(self, kind: u8, value: u64) -> u64 {
        match kind {
            kind::STRING => Self::rank(self.strings, value),
            kind::BYTES => Self::rank(self.blobs, value),
            kind::INT => zigzag(value as i64),
            _ => value,
        }
    }
}

fn take_column<T: Default>(columns: &mut [T], section: Section) -> T {
    columns
        .get_mut(section as usize)
        .map(mem::take)
        .unwrap_or_default()
}

fn put_column<T>(columns: &mut [T], section: Section, column: T) {
    if let Some(slot) = columns.get_mut(section as usize) {
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

fn rank_elements(numbers: &mut [Vec<u64>], ranks: Ranks<'_>) {
    let mut values = take_column(numbers, Section::ElementValues);
    if let Some(kinds) = numbers.get(Section::ElementKinds as usize) {
        for (value, &kind) in values.iter_mut().zip(kinds) {
            *value = ranks.value(kind as u8, *value);
        }
    }
    put_column(numbers, Section::ElementValues, values);
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

fn texts(texts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    if !texts.is_empty() {
        put_texts(&mut out, texts);
    }
    out
}
