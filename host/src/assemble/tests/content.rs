//! What a sealed trace holds: each span once, in order, with what is known to be missing.

use super::*;

#[test]
fn an_exact_repetition_changes_nothing_and_any_difference_is_kept() {
    let nan = |record| {
        changed(record, |s| {
            s.attributes.push(KeyValue {
                key: "x".into(),
                value: Some(AnyValue {
                    value: Some(Value::DoubleValue(f64::NAN)),
                }),
                ..KeyValue::default()
            });
        })
    };
    let base = nan(span(1, 1, 0));
    let mut service = base.clone();
    service.resource = Arc::new(ResourceRecord {
        schema_url: "s".into(),
        ..Default::default()
    });
    let mut scope = base.clone();
    scope.scope = Arc::new(ScopeRecord {
        schema_url: "s".into(),
        ..Default::default()
    });
    let others = [
        service,
        scope,
        changed(base.clone(), |s| s.kind = SpanKind::Client as i32),
        changed(base.clone(), |s| s.end_time_unix_nano += 1),
        changed(base.clone(), |s| s.attributes[0].key = "y".into()),
        nan(base.clone()),
    ];
    assert_eq!(seal(vec![base.clone(); 3]).spans.len(), 1);
    for other in others {
        let spans = [base.clone(), other.clone(), base.clone(), other].to_vec();
        assert_eq!(seal(spans).spans.len(), 2);
    }
}

/// Guarantees: a repetition is told by what a span says, however it was written.
#[test]
fn other_bytes_of_the_same_content_are_a_repetition() {
    let [plain] = sent(&[span(1, 1, 0)]).try_into().unwrap();
    let mut padded = plain.clone();
    // A field that says what its absence says, an unknown one, and a parent of zeros.
    let more = [0x50, 0, 0xa2, 0x06, 1, 0, 0x22, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    padded.message = [&plain.message[..], &more].concat().into();
    padded.resource = Arc::new(SentContext {
        message: vec![0x10, 0].into(),
        ..SentContext::default()
    });
    assert_ne!(plain, padded);
    let mut assembler = assembler(|_| {});
    let spans = vec![plain.clone(), padded.clone(), plain];
    assembler.add(&tenant(), &spans, at(SEC, 1), |_| 0).unwrap();
    let [sealed] = assembler.flush().try_into().unwrap();
    assert_eq!((sealed.trace.spans.len(), sealed.repeated), (1, 2));
    let late = SentTrace {
        spans: vec![padded],
        ..sealed.trace.clone()
    };
    assert_eq!(merge(sealed.trace.clone(), late.clone()), None);
    assert_eq!(without(late, &sealed.trace.spans), None);
}

/// Guarantees: the memory of what is open is that of its spans, not of the requests that they came in.
#[test]
fn an_open_trace_holds_none_of_its_request() {
    let request = Bytes::from(vec![0; 4 << 20]);
    let [mut span] = sent(&[span(1, 1, 0)]).try_into().unwrap();
    span.message = request.slice(..100);
    let mut assembler = assembler(|_| {});
    assembler
        .add(&tenant(), &[span], at(SEC, 1), |_| 0)
        .unwrap();
    assert!(request.is_unique());
    assert_eq!(assembler.flush()[0].trace.spans[0].message, request[..100]);
}

#[test]
fn rows_are_in_order_of_start_span_id_end() {
    let key = |span: &SentSpan| {
        (
            span.start_time_unix_nano,
            span.span_id.0[0],
            span.end_time_unix_nano,
        )
    };
    let make = |start, id, end| {
        changed(span(1, id, 0), |s| {
            s.start_time_unix_nano = start;
            s.end_time_unix_nano = end;
        })
    };
    let trace = seal(vec![
        make(2, 1, 0),
        make(1, 200, 9),
        make(1, 2, 9),
        make(1, 2, 8),
    ]);
    let keys: Vec<_> = trace.spans.iter().map(key).collect();
    assert_eq!(keys, [(1, 2, 8), (1, 2, 9), (1, 200, 9), (2, 1, 0)]);
}

#[test]
fn facts_say_what_is_missing() {
    let with = |change: fn(&mut Span)| changed(span(1, 2, 1), change);
    let dropped_in_resource = {
        let mut record = span(1, 2, 1);
        let mut resource = ResourceRecord::default();
        resource.resource.dropped_attributes_count = 1;
        record.resource = Arc::new(resource);
        record
    };
    let dropped_in_scope = {
        let mut record = span(1, 2, 1);
        let mut scope = ScopeRecord::default();
        scope.scope.dropped_attributes_count = 1;
        record.scope = Arc::new(scope);
        record
    };
    let cases = [
        (with(|_| {}), 0),
        (
            with(|s| s.parent_span_id = vec![9; 8]),
            Facts::PARENTS_MISSING,
        ),
        (
            with(|s| {
                s.parent_span_id = vec![9; 8];
                s.kind = SpanKind::Server as i32;
            }),
            0,
        ),
        (
            with(|s| {
                s.parent_span_id = vec![9; 8];
                s.kind = SpanKind::Consumer as i32;
            }),
            0,
        ),
        (
            with(|s| s.dropped_attributes_count = 1),
            Facts::ATTRIBUTES_DROPPED,
        ),
        (
            with(|s| {
                s.events.push(Event {
                    dropped_attributes_count: 1,
                    ..Event::default()
                });
            }),
            Facts::ATTRIBUTES_DROPPED,
        ),
        (
            with(|s| {
                s.links.push(Link {
                    dropped_attributes_count: 1,
                    ..Link::default()
                });
            }),
            Facts::ATTRIBUTES_DROPPED,
        ),
        (dropped_in_resource, Facts::ATTRIBUTES_DROPPED),
        (dropped_in_scope, Facts::ATTRIBUTES_DROPPED),
        (with(|s| s.dropped_events_count = 1), Facts::EVENTS_DROPPED),
        (with(|s| s.dropped_links_count = 1), Facts::LINKS_DROPPED),
    ];
    for (record, expected) in cases {
        let trace = seal(vec![span(1, 1, 0), record.clone()]);
        assert_eq!(trace.facts, Facts(expected), "{record:?}");
    }
}

#[test]
fn late_spans_are_merged_and_repetitions_are_nothing_new() {
    let whole = seal(vec![span(1, 1, 0), span(1, 2, 1), span(1, 3, 2)]);
    let mut early = seal(vec![span(1, 1, 0), span(1, 3, 2)]);
    early.facts.0 |= Facts::FRAGMENT;
    assert_eq!(early.facts, Facts(Facts::FRAGMENT | Facts::PARENTS_MISSING));
    let late = seal(vec![span(1, 2, 1), span(1, 3, 2)]);
    let merged = merge(early.clone(), late).unwrap();
    assert_eq!(merged.spans, whole.spans);
    assert_eq!(merged.facts, Facts(Facts::FRAGMENT));
    assert_eq!(merge(early, seal(vec![span(1, 3, 2)])), None);
}
