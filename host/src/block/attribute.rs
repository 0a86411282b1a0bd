//! The values of one attribute.

/// The kinds of a value, as in `wit/pack.wit` under the form `value`.
pub mod kind {
    /// An attribute with no value in it: for a rule, as if it were missing.
    pub const EMPTY: u8 = 0;
    /// 0 or 1.
    pub const BOOL: u8 = 1;
    /// An `i64` as its 64 bits.
    pub const INT: u8 = 2;
    /// An `f64` as its 64 bits.
    pub const DOUBLE: u8 = 3;
    /// A symbol of [`Block::strings`](crate::block::Block::strings).
    pub const STRING: u8 = 4;
    /// A symbol of [`Block::blobs`](crate::block::Block::blobs).
    pub const BYTES: u8 = 5;
    /// First row << 32 | number of rows, of the elements.
    pub const ARRAY: u8 = 6;
    /// Likewise; these elements have keys.
    pub const KVLIST: u8 = 7;

    /// The value of [`EMPTY`] where there was no value at all; 0 where there was one that was empty.
    pub(in crate::block) const ABSENT: u64 = 1;
}

/// The values of one attribute, for the rows that have it. The three run side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeColumn {
    /// Rows of the table of the attribute's scope, ascending.
    pub rows: Vec<u32>,
    /// What each value is, see [`kind`].
    pub kinds: Vec<u8>,
    /// The values, according to their kinds.
    pub values: Vec<u64>,
}

impl AttributeColumn {
    /// Returns the kind and value that a row has.
    pub fn get(&self, row: u32) -> Option<(u8, u64)> {
        let at = self.rows.binary_search(&row).ok()?;
        Some((*self.kinds.get(at)?, *self.values.get(at)?))
    }

    /// Returns the part of the column that some rows, ascending, have.
    pub(super) fn at(&self, rows: &[u32]) -> Self {
        let mut part = Self::default();
        for &row in rows {
            if let Some((kind, value)) = self.get(row) {
                part.rows.push(row);
                part.kinds.push(kind);
                part.values.push(value);
            }
        }
        part
    }
}
