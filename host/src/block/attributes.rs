//! The attributes of a block, decoded one column at a time.

use super::{
    AttributeColumn, AttributeScope, Block, BlockError,
    attribute::kind,
    numbers::take_numbers,
    read::{all_below, cached},
    section::Table,
    varint::unzigzag,
};

/// Which attributes the rows of a table have.
#[derive(Debug)]
pub(super) struct Shapes {
    /// For each row its shape.
    of_row: Vec<u32>,
    /// For each shape the end of its columns.
    ends: Vec<u32>,
    /// Numbers of columns, in the order in which rows of the shape give them.
    columns: Vec<u32>,
}

impl Shapes {
    /// Returns the columns of a row in the order in which it gave them.
    pub(super) fn of_row(&self, row: usize) -> &[u32] {
        let shape = self.of_row.get(row).copied().unwrap_or_default();
        let range = Block::range(&self.ends, shape as usize);
        self.columns.get(range).unwrap_or_default()
    }

    /// Returns the rows that have a column, ascending; `None` where there are not `n_rows`.
    fn rows_with(&self, column: u32, n_rows: usize) -> Option<Vec<u32>> {
        if n_rows > self.of_row.len() {
            return None;
        }
        let mut has = vec![false; self.ends.len()];
        for (shape, has) in has.iter_mut().enumerate() {
            let range = Block::range(&self.ends, shape);
            *has = self.columns.get(range).is_some_and(|c| c.contains(&column));
        }
        // Writes every row and steps on where it counts: shapes alternate, and a branch would guess wrong.
        let mut rows = vec![0; n_rows + 1];
        let mut found = 0;
        for (&shape, row) in self.of_row.iter().zip(0..) {
            if let Some(slot) = rows.get_mut(found) {
                *slot = row;
            }
            found += usize::from(has.get(shape as usize).copied().unwrap_or_default());
        }
        (found == n_rows).then(|| {
            rows.truncate(n_rows);
            rows
        })
    }
}

impl Block {
    /// Returns the values of an attribute; `None` where no row of the scope's table has it.
    pub fn attribute(
        &self,
        scope: AttributeScope,
        key: &str,
    ) -> Result<Option<&AttributeColumn>, BlockError> {
        let columns = &self.opened()?.directory.attributes;
        let columns = columns.get(scope as usize).map_or(&[][..], Vec::as_slice);
        match columns.binary_search_by(|column| column.key.as_str().cmp(key)) {
            Ok(number) => self.attribute_numbered(scope, number).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Returns the keys of the attributes of a scope, in order.
    pub fn attribute_keys(
        &self,
        scope: AttributeScope,
    ) -> Result<impl Iterator<Item = &str>, BlockError> {
        let columns = self.opened()?.directory.attributes.get(scope as usize);
        Ok(columns.into_iter().flatten().map(|c| c.key.as_str()))
    }

    pub(super) fn attribute_numbered(
        &self,
        scope: AttributeScope,
        number: usize,
    ) -> Result<&AttributeColumn, BlockError> {
        let opened = self.opened()?;
        let cell = opened.attributes.get(scope as usize);
        let entry = opened.directory.attributes.get(scope as usize);
        let (Some(cell), Some(entry)) = (
            cell.and_then(|cells| cells.get(number)),
            entry.and_then(|entries| entries.get(number)),
        ) else {
            return Err(self.corrupt(scope.shape_columns()));
        };
        cached(cell, || {
            let n_rows = entry.n_rows as usize;
            let rows = self.shapes(scope)?.rows_with(number as u32, n_rows);
            let bytes = self.bytes(entry.extent)?;
            let mut rest: &[u8] = &bytes;
            let column = rows.and_then(|rows| {
                let kinds: Vec<u8> = take_numbers(&mut rest, n_rows)?;
                let values: Vec<u64> = take_numbers(&mut rest, n_rows)?;
                Some((rows, kinds, values))
            });
            if let Some((rows, kinds, mut values)) = column
                && rest.is_empty()
                && self.unstore_values(&kinds, &mut values)?
            {
                return Ok(AttributeColumn {
                    rows,
                    kinds,
                    values,
                });
            }
            Err(self.place(entry.extent).corrupt("attribute"))
        })
    }

    pub(super) fn shapes(&self, scope: AttributeScope) -> Result<&Shapes, BlockError> {
        let corrupt = || self.corrupt(scope.shape_columns());
        let opened = self.opened()?;
        let cell = opened.shapes.get(scope as usize).ok_or_else(corrupt)?;
        cached(cell, || {
            let list: Vec<u32> = self.decode_list(scope.shape_columns())?;
            let of_row: Vec<u32> = self.decode(scope.shapes())?;
            let entries = opened.directory.attributes.get(scope as usize);
            let n_columns = entries.map_or(0, Vec::len);
            let shapes = parse_shapes(&list, of_row, n_columns);
            shapes.ok_or_else(corrupt)
        })
    }

    /// Turns values as they are stored into values; false where one is out of range.
    pub(super) fn unstore_values(
        &self,
        kinds: &[u8],
        values: &mut [u64],
    ) -> Result<bool, BlockError> {
        let n_strings = self.rows(Table::Strings)? as u64;
        let n_blobs = self.rows(Table::Blobs)? as u64;
        let n_elements = self.rows(Table::Elements)? as u64;
        let mut good = true;
        for (&kind, value) in kinds.iter().zip(values) {
            good &= match kind {
                kind::EMPTY | kind::BOOL => *value <= 1,
                kind::INT => {
                    *value = unzigzag(*value) as u64;
                    true
                }
                kind::DOUBLE => true,
                kind::STRING => *value < n_strings,
                kind::BYTES => *value < n_blobs,
                kind::ARRAY | kind::KVLIST => {
                    (*value >> 32) + (*value & u64::from(u32::MAX)) <= n_elements
                }
                _ => false,
            };
        }
        Ok(good)
    }
}

/// Reads the list of [`SpanShapeColumns`](super::section::Section::SpanShapeColumns) and its like.
fn parse_shapes(list: &[u32], of_row: Vec<u32>, n_columns: usize) -> Option<Shapes> {
    let (mut ends, mut columns) = (Vec::new(), Vec::new());
    let mut rest = list;
    while let Some((&count, after)) = rest.split_first() {
        let (shape, after) = after.split_at_checked(count as usize)?;
        columns.extend_from_slice(shape);
        ends.push(columns.len() as u32);
        rest = after;
    }
    let good = all_below(&columns, n_columns as u32) && all_below(&of_row, ends.len() as u32);
    good.then_some(Shapes {
        of_row,
        ends,
        columns,
    })
}
