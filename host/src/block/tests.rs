//! A block gives back what was pushed, and damaged bytes are errors.

mod arbitrary;
mod damage;

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::{
    clock::UnixNanos,
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
};

fn build(traces: &[SealedTrace]) -> EncodedBlock {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for trace in traces {
        builder.push(trace.clone());
    }
    builder.finish()
}

/// Comparable bit by bit, which doubles are not.
fn bits(trace: &SealedTrace) -> impl PartialEq + std::fmt::Debug + use<> {
    let spans: Vec<_> = trace
        .spans
        .iter()
        .map(|record| {
            let resource = record.resource.resource.encode_to_vec();
            let scope = record.scope.scope.encode_to_vec();
            let urls = (
                record.resource.schema_url.clone(),
                record.scope.schema_url.clone(),
            );
            (record.span.encode_to_vec(), resource, scope, urls)
        })
        .collect();
    let arrived = (trace.arrived_first, trace.arrived_last);
    (trace.trace_id, trace.facts, arrived, spans)
}

/// What a block does not keep.
fn without_doubled_keys(mut trace: SealedTrace) -> SealedTrace {
    fn keep_last(attributes: &mut Vec<KeyValue>) {
        let all = std::mem::take(attributes);
        for (at, attribute) in all.iter().enumerate() {
            if !all[at + 1..].iter().any(|later| later.key == attribute.key) {
                attributes.push(attribute.clone());
            }
        }
    }
    for record in &mut trace.spans {
        keep_last(&mut record.span.attributes);
        for event in &mut record.span.events {
            keep_last(&mut event.attributes);
        }
        for link in &mut record.span.links {
            keep_last(&mut link.attributes);
        }
        let mut resource = record.resource.as_ref().clone();
        keep_last(&mut resource.resource.attributes);
        record.resource = resource.into();
        let mut scope = record.scope.as_ref().clone();
        keep_last(&mut scope.scope.attributes);
        record.scope = scope.into();
    }
    trace
}

proptest! {
    #[test]
    fn what_was_pushed_is_rebuilt(traces in arbitrary::traces()) {
        let block = build(&traces).to_block();
        prop_assert_eq!(block.meta().n_traces as usize, traces.len());
        for trace in traces {
            let number = block.find(trace.trace_id).unwrap().unwrap();
            let rebuilt = block.spans(number).unwrap();
            prop_assert_eq!(bits(&rebuilt), bits(&without_doubled_keys(trace)));
        }
    }

    #[test]
    fn the_same_traces_in_any_order_are_the_same_block(traces in arbitrary::traces()) {
        let forwards = build(&traces);
        let backwards: Vec<_> = traces.into_iter().rev().collect();
        prop_assert_eq!(build(&backwards), forwards);
    }

    /// Guarantees: merging copies what the spans would have made, whichever blocks they lay in.
    #[test]
    fn merged_blocks_are_the_block_of_their_traces(traces in arbitrary::traces(), n_blocks in 1..4_usize) {
        let parts: Vec<Vec<SealedTrace>> = (0..n_blocks)
            .map(|part| traces.iter().skip(part).step_by(n_blocks).cloned().collect())
            .collect();
        let blocks: Vec<Block> = parts.iter().map(|part| build(part).to_block()).collect();
        let stored: Vec<_> = blocks.iter().map(|block| Stored::read(block).unwrap()).collect();
        let order: Vec<_> = (0..traces.len()).map(|at| (at % n_blocks, (at / n_blocks) as u32)).collect();
        let merged = merge(&TenantId::default_tenant(), &stored, &order);
        let rebuilt = order.iter().map(|&(block, trace)| blocks[block].spans(trace).unwrap());
        prop_assert_eq!(merged, build(&rebuilt.collect::<Vec<_>>()));
    }

    /// Guarantees: what is left out of a merge leaves nothing behind.
    #[test]
    fn traces_may_be_left_out_of_a_merge(traces in arbitrary::traces(), keep in any::<u8>()) {
        let block = build(&traces).to_block();
        let stored = [Stored::read(&block).unwrap()];
        let kept: Vec<_> = (0..traces.len() as u32).filter(|at| keep >> at & 1 == 1).collect();
        let order: Vec<_> = kept.iter().map(|&at| (0, at)).collect();
        let rebuilt: Vec<_> = kept.iter().map(|&at| block.spans(at).unwrap()).collect();
        prop_assert_eq!(merge(&TenantId::default_tenant(), &stored, &order), build(&rebuilt));
    }

    #[test]
    fn columns_say_what_the_spans_say(traces in arbitrary::traces()) {
        let block = build(&traces).to_block();
        let mut row = 0;
        for (number, trace) in (0..).zip(&traces) {
            for SpanRecord { span, .. } in &trace.spans {
                columns_fit(&block, row, span);
                let name = block.name_postings(&span.name).unwrap().unwrap();
                prop_assert!(name.contains(number));
                row += 1;
            }
            prop_assert_eq!(block.trace_ends().unwrap()[number as usize] as usize, row);
        }
        prop_assert_eq!(block.name_postings("no span has this name").unwrap(), None);
    }
}

fn pick<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| column[*row as usize]).collect()
}

proptest! {
    #[test]
    fn cells_at_some_rows_are_those_of_the_columns(
        traces in arbitrary::traces(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        decoded: bool,
    ) {
        let block = build(&traces).to_block();
        let n_spans = block.meta().n_spans;
        let mut rows: Vec<u32> = if n_spans == 0 {
            Vec::new()
        } else {
            picks.iter().map(|pick| pick.index(n_spans as usize) as u32).collect()
        };
        rows.sort_unstable();
        let other = build(&traces).to_block();
        let whole = if decoded { &block } else { &other };
        prop_assert_eq!(pick(whole.names().unwrap(), &rows), block.names_at(&rows).unwrap());
        prop_assert_eq!(pick(whole.kinds().unwrap(), &rows), block.kinds_at(&rows).unwrap());
        let codes = pick(whole.status_codes().unwrap(), &rows);
        prop_assert_eq!(codes, block.status_codes_at(&rows).unwrap());
        let durations = pick(whole.durations().unwrap(), &rows);
        prop_assert_eq!(durations, block.durations_at(&rows).unwrap());
        prop_assert_eq!(pick(whole.starts().unwrap(), &rows), block.starts_at(&rows).unwrap());
        prop_assert_eq!(pick(whole.ends().unwrap(), &rows), block.ends_at(&rows).unwrap());
        let resources = pick(whole.resources().unwrap(), &rows);
        prop_assert_eq!(resources, block.resources_at(&rows).unwrap());
        prop_assert_eq!(pick(whole.scopes().unwrap(), &rows), block.scopes_at(&rows).unwrap());
        let other = build(&traces).to_block();
        for key in other.attribute_keys(AttributeScope::Span).unwrap() {
            let whole = other.attribute(AttributeScope::Span, key).unwrap().unwrap();
            let some = block.attribute_at(AttributeScope::Span, key, &rows).unwrap();
            prop_assert_eq!(some, Some(whole.at(&rows)));
        }
        let past = block.names_at(&[n_spans]);
        let no_row = matches!(past, Err(BlockError::NoRow { row, .. }) if row == n_spans);
        prop_assert!(no_row, "{past:?}");
    }
}

fn columns_fit(block: &Block, row: usize, span: &Span) {
    let strings = block.strings().unwrap();
    let name = block.names().unwrap()[row];
    assert_eq!(strings.get(name).unwrap(), span.name);
    assert_eq!(strings.lookup(&span.name).unwrap(), Some(name));
    assert_eq!(block.name_symbol(&span.name).unwrap(), Some(name));
    assert_eq!(block.starts().unwrap()[row], span.start_time_unix_nano);
    let end = span.end_time_unix_nano.max(span.start_time_unix_nano);
    assert_eq!(block.ends().unwrap()[row], end);
    assert_eq!(block.kinds().unwrap()[row], span.kind() as u8);
    let code = span.status.as_ref().map_or(0, |status| status.code() as u8);
    assert_eq!(block.status_codes().unwrap()[row], code);
    assert_eq!(block.span_ids().unwrap()[row], span.span_id.as_slice());
    let parent = block.parent_span_ids().unwrap()[row];
    assert_eq!(
        parent,
        span.parent_span_id.as_slice().try_into().unwrap_or([0; 8])
    );
    let status = span.status.as_ref().map_or("", |status| &status.message);
    match block.status_messages().unwrap()[row] {
        NONE => assert_eq!(status, ""),
        symbol => assert_eq!(strings.get(symbol).unwrap(), status),
    }
    assert_eq!(
        Block::range(block.event_ends().unwrap(), row).len(),
        span.events.len()
    );
    for attribute in &span.attributes {
        let column = block
            .attribute(AttributeScope::Span, &attribute.key)
            .unwrap();
        assert!(column.unwrap().get(row as u32).is_some());
    }
}

fn trace(id: u8, spans: Vec<Span>) -> SealedTrace {
    let record = |mut span: Span| {
        span.trace_id = vec![id; 16];
        SpanRecord {
            span,
            resource: Arc::default(),
            scope: Arc::default(),
        }
    };
    SealedTrace {
        trace_id: TraceId([id; 16]),
        spans: spans.into_iter().map(record).collect(),
        facts: Facts(0),
        arrived_first: UnixNanos(10),
        arrived_last: UnixNanos(20),
    }
}

fn span(id: u8, parent: u8, name: &str, attributes: Vec<(&str, Value)>) -> Span {
    let attributes = attributes.into_iter().map(|(key, value)| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    });
    Span {
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            vec![parent; 8]
        },
        name: name.to_owned(),
        kind: SpanKind::Server as i32,
        start_time_unix_nano: 1_000 + u64::from(id),
        end_time_unix_nano: 2_000,
        attributes: attributes.collect(),
        ..Span::default()
    }
}

#[test]
fn an_attribute_is_a_sparse_column_of_kinds_and_values() {
    let array = ArrayValue {
        values: [5, -6]
            .map(|n| AnyValue {
                value: Some(Value::IntValue(n)),
            })
            .to_vec(),
    };
    let block = build(&[trace(
        1,
        vec![
            span(
                1,
                0,
                "a",
                vec![("n", Value::IntValue(-7)), ("n", Value::IntValue(8))],
            ),
            span(2, 1, "b", vec![]),
            span(3, 1, "b", vec![("n", Value::StringValue("x".to_owned()))]),
            span(4, 2, "b", vec![("n", Value::ArrayValue(array))]),
        ],
    )])
    .to_block();
    let column = block.attribute(AttributeScope::Span, "n").unwrap().unwrap();
    assert_eq!(column.rows, [0, 2, 3]);
    assert_eq!(column.kinds, [kind::INT, kind::STRING, kind::ARRAY]);
    let symbol = block.strings().unwrap().lookup("x").unwrap().unwrap();
    assert_eq!(column.values, [8, u64::from(symbol), 2]);
    assert_eq!(block.element_kinds().unwrap(), [kind::INT; 2]);
    assert_eq!(block.element_values().unwrap(), [5, -6_i64 as u64]);
    assert_eq!(block.element_keys().unwrap(), [NONE; 2]);
    assert_eq!(block.attribute(AttributeScope::Span, "m").unwrap(), None);
    assert_eq!(
        block.attribute(AttributeScope::Resource, "n").unwrap(),
        None
    );
    assert_eq!(block.parents().unwrap(), [NONE, 0, 0, 1]);
}

/// 4,500 spans: their columns have several frames, and some attributes only some of the spans.
fn many_spans() -> SealedTrace {
    let text = |text: String| Value::StringValue(text);
    let spans = (0..4_500_u64).map(|number| {
        let mut attributes = vec![("all", text(format!("{}", number % 3)))];
        if number % 7 == 2 {
            attributes.push(("some", Value::IntValue(number as i64 - 900)));
        }
        if (1_100..1_105).contains(&number) {
            attributes.push(("few", text(format!("unlike any other: {number}"))));
        }
        if number % 2 == 0 {
            attributes.push(("mixed", Value::BoolValue(number % 4 == 0)));
            if number % 3 == 0 {
                attributes.push(("each", text(format!("{number:016x}"))));
            }
        }
        let mut span = span(1, 0, &format!("n{}", number % 40), attributes);
        span.span_id = (number + 1).to_be_bytes().to_vec();
        span.start_time_unix_nano = 1_000 + number * number;
        span.end_time_unix_nano = span.start_time_unix_nano + (number << (number % 40));
        span
    });
    trace(1, spans.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn cells_are_found_in_any_frame(
        picks in prop::collection::btree_set(0..4_500_u32, 0..40),
        dense in 0..4_400_u32,
    ) {
        let encoded = build(&[many_spans()]);
        let (block, whole) = (encoded.to_block(), encoded.to_block());
        let mut rows = picks;
        rows.extend(dense..dense + 30);
        let rows: Vec<u32> = rows.into_iter().collect();
        for key in ["all", "some", "few", "mixed", "each"] {
            let column = whole.attribute(AttributeScope::Span, key).unwrap().unwrap();
            let some = block.attribute_at(AttributeScope::Span, key, &rows).unwrap();
            prop_assert_eq!(some, Some(column.at(&rows)), "{}", key);
        }
        prop_assert_eq!(block.names_at(&rows).unwrap(), pick(whole.names().unwrap(), &rows));
        prop_assert_eq!(block.ends_at(&rows).unwrap(), pick(whole.ends().unwrap(), &rows));
        prop_assert!(block.attribute_at(AttributeScope::Span, "no", &rows).unwrap().is_none());
    }
}

#[test]
fn names_and_shared_texts_are_found_without_the_others() {
    let encoded = build(&[many_spans()]);
    let block = encoded.to_block();
    let strings = block.strings().unwrap();
    assert_eq!(
        block.name_symbol("n7").unwrap(),
        strings.lookup("n7").unwrap()
    );
    assert_eq!(block.name_symbol("unlike any other: 1101").unwrap(), None);
    assert!(strings.lookup("2").unwrap().is_some());
    assert!(block.cells.strings.get().is_none());
    let rare = strings.lookup("unlike any other: 1101").unwrap().unwrap();
    assert_eq!(strings.get(rare).unwrap(), "unlike any other: 1101");
    assert!(strings.lookup(&format!("{:016x}", 18)).unwrap().is_some());
    assert_eq!(strings.lookup("not there").unwrap(), None);
}

#[test]
fn more_names_than_a_tier_holds_are_found_in_the_dictionary() {
    let mut long = many_spans();
    for (number, record) in (0..).zip(&mut long.spans) {
        record.span.name = format!("GET /things/{number}");
    }
    let encoded = build(&[long]);
    assert!(encoded.postings.is_sorted_by(|(a, _), (b, _)| a < b));
    let block = encoded.to_block();
    let symbol = block.name_symbol("GET /things/4321").unwrap().unwrap();
    assert_eq!(block.names_at(&[4_321]).unwrap(), [symbol]);
    assert_eq!(
        block
            .name_postings("GET /things/17")
            .unwrap()
            .unwrap()
            .len(),
        1
    );
    // A text of the block that no span is called.
    assert!(block.strings().unwrap().lookup("2").unwrap().is_some());
    assert_eq!(block.name_symbol("2").unwrap(), None);
    assert_eq!(block.name_postings("2").unwrap(), None);
}

#[test]
fn the_entry_of_a_catalog_says_what_is_inside() {
    let mut incomplete = trace(2, vec![span(1, 0, "b", vec![])]);
    incomplete.facts = Facts(Facts::CUT);
    incomplete.arrived_last = UnixNanos(99);
    let encoded = build(&[
        incomplete,
        trace(1, vec![span(9, 0, "a", vec![]), span(10, 9, "b", vec![])]),
    ]);
    let meta = &encoded.meta;
    assert_eq!((meta.n_traces, meta.n_spans, meta.incomplete), (2, 3, 1));
    assert_eq!(
        (meta.arrived_min, meta.arrived_max),
        (UnixNanos(10), UnixNanos(99))
    );
    assert_eq!(
        (meta.start_min, meta.start_max),
        (UnixNanos(1_001), UnixNanos(1_009))
    );
    assert_eq!(meta.n_chunks as usize, encoded.chunks.len());
    let expected = [
        ("a".to_owned(), Postings::new(vec![0])),
        ("b".to_owned(), Postings::new(vec![0, 1])),
    ];
    assert_eq!(encoded.postings, expected);
    assert!(encoded.filter.may_contain(TraceId([2; 16])));
}

#[test]
fn a_block_of_another_tenant_has_another_id() {
    let pushed = trace(1, vec![span(1, 0, "a", vec![])]);
    let mut other = BlockBuilder::new(TenantId::try_new("acme").unwrap());
    other.push(pushed.clone());
    assert_ne!(other.finish().meta.id, build(&[pushed]).meta.id);
}

#[test]
fn a_block_of_nothing_and_a_trace_of_nothing_can_be_read() {
    let block = build(&[]).to_block();
    assert_eq!(block.trace_ids().unwrap(), []);
    assert_eq!(block.name_postings("a").unwrap(), None);
    let block = build(&[trace(1, vec![])]).to_block();
    assert_eq!(block.spans(0).unwrap().spans, []);
    assert!(matches!(
        block.spans(1),
        Err(BlockError::NoTrace { trace: 1, .. })
    ));
}

#[test]
fn values_nested_past_the_limit_are_kept_as_empty() {
    let nested = |depth| {
        (0..depth).fold(Value::BoolValue(true), |value, _| {
            Value::ArrayValue(ArrayValue {
                values: vec![AnyValue { value: Some(value) }],
            })
        })
    };
    let depth = |levels| {
        let pushed = trace(1, vec![span(1, 0, "a", vec![("n", nested(levels))])]);
        let rebuilt = build(&[pushed]).to_block().spans(0).unwrap();
        let mut value = rebuilt.spans[0].span.attributes[0].value.clone();
        let mut depth = 0;
        while let Some(AnyValue {
            value: Some(Value::ArrayValue(mut array)),
        }) = value
        {
            value = array.values.pop();
            depth += 1;
        }
        (depth, value)
    };
    let whole = Some(AnyValue {
        value: Some(Value::BoolValue(true)),
    });
    assert_eq!(depth(128), (128, whole));
    assert_eq!(depth(129), (128, Some(AnyValue { value: None })));
}
