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

mod content;
mod of_tenants;
mod rounds;
mod too_much;

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
    let spans: Vec<SentSpan> = spans.into_iter().flat_map(|span| sent(&[span])).collect();
    to.add(&tenant(), &spans, at(now, frame), |_| 0).unwrap();
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
            .add(&tenant(), &sent(&[span(1, 1, 0)]), at(SEC, 1), |_| reopened)
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
        .add(&tenant(), &sent(&spans), arrival, |_| 0)
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
