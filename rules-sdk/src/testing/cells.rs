//! The forms of cells: what `wit/pack.wit` says of them, for the native tests.

use std::collections::HashMap;

use super::spans::TestValue;
use crate::{
    bindings::exports::betrace::rules::pack::{Column, Values},
    rule::Form,
};

/// The texts that the columns of a batch share.
#[derive(Debug, Default)]
pub(super) struct Cells {
    symbols: HashMap<String, u32>,
    texts: Vec<String>,
    elements: u64,
}

impl Cells {
    /// Returns the texts one after another, and the end of each; the first is empty.
    pub(super) fn into_texts(self) -> (Vec<u8>, Vec<u32>) {
        let ends = self.texts.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        let ends = std::iter::once(0).chain(ends).collect();
        (self.texts.concat().into_bytes(), ends)
    }

    /// Returns the symbol of a literal, where a cell has it.
    pub(super) fn symbol_of(&self, literal: &str) -> u32 {
        self.symbols.get(literal).copied().unwrap_or(u32::MAX)
    }

    /// Makes a column of attributes, or of texts.
    pub(super) fn column(&mut self, table: u8, cells: &[Option<TestValue>], form: Form) -> Column {
        let mut column = Column {
            table,
            kinds: Vec::new(),
            values: Values::U8s(Vec::new()),
        };
        match form {
            Form::Symbol | Form::Text => {
                let cell = |cell: &Option<TestValue>| match form {
                    Form::Symbol => self.symbol(cell.as_ref()),
                    Form::Declared | Form::Truth | Form::Number | Form::Text | Form::Value => {
                        self.text(cell.as_ref())
                    }
                };
                column.values = Values::U32s(cells.iter().map(cell).collect());
            }
            Form::Declared | Form::Truth => {
                column.values =
                    Values::U8s(cells.iter().map(|cell| truth(cell.as_ref())).collect());
            }
            Form::Number | Form::Value => {
                let cell = |cell: &Option<TestValue>| match form {
                    Form::Number => number(cell.as_ref()),
                    Form::Declared | Form::Truth | Form::Symbol | Form::Text | Form::Value => {
                        self.value(cell.as_ref())
                    }
                };
                let (kinds, bits) = cells.iter().map(cell).unzip();
                column.kinds = kinds;
                column.values = Values::U64s(bits);
            }
        }
        column
    }

    fn intern(&mut self, text: &str) -> u32 {
        let next = self.symbols.len() as u32 + 2;
        *self.symbols.entry(text.to_owned()).or_insert(next)
    }

    fn symbol(&mut self, cell: Option<&TestValue>) -> u32 {
        match cell {
            None => 0,
            Some(TestValue::Text(text)) => self.intern(text),
            Some(TestValue::Int(int)) => self.intern(&int.to_string()),
            Some(TestValue::Double(_) | TestValue::Bool(_) | TestValue::Array(_)) => 1,
        }
    }

    fn text(&mut self, cell: Option<&TestValue>) -> u32 {
        let Some(TestValue::Text(text)) = cell else {
            return 0;
        };
        self.texts.push(text.clone());
        self.texts.len() as u32
    }

    fn value(&mut self, cell: Option<&TestValue>) -> (u8, u64) {
        match cell {
            None => (0, 0),
            Some(TestValue::Bool(truth)) => (1, u64::from(*truth)),
            Some(TestValue::Int(int)) => (2, *int as u64),
            Some(TestValue::Double(double)) => (3, double.to_bits()),
            Some(TestValue::Text(text)) => (4, u64::from(self.intern(text))),
            Some(TestValue::Array(elements)) => {
                let first = self.elements;
                self.elements += elements.len() as u64;
                (6, first << 32 | elements.len() as u64)
            }
        }
    }
}

fn truth(cell: Option<&TestValue>) -> u8 {
    match cell {
        None => 0,
        Some(TestValue::Bool(truth)) => 2 + u8::from(*truth),
        Some(TestValue::Text(text)) if text == "false" => 2,
        Some(TestValue::Text(text)) if text == "true" => 3,
        Some(
            TestValue::Text(_) | TestValue::Int(_) | TestValue::Double(_) | TestValue::Array(_),
        ) => 1,
    }
}

fn number(cell: Option<&TestValue>) -> (u8, u64) {
    match cell {
        None => (0, 0),
        Some(TestValue::Int(int)) => (2, *int as u64),
        Some(TestValue::Double(double)) => (3, double.to_bits()),
        Some(TestValue::Text(text)) if is_decimal(text) => {
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(int), _) => (18, int as u64),
                (Err(_), Ok(double)) => (19, double.to_bits()),
                (Err(_), Err(_)) => (1, 0),
            }
        }
        Some(TestValue::Text(_) | TestValue::Bool(_) | TestValue::Array(_)) => (1, 0),
    }
}

/// `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`, as a machine of one state for each place in it.
fn is_decimal(text: &str) -> bool {
    let mut state = 0;
    for byte in text.bytes() {
        state = match (state, byte) {
            (0, b'-') => 1,
            (0..=2, b'0'..=b'9') => 2,
            (2, b'.') => 3,
            (3 | 4, b'0'..=b'9') => 4,
            (2 | 4, b'e' | b'E') => 5,
            (5, b'+' | b'-') => 6,
            (5..=7, b'0'..=b'9') => 7,
            _ => return false,
        };
    }
    matches!(state, 2 | 4 | 7)
}
