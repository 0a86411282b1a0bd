//! The projection against the text of `wit/pack.wit`, read off the spans themselves.

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::span::{Event, Link},
};

use super::{made::any_traces, *};
use crate::{
    block::Postings,
    judge::{
        plan::JudgePlan,
        project::Projection,
        select::{Part, Selection, batches, select},
        traces::TraceSet,
        view::View,
    },
    sandbox::{Batch, Column, FixedColumn, Form, TextColumn, Values, Want, WantColumn},
    trace::SpanRecord,
};

const KEYS: [&str; 2] = ["k1", "k2"];
const FORMS: [&str; 5] = ["symbol", "truth", "number", "text", "value"];
const LITERALS: [&str; 4] = ["42", "x", "nowhere", "0000000000000002"];

/// Every want of the contract but those of `leave_out`.
fn every_want(leave_out: &[&str]) -> Vec<[String; 3]> {
    let mut wants: Vec<[&str; 3]> = Vec::new();
    for form in ["declared", "symbol", "text"] {
        wants.push(["span", "name", form]);
    }
    for form in ["symbol", "text"] {
        for (what, key) in [
            ("span", "status-message"),
            ("span", "id"),
            ("span", "parent-id"),
            ("scope", "name"),
            ("scope", "version"),
            ("event", "name"),
            ("link", "trace-id"),
            ("link", "span-id"),
            ("element", "key"),
        ] {
            wants.push([what, key, form]);
        }
    }
    for key in [
        "kind",
        "status",
        "start",
        "end",
        "duration",
        "parent",
        "children",
        "depth",
        "self-duration",
    ] {
        wants.push(["span", key, "value"]);
    }
    wants.extend([
        ["event", "ends", "value"],
        ["event", "time", "value"],
        ["link", "ends", "value"],
    ]);
    for form in FORMS {
        for scope in ["span", "resource", "scope", "any", "event", "link"] {
            for key in KEYS {
                let what: &str = match scope {
                    "span" => "span.attribute",
                    "resource" => "resource.attribute",
                    "scope" => "scope.attribute",
                    "any" => "any.attribute",
                    "event" => "event.attribute",
                    _ => "link.attribute",
                };
                wants.push([what, key, form]);
            }
        }
        wants.push(["element", "value", form]);
    }
    wants.retain(|[_, key, _]| !leave_out.contains(key));
    wants
        .into_iter()
        .map(|want| want.map(str::to_owned))
        .collect()
}

/// The wants of a rule, and the rule.
type Everything = (Vec<[String; 3]>, Vec<PublishedRule>);

/// A pack that reads all spans, and one that reads those named A or B.
static PACKS: LazyLock<[Everything; 2]> = LazyLock::new(|| {
    let sandbox = frugal();
    ["", "parent"].map(|leave_out| {
        let reads = every_want(&[leave_out]);
        let rule = GuestRule {
            names: vec!["A".into(), "B".into()],
            any_of: Vec::new(),
            reads: reads.clone(),
            literals: LITERALS.map(str::to_owned).to_vec(),
            ..named_rule("all", "A")
        };
        let guest = Guest {
            rules: vec![rule],
            ..Guest::default()
        };
        (reads, load(&sandbox, &guest))
    })
});

fn last<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let mut of_key = attributes.iter().filter(|attribute| attribute.key == key);
    of_key.next_back()?.value.as_ref()?.value.as_ref()
}

/// A cell that has the five forms.
type Cell<'a> = Option<&'a Value>;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all kinds of values but two have no text"
)]
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(int) => Some(int.to_string()),
        _ => None,
    }
}

fn hex(id: &[u8]) -> Option<String> {
    let digits = |mut hex: String, byte: &u8| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    };
    (!id.is_empty()).then(|| id.iter().fold(String::new(), digits))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A batch and the spans that it was made of.
struct Check<'a> {
    batch: &'a Batch,
    columns: HashMap<[&'a str; 3], &'a Column>,
    /// For each row its trace and its place in it.
    rows: Vec<(&'a SealedTrace, usize)>,
    /// The symbols of texts, found so far.
    symbols: HashMap<String, u32>,
}

impl<'a> Check<'a> {
    fn column(&self, what: &'a str, key: &'a str, form: &'a str) -> &'a Column {
        self.columns[&[what, key, form]]
    }

    fn symbol(&mut self, found: u32, text: Option<&str>, at: &str) {
        let Some(text) = text else {
            assert_eq!(found, 0, "{at}");
            return;
        };
        assert!(found >= 2, "{at}");
        let before = *self.symbols.entry(text.to_owned()).or_insert(found);
        assert_eq!(before, found, "{at}: `{text}`");
    }

    fn text(&self, number: u32, text: Option<&str>, at: &str) {
        let number = number as usize;
        let Some(text) = text else {
            assert_eq!(number, 0, "{at}");
            return;
        };
        let range =
            self.batch.text_ends[number - 1] as usize..self.batch.text_ends[number] as usize;
        assert_eq!(&self.batch.text[range], text.as_bytes(), "{at}");
    }

    /// A text that is no attribute.
    fn texts(&mut self, what: &'a str, key: &'a str, expected: &[Option<String>]) {
        for form in ["symbol", "text"] {
            let at = format!("{what} {key} {form}");
            let found = u32s(self.column(what, key, form));
            assert_eq!(found.len(), expected.len(), "{at}");
            for (found, expected) in found.iter().zip(expected) {
                match form {
                    "symbol" => self.symbol(*found, expected.as_deref(), &at),
                    _ => self.text(*found, expected.as_deref(), &at),
                }
            }
        }
    }

    fn attributes(&mut self, what: &'a str, key: &'a str, expected: &[Cell<'_>]) {
        for form in FORMS {
            let n = len(&self.column(what, key, form).values);
            assert_eq!(n, expected.len(), "{what} {key} {form}");
        }
        for (row, cell) in expected.iter().enumerate() {
            self.cell(what, key, row, *cell, true);
        }
    }

    /// One cell in all its forms.
    fn cell(&mut self, what: &'a str, key: &'a str, row: usize, cell: Cell<'_>, opens: bool) {
        let at = format!("{what} {key} {row} {cell:?}");
        let symbol = u32s(self.column(what, key, "symbol"))[row];
        match cell.map(text_of) {
            Some(None) => assert_eq!(symbol, 1, "{at}"),
            text => self.symbol(symbol, text.flatten().as_deref(), &at),
        }
        let string = match cell {
            Some(Value::StringValue(text)) => Some(text.as_str()),
            _ => None,
        };
        self.text(u32s(self.column(what, key, "text"))[row], string, &at);
        let truth = match cell {
            None => 0,
            Some(Value::BoolValue(truth)) => 2 + u8::from(*truth),
            Some(_) => match string {
                Some("false") => 2,
                Some("true") => 3,
                _ => 1,
            },
        };
        assert_eq!(u8s(self.column(what, key, "truth"))[row], truth, "{at}");
        let number = match (cell, string) {
            (None, _) => (0, 0),
            (Some(Value::IntValue(int)), _) => (2, *int as u64),
            (Some(Value::DoubleValue(double)), _) => (3, double.to_bits()),
            (_, Some("42")) => (18, 42),
            (_, Some("0000000000000002")) => (18, 2),
            (_, Some("1e3")) => (19, 1000_f64.to_bits()),
            _ => (1, 0),
        };
        let column = self.column(what, key, "number");
        assert_eq!((column.kinds[row], u64s(column)[row]), number, "{at}");
        let column = self.column(what, key, "value");
        let (kind, value) = (column.kinds[row], u64s(column)[row]);
        match cell {
            None => assert_eq!((kind, value), (0, 0), "{at}"),
            Some(Value::BoolValue(truth)) => {
                assert_eq!((kind, value), (1, u64::from(*truth)), "{at}");
            }
            Some(Value::IntValue(int)) => assert_eq!((kind, value), (2, *int as u64), "{at}"),
            Some(Value::DoubleValue(double)) => {
                assert_eq!((kind, value), (3, double.to_bits()), "{at}");
            }
            Some(Value::StringValue(_)) => {
                assert_eq!((kind, value), (4, u64::from(symbol)), "{at}");
            }
            Some(Value::BytesValue(bytes)) => {
                assert_eq!((kind, value), (5, bytes.len() as u64), "{at}");
            }
            Some(Value::ArrayValue(array)) => {
                assert_eq!(kind, 6, "{at}");
                let elements = array
                    .values
                    .iter()
                    .map(|value| (None, value.value.as_ref()));
                self.elements(value, elements.collect(), opens, &at);
            }
            Some(Value::KvlistValue(list)) => {
                assert_eq!(kind, 7, "{at}");
                let elements = list.values.iter().map(|pair| {
                    let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
                    (Some(pair.key.clone()), value)
                });
                self.elements(value, elements.collect(), opens, &at);
            }
            Some(Value::StringValueStrindex(_)) => unreachable!(),
        }
    }

    fn elements(
        &mut self,
        value: u64,
        expected: Vec<(Option<String>, Cell<'_>)>,
        opens: bool,
        at: &str,
    ) {
        if !opens {
            assert_eq!(value, 0, "{at}");
            return;
        }
        let (first, count) = ((value >> 32) as usize, (value & 0xffff_ffff) as usize);
        assert_eq!(count, expected.len(), "{at}");
        for (row, (key, cell)) in (first..).zip(expected) {
            let key = key.filter(|key| !key.is_empty());
            self.symbol(
                u32s(self.column("element", "key", "symbol"))[row],
                key.as_deref(),
                at,
            );
            self.text(
                u32s(self.column("element", "key", "text"))[row],
                key.as_deref(),
                at,
            );
            self.cell("element", "value", row, cell, false);
        }
    }

    fn spans(&mut self) {
        let rows = self.rows.clone();
        let spans: Vec<&SpanRecord> = rows.iter().map(|(trace, at)| &trace.spans[*at]).collect();
        let of = |text: fn(&SpanRecord) -> Option<String>| -> Vec<Option<String>> {
            spans.iter().map(|record| text(record)).collect()
        };
        self.texts("span", "name", &of(|r| Some(r.span.name.clone())));
        self.texts(
            "span",
            "status-message",
            &of(|r| some(&r.span.status.as_ref()?.message)),
        );
        self.texts("span", "id", &of(|r| hex(&r.span.span_id)));
        self.texts("span", "parent-id", &of(|r| hex(&r.span.parent_span_id)));
        self.texts("scope", "name", &of(|r| some(&r.scope.scope.name)));
        self.texts("scope", "version", &of(|r| some(&r.scope.scope.version)));
        let declared: Vec<u8> = spans
            .iter()
            .map(|r| match r.span.name.as_str() {
                "A" => 1,
                "B" => 2,
                _ => 0,
            })
            .collect();
        assert_eq!(u8s(self.column("span", "name", "declared")), declared);
        let fixed =
            |of: fn(&SpanRecord) -> u64| -> Vec<u64> { spans.iter().map(|r| of(r)).collect() };
        let end = |r: &SpanRecord| r.span.end_time_unix_nano.max(r.span.start_time_unix_nano);
        let cases: [(&str, Vec<u64>); 5] = [
            (
                "kind",
                fixed(|r| {
                    if r.span.kind <= 5 {
                        r.span.kind as u64
                    } else {
                        0
                    }
                }),
            ),
            (
                "status",
                fixed(|r| {
                    r.span
                        .status
                        .as_ref()
                        .map_or(0, |s| if s.code <= 2 { s.code as u64 } else { 0 })
                }),
            ),
            ("start", fixed(|r| r.span.start_time_unix_nano)),
            ("end", spans.iter().map(|r| end(r)).collect()),
            (
                "duration",
                spans
                    .iter()
                    .map(|r| end(r) - r.span.start_time_unix_nano)
                    .collect(),
            ),
        ];
        for (key, expected) in cases {
            assert_eq!(
                widened(self.column("span", key, "value")),
                expected,
                "{key}"
            );
        }
    }

    fn span_attributes(&mut self) {
        let rows = self.rows.clone();
        for (scope, of) in [
            (
                "span.attribute",
                (|r, key| last(&r.span.attributes, key)) as fn(&'a SpanRecord, &str) -> Cell<'a>,
            ),
            ("resource.attribute", |r, key| {
                last(&r.resource.resource.attributes, key)
            }),
            ("scope.attribute", |r, key| {
                last(&r.scope.scope.attributes, key)
            }),
            ("any.attribute", |r, key| {
                last(&r.span.attributes, key).or_else(|| last(&r.resource.resource.attributes, key))
            }),
        ] {
            for key in KEYS {
                let cells: Vec<Cell<'_>> =
                    rows.iter().map(|(t, at)| of(&t.spans[*at], key)).collect();
                self.attributes(scope, key, &cells);
            }
        }
    }

    fn children(&mut self) {
        let rows = self.rows.clone();
        let spans: Vec<&SpanRecord> = rows.iter().map(|(trace, at)| &trace.spans[*at]).collect();
        let ends = |count: fn(&SpanRecord) -> usize| {
            let mut end = 0;
            spans
                .iter()
                .map(|r| {
                    end += count(r) as u32;
                    end
                })
                .collect::<Vec<u32>>()
        };
        assert_eq!(
            u32s(self.column("event", "ends", "value")),
            ends(|r| r.span.events.len())
        );
        assert_eq!(
            u32s(self.column("link", "ends", "value")),
            ends(|r| r.span.links.len())
        );
        let events: Vec<&Event> = spans.iter().flat_map(|r| &r.span.events).collect();
        let times: Vec<u64> = events.iter().map(|event| event.time_unix_nano).collect();
        assert_eq!(u64s(self.column("event", "time", "value")), times);
        let names: Vec<_> = events
            .iter()
            .map(|event| Some(event.name.clone()))
            .collect();
        self.texts("event", "name", &names);
        let links: Vec<&Link> = spans.iter().flat_map(|r| &r.span.links).collect();
        let ids: Vec<_> = links.iter().map(|link| hex(&link.trace_id)).collect();
        self.texts("link", "trace-id", &ids);
        let ids: Vec<_> = links.iter().map(|link| hex(&link.span_id)).collect();
        self.texts("link", "span-id", &ids);
        for key in KEYS {
            let cells: Vec<_> = events
                .iter()
                .map(|event| last(&event.attributes, key))
                .collect();
            self.attributes("event.attribute", key, &cells);
            let cells: Vec<_> = links
                .iter()
                .map(|link| last(&link.attributes, key))
                .collect();
            self.attributes("link.attribute", key, &cells);
        }
    }

    /// The tree is that of the trace, whatever rows of it are selected.
    fn tree(&self) {
        let parent_of = |trace: &SealedTrace, at: usize| {
            let parent = &trace.spans[at].span.parent_span_id;
            trace.spans.iter().position(|r| r.span.span_id == *parent)
        };
        let (mut children, mut depths, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for (trace, at) in &self.rows {
            let of = |record: &SpanRecord| {
                let start = record.span.start_time_unix_nano;
                start..record.span.end_time_unix_nano.max(start)
            };
            let mine: Vec<usize> = (0..trace.spans.len())
                .filter(|c| parent_of(trace, *c) == Some(*at))
                .collect();
            children.push(mine.len() as u32);
            depths.push(
                std::iter::successors(parent_of(trace, *at), |p| parent_of(trace, *p)).count()
                    as u32,
            );
            let covered = |ns: &u64| {
                mine.iter()
                    .any(|child| of(&trace.spans[*child]).contains(ns))
            };
            own.push(of(&trace.spans[*at]).filter(|ns| !covered(ns)).count() as u64);
        }
        assert_eq!(u32s(self.column("span", "children", "value")), children);
        assert_eq!(u32s(self.column("span", "depth", "value")), depths);
        assert_eq!(u64s(self.column("span", "self-duration", "value")), own);
        if self.columns.contains_key(&["span", "parent", "value"]) {
            let row_of = |trace: &SealedTrace, at: usize| {
                self.rows
                    .iter()
                    .position(|(t, a)| t.trace_id == trace.trace_id && *a == at)
            };
            let expected: Vec<u32> = self
                .rows
                .iter()
                .map(|(trace, at)| {
                    parent_of(trace, *at).map_or(u32::MAX, |p| row_of(trace, p).unwrap() as u32)
                })
                .collect();
            assert_eq!(u32s(self.column("span", "parent", "value")), expected);
        }
    }

    /// Different texts have different symbols, and literals those of their texts.
    fn symbols(&mut self) {
        for (text, symbol) in LITERALS.iter().zip(self.batch.literals.clone()) {
            if symbol == u32::MAX {
                assert!(!self.symbols.contains_key(*text), "{text}");
            } else {
                self.symbol(symbol, Some(text), "literal");
            }
        }
        let mut symbols: Vec<u32> = self.symbols.values().copied().collect();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), self.symbols.len());
        let texts: Vec<&[u8]> = self
            .batch
            .text_ends
            .array_windows()
            .map(|[start, end]| &self.batch.text[*start as usize..*end as usize])
            .collect();
        let distinct: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len());
    }
}

fn len(values: &Values) -> usize {
    match values {
        Values::U8s(cells) => cells.len(),
        Values::U16s(cells) => cells.len(),
        Values::U32s(cells) => cells.len(),
        Values::U64s(cells) => cells.len(),
    }
}

fn widened(column: &Column) -> Vec<u64> {
    if let Values::U8s(cells) = &column.values {
        return cells.iter().map(|cell| u64::from(*cell)).collect();
    }
    u64s(column).to_vec()
}

fn u8s(column: &Column) -> &[u8] {
    let Values::U8s(cells) = &column.values else {
        panic!("not u8s")
    };
    cells
}

fn u32s(column: &Column) -> &[u32] {
    let Values::U32s(cells) = &column.values else {
        panic!("not u32s")
    };
    cells
}

fn u64s(column: &Column) -> &[u64] {
    let Values::U64s(cells) = &column.values else {
        panic!("not u64s")
    };
    cells
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_batch_is_what_the_contract_says(traces in any_traces(), seen in prop::collection::vec(any::<bool>(), 5)) {
        let block = block(&traces);
        let seen: Vec<u32> = (0..traces.len() as u32).filter(|n| seen[*n as usize]).collect();
        for (wants, rules) in &*PACKS {
            let all_rows = wants.iter().any(|[_, key, _]| key == "parent");
            let plan = JudgePlan::new(rules);
            let Some(batch) = batch_of(&plan, &[(&block, &seen)]) else {
                continue;
            };
            let mut rows = Vec::new();
            let mut ends = Vec::new();
            for trace in &seen {
                let trace = &traces[*trace as usize];
                let read = |at: &usize| all_rows || ["A", "B"].contains(&trace.spans[*at].span.name.as_str());
                rows.extend((0..trace.spans.len()).filter(read).map(|at| (trace, at)));
                ends.push(rows.len() as u32);
            }
            prop_assert_eq!(&batch.trace_ends, &ends);
            prop_assert_eq!(batch.traces as usize, ends.len());
            let names = wants.iter().map(|[what, key, form]| [what.as_str(), key, form]);
            let mut check = Check {
                batch: &batch,
                columns: names.zip(&batch.columns).collect(),
                rows,
                symbols: HashMap::new(),
            };
            check.spans();
            check.span_attributes();
            check.children();
            check.tree();
            check.symbols();
        }
    }

    /// Guarantees: what a trace is shown as does not depend on whether its block shares the batch with others.
    #[test]
    fn a_batch_of_several_blocks_is_theirs_one_after_another(
        blocks in prop::collection::vec((any_traces(), prop::collection::vec(any::<bool>(), 5)), 2..4),
    ) {
        let blocks: Vec<(Block, Vec<u32>)> = blocks
            .iter()
            .map(|(traces, seen)| {
                let all = 0..traces.len() as u32;
                (block(traces), all.filter(|n| seen[*n as usize]).collect())
            })
            .filter(|(_, seen): &(_, Vec<u32>)| !seen.is_empty())
            .collect();
        for (_, rules) in &*PACKS {
            let plan = JudgePlan::new(rules);
            let each: Vec<(&Block, &[u32])> = blocks.iter().map(|(block, seen)| (block, seen.as_slice())).collect();
            let Some(together) = batch_of(&plan, &each) else {
                continue;
            };
            let mut joined = AsJoined { batch: &together, at: Vec::new(), traces: 0, spans: 0, of: HashMap::new() };
            for one in &each {
                joined.expect(&batch_of(&plan, &[*one]).unwrap(), &rules[0].description().reads);
            }
            prop_assert_eq!(joined.traces, together.traces);
        }
    }
}

/// The one batch of some traces of each block; `None` where there are none.
fn batch_of(plan: &JudgePlan<'_>, blocks: &[(&Block, &[u32])]) -> Option<Batch> {
    let skip = Postings::default();
    let mut views: Vec<View<'_>> = blocks
        .iter()
        .map(|(block, _)| {
            View::new(&BlockToJudge {
                block,
                skip: &skip,
                known: &[],
            })
        })
        .collect();
    let cluster = &plan.clusters[0];
    let selected = |view: usize, seen: &[u32]| -> Selection {
        let n_traces = views[view].n_traces();
        let traces = TraceSet::of(&Postings::new(seen.to_vec()), n_traces);
        select(plan, cluster.names.as_deref(), &views[view], &traces).unwrap()
    };
    let parts = blocks
        .iter()
        .enumerate()
        .filter(|(_, (_, seen))| !seen.is_empty());
    let parts = parts.map(|(view, (_, seen))| Part {
        view,
        selection: selected(view, seen),
    });
    let mut all = batches(parts.collect());
    let batch = all.pop()?;
    assert!(all.is_empty());
    let projection = Projection::new(plan, cluster.pack, [0]);
    Some(projection.batch(&mut views, &batch).unwrap())
}

/// A batch of several blocks, and how far it was compared with what each gives alone.
struct AsJoined<'a> {
    batch: &'a Batch,
    /// By column the cells that were compared.
    at: Vec<usize>,
    traces: u32,
    spans: u32,
    /// Of which block each symbol is; literals are of all.
    of: HashMap<u32, u32>,
}

impl AsJoined<'_> {
    fn expect(&mut self, alone: &Batch, wants: &[Want]) {
        let (traces, spans) = (self.traces as usize, self.spans);
        let here = traces..traces + alone.traces as usize;
        self.at.resize(alone.columns.len(), 0);
        let ends: Vec<u32> = alone.trace_ends.iter().map(|end| end + spans).collect();
        assert_eq!(self.batch.trace_ends[here.clone()], ends);
        assert_eq!(self.batch.facts[here], alone.facts);
        // Symbols of the block alone, and what they are called in the batch.
        let literals = alone.literals.iter().zip(&self.batch.literals);
        let literals = literals.filter(|(symbol, _)| **symbol != u32::MAX);
        let mut called = literals.map(|(a, b)| (*a, *b)).collect();
        let before = self.at.clone();
        for (number, (column, want)) in alone.columns.iter().zip(wants).enumerate() {
            let cells = before[number]..before[number] + len(&column.values);
            self.at[number] = cells.end;
            // Rows of child tables move by what earlier blocks have of them.
            let rows_of = |column: WantColumn| {
                let of_table = |want: &Want| want.column == column && want.form == Form::Symbol;
                before[wants.iter().position(of_table).unwrap()] as u64
            };
            let moves = Moves {
                rows: if want.column == WantColumn::Fixed(FixedColumn::Parent) {
                    u64::from(spans)
                } else if want.column == WantColumn::Fixed(FixedColumn::EventEnds) {
                    rows_of(WantColumn::Text(TextColumn::EventName))
                } else if want.column == WantColumn::Fixed(FixedColumn::LinkEnds) {
                    rows_of(WantColumn::Text(TextColumn::LinkSpanId))
                } else {
                    0
                },
                elements: rows_of(WantColumn::ElementValue),
            };
            let joined = &self.batch.columns[number];
            self.expect_cells((alone, column), (joined, cells), want, &moves, &mut called);
        }
        // Different texts have different symbols, those of other blocks too.
        let block = self.traces;
        let literals = &self.batch.literals;
        for symbol in called.values().filter(|symbol| !literals.contains(symbol)) {
            assert_eq!(*self.of.entry(*symbol).or_insert(block), block, "{symbol}");
        }
        let mut names: Vec<u32> = called.values().copied().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), called.len());
        self.traces += alone.traces;
        self.spans += alone.trace_ends.last().copied().unwrap_or(0);
    }

    fn expect_cells(
        &self,
        (batch, alone): (&Batch, &Column),
        (joined, cells): (&Column, std::ops::Range<usize>),
        want: &Want,
        moves: &Moves,
        called: &mut HashMap<u32, u32>,
    ) {
        if !alone.kinds.is_empty() {
            assert_eq!(joined.kinds[cells.clone()], alone.kinds, "{want:?}");
        }
        let is_fixed = matches!(want.column, WantColumn::Fixed(_));
        for (at, cell) in cells.zip(0..) {
            let (own, found) = (
                number_at(&alone.values, cell),
                number_at(&joined.values, at),
            );
            let kind = alone.kinds.get(cell).copied();
            let is_value = want.form == Form::Value && !is_fixed;
            let is_symbol = want.form == Form::Symbol || is_value && kind == Some(4);
            let points = is_value && matches!(kind, Some(6 | 7));
            if want.form == Form::Text {
                assert_eq!(text_at(batch, own), text_at(self.batch, found), "{want:?}");
            } else if is_symbol && own >= 2 {
                let name = *called.entry(own as u32).or_insert(found as u32);
                assert_eq!(found, u64::from(name), "{want:?}");
            } else if points && want.column != WantColumn::ElementValue {
                assert_eq!(found, own + (moves.elements << 32), "{want:?}");
            } else if own == u64::from(u32::MAX) {
                assert_eq!(found, own, "{want:?}");
            } else {
                assert_eq!(found, own + moves.rows, "{want:?}");
            }
        }
    }
}

/// By how much what points to rows moves.
struct Moves {
    rows: u64,
    elements: u64,
}

fn number_at(values: &Values, at: usize) -> u64 {
    match values {
        Values::U8s(cells) => u64::from(cells[at]),
        Values::U16s(cells) => u64::from(cells[at]),
        Values::U32s(cells) => u64::from(cells[at]),
        Values::U64s(cells) => cells[at],
    }
}

fn text_at(batch: &Batch, number: u64) -> Option<&[u8]> {
    let number = number as usize;
    let start = batch.text_ends[number.checked_sub(1)?] as usize;
    Some(&batch.text[start..batch.text_ends[number] as usize])
}
