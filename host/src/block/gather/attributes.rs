//! Attributes as columns.
//!
//! A row's *shape* is the list of the columns that it has a value in, in the order in which the row
//! gave them. Programs emit few shapes, so the shape's number says both which attributes a row has and
//! in which order, in a few bits. A column then holds its values alone.

use std::{collections::VecDeque, mem};

use hashbrown::HashMap;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

use super::Gathered;
use crate::block::{
    attribute::kind,
    section::{AttributeScope, Section},
};

/// Values nested deeper than this are kept as empty. Decoding a request stops at 100.
pub(in crate::block) const VALUE_DEPTH_MAX: u32 = 128;

/// The attributes of one table.
#[derive(Debug, Default)]
pub(in crate::block) struct AttributeTable<'a> {
    /// In order of first sight.
    pub(in crate::block) columns: Vec<Column<'a>>,
    /// In order of first sight, each back to front.
    pub(in crate::block) shapes: Vec<Vec<u32>>,
    by_key: HashMap<&'a str, u32, foldhash::fast::FixedState>,
    by_shape: HashMap<Vec<u32>, u32, foldhash::fast::FixedState>,
    n_rows: u64,
    /// The shape of the last row, back to front: mostly that of the next too.
    last: Vec<u32>,
}

/// The values of one attribute, for those rows that have it.
#[derive(Debug)]
pub(in crate::block) struct Column<'a> {
    pub(in crate::block) key: &'a str,
    pub(in crate::block) kinds: Vec<u8>,
    /// Symbols are provisional.
    pub(in crate::block) values: Vec<u64>,
    /// The last row that has it, plus one.
    last: u64,
}

impl<'a> AttributeTable<'a> {
    /// Returns the column of a key that is the `nth` from the back of its row.
    fn column(&mut self, key: &'a str, nth: usize) -> u32 {
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

    fn shape(&mut self, columns: &[u32]) -> u32 {
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
    /// Pushes the next row of a table. The last value of a key counts, so they are walked backwards.
    pub(super) fn push_attributes(&mut self, scope: AttributeScope, attributes: &'a [KeyValue]) {
        let Some(table) = self.attributes.get_mut(scope as usize) else {
            return;
        };
        // Values go to the elements and dictionaries of the block, so the table steps out meanwhile.
        let mut table = mem::take(table);
        table.n_rows += 1;
        let mut shape = Vec::with_capacity(attributes.len());
        for attribute in attributes.iter().rev() {
            let number = table.column(&attribute.key, shape.len());
            let Some(column) = table.columns.get_mut(number as usize) else {
                continue;
            };
            if column.last == table.n_rows {
                continue;
            }
            column.last = table.n_rows;
            shape.push(number);
            let (kind, value) = self.value(attribute.value.as_ref());
            column.kinds.push(kind);
            column.values.push(value);
        }
        let number = table.shape(&shape);
        table.last = shape;
        if let Some(slot) = self.attributes.get_mut(scope as usize) {
            *slot = table;
        }
        self.put(scope.shapes(), u64::from(number));
    }

    /// Returns a value's kind and number; what it holds goes to the elements.
    fn value(&mut self, value: Option<&'a AnyValue>) -> (u8, u64) {
        let mut waiting = VecDeque::new();
        let cell = self.cell(value, 0, &mut waiting);
        while let Some((mut at, depth, children)) = waiting.pop_front() {
            for (key, child) in children.iter() {
                let (kind, value) = self.cell(child, depth, &mut waiting);
                let key = key.map_or(0, |key| u64::from(self.strings.intern(key)) + 1);
                for (section, number) in [
                    (Section::ElementKinds, u64::from(kind)),
                    (Section::ElementValues, value),
                    (Section::ElementKeys, key),
                ] {
                    let column = self.numbers.get_mut(section as usize);
                    if let Some(cell) = column.and_then(|column| column.get_mut(at)) {
                        *cell = number;
                    }
                }
                at += 1;
            }
        }
        cell
    }

    /// Returns one cell; children get contiguous rows at the end of the elements and wait to be filled in.
    fn cell(
        &mut self,
        value: Option<&'a AnyValue>,
        depth: u32,
        waiting: &mut VecDeque<(usize, u32, Children<'a>)>,
    ) -> (u8, u64) {
        let Some(value) = value else {
            return (kind::EMPTY, kind::ABSENT);
        };
        let children = match &value.value {
            None | Some(Value::StringValueStrindex(_)) => return (kind::EMPTY, 0),
            Some(Value::BoolValue(value)) => return (kind::BOOL, u64::from(*value)),
            Some(Value::IntValue(value)) => return (kind::INT, *value as u64),
            Some(Value::DoubleValue(value)) => return (kind::DOUBLE, value.to_bits()),
            Some(Value::StringValue(text)) => {
                return (kind::STRING, u64::from(self.strings.intern(text)));
            }
            Some(Value::BytesValue(bytes)) => {
                return (kind::BYTES, u64::from(self.blobs.intern(bytes)));
            }
            Some(Value::ArrayValue(array)) => Children::Array(&array.values),
            Some(Value::KvlistValue(list)) => Children::List(&list.values),
        };
        if depth >= VALUE_DEPTH_MAX {
            return (kind::EMPTY, 0);
        }
        let first = self.len(Section::ElementKinds);
        let count = children.len();
        for section in [
            Section::ElementKinds,
            Section::ElementValues,
            Section::ElementKeys,
        ] {
            if let Some(column) = self.numbers.get_mut(section as usize) {
                column.resize(first + count, 0);
            }
        }
        let kind = children.kind();
        if count > 0 {
            waiting.push_back((first, depth + 1, children));
        }
        (kind, (first as u64) << 32 | count as u64)
    }
}

/// What an array or a key-value list holds.
#[derive(Clone, Copy, Debug)]
enum Children<'a> {
    Array(&'a [AnyValue]),
    List(&'a [KeyValue]),
}

impl<'a> Children<'a> {
    fn len(self) -> usize {
        match self {
            Self::Array(values) => values.len(),
            Self::List(values) => values.len(),
        }
    }

    fn kind(self) -> u8 {
        match self {
            Self::Array(_) => kind::ARRAY,
            Self::List(_) => kind::KVLIST,
        }
    }

    /// Returns each child with its key, if it has one.
    fn iter(self) -> impl Iterator<Item = (Option<&'a str>, Option<&'a AnyValue>)> {
        let (array, list) = match self {
            Self::Array(values) => (values, [].as_slice()),
            Self::List(values) => ([].as_slice(), values),
        };
        let array = array.iter().map(|value| (None, Some(value)));
        let list = list
            .iter()
            .map(|entry| (Some(entry.key.as_str()), entry.value.as_ref()));
        array.chain(list)
    }
}
