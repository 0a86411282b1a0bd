//! Small batches with something of everything in them, the same each time.
//!
//! A trace is made from its number alone: whatever stands beside it, its cells are the same, except for what the
//! contract lets differ, the numbers of rows, of texts and of symbols that no literal has. So a rule may be asked of
//! the same trace in several companies.

use std::collections::HashMap;

use super::super::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Values},
    pack::PackPlan,
    want::{FixedColumn, Form, Table, TextColumn, Want, WantColumn},
};

/// How many spans each trace has. The first has none: all its spans were of other names.
const SPANS: [u32; 8] = [0, 1, 3, 2, 5, 1, 4, 2];

/// What is missing from each trace, as the bits of `batch.facts`.
const FACTS: [u8; 8] = [0, 0, 0, 0b11_1111, 0, 0, 0b1, 0];

/// The traces that there are, as numbers.
pub(super) const TRACES: [u32; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// Texts that no literal need have.
const TEXTS: [&str; 3] = ["trial", "trial 2", ""];

/// A day in 2023, as Unix time in ns.
const START_UNIX_NANO: u64 = 1_700_000_000_000_000_000;

/// The first symbol that stands for a text.
const FIRST_SYMBOL: u32 = 2;

/// More than a trace has texts, so that no two traces share a symbol.
const SYMBOLS_OF_TRACE: u32 = 1 << 16;

/// Makes batches for a pack. What can be looked up is worked out once: a pack may have 65,536 literals, and keys of
/// attributes of 16 KiB.
pub(super) struct Maker<'p> {
    plan: &'p PackPlan,
    /// By literal its place; of two that are the same the first.
    literals: HashMap<&'p str, u32>,
    /// By want what its key makes of the cells.
    keys: Vec<u64>,
}

impl<'p> Maker<'p> {
    pub(super) fn new(plan: &'p PackPlan) -> Self {
        let mut literals = HashMap::with_capacity(plan.literals.len());
        for (place, literal) in (0..).zip(&plan.literals) {
            literals.entry(literal.as_str()).or_insert(place);
        }
        let key = |want: &Want| match &want.column {
            WantColumn::Attribute { key, .. } => key
                .bytes()
                .fold(11, |bits, byte| mix(bits ^ u64::from(byte))),
            WantColumn::SpanName
            | WantColumn::Text(_)
            | WantColumn::Fixed(_)
            | WantColumn::ElementValue => 0,
        };
        Self {
            plan,
            literals,
            keys: plan.wants.iter().map(key).collect(),
        }
    }

    /// Returns a batch of traces, with what these rules of the pack read.
    pub(super) fn batch(&self, rules: &[u32], traces: &[u32]) -> Batch {
        let plan = self.plan;
        let mut read = vec![false; plan.wants.len()];
        for uses in rules.iter().filter_map(|n| plan.by_rule.get(*n as usize)) {
            for want in &uses.wants {
                if let Some(read) = read.get_mut(*want as usize) {
                    *read = true;
                }
            }
        }
        let mut making = Making::new(self, traces);
        let wants = plan.wants.iter().zip(&self.keys).zip(read);
        let columns = wants
            .map(|((want, key), read)| making.column(want, *key, read))
            .collect();
        let n_literals = plan.literals.len() as u32;
        let mut trace_ends = Vec::with_capacity(traces.len());
        let mut end = 0;
        for trace in traces {
            end += n_spans(*trace);
            trace_ends.push(end);
        }
        Batch {
            traces: traces.len() as u32,
            trace_ends,
            facts: traces.iter().map(|trace| facts(*trace)).collect(),
            columns,
            literals: (FIRST_SYMBOL..FIRST_SYMBOL + n_literals).collect(),
            text: making.text,
            text_ends: making.text_ends,
        }
    }
}

fn n_spans(trace: u32) -> u32 {
    SPANS.get(trace as usize).copied().unwrap_or(0)
}

fn facts(trace: u32) -> u8 {
    FACTS.get(trace as usize).copied().unwrap_or(0)
}

/// A span, or an event or a link of it.
#[derive(Clone, Copy)]
struct Row {
    /// Where in the batch its trace is.
    place: u32,
    /// The number of its trace.
    trace: u32,
    /// Its span's place in the trace.
    span: u32,
    /// The span's row in the batch.
    at: u32,
}

impl Row {
    /// Returns bits that depend on the trace, the span and `what`.
    fn bits(self, what: u64) -> u64 {
        mix(u64::from(self.trace) << 40 | u64::from(self.span) << 20 | mix(what) >> 50)
    }

    /// Returns how many events, or links, the span has.
    fn n_children(self, table: Table) -> u32 {
        (self.bits(table as u64 + 100) % 3) as u32
    }

    fn parent(self) -> Option<u32> {
        Some(self.span.checked_sub(1)? / 2)
    }

    fn start(self) -> u64 {
        START_UNIX_NANO + u64::from(self.trace) * 1_000_000 + u64::from(self.span) * 1_000
    }

    fn duration(self) -> u64 {
        self.bits(7) % 2_000
    }
}

/// What a cell is, whatever its form.
enum Value {
    Missing,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

struct Making<'m> {
    maker: &'m Maker<'m>,
    plan: &'m PackPlan,
    /// What the key of the column at hand makes of its cells.
    key: u64,
    spans: Vec<Row>,
    /// By place of a trace: its texts that are no literals.
    symbols: Vec<Vec<String>>,
    text: Vec<u8>,
    text_ends: Vec<u32>,
}

impl<'m> Making<'m> {
    fn new(maker: &'m Maker<'m>, traces: &[u32]) -> Self {
        let mut spans = Vec::new();
        for (place, &trace) in (0..).zip(traces) {
            for span in 0..n_spans(trace) {
                let at = spans.len() as u32;
                spans.push(Row {
                    place,
                    trace,
                    span,
                    at,
                });
            }
        }
        Self {
            maker,
            plan: maker.plan,
            key: 0,
            spans,
            symbols: vec![Vec::new(); traces.len()],
            text: Vec::new(),
            text_ends: vec![0],
        }
    }

    /// Returns the rows of a table. Nothing has elements.
    fn rows(&self, table: Table) -> Vec<Row> {
        match table {
            Table::Spans => self.spans.clone(),
            Table::Events | Table::Links => {
                let spans = self.spans.iter();
                spans
                    .flat_map(|span| (0..span.n_children(table)).map(|_| *span))
                    .collect()
            }
            Table::Elements => Vec::new(),
        }
    }

    fn column(&mut self, want: &Want, key: u64, is_read: bool) -> Column {
        self.key = key;
        let table = want.column.table();
        let rows = if is_read {
            self.rows(table)
        } else {
            Vec::new()
        };
        let mut kinds = Vec::new();
        let values = match (&want.column, want.form) {
            (WantColumn::Fixed(fixed), _) => fixed_values(*fixed, &rows),
            (WantColumn::SpanName, Form::Declared) => {
                let numbers = rows.iter().map(|row| self.name(*row));
                if self.plan.names.len() > usize::from(u8::MAX) {
                    Values::U16s(numbers.collect())
                } else {
                    Values::U8s(numbers.map(|number| number as u8).collect())
                }
            }
            (_, Form::Truth) => {
                let truth = |row: &Row| match self.value(want, *row) {
                    Value::Missing => 0,
                    Value::Int(_) | Value::Double(_) => 1,
                    Value::Bool(truth) => 2 + u8::from(truth),
                    Value::Text(text) => match text.as_str() {
                        "false" => 2,
                        "true" => 3,
                        _ => 1,
                    },
                };
                Values::U8s(rows.iter().map(truth).collect())
            }
            (_, Form::Number | Form::Value) => {
                let mut values = Vec::with_capacity(rows.len());
                for row in rows {
                    let (kind, value) = self.number_or_value(want, row);
                    kinds.push(kind);
                    values.push(value);
                }
                Values::U64s(values)
            }
            (_, Form::Declared | Form::Symbol) => {
                Values::U32s(rows.iter().map(|row| self.symbol_of(want, *row)).collect())
            }
            (_, Form::Text) => {
                Values::U32s(rows.iter().map(|row| self.text_of(want, *row)).collect())
            }
        };
        Column {
            table: table as u8,
            kinds,
            values,
        }
    }

    /// Returns the number of a span's name among the names of the pack: 0 where the pack has none.
    fn name(&self, row: Row) -> u16 {
        let n_names = self.plan.names.len() as u64;
        row.bits(1).checked_rem(n_names).map_or(0, |n| n as u16 + 1)
    }

    fn value(&self, want: &Want, row: Row) -> Value {
        match &want.column {
            WantColumn::SpanName => {
                let at = usize::from(self.name(row)).checked_sub(1);
                let name = at.and_then(|at| self.plan.names.get(at));
                Value::Text(name.cloned().unwrap_or_default())
            }
            WantColumn::Text(column) => text(*column, row),
            WantColumn::Attribute { .. } => self.any(row.bits(self.key)),
            WantColumn::ElementValue | WantColumn::Fixed(_) => Value::Missing,
        }
    }

    fn any(&self, bits: u64) -> Value {
        let more = (bits >> 8) as usize;
        match bits % 6 {
            0 => Value::Missing,
            1 => Value::Bool(more.is_multiple_of(2)),
            2 => Value::Int((more % 7) as i64 - 1),
            3 => Value::Double((more % 7) as f64 / 2.0),
            4 if !self.plan.literals.is_empty() => {
                let at = more % self.plan.literals.len();
                Value::Text(self.plan.literals.get(at).cloned().unwrap_or_default())
            }
            _ => Value::Text(TEXTS.get(more % TEXTS.len()).copied().unwrap_or("").into()),
        }
    }

    fn symbol_of(&mut self, want: &Want, row: Row) -> u32 {
        match self.value(want, row) {
            Value::Missing => 0,
            Value::Bool(_) | Value::Double(_) => 1,
            Value::Int(int) => self.symbol(row, int.to_string()),
            Value::Text(text) => self.symbol(row, text),
        }
    }

    fn symbol(&mut self, row: Row, text: String) -> u32 {
        if let Some(place) = self.maker.literals.get(text.as_str()) {
            return FIRST_SYMBOL + place;
        }
        let first = FIRST_SYMBOL + self.plan.literals.len() as u32 + row.place * SYMBOLS_OF_TRACE;
        let Some(symbols) = self.symbols.get_mut(row.place as usize) else {
            return first;
        };
        let at = symbols.iter().position(|known| *known == text);
        let at = at.unwrap_or_else(|| {
            symbols.push(text);
            symbols.len() - 1
        });
        first + at as u32
    }

    fn text_of(&mut self, want: &Want, row: Row) -> u32 {
        let Value::Text(text) = self.value(want, row) else {
            return 0;
        };
        self.text.extend(text.as_bytes());
        self.text_ends.push(self.text.len() as u32);
        self.text_ends.len() as u32 - 1
    }

    fn number_or_value(&mut self, want: &Want, row: Row) -> (u8, u64) {
        let value = self.value(want, row);
        let is_number = want.form == Form::Number;
        match value {
            Value::Missing => (0, 0),
            Value::Bool(_) if is_number => (1, 0),
            Value::Bool(truth) => (1, u64::from(truth)),
            Value::Int(int) => (2, int as u64),
            Value::Double(double) => (3, double.to_bits()),
            Value::Text(text) if is_number => match text.parse::<i64>() {
                Ok(int) if !text.starts_with('+') => (18, int as u64),
                Ok(_) | Err(_) => (1, 0),
            },
            Value::Text(text) => (4, u64::from(self.symbol(row, text))),
        }
    }
}

fn fixed_values(column: FixedColumn, rows: &[Row]) -> Values {
    let u32s = |of: &dyn Fn(&Row) -> u32| Values::U32s(rows.iter().map(of).collect());
    let u64s = |of: &dyn Fn(&Row) -> u64| Values::U64s(rows.iter().map(of).collect());
    match column {
        FixedColumn::Kind => Values::U8s(rows.iter().map(|row| (row.bits(2) % 6) as u8).collect()),
        FixedColumn::Status => {
            Values::U8s(rows.iter().map(|row| (row.bits(3) % 3) as u8).collect())
        }
        FixedColumn::Start => u64s(&|row| row.start()),
        FixedColumn::End => u64s(&|row| row.start() + row.duration()),
        FixedColumn::Duration => u64s(&|row| row.duration()),
        FixedColumn::SelfDuration => u64s(&|row| row.duration() / 2),
        FixedColumn::EventTime => u64s(&|row| row.start() + 1),
        FixedColumn::Parent => u32s(&|row| match row.parent() {
            Some(parent) => row.at - row.span + parent,
            None => u32::MAX,
        }),
        FixedColumn::Children => u32s(&|row| {
            let others = 0..n_spans(row.trace);
            let is_child = |span: &u32| {
                Row {
                    span: *span,
                    ..*row
                }
                .parent()
                    == Some(row.span)
            };
            others.filter(is_child).count() as u32
        }),
        FixedColumn::Depth => u32s(&|row| (row.span + 1).ilog2()),
        FixedColumn::EventEnds => Values::U32s(ends(rows, Table::Events)),
        FixedColumn::LinkEnds => Values::U32s(ends(rows, Table::Links)),
    }
}

fn ends(spans: &[Row], table: Table) -> Vec<u32> {
    let mut end = 0;
    let of_span = |span: &Row| {
        end += span.n_children(table);
        end
    };
    spans.iter().map(of_span).collect()
}

fn text(column: TextColumn, row: Row) -> Value {
    let id = |span: u32| Value::Text(format!("{:016x}", row.trace * 64 + span + 1));
    match column {
        TextColumn::SpanId => id(row.span),
        TextColumn::ParentId => row.parent().map_or(Value::Missing, id),
        TextColumn::LinkSpanId => id(0),
        TextColumn::LinkTraceId => Value::Text(format!("{:032x}", row.trace + 1)),
        TextColumn::ScopeName | TextColumn::EventName => {
            let at = row.bits(5) as usize % TEXTS.len();
            Value::Text(TEXTS.get(at).copied().unwrap_or("").into())
        }
        TextColumn::StatusMessage | TextColumn::ScopeVersion | TextColumn::ElementKey => {
            Value::Missing
        }
    }
}

/// The finalizer of splitmix64: spreads numbers that differ little.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_same_in_every_company_but_for_the_numbers_that_may_differ() {
        let want = |what: &str, key: &str, form: &str| Want::parse(what, key, form).unwrap();
        let plan = PackPlan {
            names: vec!["a".into(), "b".into()],
            wants: vec![
                want("span", "name", "declared"),
                want("span", "start", "value"),
                want("span.attribute", "k", "number"),
                want("event", "ends", "value"),
                want("event", "time", "value"),
                want("span", "parent", "value"),
            ],
            literals: vec!["l".into()],
            by_rule: vec![super::super::super::pack::RuleUses {
                names: vec![0, 1],
                wants: (0..6).collect(),
                literals: vec![0],
            }],
        };
        let maker = Maker::new(&plan);
        let both = maker.batch(&[0], &[2, 4]);
        let alone = maker.batch(&[0], &[4]);
        assert_eq!(both.trace_ends, [3, 8]);
        let (Values::U8s(of_both), Values::U8s(of_one)) =
            (&both.columns[0].values, &alone.columns[0].values)
        else {
            panic!("names are u8s")
        };
        assert_eq!(of_both[3..], of_one[..]);
        for column in [1, 2] {
            let (Values::U64s(of_both), Values::U64s(of_one)) =
                (&both.columns[column].values, &alone.columns[column].values)
            else {
                panic!("u64s")
            };
            assert_eq!(of_both[3..], of_one[..]);
        }
        let (Values::U32s(ends), Values::U64s(times)) =
            (&both.columns[3].values, &both.columns[4].values)
        else {
            panic!("ends and times")
        };
        assert_eq!(ends.last().copied().unwrap() as usize, times.len());
        let (Values::U32s(of_both), Values::U32s(of_one)) =
            (&both.columns[5].values, &alone.columns[5].values)
        else {
            panic!("rows")
        };
        assert_eq!(of_one[..], [u32::MAX, 0, 0, 1, 1]);
        assert_eq!(of_both[3..], [u32::MAX, 3, 3, 4, 4]);
    }
}
