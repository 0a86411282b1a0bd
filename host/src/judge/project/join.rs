//! The columns of several blocks as one batch.
//!
//! Rows of later blocks are further down, so what points to a row moves. Symbols of a block mean nothing in another:
//! each block has a range of its own, behind a few that stand for the literals in all of them. Two cells of
//! different blocks therefore have different symbols though their texts are equal; the contract promises equality
//! within a trace. A batch of one block is what the block gave, untouched.

use crate::{
    block::{NONE, kind},
    sandbox::{Batch, Column, FixedColumn, Form, PackPlan, Table, Values, WantColumn},
};

use super::{
    Literals, Projection,
    symbols::{FIRST, Texts},
};

/// What one block gives to a batch.
pub(super) struct OfBlock {
    pub(super) trace_ends: Vec<u32>,
    pub(super) facts: Vec<u8>,
    pub(super) columns: Vec<Column>,
    /// As of [`Literals::symbols`].
    pub(super) literals: Vec<u32>,
    /// What no symbol of the block reaches.
    pub(super) symbols_end: u32,
    pub(super) rows: TableRows,
}

/// How many rows each table has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TableRows {
    pub(super) spans: u32,
    pub(super) events: u32,
    pub(super) links: u32,
    pub(super) elements: u32,
}

/// Several blocks as one.
pub(super) struct Joined<'a> {
    pack: &'a PackPlan,
    all: OfBlock,
    /// How many spans there will be.
    n_rows: usize,
}

/// How the symbols of a block become those of the batch.
struct Renumbered {
    /// Symbols of literals, in the block and in the batch, in order.
    literals: Vec<(u32, u32)>,
    /// Where the others begin.
    first: u32,
}

impl Renumbered {
    fn symbol(&self, symbol: u32) -> u32 {
        let Some(number) = symbol.checked_sub(FIRST) else {
            return symbol;
        };
        let literals = &self.literals;
        let literal = literals.binary_search_by_key(&symbol, |(of_block, _)| *of_block);
        let literal = literal.ok().and_then(|at| literals.get(at));
        literal.map_or(self.first.saturating_add(number), |(_, of_batch)| *of_batch)
    }
}

impl<'a> Joined<'a> {
    /// Begins with nothing, of `n_rows` spans that are to come.
    pub(super) fn new(projection: &Projection<'a>, n_rows: usize, literals: &Literals<'_>) -> Self {
        let pack = projection.pack;
        let first = FIRST + literals.len() as u32;
        Self {
            pack,
            all: OfBlock {
                trace_ends: Vec::new(),
                facts: Vec::new(),
                columns: pack
                    .wants
                    .iter()
                    .map(|want| projection.empty(want))
                    .collect(),
                literals: (FIRST..first).collect(),
                symbols_end: first,
                rows: TableRows::default(),
            },
            n_rows,
        }
    }

    /// Adds what the next block gave.
    pub(super) fn add(&mut self, mut block: OfBlock) {
        let all = &mut self.all;
        let of_both = block
            .literals
            .iter()
            .copied()
            .zip(all.literals.iter().copied());
        let mut literals: Vec<_> = of_both.filter(|(symbol, _)| *symbol != NONE).collect();
        literals.sort_unstable();
        let renumbered = Renumbered {
            literals,
            first: all.symbols_end,
        };
        for (column, want) in block.columns.iter_mut().zip(&self.pack.wants) {
            match (&want.column, want.form) {
                (WantColumn::Fixed(FixedColumn::Parent), _) => move_rows(column, all.rows.spans),
                (WantColumn::Fixed(FixedColumn::EventEnds), _) => {
                    move_rows(column, all.rows.events);
                }
                (WantColumn::Fixed(FixedColumn::LinkEnds), _) => move_rows(column, all.rows.links),
                (WantColumn::Fixed(_), _)
                | (_, Form::Declared | Form::Truth | Form::Number | Form::Text) => {}
                (_, Form::Symbol) => renumber(column, &renumbered),
                (_, Form::Value) => move_values(column, &renumbered, all.rows.elements),
            }
        }
        for (column, more) in all.columns.iter_mut().zip(block.columns) {
            append(&mut column.kinds, more.kinds, self.n_rows);
            append_values(&mut column.values, more.values, self.n_rows);
        }
        let before = all.rows.spans;
        let trace_ends = block.trace_ends.iter();
        all.trace_ends.extend(trace_ends.map(|end| end + before));
        all.facts.extend(block.facts);
        all.rows.spans += block.rows.spans;
        all.rows.events += block.rows.events;
        all.rows.links += block.rows.links;
        all.rows.elements += block.rows.elements;
        let n_symbols = block.symbols_end.saturating_sub(FIRST);
        all.symbols_end = all.symbols_end.saturating_add(n_symbols);
    }

    pub(super) fn into_batch(self, texts: Texts) -> Batch {
        self.all.into_batch(texts)
    }
}

impl OfBlock {
    pub(super) fn into_batch(self, texts: Texts) -> Batch {
        Batch {
            traces: self.trace_ends.len() as u32,
            trace_ends: self.trace_ends,
            facts: self.facts,
            columns: self.columns,
            literals: self.literals,
            text: texts.text,
            text_ends: texts.ends,
        }
    }
}

fn move_rows(column: &mut Column, by: u32) {
    if let Values::U32s(rows) = &mut column.values {
        for row in rows.iter_mut().filter(|row| **row != NONE) {
            *row += by;
        }
    }
}

fn renumber(column: &mut Column, renumbered: &Renumbered) {
    if let Values::U32s(symbols) = &mut column.values {
        for symbol in symbols {
            *symbol = renumbered.symbol(*symbol);
        }
    }
}

/// Texts are renumbered, and what points to elements is moved; an element's own children are not shown.
fn move_values(column: &mut Column, renumbered: &Renumbered, elements: u32) {
    let Values::U64s(values) = &mut column.values else {
        return;
    };
    let is_element = column.table == Table::Elements as u8;
    for (value, kind) in values.iter_mut().zip(&column.kinds) {
        match *kind {
            kind::STRING => *value = u64::from(renumbered.symbol(*value as u32)),
            kind::ARRAY | kind::KVLIST if !is_element => *value += u64::from(elements) << 32,
            _ => {}
        }
    }
}

fn append_values(values: &mut Values, more: Values, n_rows: usize) {
    match (values, more) {
        (Values::U8s(values), Values::U8s(more)) => append(values, more, n_rows),
        (Values::U16s(values), Values::U16s(more)) => append(values, more, n_rows),
        (Values::U32s(values), Values::U32s(more)) => append(values, more, n_rows),
        (Values::U64s(values), Values::U64s(more)) => append(values, more, n_rows),
        // A form has one width.
        (Values::U8s(_) | Values::U16s(_) | Values::U32s(_) | Values::U64s(_), _) => {
            debug_assert!(false, "columns of one want have one width");
        }
    }
}

/// Makes room for all of the batch at once.
fn append<T>(cells: &mut Vec<T>, more: Vec<T>, n_rows: usize) {
    if !more.is_empty() {
        cells.reserve(n_rows.saturating_sub(cells.len()).max(more.len()));
        cells.extend(more);
    }
}
