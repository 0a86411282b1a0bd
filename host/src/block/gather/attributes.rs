//! Attributes as columns.
//!
//! A row's *shape* is the list of the columns that it has a value in, in the order in which the row
//! gave them. Programs emit few shapes, so the shape's number says both which attributes a row has and
//! in which order, in a few bits. A column then holds its values alone.

use std::{collections::VecDeque, mem};

use hashbrown::HashMap;

use super::Gathered;
use crate::{
    block::{
        attribute::kind,
        section::{AttributeScope, Section},
    },
    trace::wire::{Wire, known_fields},
};

/// Values nested deeper than this are kept as empty. Decoding a request stops at 100.
pub(in crate::block) const VALUE_DEPTH_MAX: u32 = 128;

const ELEMENT_SECTIONS: [Section; 3] = [
    Section::ElementKinds,
    Section::ElementValues,
    Section::ElementKeys,
];

/// The attributes of one table.
#[derive(Debug, Default)]
pub(in crate::block) struct AttributeTable<'a> {
    /// In order of first sight.
    pub(in crate::block) columns: Vec<Column<'a>>,
    /// In order of first sight, each back to front.
    pub(in crate::block) shapes: Vec<Vec<u32>>,
    by_key: HashMap<&'a [u8], u32, foldhash::fast::FixedState>,
    by_shape: HashMap<Vec<u32>, u32, foldhash::fast::FixedState>,
    n_rows: u64,
    /// The shape of the last row, back to front: mostly that of the next too.
    last: Vec<u32>,
    last_number: Option<u32>,
    scratch: Vec<u32>,
}

/// The values of one attribute, for those rows that have it.
#[derive(Debug)]
pub(in crate::block) struct Column<'a> {
    pub(in crate::block) key: &'a [u8],
    pub(in crate::block) kinds: Vec<u8>,
    /// Symbols are provisional.
    pub(in crate::block) values: Vec<u64>,
    /// The last row that has it, plus one.
    last: u64,
}

impl<'a> AttributeTable<'a> {
    /// Returns the column of a key that is the `nth` from the back of its row.
    pub(super) fn column(&mut self, key: &'a [u8], nth: usize) -> u32 {
        if let Some(&likely) = self.last.get(nth)
            && self
                .columns
                .get(likely as usize)
                .is_some_and(|c| c.key == key)
        {
            return likely;
        }
        let next = self.columns.len() as u32;
        let number = *self.by_key.entry(key).or_insert(next);
        if number == next {
            self.columns.push(Column {
                key,
                kinds: Vec::new(),
                values: Vec::new(),
                last: 0,
            });
        }
        number
    }

    /// Whether a column has no value in this row yet: from here on it has.
    pub(super) fn claim(&mut self, number: u32) -> bool {
        let column = self.columns.get_mut(number as usize);
        column.is_some_and(|column| mem::replace(&mut column.last, self.n_rows) != self.n_rows)
    }

    pub(super) fn put(&mut self, number: u32, kind: u8, value: u64) {
        if let Some(column) = self.columns.get_mut(number as usize) {
            column.kinds.push(kind);
            column.values.push(value);
        }
    }

    fn shape(&mut self, columns: &[u32]) -> u32 {
        if columns == self.last
            && let Some(number) = self.last_number
        {
            return number;
        }
        let number = self.shape_numbered(columns);
        self.last_number = Some(number);
        number
    }

    fn shape_numbered(&mut self, columns: &[u32]) -> u32 {
        if let Some(&number) = self.by_shape.get(columns) {
            return number;
        }
        let number = self.shapes.len() as u32;
        self.shapes.push(columns.to_vec());
        self.by_shape.insert(columns.to_vec(), number);
        number
    }
}

impl<'a> Gathered<'a> {
    /// Pushes the next row of a table, and empties `attributes`. The last value of a key counts, so they are walked
    /// backwards.
    pub(super) fn push_attributes(
        &mut self,
        scope: AttributeScope,
        attributes: &mut Vec<&'a [u8]>,
    ) {
        let (mut table, mut shape) = self.begin_row(scope);
        for attribute in attributes.drain(..).rev() {
            let (key, value) = key_value(attribute);
            let number = table.column(key, shape.len());
            if table.claim(number) {
                shape.push(number);
                let (kind, value) = self.value(value);
                table.put(number, kind, value);
            }
        }
        self.end_row(scope, table, shape);
    }

    /// Begins the next row of a table. Values go to the elements and dictionaries of the block, so the table steps out
    /// meanwhile. The shape is empty.
    pub(super) fn begin_row(&mut self, scope: AttributeScope) -> (AttributeTable<'a>, Vec<u32>) {
        let table = self.attributes.get_mut(scope as usize);
        let mut table = table.map(mem::take).unwrap_or_default();
        table.n_rows += 1;
        let mut shape = mem::take(&mut table.scratch);
        shape.clear();
        (table, shape)
    }

    pub(super) fn end_row(
        &mut self,
        scope: AttributeScope,
        mut table: AttributeTable<'a>,
        shape: Vec<u32>,
    ) {
        let number = table.shape(&shape);
        table.scratch = mem::replace(&mut table.last, shape);
        if let Some(slot) = self.attributes.get_mut(scope as usize) {
            *slot = table;
        }
        self.put(scope.shapes(), u64::from(number));
    }

    /// Returns a value's kind and number; what it holds goes to the elements.
    fn value(&mut self, value: Option<&'a [u8]>) -> (u8, u64) {
        let mut waiting = VecDeque::new();
        let cell = self.cell(value, 0, &mut waiting);
        while let Some((mut at, depth, children)) = waiting.pop_front() {
            for (key, child) in children.iter() {
                let (kind, value) = self.cell(child, depth, &mut waiting);
                let key = key.map_or(0, |key| u64::from(self.strings.intern(key)) + 1);
                self.set_element(at, kind, value, key);
                at += 1;
            }
        }
        cell
    }

    /// Returns one cell; children get contiguous rows at the end of the elements and wait to be filled in.
    fn cell(
        &mut self,
        value: Option<&'a [u8]>,
        depth: u32,
        waiting: &mut VecDeque<(usize, u32, Children<'a>)>,
    ) -> (u8, u64) {
        let Some(value) = value else {
            return (kind::EMPTY, kind::ABSENT);
        };
        let known = known_fields(value).find(|(number, _)| (1..=8).contains(number));
        let children = match known {
            Some((1, Wire::Bytes(text))) => {
                return (kind::STRING, u64::from(self.strings.intern(text)));
            }
            Some((2, Wire::Varint(value))) => return (kind::BOOL, u64::from(value != 0)),
            Some((3, Wire::Varint(value))) => return (kind::INT, value),
            Some((4, Wire::Fixed64(bits))) => return (kind::DOUBLE, bits),
            Some((5, Wire::Bytes(message))) => Children::Array(message),
            Some((6, Wire::Bytes(message))) => Children::List(message),
            Some((7, Wire::Bytes(bytes))) => {
                return (kind::BYTES, u64::from(self.blobs.intern(bytes)));
            }
            // None, or an index into the string table of the profiles signal.
            _ => return (kind::EMPTY, 0),
        };
        if depth >= VALUE_DEPTH_MAX {
            return (kind::EMPTY, 0);
        }
        let count = children.iter().count();
        let first = self.add_elements(count);
        let kind = children.kind();
        if count > 0 {
            waiting.push_back((first, depth + 1, children));
        }
        (kind, (first as u64) << 32 | count as u64)
    }
}

impl Gathered<'_> {
    /// Adds rows to the elements, to be filled in, and returns the first.
    pub(super) fn add_elements(&mut self, count: usize) -> usize {
        let first = self.len(Section::ElementKinds);
        for section in ELEMENT_SECTIONS {
            if let Some(column) = self.numbers.get_mut(section as usize) {
                column.resize(first + count, 0);
            }
        }
        first
    }

    pub(super) fn set_element(&mut self, row: usize, kind: u8, value: u64, key: u64) {
        let numbers = [u64::from(kind), value, key];
        for (section, number) in ELEMENT_SECTIONS.into_iter().zip(numbers) {
            let column = self.numbers.get_mut(section as usize);
            if let Some(cell) = column.and_then(|column| column.get_mut(row)) {
                *cell = number;
            }
        }
    }
}

/// Returns the key and the value of a `KeyValue`.
fn key_value(message: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut key, mut value): (&[u8], Option<&[u8]>) = (&[], None);
    for field in known_fields(message) {
        match field {
            (1, Wire::Bytes(text)) => key = text,
            (2, Wire::Bytes(message)) => value = Some(message),
            _ => {}
        }
    }
    (key, value)
}

/// The message of an array or a key-value list.
#[derive(Clone, Copy, Debug)]
enum Children<'a> {
    Array(&'a [u8]),
    List(&'a [u8]),
}

impl<'a> Children<'a> {
    fn kind(self) -> u8 {
        match self {
            Self::Array(_) => kind::ARRAY,
            Self::List(_) => kind::KVLIST,
        }
    }

    /// Returns each child with its key, if it has one.
    fn iter(self) -> impl Iterator<Item = (Option<&'a [u8]>, Option<&'a [u8]>)> {
        let (Self::Array(message) | Self::List(message)) = self;
        known_fields(message).filter_map(move |field| match (self, field) {
            (Self::Array(_), (1, Wire::Bytes(value))) => Some((None, Some(value))),
            (Self::List(_), (1, Wire::Bytes(entry))) => {
                let (key, value) = key_value(entry);
                Some((Some(key), value))
            }
            _ => None,
        })
    }
}
