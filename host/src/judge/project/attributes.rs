//! Attributes of the selected rows: of the span itself, of what spans share, or of either.
//!
//! What spans share, a resource or a scope, is worked out once for each of them and spread over the rows.

use std::borrow::Cow;

use crate::{
    block::{AttributeColumn, AttributeScope, Block, BlockError, kind},
    judge::rows::Rows,
    sandbox::{Column, Form, Table, Values, WantScope},
};

use super::{
    Making,
    cells::{Cells, Shape, form_column, put, value_column},
    symbols::{Symbols, Texts},
};

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
        WantScope::Any => read_own(block, AttributeScope::Span, key, rows)?,
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
        for_each_own(rows, &cells, |place, _, _| places.push(place));
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
        if let Some(column) = read_own(self.block, own, self.key, self.rows)? {
            for_each_own(self.rows, &column, put);
        }
        Ok(())
    }
}

/// Reads an attribute of these rows: all of its column, or, where they are few, what they have of it.
fn read_own<'b>(
    block: &'b Block,
    scope: AttributeScope,
    key: &str,
    rows: &Rows,
) -> Result<Option<Cow<'b, AttributeColumn>>, BlockError> {
    Ok(match rows.few(block) {
        Some(rows) => block.attribute_at(scope, key, &rows)?.map(Cow::Owned),
        None => block.attribute(scope, key)?.map(Cow::Borrowed),
    })
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
        let own = read_own(self.block, AttributeScope::Span, self.key, self.rows)?;
        let shared = self.block.attribute(AttributeScope::Resource, self.key)?;
        if shared.is_none() {
            if let Some(own) = own {
                for_each_own(self.rows, &own, put);
            }
            return Ok(());
        }
        let mut has = vec![false; self.rows.len()];
        if let Some(own) = own {
            for_each_own(self.rows, &own, |place, kind, value| {
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
