//! Attributes, in their five forms.
//!
//! A column of the block is sparse; one of the batch has a cell for each selected row. Each form has a quick
//! way for the cells that need nothing looked up, and puts the rest aside for a second pass.

use crate::{
    block::{AttributeColumn, AttributeScope, Block, BlockError, kind},
    judge::select::Rows,
    sandbox::{Column, Form, Table, Values, WantScope},
};

use super::{
    Making,
    symbols::{NO_TEXT, Symbols, Texts},
};

/// Kind of the form `number`: present, but not a number.
const NO_NUMBER: u8 = 1;
/// Truths of the form `truth`.
const NO_TRUTH: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;

/// Cells that are there, of some table of a batch.
pub(super) trait Cells {
    /// Calls back with place, kind and value of each.
    fn for_each(&self, put: impl FnMut(usize, u8, u64)) -> Result<(), BlockError>;
}

impl Making<'_, '_> {
    /// Projects an attribute; `number` is that of its want.
    pub(super) fn attribute_column(
        &mut self,
        (scope, key): (WantScope, &str),
        (form, number): (Form, u32),
        symbols: &mut Symbols<'_>,
        texts: &mut Texts,
    ) -> Result<Column, BlockError> {
        let table = match scope {
            WantScope::Span | WantScope::Resource | WantScope::Scope | WantScope::Any => {
                Table::Spans
            }
            WantScope::Event => Table::Events,
            WantScope::Link => Table::Links,
        };
        let rows = self.tables.rows(table);
        let cells = AttributeCells {
            block: self.block,
            rows,
            scope,
            key,
        };
        let shape = Shape {
            table,
            n: rows.len(),
        };
        if form == Form::Value {
            let (column, arrays) = value_column(self.block, shape, &cells)?;
            for (cell, elements) in arrays {
                let trace = self.tables.trace_of(table, cell);
                self.elements.push(trace, number, cell, elements);
            }
            return Ok(column);
        }
        attribute(self.block, rows, (table, scope, key), form, symbols, texts)
    }
}

/// Projects an attribute at these rows of its table, in any form but `value`.
pub(super) fn attribute(
    block: &Block,
    rows: &Rows,
    (table, scope, key): (Table, WantScope, &str),
    form: Form,
    symbols: &mut Symbols<'_>,
    texts: &mut Texts,
) -> Result<Column, BlockError> {
    let cells = |scope| AttributeCells {
        block,
        rows,
        scope,
        key,
    };
    let shape = Shape {
        table,
        n: rows.len(),
    };
    let mut own = |scope| form_column(block, shape, form, &cells(scope), symbols, texts);
    let shared_scope = match scope {
        WantScope::Span | WantScope::Event | WantScope::Link => return own(scope),
        WantScope::Scope => AttributeScope::Scope,
        WantScope::Resource => AttributeScope::Resource,
        WantScope::Any => match block.attribute(AttributeScope::Resource, key)? {
            Some(_) => AttributeScope::Resource,
            None => return own(WantScope::Span),
        },
    };
    let shared = if shared_scope == AttributeScope::Scope {
        rows.read(block, Block::scopes, Block::scopes_at)?
    } else {
        rows.read(block, Block::resources, Block::resources_at)?
    };
    let of_span = match scope {
        WantScope::Any => block.attribute(AttributeScope::Span, key)?,
        WantScope::Span
        | WantScope::Event
        | WantScope::Link
        | WantScope::Scope
        | WantScope::Resource => None,
    };
    let of_span = match of_span {
        Some(column) => Some((column, own(WantScope::Span)?)),
        None => None,
    };
    // What spans share is worked out once for each resource or scope, of which there are few.
    let few = OwnCells(block.attribute(shared_scope, key)?);
    let few_shape = Shape {
        table,
        n: shared.iter().max().map_or(0, |last| *last as usize + 1),
    };
    let few = form_column(block, few_shape, form, &few, symbols, texts)?;
    let mut column = few.spread(&shared);
    if let Some((cells, own)) = of_span {
        let mut places = Vec::with_capacity(cells.rows.len());
        for_each_own(rows, cells, |place, _, _| places.push(place));
        column.overlay(&own, &places);
    }
    Ok(column)
}

/// What becomes of the columns of what spans share.
trait Spread {
    /// Returns for each row the cell of what it shares.
    fn spread(&self, shared: &[u32]) -> Self;
    /// Takes the cells of another column at some places.
    fn overlay(&mut self, other: &Self, places: &[usize]);
}

impl Spread for Column {
    fn spread(&self, shared: &[u32]) -> Self {
        fn cells<T: Copy + Default>(shared: &[u32], few: &[T]) -> Vec<T> {
            if few.is_empty() {
                return Vec::new();
            }
            let cell = |of_row: &u32| few.get(*of_row as usize).copied().unwrap_or_default();
            shared.iter().map(cell).collect()
        }
        Self {
            table: self.table,
            kinds: cells(shared, &self.kinds),
            values: match &self.values {
                Values::U8s(few) => Values::U8s(cells(shared, few)),
                Values::U16s(few) => Values::U16s(cells(shared, few)),
                Values::U32s(few) => Values::U32s(cells(shared, few)),
                Values::U64s(few) => Values::U64s(cells(shared, few)),
            },
        }
    }

    fn overlay(&mut self, other: &Self, places: &[usize]) {
        fn cells<T: Copy>(cells: &mut [T], others: &[T], places: &[usize]) {
            for &place in places {
                if let (Some(cell), Some(other)) = (cells.get_mut(place), others.get(place)) {
                    *cell = *other;
                }
            }
        }
        cells(&mut self.kinds, &other.kinds, places);
        match (&mut self.values, &other.values) {
            (Values::U8s(own), Values::U8s(others)) => cells(own, others, places),
            (Values::U16s(own), Values::U16s(others)) => cells(own, others, places),
            (Values::U32s(own), Values::U32s(others)) => cells(own, others, places),
            (Values::U64s(own), Values::U64s(others)) => cells(own, others, places),
            (Values::U8s(_) | Values::U16s(_) | Values::U32s(_) | Values::U64s(_), _) => {
                debug_assert!(false, "both are of one form");
            }
        }
    }
}

/// Of which table a column is, and how many cells it has.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) table: Table,
    pub(super) n: usize,
}

impl Shape {
    pub(super) fn column(self, kinds: Vec<u8>, values: Values) -> Column {
        Column {
            table: self.table as u8,
            kinds,
            values,
        }
    }
}

/// Makes a column of any form but `value`.
pub(super) fn form_column(
    block: &Block,
    shape: Shape,
    form: Form,
    cells: &impl Cells,
    symbols: &mut Symbols<'_>,
    texts: &mut Texts,
) -> Result<Column, BlockError> {
    match form {
        Form::Symbol => symbol_column(shape, cells, symbols),
        Form::Truth => truth_column(shape, cells, symbols),
        Form::Number => number_column(shape, cells, symbols),
        Form::Text => text_column(block, shape, cells, texts),
        Form::Value => value_column(block, shape, cells).map(|(column, _)| column),
        // No attribute has this form: refused at load.
        Form::Declared => Ok(shape.column(Vec::new(), Values::U8s(Vec::new()))),
    }
}

fn symbol_column(
    shape: Shape,
    cells: &impl Cells,
    symbols: &mut Symbols<'_>,
) -> Result<Column, BlockError> {
    let mut found = vec![0_u32; shape.n];
    let mut ints = Vec::new();
    cells.for_each(|place, kind, value| {
        if let Some(symbol) = found.get_mut(place) {
            *symbol = match kind {
                kind::STRING => Symbols::of_string(value as u32),
                kind::INT => {
                    ints.push((place, value as i64));
                    NO_TEXT
                }
                _ => NO_TEXT,
            };
        }
    })?;
    for (place, int) in ints {
        put(&mut found, place, symbols.of_int(int)?);
    }
    Ok(shape.column(Vec::new(), Values::U32s(found)))
}

fn truth_column(
    shape: Shape,
    cells: &impl Cells,
    symbols: &Symbols<'_>,
) -> Result<Column, BlockError> {
    let [text_false, text_true] = symbols.truths()?;
    let mut truths = vec![0_u8; shape.n];
    cells.for_each(|place, kind, value| {
        let text = Some(value as u32);
        let truth = match kind {
            kind::BOOL if value == 0 => FALSE,
            kind::BOOL => TRUE,
            kind::STRING if text == text_false => FALSE,
            kind::STRING if text == text_true => TRUE,
            _ => NO_TRUTH,
        };
        put(&mut truths, place, truth);
    })?;
    Ok(shape.column(Vec::new(), Values::U8s(truths)))
}

fn number_column(
    shape: Shape,
    cells: &impl Cells,
    symbols: &mut Symbols<'_>,
) -> Result<Column, BlockError> {
    let mut kinds = vec![0_u8; shape.n];
    let mut numbers = vec![0_u64; shape.n];
    let mut strings = Vec::new();
    cells.for_each(|place, kind, value| {
        // The numbers of these two kinds are the same in both forms.
        let (kind, number) = match kind {
            kind::INT | kind::DOUBLE => (kind, value),
            kind::STRING => {
                strings.push((place, value as u32));
                (NO_NUMBER, 0)
            }
            _ => (NO_NUMBER, 0),
        };
        put(&mut kinds, place, kind);
        put(&mut numbers, place, number);
    })?;
    for (place, symbol) in strings {
        if let Some((kind, number)) = symbols.decimal(symbol)? {
            put(&mut kinds, place, kind);
            put(&mut numbers, place, number);
        }
    }
    Ok(shape.column(kinds, Values::U64s(numbers)))
}

fn text_column(
    block: &Block,
    shape: Shape,
    cells: &impl Cells,
    texts: &mut Texts,
) -> Result<Column, BlockError> {
    let mut strings = Vec::new();
    cells.for_each(|place, kind, value| {
        if kind == kind::STRING {
            strings.push((place, value as u32));
        }
    })?;
    let mut found = vec![0_u32; shape.n];
    for (place, symbol) in strings {
        put(&mut found, place, texts.of_string(block, symbol)?);
    }
    Ok(shape.column(Vec::new(), Values::U32s(found)))
}

/// The cells of a column that point to elements, each with where these are in the block.
type Arrays = Vec<(u32, u64)>;

/// Makes a column of the form `value`. Cells of arrays and lists have value 0 and are returned, each with
/// where its elements are.
pub(super) fn value_column(
    block: &Block,
    shape: Shape,
    cells: &impl Cells,
) -> Result<(Column, Arrays), BlockError> {
    let mut kinds = vec![0_u8; shape.n];
    let mut values = vec![0_u64; shape.n];
    let mut bytes = Vec::new();
    let mut arrays = Vec::new();
    cells.for_each(|place, kind, value| {
        let value = match kind {
            kind::STRING => u64::from(Symbols::of_string(value as u32)),
            kind::BYTES => {
                bytes.push((place, value as u32));
                0
            }
            kind::ARRAY | kind::KVLIST => {
                arrays.push((place as u32, value));
                0
            }
            _ => value,
        };
        put(&mut kinds, place, kind);
        put(&mut values, place, value);
    })?;
    for (place, blob) in bytes {
        let length = block.blobs()?.get(blob)?.len();
        put(&mut values, place, length as u64);
    }
    Ok((shape.column(kinds, Values::U64s(values)), arrays))
}

fn put<T>(cells: &mut [T], place: usize, value: T) {
    if let Some(cell) = cells.get_mut(place) {
        *cell = value;
    }
}

/// The attribute of the selected rows.
struct AttributeCells<'c> {
    block: &'c Block,
    rows: &'c Rows,
    scope: WantScope,
    key: &'c str,
}

impl Cells for AttributeCells<'_> {
    fn for_each(&self, put: impl FnMut(usize, u8, u64)) -> Result<(), BlockError> {
        let own = match self.scope {
            WantScope::Span => AttributeScope::Span,
            WantScope::Event => AttributeScope::Event,
            WantScope::Link => AttributeScope::Link,
            WantScope::Resource => {
                return self.for_each_shared(
                    AttributeScope::Resource,
                    self.block.resources()?,
                    put,
                );
            }
            WantScope::Scope => {
                return self.for_each_shared(AttributeScope::Scope, self.block.scopes()?, put);
            }
            WantScope::Any => return self.for_each_any(put),
        };
        if let Some(column) = self.block.attribute(own, self.key)? {
            for_each_own(self.rows, column, put);
        }
        Ok(())
    }
}

impl AttributeCells<'_> {
    /// An attribute of what spans share; `shared` has for each span the row of it.
    fn for_each_shared(
        &self,
        scope: AttributeScope,
        shared: &[u32],
        mut put: impl FnMut(usize, u8, u64),
    ) -> Result<(), BlockError> {
        let Some(column) = self.block.attribute(scope, self.key)? else {
            return Ok(());
        };
        let by_row = by_row(column);
        let mut place = 0;
        self.rows.for_each(|row| {
            let shared = shared.get(row as usize);
            let cell = shared.and_then(|shared| by_row.get(*shared as usize));
            if let Some(&(kind, value)) = cell
                && kind != kind::EMPTY
            {
                put(place, kind, value);
            }
            place += 1;
        });
        Ok(())
    }

    /// The span's attribute, or the resource's where the span has none.
    fn for_each_any(&self, mut put: impl FnMut(usize, u8, u64)) -> Result<(), BlockError> {
        let own = self.block.attribute(AttributeScope::Span, self.key)?;
        let shared = self.block.attribute(AttributeScope::Resource, self.key)?;
        if shared.is_none() {
            if let Some(own) = own {
                for_each_own(self.rows, own, put);
            }
            return Ok(());
        }
        let mut has = vec![false; self.rows.len()];
        if let Some(own) = own {
            for_each_own(self.rows, own, |place, kind, value| {
                if let Some(has) = has.get_mut(place) {
                    *has = true;
                }
                put(place, kind, value);
            });
        }
        let resources = self.block.resources()?;
        self.for_each_shared(AttributeScope::Resource, resources, |place, kind, value| {
            if has.get(place) == Some(&false) {
                put(place, kind, value);
            }
        })
    }
}

fn for_each_own(rows: &Rows, column: &AttributeColumn, mut put: impl FnMut(usize, u8, u64)) {
    rows.for_each_common(&column.rows, |place, index| {
        if let (Some(&kind), Some(&value)) = (column.kinds.get(index), column.values.get(index))
            && kind != kind::EMPTY
        {
            put(place, kind, value);
        }
    });
}

/// All cells of an attribute, each at its row.
struct OwnCells<'c>(Option<&'c AttributeColumn>);

impl Cells for OwnCells<'_> {
    fn for_each(&self, mut put: impl FnMut(usize, u8, u64)) -> Result<(), BlockError> {
        let Some(column) = self.0 else {
            return Ok(());
        };
        let cells = column.kinds.iter().zip(&column.values);
        for (row, (kind, value)) in column.rows.iter().zip(cells) {
            if *kind != kind::EMPTY {
                put(*row as usize, *kind, *value);
            }
        }
        Ok(())
    }
}

/// Spreads a column of a small table over its rows.
fn by_row(column: &AttributeColumn) -> Vec<(u8, u64)> {
    let n = column.rows.last().map_or(0, |row| *row as usize + 1);
    let mut by_row = vec![(kind::EMPTY, 0); n];
    let cells = column.kinds.iter().zip(&column.values);
    for (row, (kind, value)) in column.rows.iter().zip(cells) {
        put(&mut by_row, *row as usize, (*kind, *value));
    }
    by_row
}
