//! Cells of attributes and elements, in their five forms.
//!
//! A column of the block is sparse; one of the batch has a cell for each selected row. Each form has a quick
//! way for the cells that need nothing looked up, and puts the rest aside for a second pass.

use crate::{
    block::{Block, BlockError, kind},
    sandbox::{Column, Form, Table, Values},
};

use super::symbols::{NO_TEXT, Symbols, Texts};

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

pub(super) fn put<T>(cells: &mut [T], place: usize, value: T) {
    if let Some(cell) = cells.get_mut(place) {
        *cell = value;
    }
}
