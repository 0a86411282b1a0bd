//! Traces to the batch that a pack asked for, written straight from the text of `wit/pack.wit`.

use betrace_dsl::oracle::{Attribute, Event, Link, Span, Trace};

use super::{
    cells::Cells,
    component::bindings::exports::betrace::rules::pack::{Batch, Column, Rule, Values, Want},
};

/// Which rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// None.
    Nothing,
    /// Those of names that no rule of the call speaks of, if none of these rules reads all spans or rows of parents.
    Unnamed,
}

/// A batch, and where its rows come from.
#[derive(Debug)]
pub struct Batched {
    /// What `evaluate` is given.
    pub batch: Batch,
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

fn want_key(want: &Want) -> (&str, &str, &str) {
    (&want.what, &want.key, &want.form)
}

/// What the pack's rules name and want, each once, in the order that the contract numbers.
struct Numbered<'a> {
    names: Vec<&'a String>,
    wants: Vec<&'a Want>,
    literals: Vec<&'a String>,
}

impl<'a> Numbered<'a> {
    fn of(rules: &'a [Rule]) -> Self {
        Self {
            names: joined(rules.iter().flat_map(|rule| &rule.names), |name| *name),
            wants: joined(rules.iter().flat_map(|rule| &rule.reads), |want| {
                want_key(want)
            }),
            literals: joined(rules.iter().flat_map(|rule| &rule.literals), |text| *text),
        }
    }
}

impl Batched {
    /// Makes the batch of these traces for a call of the rules `asked`.
    pub fn project(rules: &[Rule], asked: &[u32], traces: &[&Trace], trim: Trim) -> Self {
        let numbered = Numbered::of(rules);
        let of_call: Vec<&Rule> = asked.iter().map(|rule| &rules[*rule as usize]).collect();
        let is_asked = |want: &Want| {
            let mut reads = of_call.iter().flat_map(|rule| &rule.reads);
            reads.any(|other| want_key(other) == want_key(want))
        };
        // A parent is answered as a row, so it must be there.
        let reads_rows = |rule: &&Rule| {
            let is_parent = |want: &Want| (want.what == "span") && want.key == "parent";
            rule.all_spans || rule.reads.iter().any(is_parent)
        };
        let keeps_all = trim == Trim::Nothing || of_call.iter().any(reads_rows);
        let is_named = |span: &Span| of_call.iter().any(|rule| rule.names.contains(&span.name));

        let (mut rows, mut spans, mut trace_ends) = (Vec::new(), Vec::new(), Vec::new());
        for (trace_index, trace) in traces.iter().enumerate() {
            let start = rows.len();
            let kept: Vec<usize> = (0..trace.spans.len())
                .filter(|index| keeps_all || is_named(&trace.spans[*index]))
                .collect();
            rows.extend(kept.iter().map(|index| (trace_index, *index)));
            spans.extend(RowSpan::of_trace(trace, &kept, start));
            trace_ends.push(rows.len() as u32);
        }
        let mut projection = Projection {
            names: &numbered.names,
            spans: &spans,
            cells: Cells::default(),
        };
        // Table 3 is filled by the `value` columns of the other tables, so it is answered last.
        let mut columns: Vec<Option<Column>> = numbered.wants.iter().map(|_| None).collect();
        for of_elements in [false, true] {
            for (slot, want) in columns.iter_mut().zip(&numbered.wants) {
                if (want.what == "element") == of_elements {
                    *slot = Some(if is_asked(want) {
                        projection.column(want)
                    } else {
                        dense(0, Values::U8s(Vec::new()))
                    });
                }
            }
        }
        let (text, text_ends) = projection.cells.texts();
        let batch = Batch {
            traces: traces.len() as u32,
            trace_ends,
            facts: traces.iter().map(|trace| trace.facts).collect(),
            columns: columns.into_iter().map(Option::unwrap).collect(),
            literals: numbered
                .literals
                .iter()
                .map(|literal| projection.cells.symbol_of(literal))
                .collect(),
            text_ends,
            text,
        };
        Self { batch, rows }
    }

    /// The span of a row, which must be of this trace.
    pub fn span_of(&self, row: u32, trace: usize) -> usize {
        let (of, span) = self.rows[row as usize];
        assert_eq!(of, trace, "a witness is a row of its trace");
        span
    }
}

/// A span with what its trace makes of it.
struct RowSpan<'a> {
    span: &'a Span,
    /// The row of its parent, if that is there.
    parent: Option<usize>,
    children: u32,
    depth: u32,
    self_duration: u64,
}

impl<'a> RowSpan<'a> {
    /// The `kept` spans of a trace, whose first row is `start`.
    fn of_trace(trace: &'a Trace, kept: &[usize], start: usize) -> Vec<Self> {
        let parents = trace.parents();
        let row_of = |index: usize| {
            let position = kept.iter().position(|other| *other == index);
            position.map(|position| start + position)
        };
        let children = |index: usize| parents.iter().filter(move |of| **of == Some(index)).count();
        let depth = |index: usize| std::iter::successors(parents[index], |at| parents[*at]).count();
        kept.iter()
            .map(|index| Self {
                span: &trace.spans[*index],
                parent: parents[*index].and_then(row_of),
                children: children(*index) as u32,
                depth: depth(*index) as u32,
                self_duration: self_duration(trace, &parents, *index),
            })
            .collect()
    }
}

/// What is left of a span's time where that of its children, one after another, is taken away.
fn self_duration(trace: &Trace, parents: &[Option<usize>], of: usize) -> u64 {
    let mut left = vec![(trace.spans[of].start, trace.spans[of].end)];
    for (child, _) in trace
        .spans
        .iter()
        .zip(parents)
        .filter(|(_, parent)| **parent == Some(of))
    {
        left = left
            .into_iter()
            .flat_map(|(from, to)| [(from, to.min(child.start)), (from.max(child.end), to)])
            .filter(|(from, to)| from < to)
            .collect();
    }
    left.into_iter().map(|(from, to)| to - from).sum()
}

fn dense(table: u8, values: Values) -> Column {
    Column {
        table,
        kinds: Vec::new(),
        values,
    }
}

fn find(attributes: &[(String, Attribute)], key: &str) -> Option<Attribute> {
    let mut found = attributes.iter().filter(|(name, _)| name == key);
    found.next().map(|(_, value)| value.clone())
}

fn present(text: &str) -> Option<Attribute> {
    (!text.is_empty()).then(|| Attribute::String(text.to_owned()))
}

/// The cell of a column of table 0 that can be missing.
fn span_cell(span: &Span, want: &Want) -> Option<Attribute> {
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

fn event_cell(event: &Event, want: &Want) -> Option<Attribute> {
    match (want.what.as_str(), want.key.as_str()) {
        ("event.attribute", key) => find(&event.attributes, key),
        ("event", "name") => Some(Attribute::String(event.name.clone())),
        other => panic!("no such column: {other:?}"),
    }
}

fn link_cell(link: &Link, want: &Want) -> Option<Attribute> {
    match (want.what.as_str(), want.key.as_str()) {
        ("link.attribute", key) => find(&link.attributes, key),
        ("link", "trace-id") => Some(Attribute::String(link.trace_id.clone())),
        ("link", "span-id") => Some(Attribute::String(link.span_id.clone())),
        other => panic!("no such column: {other:?}"),
    }
}

struct Projection<'a> {
    names: &'a [&'a String],
    spans: &'a [RowSpan<'a>],
    cells: Cells,
}

impl Projection<'_> {
    fn column(&mut self, want: &Want) -> Column {
        let rows = self.spans;
        let u8s = |of: fn(&RowSpan<'_>) -> u8| dense(0, Values::U8s(rows.iter().map(of).collect()));
        let u32s =
            |of: fn(&RowSpan<'_>) -> u32| dense(0, Values::U32s(rows.iter().map(of).collect()));
        let u64s =
            |of: fn(&RowSpan<'_>) -> u64| dense(0, Values::U64s(rows.iter().map(of).collect()));
        let ends = |of: fn(&Span) -> usize| {
            let ends = rows.iter().scan(0, |end, row| {
                *end += of(row.span) as u32;
                Some(*end)
            });
            dense(0, Values::U32s(ends.collect()))
        };
        let events = rows.iter().flat_map(|row| &row.span.events);
        let links = rows.iter().flat_map(|row| &row.span.links);
        match (want.what.as_str(), want.key.as_str(), want.form.as_str()) {
            ("span", "name", "declared") => self.declared(),
            ("span", "kind", "value") => u8s(|row| row.span.kind),
            ("span", "status", "value") => u8s(|row| row.span.status),
            ("span", "start", "value") => u64s(|row| row.span.start),
            ("span", "end", "value") => u64s(|row| row.span.end),
            ("span", "duration", "value") => u64s(|row| row.span.end - row.span.start),
            ("span", "parent", "value") => {
                u32s(|row| row.parent.map_or(u32::MAX, |parent| parent as u32))
            }
            ("span", "children", "value") => u32s(|row| row.children),
            ("span", "depth", "value") => u32s(|row| row.depth),
            ("span", "self-duration", "value") => u64s(|row| row.self_duration),
            ("event", "ends", "value") => ends(|span| span.events.len()),
            ("link", "ends", "value") => ends(|span| span.links.len()),
            ("event", "time", "value") => {
                dense(1, Values::U64s(events.map(|event| event.time).collect()))
            }
            ("event" | "event.attribute", _, form) => {
                let cells = events.map(|event| event_cell(event, want));
                self.cells.column(1, cells.collect(), form)
            }
            ("link" | "link.attribute", _, form) => {
                let cells = links.map(|link| link_cell(link, want));
                self.cells.column(2, cells.collect(), form)
            }
            ("element", "value", form) => self.cells.elements_column(form),
            (_, _, form) => {
                let cells = rows.iter().map(|row| span_cell(row.span, want));
                self.cells.column(0, cells.collect(), form)
            }
        }
    }

    fn declared(&self) -> Column {
        let number = |row: &RowSpan<'_>| {
            let position = self.names.iter().position(|name| **name == row.span.name);
            position.map_or(0, |position| position + 1)
        };
        let numbers = self.spans.iter().map(number);
        dense(
            0,
            if self.names.len() <= 255 {
                Values::U8s(numbers.map(|number| number as u8).collect())
            } else {
                Values::U16s(numbers.map(|number| number as u16).collect())
            },
        )
    }
}
