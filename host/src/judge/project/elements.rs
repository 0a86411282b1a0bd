//! The elements of arrays and key-value lists: table 3.
//!
//! Which elements a batch has follows from the cells that point to them, so their rows are handed out after
//! all other columns are made: by trace, since the rows of a trace are contiguous in every table. Cells of a
//! trace that point to the same elements, as the spans of one resource do, share their rows.

use hashbrown::HashMap;

use crate::{
    block::{Block, BlockError, NONE, kind},
    sandbox::{Column, Table, Values, Want, WantColumn},
};

use super::{
    cells::{Cells, Shape, form_column},
    symbols::{Symbols, Texts},
};

/// The cells of a batch that point to elements.
#[derive(Default)]
pub(super) struct Elements {
    cells: Vec<Pointer>,
}

/// One such cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pointer {
    trace: u32,
    column: u32,
    cell: u32,
    /// First row << 32 | number of rows, in the block.
    elements: u64,
}

/// The rows of the block's elements that a batch has, in its order.
pub(super) struct ElementRows(Vec<u32>);

impl ElementRows {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Elements {
    pub(super) fn push(&mut self, trace: u32, column: u32, cell: u32, elements: u64) {
        self.cells.push(Pointer {
            trace,
            column,
            cell,
            elements,
        });
    }

    /// Hands out the rows and writes them into the cells that point to them.
    pub(super) fn settle(mut self, columns: &mut [Column]) -> ElementRows {
        self.cells.sort_unstable();
        let mut rows = Vec::new();
        let mut shared: HashMap<u64, u64, foldhash::fast::FixedState> = HashMap::default();
        let mut trace = None;
        for pointer in self.cells {
            if trace != Some(pointer.trace) {
                shared.clear();
                trace = Some(pointer.trace);
            }
            let count = pointer.elements & u64::from(u32::MAX);
            let here = *shared.entry(pointer.elements).or_insert_with(|| {
                let first = (pointer.elements >> 32) as u32;
                let here = (rows.len() as u64) << 32 | count;
                rows.extend(first..first + count as u32);
                here
            });
            let column = columns.get_mut(pointer.column as usize);
            if let Some(Values::U64s(values)) = column.map(|column| &mut column.values)
                && let Some(value) = values.get_mut(pointer.cell as usize)
            {
                *value = here;
            }
        }
        ElementRows(rows)
    }
}

/// Projects a column of elements.
pub(super) fn project(
    block: &Block,
    want: &Want,
    rows: &ElementRows,
    symbols: &mut Symbols<'_>,
    texts: &mut Texts,
) -> Result<Column, BlockError> {
    let cells = ElementCells {
        block,
        rows: &rows.0,
        keys: want.column != WantColumn::ElementValue,
    };
    let shape = Shape {
        table: Table::Elements,
        n: rows.0.len(),
    };
    // In the form `value` what is nested keeps the value 0: elements are shown one level deep.
    form_column(block, shape, want.form, &cells, symbols, texts)
}

struct ElementCells<'c> {
    block: &'c Block,
    rows: &'c [u32],
    /// The keys, instead of the values.
    keys: bool,
}

impl Cells for ElementCells<'_> {
    fn for_each(&self, mut put: impl FnMut(usize, u8, u64)) -> Result<(), BlockError> {
        if self.keys {
            let keys = self.block.element_keys()?;
            for (place, row) in self.rows.iter().enumerate() {
                let key = keys.get(*row as usize).copied().unwrap_or(NONE);
                if key != NONE {
                    put(place, kind::STRING, u64::from(key));
                }
            }
            return Ok(());
        }
        let kinds = self.block.element_kinds()?;
        let values = self.block.element_values()?;
        for (place, row) in self.rows.iter().enumerate() {
            let row = *row as usize;
            if let (Some(&kind), Some(&value)) = (kinds.get(row), values.get(row))
                && kind != kind::EMPTY
            {
                put(place, kind, value);
            }
        }
        Ok(())
    }
}
