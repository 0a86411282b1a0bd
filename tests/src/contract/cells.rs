//! The forms of cells: the second half of what `wit/pack.wit` says of a want.

use std::collections::HashMap;

use betrace_dsl::oracle::Attribute;

use super::component::bindings::exports::betrace::rules::pack::{Column, Values};

/// The cells of a batch, with what they share.
#[derive(Debug, Default)]
pub(super) struct Cells {
    symbols: HashMap<String, u32>,
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
    elements: Vec<Attribute>,
}

impl Cells {
    /// The texts one after another, and the end of each; the first is empty.
    pub(super) fn texts(&self) -> (Vec<u8>, Vec<u32>) {
        let ends = self.texts.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        let ends = std::iter::once(0).chain(ends).collect();
        (self.texts.concat().into_bytes(), ends)
    }

    /// The symbol of a literal.
    pub(super) fn symbol_of(&self, literal: &str) -> u32 {
        self.symbols.get(literal).copied().unwrap_or(u32::MAX)
    }

    /// The elements that the `value` columns so far point to.
    pub(super) fn elements_column(&mut self, form: &str) -> Column {
        let elements = self.elements.iter().cloned().map(Some).collect();
        self.column(3, elements, form)
    }

    pub(super) fn column(
        &mut self,
        table: u8,
        cells: Vec<Option<Attribute>>,
        form: &str,
    ) -> Column {
        let (mut kinds, mut values) = (Vec::new(), Vec::new());
        for cell in cells {
            let (kind, value) = match form {
                "symbol" => (0, u64::from(self.symbol(cell))),
                "truth" => (0, truth(cell)),
                "text" => (0, u64::from(self.text(cell))),
                "number" => number(cell),
                // Elements are shown one level deep.
                "value" if table == 3 => match cell {
                    Some(Attribute::Array(_)) => (6, 0),
                    Some(Attribute::Map(_)) => (7, 0),
                    cell => self.value(cell),
                },
                "value" => self.value(cell),
                other => panic!("no such form: {other}"),
            };
            kinds.push(kind);
            values.push(value);
        }
        match form {
            "symbol" | "text" => Column {
                table,
                kinds: Vec::new(),
                values: Values::U32s(values.into_iter().map(|value| value as u32).collect()),
            },
            "truth" => Column {
                table,
                kinds: Vec::new(),
                values: Values::U8s(values.into_iter().map(|value| value as u8).collect()),
            },
            _ => Column {
                table,
                kinds,
                values: Values::U64s(values),
            },
        }
    }

    fn intern(&mut self, text: String) -> u32 {
        let next = self.symbols.len() as u32 + 2;
        *self.symbols.entry(text).or_insert(next)
    }

    fn symbol(&mut self, cell: Option<Attribute>) -> u32 {
        match cell {
            None => 0,
            Some(Attribute::String(text)) => self.intern(text),
            Some(Attribute::Int(int)) => self.intern(int.to_string()),
            Some(_) => 1,
        }
    }

    fn text(&mut self, cell: Option<Attribute>) -> u32 {
        let Some(Attribute::String(text)) = cell else {
            return 0;
        };
        let next = self.texts.len() as u32 + 1;
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            next
        })
    }

    fn value(&mut self, cell: Option<Attribute>) -> (u8, u64) {
        match cell {
            None => (0, 0),
            Some(Attribute::Bool(truth)) => (1, u64::from(truth)),
            Some(Attribute::Int(int)) => (2, int as u64),
            Some(Attribute::Double(double)) => (3, double.to_bits()),
            Some(Attribute::String(text)) => (4, u64::from(self.intern(text))),
            Some(Attribute::Bytes(bytes)) => (5, bytes.len() as u64),
            Some(Attribute::Array(elements)) => (6, self.elements(elements)),
            Some(Attribute::Map(entries)) => (
                7,
                self.elements(entries.into_iter().map(|(_, value)| value).collect()),
            ),
        }
    }

    fn elements(&mut self, elements: Vec<Attribute>) -> u64 {
        let first = self.elements.len() as u64;
        let len = elements.len() as u64;
        self.elements.extend(elements);
        first << 32 | len
    }
}

fn truth(cell: Option<Attribute>) -> u64 {
    match cell {
        None => 0,
        Some(Attribute::Bool(truth)) => 2 + u64::from(truth),
        Some(Attribute::String(text)) if text == "false" => 2,
        Some(Attribute::String(text)) if text == "true" => 3,
        Some(_) => 1,
    }
}

fn number(cell: Option<Attribute>) -> (u8, u64) {
    match cell {
        None => (0, 0),
        Some(Attribute::Int(int)) => (2, int as u64),
        Some(Attribute::Double(double)) => (3, double.to_bits()),
        Some(Attribute::String(text)) if is_decimal(&text) => match text.parse::<i64>() {
            Ok(int) => (18, int as u64),
            Err(_) => (19, text.parse::<f64>().unwrap().to_bits()),
        },
        Some(_) => (1, 0),
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
