//! The attributes of a block, decoded one column at a time, or at some rows.

use std::sync::OnceLock;

use super::{
    AttributeColumn, AttributeScope, Block, BlockError,
    attribute::kind,
    directory::AttributeEntry,
    numbers::{FRAME_NUMBERS, Numbers},
    read::{all_below, cached},
    section::Table,
    shapes::{ShapeSets, Shapes, parse_shapes},
    varint::unzigzag,
};

impl Block {
    /// Returns the values of an attribute; `None` where no row of the scope's table has it.
    pub fn attribute(
        &self,
        scope: AttributeScope,
        key: &str,
    ) -> Result<Option<&AttributeColumn>, BlockError> {
        match self.find_attribute(scope, key)? {
            Some(number) => self.attribute_numbered(scope, number).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the values that some rows of the scope's table, ascending, have of an attribute; `None` where
    /// no row of the table has it. Decodes little more than what it returns, unless the whole column has been
    /// decoded already.
    pub fn attribute_at(
        &self,
        scope: AttributeScope,
        key: &str,
        rows: &[u32],
    ) -> Result<Option<AttributeColumn>, BlockError> {
        let Some(number) = self.find_attribute(scope, key)? else {
            return Ok(None);
        };
        let (cell, entry) = self.attribute_entry(scope, number)?;
        if let Some(column) = cell.get() {
            return Ok(Some(column.at(rows)));
        }
        let corrupt = || self.place(entry.extent).corrupt("attribute");
        let bytes = self.bytes(entry.extent)?;
        let stored = StoredColumn::take(&bytes, entry.n_rows as usize, self.rows(scope.table())?);
        let stored = stored.ok_or_else(corrupt)?;
        let (rows, places) = match &stored.ranks {
            Some(ranks) => self.places(scope, number as u32, ranks, rows)?,
            None => (rows.to_vec(), rows.to_vec()),
        };
        let cells = || Some((stored.kinds.at(&places)?, stored.values.at(&places)?));
        let (kinds, mut values): (Vec<u8>, Vec<u64>) = cells().ok_or_else(corrupt)?;
        if !self.unstore(&stored, &kinds, &mut values)? {
            return Err(corrupt());
        }
        Ok(Some(AttributeColumn {
            rows,
            kinds,
            values,
        }))
    }

    /// Returns those of the rows that have a column, and their places in it.
    fn places(
        &self,
        scope: AttributeScope,
        column: u32,
        ranks: &[u32],
        rows: &[u32],
    ) -> Result<(Vec<u32>, Vec<u32>), BlockError> {
        let has = self.shape_sets(scope)?.with(column);
        let n_rows = self.rows(scope.table())?;
        let (mut found, mut places) = (Vec::new(), Vec::new());
        let mut first_of_frame = 0_u32;
        let mut rest = rows;
        let bytes = self.section(scope.shapes())?;
        let shapes = Numbers::take(&mut &bytes[..], n_rows);
        let shapes = shapes.ok_or_else(|| self.corrupt(scope.shapes()))?;
        for (frame, &n_with) in ranks.iter().enumerate() {
            let start = frame * FRAME_NUMBERS;
            let n = rest.partition_point(|row| (*row as usize) < start + FRAME_NUMBERS);
            let (here, later) = rest.split_at_checked(n).unwrap_or_default();
            rest = later;
            if let Some(&last) = here.last() {
                let of_frame: Option<Vec<u32>> = shapes.range(start, last as usize + 1);
                let of_frame = of_frame.ok_or_else(|| self.corrupt(scope.shapes()))?;
                let mut place = first_of_frame;
                let mut wanted = here.iter().peekable();
                for (row, shape) in (start as u32..).zip(of_frame) {
                    let has = has.get(shape as usize).copied().unwrap_or_default();
                    while wanted.next_if_eq(&&row).is_some() {
                        if has {
                            found.push(row);
                            places.push(place);
                        }
                    }
                    place = place.wrapping_add(u32::from(has));
                }
            }
            if rest.is_empty() {
                break;
            }
            first_of_frame = first_of_frame.wrapping_add(n_with);
        }
        Ok((found, places))
    }

    /// Returns the keys of the attributes of a scope, in order.
    pub fn attribute_keys(
        &self,
        scope: AttributeScope,
    ) -> Result<impl Iterator<Item = &str>, BlockError> {
        let (_, columns) = self.opened()?.directory.attributes(scope);
        let keys = (0..columns.len()).map(|number| self.attribute_key(scope, number));
        Ok(keys.collect::<Result<Vec<_>, _>>()?.into_iter())
    }

    pub(super) fn attribute_key(
        &self,
        scope: AttributeScope,
        number: usize,
    ) -> Result<&str, BlockError> {
        let directory = &self.opened()?.directory;
        let (_, columns) = directory.attributes(scope);
        let key = columns.get(number).map(|column| directory.key(column));
        key.and_then(|key| std::str::from_utf8(key).ok())
            .ok_or_else(|| self.corrupt(scope.shape_columns()))
    }

    fn find_attribute(
        &self,
        scope: AttributeScope,
        key: &str,
    ) -> Result<Option<usize>, BlockError> {
        let directory = &self.opened()?.directory;
        let (_, columns) = directory.attributes(scope);
        let found = columns.binary_search_by(|column| directory.key(column).cmp(key.as_bytes()));
        Ok(found.ok())
    }

    fn attribute_entry(
        &self,
        scope: AttributeScope,
        number: usize,
    ) -> Result<(&AttributeCell, AttributeEntry), BlockError> {
        let opened = self.opened()?;
        let (first, columns) = opened.directory.attributes(scope);
        let cell = opened.attributes.get(first + number);
        cell.zip(columns.get(number).copied())
            .ok_or_else(|| self.corrupt(scope.shape_columns()))
    }

    pub(super) fn attribute_numbered(
        &self,
        scope: AttributeScope,
        number: usize,
    ) -> Result<&AttributeColumn, BlockError> {
        let (cell, entry) = self.attribute_entry(scope, number)?;
        cached(cell, || {
            let corrupt = || self.place(entry.extent).corrupt("attribute");
            let n_rows = entry.n_rows as usize;
            let n_table_rows = self.rows(scope.table())?;
            let bytes = self.bytes(entry.extent)?;
            let stored = StoredColumn::take(&bytes, n_rows, n_table_rows).ok_or_else(corrupt)?;
            let rows = if n_rows == n_table_rows {
                Some((0..n_rows as u32).collect())
            } else {
                self.shapes(scope)?.rows_with(number as u32, n_rows)
            };
            let cells = || Some((rows?, stored.kinds.all()?, stored.values.all()?));
            let (rows, kinds, mut values): (_, Vec<u8>, _) = cells().ok_or_else(corrupt)?;
            if !self.unstore(&stored, &kinds, &mut values)? {
                return Err(corrupt());
            }
            Ok(Box::new(AttributeColumn {
                rows,
                kinds,
                values,
            }))
        })
        .map(|column| &**column)
    }

    pub(super) fn shapes(&self, scope: AttributeScope) -> Result<Shapes<'_>, BlockError> {
        let sets = self.shape_sets(scope)?;
        let of_row = self.u32s(scope.shapes(), || {
            let of_row: Vec<u32> = self.decode(scope.shapes())?;
            if all_below(&of_row, sets.len() as u32) {
                Ok(of_row)
            } else {
                Err(self.corrupt(scope.shapes()))
            }
        })?;
        Ok(Shapes { of_row, sets })
    }

    fn shape_sets(&self, scope: AttributeScope) -> Result<&ShapeSets, BlockError> {
        let corrupt = || self.corrupt(scope.shape_columns());
        let opened = self.opened()?;
        let cell = opened.shape_sets.get(scope as usize).ok_or_else(corrupt)?;
        cached(cell, || {
            let list: Vec<u32> = self.decode_list(scope.shape_columns())?;
            let (_, columns) = opened.directory.attributes(scope);
            parse_shapes(&list, columns.len()).ok_or_else(corrupt)
        })
    }

    /// Turns the values of a column as they are stored into values; false where one is out of range. Nearly
    /// every column is of one kind, and then its values need not be looked at one by one.
    fn unstore(
        &self,
        stored: &StoredColumn<'_>,
        kinds: &[u8],
        values: &mut [u64],
    ) -> Result<bool, BlockError> {
        match stored.kinds.constant().map(|kind| kind as u8) {
            Some(kind::STRING) => {
                let n_strings = self.rows(Table::Strings)? as u64;
                let below = || values.iter().all(|value| *value < n_strings);
                Ok(stored.values.is_below(n_strings) || below())
            }
            Some(kind::INT) => {
                for value in values {
                    *value = unzigzag(*value) as u64;
                }
                Ok(true)
            }
            Some(_) | None => self.unstore_values(kinds, values),
        }
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

/// The cell of a decoded column.
pub(super) type AttributeCell = OnceLock<Box<AttributeColumn>>;

/// A column as it is stored.
struct StoredColumn<'a> {
    /// For each frame of the table's rows how many have a cell; `None` where all have.
    ranks: Option<Vec<u32>>,
    kinds: Numbers<'a>,
    values: Numbers<'a>,
}

impl<'a> StoredColumn<'a> {
    fn take(bytes: &'a [u8], n_rows: usize, n_table_rows: usize) -> Option<Self> {
        let mut rest = bytes;
        let ranks = if n_rows == n_table_rows {
            None
        } else {
            let n_frames = n_table_rows.div_ceil(FRAME_NUMBERS);
            Some(Numbers::take(&mut rest, n_frames)?.all()?)
        };
        let kinds = Numbers::take(&mut rest, n_rows)?;
        let values = Numbers::take(&mut rest, n_rows)?;
        rest.is_empty().then_some(Self {
            ranks,
            kinds,
            values,
        })
    }
}
