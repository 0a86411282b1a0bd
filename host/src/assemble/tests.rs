use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{
        Span,
        span::{Event, Link, SpanKind},
    },
};
use proptest::prelude::*;

use super::*;
use crate::trace::{Facts, ResourceRecord, ScopeRecord, SentContext, SpanRecord};

mod rounds;

const SEC: Duration = Duration::from_secs(1);

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

fn trace_id(id: u8) -> TraceId {
    TraceId([id; 16])
}

pub(super) fn span(trace: u8, id: u8, parent: u8) -> SpanRecord {
    SpanRecord {
        span: Span {
            trace_id: vec![trace; 16],
            span_id: vec![id; 8],
            parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
            kind: SpanKind::Internal as i32,
            start_time_unix_nano: u64::from(id),
            end_time_unix_nano: 100,
            ..Span::default()
        },
        resource: Arc::new(ResourceRecord::default()),
        scope: Arc::new(ScopeRecord::default()),
    }
}

fn changed(mut record: SpanRecord, change: impl FnOnce(&mut Span)) -> SpanRecord {
    change(&mut record.span);
    record
}

fn at(now: Duration, frame: u64) -> Arrival {
    Arrival {
        frame: Some(frame),
        bytes: 0,
        now,
        arrived: UnixNanos(1_000 + frame),
    }
}

fn assembler(change: impl FnOnce(&mut AssembleOptions)) -> Assembler {
    let mut options = AssembleOptions::default();
    change(&mut options);
    Assembler::new(options)
}

fn ids(sealed: &[Sealed]) -> Vec<(TraceId, usize)> {
    sealed
        .iter()
        .map(|s| (s.trace.trace_id, s.trace.spans.len()))
        .collect()
}

fn put(to: &mut Assembler, spans: Vec<SpanRecord>, now: Duration, frame: u64) {
    let spans = spans.into_iter().flat_map(|span| sent(&[span])).collect();
    to.add(&tenant(), spans, at(now, frame), |_| 0).unwrap();
}

pub(super) fn sent(spans: &[SpanRecord]) -> Vec<SentSpan> {
    SentSpan::of_records(spans).collect()
}

/// Returns the trace that a fresh assembler makes of these spans.
fn seal(spans: Vec<SpanRecord>) -> SentTrace {
    let mut assembler = assembler(|_| {});
    put(&mut assembler, spans, SEC, 1);
    let [sealed] = assembler.flush().try_into().unwrap();
    sealed.trace
}

#[test]
fn a_trace_with_its_root_is_sealed_after_settle_of_quiet() {
    let mut assembler = assembler(|_| {});
    put(&mut assembler, vec![span(1, 2, 1)], Duration::ZERO, 1);
    put(&mut assembler, vec![span(1, 1, 0)], 2 * SEC, 2);
    put(&mut assembler, vec![span(1, 3, 1)], 4 * SEC, 3);
    assert_eq!(assembler.next_due(), Some(9 * SEC));
    assert_eq!(ids(&assembler.due(9 * SEC)), []);
    assert_eq!(assembler.next_due(), Some(11 * SEC));
    assert_eq!(
        ids(&assembler.due(Duration::from_nanos(10_999_999_999))),
        []
    );

    let [sealed] = assembler.due(11 * SEC).try_into().unwrap();
    assert_eq!(sealed.frames, [1, 2, 3]);
    assert_eq!(sealed.trace.spans.len(), 3);
    assert_eq!(sealed.trace.arrived_first, UnixNanos(1_001));
    assert_eq!(sealed.trace.arrived_last, UnixNanos(1_003));
    assert!(sealed.trace.facts.is_complete());
    assert_eq!(assembler.stats().open_spans, 0);
}

#[test]
fn a_trace_without_its_root_waits_for_idle_and_lacks_a_parent() {
    let mut assembler = assembler(|_| {});
    put(&mut assembler, vec![span(1, 2, 1)], SEC, 1);
    assert_eq!(
        ids(&assembler.due(Duration::from_nanos(30_999_999_999))),
        []
    );
    let [sealed] = assembler.due(31 * SEC).try_into().unwrap();
    assert_eq!(sealed.trace.facts, Facts(Facts::PARENTS_MISSING));
}

#[test]
fn a_busy_trace_is_sealed_at_its_deadline() {
    let mut assembler = assembler(|_| {});
    let mut sealed = Vec::new();
    for second in 0..=300 {
        put(
            &mut assembler,
            vec![changed(span(1, 1, 0), |s| {
                s.end_time_unix_nano = u64::from(second);
            })],
            second * SEC,
            u64::from(second),
        );
        sealed.extend(assembler.due(second * SEC));
    }
    assert_eq!(ids(&sealed), [(trace_id(1), 301)]);
    assert_eq!(assembler.stats().open_traces, 0);
}

#[test]
fn many_traces_are_sealed_in_order_of_time_and_each_once() {
    let mut assembler = assembler(|_| {});
    for id in (1..=200).rev() {
        put(&mut assembler, vec![span(id, 1, 0)], u32::from(id) * SEC, 1);
    }
    let sealed = assembler.due(1_000 * SEC);
    assert_eq!(
        ids(&sealed),
        (1..=200).map(|id| (trace_id(id), 1)).collect::<Vec<_>>()
    );
    assert_eq!(ids(&assembler.flush()), []);
}

#[test]
fn each_reopening_doubles_the_quiet_up_to_ten_minutes() {
    for (reopened, quiet) in [
        (0, 7),
        (1, 14),
        (2, 28),
        (6, 448),
        (7, 600),
        (31, 600),
        (u32::MAX, 600),
    ] {
        let mut assembler = assembler(|_| {});
        assembler
            .add(&tenant(), sent(&[span(1, 1, 0)]), at(SEC, 1), |_| reopened)
            .unwrap();
        assert_eq!(assembler.next_due(), Some((1 + quiet) * SEC), "{reopened}");
        assert_eq!(
            ids(&assembler.due((1 + quiet) * SEC)).len(),
            1,
            "{reopened}"
        );
    }
}

#[test]
fn a_trace_over_its_size_is_cut_and_what_follows_opens_anew() {
    let mut assembler = assembler(|o| o.trace_spans_max = 3);
    put(
        &mut assembler,
        (1..=5).map(|id| span(1, id, id - 1)).collect(),
        SEC,
        7,
    );
    assert_eq!(assembler.next_due(), Some(Duration::ZERO));
    let [cut] = assembler.due(SEC).try_into().unwrap();
    assert_eq!(cut.trace.spans.len(), 3);
    assert_eq!(cut.trace.facts, Facts(Facts::CUT));
    assert_eq!(assembler.stats().open_spans, 2);
    // The frame is held by both parts.
    assert_eq!(assembler.release(&cut.frames), [0_u64; 0]);
    let [rest] = assembler.flush().try_into().unwrap();
    assert_eq!(rest.trace.spans.len(), 2);
    assert_eq!(assembler.release(&rest.frames), [7]);
}

#[test]
fn a_trace_is_cut_at_its_bytes_too() {
    let mut assembler = assembler(|o| o.trace_bytes_max = 100);
    let mut arrival = at(SEC, 1);
    arrival.bytes = 120;
    let spans: Vec<_> = (1..=4).map(|id| span(1, id, id - 1)).collect();
    assembler
        .add(&tenant(), sent(&spans), arrival, |_| 0)
        .unwrap();
    assert_eq!(ids(&assembler.due(SEC)), [(trace_id(1), 4)]);
    assert_eq!(assembler.stats().open_bytes, 0);
}

#[test]
fn repetitions_do_not_cut_a_trace() {
    let mut assembler = assembler(|o| o.trace_spans_max = 32);
    for _ in 0..40 {
        put(
            &mut assembler,
            (1..=20).map(|id| span(1, id, id - 1)).collect(),
            SEC,
            1,
        );
    }
    assert!(assembler.stats().open_spans < 32);
    assert_eq!(ids(&assembler.due(SEC)), []);
    let [sealed] = assembler.flush().try_into().unwrap();
    assert_eq!(
        (sealed.trace.spans.len(), sealed.trace.facts),
        (20, Facts(0))
    );
}

#[test]
fn over_a_bound_a_request_is_refused_whole_and_nothing_is_lost() {
    let mut assembler = assembler(|o| {
        o.tenant_open_spans_max = 4;
        o.open_spans_max = 6;
        o.open_bytes_max = 1_000;
    });
    let other = TenantId::try_new("other").unwrap();
    put(
        &mut assembler,
        (1..=3).map(|id| span(1, id, 0)).collect(),
        SEC,
        1,
    );

    let two = sent(&[span(2, 1, 0), span(2, 2, 0)]);
    let refused = assembler.add(&tenant(), two.clone(), at(SEC, 2), |_| 0);
    let message = "tenant `default` has 3 of at most 4 spans in open traces";
    assert_eq!(refused.unwrap_err().to_string(), message);
    assert_eq!(assembler.stats().open_spans, 3);

    assembler
        .add(&other, two.clone(), at(SEC, 3), |_| 0)
        .unwrap();
    let refused = assembler.add(&other, two.clone(), at(SEC, 4), |_| 0);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "5 of at most 6 spans are in open traces"
    );
    let bytes = |bytes| Held {
        spans: 1,
        bytes,
        ..Held::default()
    };
    let refused = assembler.room_for(&other, bytes(1_001));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "0 of at most 1000 bytes are in open traces"
    );

    // What lies in the inbox already is taken all the same.
    assembler.readmit(&other, two, at(SEC, 4), |_| 0);
    assert_eq!(assembler.stats().open_spans, 7);
    assert_eq!(assembler.due(8 * SEC).len(), 2);
    assert_eq!(assembler.stats().open_spans, 0);
    let four = Held::of(&sent(&[1, 2, 3, 4].map(|id| span(3, id, 0))), 0);
    assert_eq!(assembler.room_for(&tenant(), four), Ok(()));
}

#[test]
fn a_tenant_opens_so_many_traces_and_late_spans_of_them_still_come() {
    let mut assembler = assembler(|_| {});
    let bounds = TenantBounds {
        traces: Some(2),
        ..TenantBounds::default()
    };
    let may = |assembler: &Assembler, spans: &[SentSpan]| {
        assembler.room_for_traces(&tenant(), spans, &bounds)
    };
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assert_eq!(
        may(&assembler, &sent(&[span(2, 1, 0), span(2, 2, 1)])),
        Ok(())
    );
    let refused = may(&assembler, &sent(&[span(2, 1, 0), span(3, 1, 0)]));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "tenant `default` has 1 of at most 2 open traces"
    );
    put(&mut assembler, vec![span(2, 1, 0)], SEC, 2);
    assert!(may(&assembler, &sent(&[span(3, 1, 0)])).is_err());
    let late = sent(&[span(1, 2, 1), span(2, 2, 1), span(2, 3, 1)]);
    assert_eq!(may(&assembler, &late), Ok(()));
    let other = TenantId::try_new("other").unwrap();
    let of_other = assembler.room_for_traces(&other, &sent(&[span(3, 1, 0)]), &bounds);
    assert_eq!(of_other, Ok(()));
}

#[test]
fn what_was_set_for_a_tenant_wins_over_the_options() {
    let assembler = assembler(|options| options.tenant_open_spans_max = 4);
    let room = |spans, bounds: TenantBounds| {
        let more = Held {
            spans,
            ..Held::default()
        };
        assembler.room_beside(&tenant(), more, Held::default(), &bounds)
    };
    let more = TenantBounds {
        spans: Some(5),
        ..TenantBounds::default()
    };
    assert!(room(5, TenantBounds::default()).is_err());
    assert_eq!(room(5, more), Ok(()));
    assert!(room(6, more).is_err());
}

#[test]
fn memory_counts_traces_and_spans_beside_their_bytes() {
    let one = limits::OPEN_TRACE_MEMORY_BYTES
        + limits::OPEN_RUN_MEMORY_BYTES
        + limits::OPEN_SPAN_MEMORY_BYTES
        + 100;
    let mut assembler = assembler(|options| {
        options.tenant_open_memory_bytes_max = 2 * one;
        options.open_memory_bytes_max = 3 * one;
    });
    let other = TenantId::try_new("other").unwrap();
    let arrival = |frame| Arrival {
        bytes: 100,
        ..at(SEC, frame)
    };
    let mut add = |tenant: &TenantId, trace: u8, frame| {
        assembler.add(tenant, sent(&[span(trace, 1, 0)]), arrival(frame), |_| 0)
    };
    assert_eq!(add(&tenant(), 1, 1), Ok(()));
    assert_eq!(add(&tenant(), 2, 2), Ok(()));
    let refused = add(&tenant(), 3, 3).unwrap_err().to_string();
    let (open, max) = (2 * one, 2 * one);
    let message =
        format!("tenant `default` has {open} of at most {max} bytes of memory in open traces");
    assert_eq!(refused, message);
    assert_eq!(add(&other, 1, 4), Ok(()));
    let refused = add(&other, 2, 5).unwrap_err().to_string();
    let message = format!(
        "{0} of at most {0} bytes of memory are in open traces",
        3 * one
    );
    assert_eq!(refused, message);

    // What can never be open is no matter of waiting.
    let three: Vec<_> = (1..=3).map(|trace| span(trace, 1, 0)).collect();
    let refused = assembler.add(&other, sent(&three), arrival(6), |_| 0);
    let needed = 3 * one - 200;
    assert_eq!(refused, Err(Refused::Request { needed, max }));

    // Another span of an open trace is no other trace; what is sealed makes room.
    let more = Held::of(&sent(&[span(1, 2, 1)]), 100);
    assert_eq!((more.traces, more.spans), (1, 1));
    assert_eq!(assembler.due(60 * SEC).len(), 3);
    assert_eq!(assembler.room_for(&tenant(), more), Ok(()));
    assert_eq!(assembler.held, Held::default());
}

#[test]
fn a_tenant_that_is_forgotten_leaves_others_open_and_its_frames_free() {
    let mut assembler = assembler(|options| options.trace_spans_max = 4);
    let other = TenantId::try_new("other").unwrap();
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assembler
        .add(&other, sent(&[span(1, 2, 1)]), at(SEC, 2), |_| 0)
        .unwrap();
    let cut: Vec<_> = (1..=4).map(|id| span(2, id, 0)).collect();
    put(&mut assembler, cut, SEC, 3);
    let gone = assembler.forget(&tenant());
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(|sealed| sealed.tenant == tenant()));
    let frames: Vec<u64> = gone
        .iter()
        .flat_map(|sealed| sealed.frames.clone())
        .collect();
    let mut free = assembler.release(&frames);
    free.sort_unstable();
    assert_eq!(free, [1, 3]);
    assert_eq!(assembler.stats().open_spans, 1);
    assert!(assembler.forget(&tenant()).is_empty());
    assert_eq!(ids(&assembler.due(60 * SEC)), [(trace_id(1), 1)]);
}

#[test]
fn tenants_share_a_trace_id_without_meeting() {
    let mut assembler = assembler(|_| {});
    let other = TenantId::try_new("other").unwrap();
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assembler
        .add(&other, sent(&[span(1, 2, 1)]), at(SEC, 2), |_| 0)
        .unwrap();
    let open = assembler.open(&other, trace_id(1)).unwrap().seal();
    assert_eq!(open.to_sealed().spans, [span(1, 2, 1)]);
    let sealed = assembler.flush();
    assert_eq!(ids(&sealed), [(trace_id(1), 1), (trace_id(1), 1)]);
    assert_ne!(sealed[0].tenant, sealed[1].tenant);
}

#[test]
fn the_quietest_are_flushed_first() {
    let mut assembler = assembler(|_| {});
    for (id, second) in [(1, 5), (2, 3), (3, 4)] {
        put(
            &mut assembler,
            vec![span(id, 1, 0), span(id, 2, 1)],
            second * SEC,
            u64::from(id),
        );
    }
    assert_eq!(
        ids(&assembler.flush_quietest(3)),
        [(trace_id(2), 2), (trace_id(3), 2)]
    );
    assert!(assembler.open(&tenant(), trace_id(2)).is_none());
    assert_eq!(ids(&assembler.due(12 * SEC)), [(trace_id(1), 2)]);
}

#[test]
fn a_frame_is_released_when_nothing_rests_on_it() {
    let mut assembler = assembler(|_| {});
    put(
        &mut assembler,
        vec![span(1, 1, 0), span(2, 1, 0), span(1, 2, 1)],
        SEC,
        1,
    );
    put(&mut assembler, vec![span(2, 2, 1)], SEC, 2);
    assert_eq!(assembler.stats().frames, 2);
    let [a, b] = assembler.flush().try_into().unwrap();
    assert_eq!(assembler.release(&a.frames), [0_u64; 0]);
    assert_eq!(assembler.release(&b.frames), [1, 2]);
    assert_eq!(assembler.release(&b.frames), [0_u64; 0]);
}

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
    assembler.add(&tenant(), spans, at(SEC, 1), |_| 0).unwrap();
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
        .add(&tenant(), vec![span], at(SEC, 1), |_| 0)
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

proptest! {
    /// Guarantees: what is sealed does not depend on how the spans came.
    #[test]
    fn order_grouping_and_repetition_do_not_matter(
        plan in prop::collection::vec((1..4_u8, 1..9_u8, 0..4_u64), 1..40),
        shuffled in any::<prop::sample::Index>(),
        group in 1..7_usize,
    ) {
        let spans: Vec<_> = plan
            .iter()
            .map(|&(trace, id, end)| changed(span(trace, id, id - 1), |s| s.end_time_unix_nano = end))
            .collect();
        let mut straight = assembler(|_| {});
        put(&mut straight, spans.clone(), SEC, 1);

        let mut other_way = spans.clone();
        other_way.rotate_left(shuffled.index(spans.len()));
        other_way.reverse();
        other_way.extend(spans);
        let mut grouped = assembler(|_| {});
        for chunk in other_way.chunks(group) {
            put(&mut grouped, chunk.to_vec(), SEC, 1);
        }
        let bare = |sealed: Vec<Sealed>| {
            let mut traces: Vec<_> = sealed.into_iter().map(|s| s.trace).collect();
            traces.sort_by_key(|trace| trace.trace_id);
            traces
        };
        prop_assert_eq!(bare(straight.due(100 * SEC)), bare(grouped.due(100 * SEC)));
        prop_assert_eq!(grouped.stats(), AssemblerStats { frames: 1, ..AssemblerStats::default() });
    }
}
