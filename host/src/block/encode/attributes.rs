//! The columns of attributes as bytes.
//!
//! ```text
//! ranks, where the column has not a cell for every row | kinds | values
//! ```

use crate::block::{
    directory::Contents,
    gather::{AttributeTable, Column},
    numbers::{FRAME_NUMBERS, Reading, put_numbers},
    section::AttributeScope,
};

use super::Ranks;

type Tables<'a> = [AttributeTable<'a>; AttributeScope::COUNT];
type Orders = [Vec<usize>; AttributeScope::COUNT];

/// Returns the columns of all scopes, one after another, and tells `contents` of them.
pub(super) fn encode(
    tables: &Tables<'_>,
    orders: &Orders,
    numbers: &[Vec<u64>],
    ranks: Ranks<'_>,
    contents: &mut Contents,
) -> Vec<u8> {
    let mut out = Vec::new();
    let scopes = AttributeScope::ALL
        .into_iter()
        .zip(tables.iter().zip(orders));
    for ((scope, (table, order)), entries) in scopes.zip(&mut contents.attributes) {
        let shapes = numbers.get(scope.shapes() as usize);
        let frames = Frames::of(shapes.map_or(&[], Vec::as_slice), table);
        for (&at, column) in order
            .iter()
            .filter_map(|at| Some((at, table.columns.get(*at)?)))
        {
            let start = out.len();
            if column.kinds.len() != frames.n_rows {
                frames.put_ranks(&mut out, at);
            }
            put_cells(&mut out, column, ranks);
            let size_bytes = out.len() - start;
            let key = String::from_utf8_lossy(column.key).into_owned();
            entries.push((key, column.kinds.len() as u32, size_bytes));
        }
    }
    out
}

/// How many rows of each frame of a table have each shape.
struct Frames {
    n_rows: usize,
    n_shapes: usize,
    counts: Vec<u64>,
    /// For each column the shapes that have it. To look for each column in each shape would cost a span of 100,000
    /// attributes 10^10 steps.
    shapes_with: Vec<Vec<usize>>,
}

impl Frames {
    fn of(shapes: &[u64], table: &AttributeTable<'_>) -> Self {
        let n_shapes = table.shapes.len();
        let mut counts = vec![0; shapes.len().div_ceil(FRAME_NUMBERS) * n_shapes];
        for (row, shape) in shapes.iter().enumerate() {
            let at = row / FRAME_NUMBERS * n_shapes + *shape as usize;
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
        }
        let mut shapes_with: Vec<Vec<usize>> = vec![Vec::new(); table.columns.len()];
        for (shape, columns) in table.shapes.iter().enumerate() {
            for &column in columns {
                if let Some(with) = shapes_with.get_mut(column as usize)
                    && with.last() != Some(&shape)
                {
                    with.push(shape);
                }
            }
        }
        Self {
            n_rows: shapes.len(),
            n_shapes,
            counts,
            shapes_with,
        }
    }

    /// Appends for each frame how many of its rows have a column.
    fn put_ranks(&self, out: &mut Vec<u8>, column: usize) {
        let with = self.shapes_with.get(column).map_or(&[][..], Vec::as_slice);
        let frames = self.counts.chunks(self.n_shapes.max(1));
        let of_frame = |counts: &[u64]| with.iter().filter_map(|shape| counts.get(*shape)).sum();
        let ranks: Vec<u64> = frames.map(of_frame).collect();
        put_numbers(out, &ranks, Reading::Hot);
    }
}

/// Kinds, then values. Ints are stored as zigzag, so that small negative ones are small.
fn put_cells(out: &mut Vec<u8>, column: &Column<'_>, ranks: Ranks<'_>) {
    let kinds: Vec<u64> = column.kinds.iter().copied().map(u64::from).collect();
    let values: Vec<u64> = column
        .values
        .iter()
        .zip(&column.kinds)
        .map(|(&value, &kind)| ranks.value(kind, value))
        .collect();
    put_numbers(out, &kinds, Reading::Warm);
    put_numbers(out, &values, Reading::Warm);
}

/// Returns the columns of a table in order of their keys.
pub(super) fn key_order(table: &AttributeTable<'_>) -> Vec<usize> {
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
pub(super) fn shape_columns(table: &AttributeTable<'_>, order: &[usize]) -> Vec<u64> {
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
