//! A trace of a test to the batch that a rule is shown, as `wit/pack.wit` says.

use super::{
    cells::Cells,
    spans::{SpanSpec, TestValue, TraceSpec},
};
use crate::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Values},
    pack::reads_of,
    rule::{Form, Read, Rule, Source},
};

/// When a trace of a test begins, in ns: 2026-01-01T00:00:00Z, as in a test file.
const START_NS: u64 = 1_767_225_600_000_000_000;

/// The row of a parent that is not in the trace.
const NO_ROW: u32 = u32::MAX;

/// Makes the batch of one trace for one rule.
pub(super) fn batch(rule: &Rule, trace: &TraceSpec, rows: &[usize]) -> Batch {
    let mut making = Making {
        trace,
        rows,
        spans: rows
            .iter()
            .filter_map(|place| trace.spans.get(*place))
            .collect(),
        cells: Cells::default(),
    };
    let mut seen: Vec<Read> = Vec::new();
    let mut columns = Vec::new();
    for read in reads_of(rule) {
        if !seen.contains(&read) {
            columns.push(making.column(rule, read));
            seen.push(read);
        }
    }
    let literals = rule
        .literals
        .iter()
        .map(|literal| making.cells.symbol_of(literal))
        .collect();
    let n_spans = making.spans.len() as u32;
    let (text, text_ends) = making.cells.into_texts();
    Batch {
        traces: 1,
        trace_ends: vec![n_spans],
        facts: vec![trace.facts().0],
        columns,
        literals,
        text,
        text_ends,
    }
}

struct Making<'t> {
    trace: &'t TraceSpec,
    /// The places of the spans, in order of rows.
    rows: &'t [usize],
    spans: Vec<&'t SpanSpec>,
    cells: Cells,
}

fn find(attributes: &[(String, TestValue)], key: &str) -> Option<TestValue> {
    // Of a key that is given twice the last counts.
    let mut of_key = attributes.iter().rev().filter(|(other, _)| other == key);
    of_key.next().map(|(_, value)| value.clone())
}

fn some(text: &str) -> Option<TestValue> {
    (!text.is_empty()).then(|| TestValue::Text(text.to_owned()))
}

fn id(place: usize) -> TestValue {
    TestValue::Text(format!("{:016x}", place as u64 + 1))
}

fn plain(values: Values) -> Column {
    Column {
        table: 0,
        kinds: Vec::new(),
        values,
    }
}

impl Making<'_> {
    fn column(&mut self, rule: &Rule, read: Read) -> Column {
        match read.source {
            Source::Name if read.form == Form::Declared => plain(self.declared(rule)),
            Source::Kind => plain(Values::U8s(self.of_spans(|span| span.kind as u8))),
            Source::Status => plain(Values::U8s(self.of_spans(|span| span.status as u8))),
            Source::Start => plain(Values::U64s(self.of_spans(|span| START_NS + span.at_ns))),
            Source::End => plain(Values::U64s(
                self.of_spans(|span| START_NS + span.at_ns + span.for_ns),
            )),
            Source::Duration => plain(Values::U64s(self.of_spans(|span| span.for_ns))),
            Source::SelfDuration => plain(Values::U64s(self.self_durations())),
            Source::Parent => plain(Values::U32s(self.parents())),
            Source::Children => plain(Values::U32s(self.children())),
            Source::Depth => plain(Values::U32s(self.depths())),
            Source::EventEnds => plain(Values::U32s(self.ends(|span| span.events.len()))),
            Source::LinkEnds => plain(Values::U32s(self.ends(|span| span.links.len()))),
            Source::EventTime => Column {
                table: 1,
                kinds: Vec::new(),
                values: Values::U64s(
                    self.spans
                        .iter()
                        .flat_map(|span| &span.events)
                        .map(|event| START_NS + event.at_ns)
                        .collect(),
                ),
            },
            Source::Name
            | Source::StatusMessage
            | Source::Id
            | Source::ParentId
            | Source::Attribute
            | Source::SpanAttribute
            | Source::ResourceAttribute
            | Source::ScopeAttribute
            | Source::ScopeName
            | Source::ScopeVersion
            | Source::EventName
            | Source::EventAttribute
            | Source::LinkTraceId
            | Source::LinkSpanId
            | Source::LinkAttribute => {
                let (table, cells) = self.values(read);
                self.cells.column(table, &cells, read.form)
            }
        }
    }

    /// Returns the texts and attributes of a column, and its table.
    fn values(&self, read: Read) -> (u8, Vec<Option<TestValue>>) {
        let key = read.key;
        let events = || self.spans.iter().flat_map(|span| &span.events);
        let links = || self.spans.iter().flat_map(|span| &span.links);
        match read.source {
            Source::EventName => (1, events().map(|event| some(&event.name)).collect()),
            Source::EventAttribute => (
                1,
                events().map(|event| find(&event.attributes, key)).collect(),
            ),
            Source::LinkTraceId => (2, links().map(|link| some(&link.trace_id)).collect()),
            Source::LinkSpanId => (2, links().map(|link| some(&link.span_id)).collect()),
            Source::LinkAttribute => (2, links().map(|link| find(&link.attributes, key)).collect()),
            Source::Id => (0, self.rows.iter().map(|place| Some(id(*place))).collect()),
            Source::ParentId => (
                0,
                self.rows
                    .iter()
                    .map(|place| self.parent_id(*place))
                    .collect(),
            ),
            Source::StatusMessage => (0, self.of_spans(|span| some(&span.status_message))),
            Source::ScopeName => (0, self.of_spans(|span| some(&span.scope.0))),
            Source::ScopeVersion => (0, self.of_spans(|span| some(&span.scope.1))),
            Source::Attribute => {
                let any = |span: &SpanSpec| {
                    find(&span.attributes, key).or_else(|| find(&span.resource, key))
                };
                (0, self.of_spans(any))
            }
            Source::SpanAttribute => (0, self.of_spans(|span| find(&span.attributes, key))),
            Source::ResourceAttribute => (0, self.of_spans(|span| find(&span.resource, key))),
            Source::ScopeAttribute => (0, self.of_spans(|span| find(&span.scope.2, key))),
            Source::Name
            | Source::Kind
            | Source::Status
            | Source::Start
            | Source::End
            | Source::Duration
            | Source::Parent
            | Source::Children
            | Source::Depth
            | Source::SelfDuration
            | Source::EventEnds
            | Source::EventTime
            | Source::LinkEnds => (0, self.of_spans(|span| some(&span.name))),
        }
    }

    fn of_spans<T>(&self, of: impl Fn(&SpanSpec) -> T) -> Vec<T> {
        self.spans.iter().map(|span| of(span)).collect()
    }

    fn declared(&self, rule: &Rule) -> Values {
        let number = |span: &SpanSpec| {
            let place = rule.names.iter().position(|name| *name == span.name);
            place.map_or(0, |place| place as u16 + 1)
        };
        let numbers = self.of_spans(number);
        if u8::try_from(rule.names.len()).is_ok() {
            Values::U8s(numbers.into_iter().map(|number| number as u8).collect())
        } else {
            Values::U16s(numbers)
        }
    }

    fn parent_id(&self, place: usize) -> Option<TestValue> {
        let is_orphan = self
            .trace
            .spans
            .get(place)
            .is_some_and(|span| span.is_orphan);
        match self.trace.parent_of(place) {
            Some(parent) => Some(id(parent)),
            None => is_orphan.then(|| TestValue::Text("f".repeat(16))),
        }
    }

    /// Returns the row of the parent of each row.
    fn parents(&self) -> Vec<u32> {
        let row_of = |place: usize| self.rows.iter().position(|other| *other == place);
        let parent = |place: &usize| {
            self.trace
                .parent_of(*place)
                .and_then(row_of)
                .map_or(NO_ROW, |row| row as u32)
        };
        self.rows.iter().map(parent).collect()
    }

    fn children(&self) -> Vec<u32> {
        let parents = self.parents();
        let count = |row: u32| parents.iter().filter(|parent| **parent == row).count() as u32;
        (0..parents.len() as u32).map(count).collect()
    }

    fn depths(&self) -> Vec<u32> {
        let parents = self.parents();
        let up = |row: &u32| {
            parents
                .get(*row as usize)
                .copied()
                .filter(|parent| *parent != NO_ROW)
        };
        let depth = |row: u32| std::iter::successors(Some(row), up).count() as u32 - 1;
        (0..parents.len() as u32).map(depth).collect()
    }

    /// Returns what none of the direct children of each row covers.
    fn self_durations(&self) -> Vec<u64> {
        let parents = self.parents();
        let mut own = Vec::with_capacity(self.spans.len());
        for (row, span) in (0..).zip(&self.spans) {
            let (start, end) = (span.at_ns, span.at_ns + span.for_ns);
            let mut covered_to = start;
            let mut rest = span.for_ns;
            let children = self
                .spans
                .iter()
                .zip(&parents)
                .filter(|(_, parent)| **parent == row);
            // Rows are in order of start.
            for (child, _) in children {
                let from = child.at_ns.max(covered_to);
                let to = (child.at_ns + child.for_ns).min(end);
                if to > from {
                    rest -= to - from;
                    covered_to = to;
                }
            }
            own.push(rest);
        }
        own
    }

    fn ends(&self, count: impl Fn(&SpanSpec) -> usize) -> Vec<u32> {
        let ends = self.spans.iter().scan(0, |end, span| {
            *end += count(span) as u32;
            Some(*end)
        });
        ends.collect()
    }
}
