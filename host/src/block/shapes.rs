//! Which attributes the rows of a table have: each row has a shape, and a shape lists the columns that it has a value in.

use std::sync::OnceLock;

use super::{Block, read::all_below};

/// The shapes of a table: lists of the columns that a row may have a value in.
#[derive(Debug)]
pub(super) struct ShapeSets {
    /// For each shape the end of its columns.
    ends: Vec<u32>,
    /// Numbers of columns, in the order in which rows of the shape give them.
    columns: Vec<u32>,
    /// The same by column, made when one is first asked for.
    shapes_with: OnceLock<Vec<Vec<u32>>>,
    /// The rows of each shape, made when a rare column is first asked for.
    rows: OnceLock<RowsByShape>,
}

/// The rows of each shape, ascending.
#[derive(Debug)]
struct RowsByShape {
    /// For each shape the end of its rows.
    ends: Vec<u32>,
    rows: Vec<u32>,
}

/// Of a column that fewer than one of so many rows have, the rows are put together from those of its shapes: to look at all
/// rows for each of 10,000 keys, each of one span, would cost 10^8 steps.
const RARE: usize = 8;

/// Which attributes the rows of a table have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shapes<'b> {
    /// For each row its shape.
    pub(super) of_row: &'b [u32],
    pub(super) sets: &'b ShapeSets,
}

impl ShapeSets {
    fn of_shape(&self, shape: usize) -> &[u32] {
        let range = Block::range(&self.ends, shape);
        self.columns.get(range).unwrap_or_default()
    }

    /// Returns how many shapes there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the shapes that have a column, ascending.
    fn shapes_with(&self, column: u32) -> &[u32] {
        let shapes = self.shapes_with.get_or_init(|| self.invert());
        shapes.get(column as usize).map_or(&[], Vec::as_slice)
    }

    /// Returns for each shape whether it has a column.
    pub(super) fn with(&self, column: u32) -> Vec<bool> {
        let mut has = vec![false; self.ends.len()];
        for &shape in self.shapes_with(column) {
            if let Some(has) = has.get_mut(shape as usize) {
                *has = true;
            }
        }
        has
    }

    /// Lists the shapes of each column. To look for each column in each shape would cost a span of 100,000 attributes
    /// 10^10 steps.
    fn invert(&self) -> Vec<Vec<u32>> {
        let n_columns = self
            .columns
            .iter()
            .max()
            .map_or(0, |last| *last as usize + 1);
        let mut shapes_with = vec![Vec::new(); n_columns];
        for shape in 0..self.ends.len() {
            for &column in self.of_shape(shape) {
                if let Some(with) = shapes_with.get_mut(column as usize) {
                    with.push(shape as u32);
                }
            }
        }
        shapes_with
    }
}

impl RowsByShape {
    fn new(of_row: &[u32], n_shapes: usize) -> Self {
        let mut counts = vec![0_u32; n_shapes];
        for &shape in of_row {
            if let Some(count) = counts.get_mut(shape as usize) {
                *count += 1;
            }
        }
        // Where each shape's rows begin, which moves to where they end.
        let mut ends = counts;
        let mut end = 0;
        for count in &mut ends {
            end += std::mem::replace(count, end);
        }
        let mut rows = vec![0; of_row.len()];
        for (&shape, row) in of_row.iter().zip(0..) {
            if let Some(end) = ends.get_mut(shape as usize)
                && let Some(slot) = rows.get_mut(*end as usize)
            {
                *slot = row;
                *end += 1;
            }
        }
        Self { ends, rows }
    }

    fn of(&self, shape: usize) -> &[u32] {
        let range = Block::range(&self.ends, shape);
        self.rows.get(range).unwrap_or_default()
    }
}

impl<'b> Shapes<'b> {
    /// Returns the columns of a row in the order in which it gave them.
    pub(super) fn of_row(&self, row: usize) -> &'b [u32] {
        let shape = self.of_row.get(row).copied().unwrap_or_default();
        self.sets.of_shape(shape as usize)
    }

    /// Returns the rows that have a column, ascending; `None` where there are not `n_rows`.
    pub(super) fn rows_with(&self, column: u32, n_rows: usize) -> Option<Vec<u32>> {
        if n_rows > self.of_row.len() {
            return None;
        }
        if n_rows * RARE < self.of_row.len() {
            self.rows_with_rare(column, n_rows)
        } else {
            self.rows_with_frequent(column, n_rows)
        }
    }

    fn rows_with_rare(&self, column: u32, n_rows: usize) -> Option<Vec<u32>> {
        let by_shape = self
            .sets
            .rows
            .get_or_init(|| RowsByShape::new(self.of_row, self.sets.ends.len()));
        let shapes = self.sets.shapes_with(column);
        let rows_of = |shape: &u32| by_shape.of(*shape as usize);
        if shapes
            .iter()
            .map(|shape| rows_of(shape).len())
            .sum::<usize>()
            != n_rows
        {
            return None;
        }
        let mut rows: Vec<u32> = shapes.iter().flat_map(rows_of).copied().collect();
        rows.sort_unstable();
        Some(rows)
    }

    fn rows_with_frequent(&self, column: u32, n_rows: usize) -> Option<Vec<u32>> {
        let has = self.sets.with(column);
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

/// Reads the list of [`SpanShapeColumns`](super::section::Section::SpanShapeColumns) and its like.
pub(super) fn parse_shapes(list: &[u32], n_columns: usize) -> Option<ShapeSets> {
    let (mut ends, mut columns) = (Vec::new(), Vec::new());
    let mut rest = list;
    while let Some((&count, after)) = rest.split_first() {
        let (shape, after) = after.split_at_checked(count as usize)?;
        columns.extend_from_slice(shape);
        ends.push(columns.len() as u32);
        rest = after;
    }
    all_below(&columns, n_columns as u32).then_some(ShapeSets {
        ends,
        columns,
        shapes_with: OnceLock::new(),
        rows: OnceLock::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_columns_have_the_rows_that_looking_at_all_of_them_finds() {
        // Shapes: none, column 0, columns 0 and 2, column 1, column 2.
        let sets = parse_shapes(&[0, 1, 0, 2, 2, 0, 1, 1, 1, 2], 3).unwrap();
        let mut of_row = vec![0; 100];
        for (row, shape) in [(3, 4), (17, 2), (40, 1), (41, 3), (99, 2)] {
            of_row[row] = shape;
        }
        let shapes = Shapes {
            of_row: &of_row,
            sets: &sets,
        };
        for (column, rows) in [(0, vec![17, 40, 99]), (1, vec![41]), (2, vec![3, 17, 99])] {
            let (column, n_rows) = (column as u32, rows.len());
            assert_eq!(shapes.rows_with_rare(column, n_rows), Some(rows.clone()));
            assert_eq!(shapes.rows_with_frequent(column, n_rows), Some(rows));
            for wrong in [n_rows - 1, n_rows + 1] {
                assert_eq!(shapes.rows_with_rare(column, wrong), None);
                assert_eq!(shapes.rows_with_frequent(column, wrong), None);
            }
        }
        assert_eq!(shapes.rows_with(7, 0), Some(Vec::new()));
    }
}
