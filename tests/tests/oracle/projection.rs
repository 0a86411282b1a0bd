//! Traces to the batch that a pack asked for, written straight from the text of `wit/pack.wit`.

use std::collections::HashMap;

use betrace_dsl::oracle::{Attribute, Span, Trace};

use crate::component::bindings::exports::betrace::rules::pack::{
    Batch, Column, Rule, Values, Want,
};

/// Which rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trim {
    Nothing,
    /// Those of names that no rule of the pack speaks of, if no rule reads all spans.
    Unnamed,
}

/// A batch, and where its rows come from.
pub(crate) struct Batched {
    pub(crate) batch: Batch,
    /// For each row, its trace in the batch and its span in that trace.
    rows: Vec<(usize, usize)>,
}

fn joined<T: Clone, K: PartialEq>(lists: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut joined: Vec<T> = Vec::new();
    for item in lists {
        if !joined.iter().any(|other| key(other) == key(&item)) {
            joined.push(item);
        }
    }
    joined
}

fn want_key(want: &Want) -> (String, String, String) {
    (want.what.clone(), want.key.clone(), want.form.clone())
}

impl Batched {
    pub(crate) fn project(rules: &[Rule], asked: &[u32], traces: &[&Trace], trim: Trim) -> Self {
        let names = joined(
            rules.iter().flat_map(|rule| rule.names.clone()),
            Clone::clone,
        );
        let reads = joined(rules.iter().flat_map(|rule| rule.reads.clone()), want_key);
        let literals = joined(
            rules.iter().flat_map(|rule| rule.literals.clone()),
            Clone::clone,
        );
        let keeps_all = trim == Trim::Nothing || rules.iter().any(|rule| rule.all_spans);
        let (mut rows, mut spans, mut trace_ends) = (Vec::new(), Vec::new(), Vec::new());
        for (trace_index, trace) in traces.iter().enumerate() {
            for (span_index, span) in trace.spans.iter().enumerate() {
                if keeps_all || names.contains(&span.name) {
                    rows.push((trace_index, span_index));
                    spans.push(span);
                }
            }
            trace_ends.push(rows.len() as u32);
        }
        let mut projection = Projection {
            names,
            symbols: HashMap::new(),
            texts: vec![String::new()],
            elements: Vec::new(),
        };
        let is_asked = |want: &Want| {
            asked.iter().any(|rule| {
                rules[*rule as usize]
                    .reads
                    .iter()
                    .any(|other| want_key(other) == want_key(want))
            })
        };
        // Table 3 is filled by the `value` columns of the other tables, so it is answered last.
        let mut columns: Vec<Option<Column>> = reads.iter().map(|_| None).collect();
        for of_elements in [false, true] {
            for (slot, want) in columns
                .iter_mut()
                .zip(&reads)
                .filter(|(_, want)| (want.what == "element") == of_elements)
            {
                let column = if is_asked(want) {
                    projection.column(want, &spans)
                } else {
                    unasked()
                };
                *slot = Some(column);
            }
        }
        let text: String = projection.texts.concat();
        let text_ends = projection.texts.iter().scan(0, |end, text| {
            *end += text.len() as u32;
            Some(*end)
        });
        let batch = Batch {
            traces: traces.len() as u32,
            trace_ends,
            facts: traces.iter().map(|trace| trace.facts).collect(),
            columns: columns.into_iter().map(Option::unwrap).collect(),
            literals: literals
                .iter()
                .map(|literal| projection.symbols.get(literal).copied().unwrap_or(u32::MAX))
                .collect(),
            text_ends: text_ends.collect(),
            text: text.into_bytes(),
        };
        Self { batch, rows }
    }

    /// The span of a row, which must be of this trace.
    pub(crate) fn span_of(&self, row: u32, trace: usize) -> usize {
        let (of, span) = self.rows[row as usize];
        assert_eq!(of, trace, "a witness is a row of its trace");
        span
    }
}

/// The column of a want that no listed rule has.
fn unasked() -> Column {
    Column {
        table: 0,
        kinds: Vec::new(),
        values: Values::U8s(Vec::new()),
    }
}

struct Projection {
    names: Vec<String>,
    symbols: HashMap<String, u32>,
    texts: Vec<String>,
    elements: Vec<Attribute>,
}

fn find(attributes: &[(String, Attribute)], key: &str) -> Option<Attribute> {
    attributes
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.clone())
}

fn present(text: &str) -> Option<Attribute> {
    (!text.is_empty()).then(|| Attribute::String(text.to_owned()))
}

/// The cell of a column that can be missing.
fn cell(span: &Span, want: &Want) -> Option<Attribute> {
    match (want.what.as_str(), want.key.as_str()) {
        ("any.attribute", key) => find(&span.attributes, key).or_else(|| find(&span.resource, key)),
        ("span.attribute", key) => find(&span.attributes, key),
        ("resource.attribute", key) => find(&span.resource, key),
        ("scope.attribute", key) => find(&span.scope.attributes, key),
        ("span", "name") => Some(Attribute::String(span.name.clone())),
        ("span", "status-message") => present(&span.status_message),
        ("span", "id") => present(&span.id),
        ("span", "parent-id") => span.parent_id.clone().map(Attribute::String),
        ("scope", "name") => present(&span.scope.name),
        ("scope", "version") => present(&span.scope.version),
        other => panic!("no such column: {other:?}"),
    }
}

impl Projection {
    fn column(&mut self, want: &Want, spans: &[&Span]) -> Column {
        let dense = |values| Column {
            table: 0,
            kinds: Vec::new(),
            values,
        };
        match (want.what.as_str(), want.key.as_str(), want.form.as_str()) {
            ("span", "name", "declared") => {
                let numbers: Vec<usize> = spans
                    .iter()
                    .map(|span| {
                        self.names
                            .iter()
                            .position(|name| *name == span.name)
                            .map_or(0, |at| at + 1)
                    })
                    .collect();
                dense(if self.names.len() <= 255 {
                    Values::U8s(numbers.into_iter().map(|number| number as u8).collect())
                } else {
                    Values::U16s(numbers.into_iter().map(|number| number as u16).collect())
                })
            }
            ("span", "kind", "value") => {
                dense(Values::U8s(spans.iter().map(|span| span.kind).collect()))
            }
            ("span", "status", "value") => {
                dense(Values::U8s(spans.iter().map(|span| span.status).collect()))
            }
            ("span", "start", "value") => {
                dense(Values::U64s(spans.iter().map(|span| span.start).collect()))
            }
            ("span", "end", "value") => {
                dense(Values::U64s(spans.iter().map(|span| span.end).collect()))
            }
            ("span", "duration", "value") => dense(Values::U64s(
                spans.iter().map(|span| span.end - span.start).collect(),
            )),
            ("element", "value", form) => {
                let elements: Vec<Option<Attribute>> =
                    self.elements.iter().cloned().map(Some).collect();
                self.cells(elements, form, 3)
            }
            (_, _, form) => {
                self.cells(spans.iter().map(|span| cell(span, want)).collect(), form, 0)
            }
        }
    }

    fn cells(&mut self, cells: Vec<Option<Attribute>>, form: &str, table: u8) -> Column {
        let (mut kinds, mut values) = (Vec::new(), Vec::new());
        for cell in cells {
            let (kind, value) = match form {
                "symbol" => (0, u64::from(self.symbol(cell))),
                "truth" => (0, truth(cell)),
                "text" => (0, u64::from(self.text(cell))),
                "number" => number(cell),
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
        let found = self.texts.iter().skip(1).position(|other| *other == text);
        found.map_or_else(
            || {
                self.texts.push(text.clone());
                self.texts.len() as u32 - 1
            },
            |at| at as u32 + 1,
        )
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
