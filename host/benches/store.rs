//! What an acknowledgement and a sealed block wait for. Every figure includes fsync.
//!
//! `cargo bench --bench store`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run is to stop")]

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use betrace::{
    block::{BlockBuilder, EncodedBlock},
    clock::{SystemClock, UnixNanos},
    rule_id::{RuleId, RuleVersion},
    store::{Done, Frame, FrameId, Judgement, Listing, Store},
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
    verdict::{RuleVerdicts, Verdict},
};
use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

const SPANS_PER_REQUEST: usize = 1_000;
/// Of a span with eight attributes.
const BYTES_PER_SPAN: usize = 391;
const SPANS_PER_TRACE: usize = 12;

fn main() {
    divan::main();
}

fn open(dir: &Path) -> Store {
    Store::open(&dir.join("data"), Arc::new(SystemClock::new())).unwrap()
}

fn request() -> Frame {
    // Incompressible, as far as the disk is concerned.
    let mut state = 1u64;
    let bytes = (0..SPANS_PER_REQUEST * BYTES_PER_SPAN).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    Frame {
        tenant: TenantId::default_tenant(),
        otlp: bytes.collect::<Bytes>(),
        arrived: UnixNanos(0),
    }
}

/// Requests that arrive together, until all are acknowledged; those before are given up meanwhile.
#[divan::bench(args = [1, 4, 16, 64])]
fn inbox_acknowledges_requests(bencher: Bencher<'_, '_>, n_requests: usize) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let frame = request();
    bencher
        .counter(ItemsCount::new(n_requests * SPANS_PER_REQUEST))
        .bench_local(|| {
            let (tx, rx) = mpsc::channel();
            for _ in 0..n_requests {
                let tx = tx.clone();
                let done: Done = Box::new(move |outcome| tx.send(outcome.unwrap()).unwrap());
                store.inbox().submit(frame.clone(), done).unwrap();
            }
            drop(tx);
            let ids: Vec<FrameId> = rx.iter().collect();
            store.inbox().release(&ids);
            assert_eq!(ids.len(), n_requests);
        });
}

/// A block of `n_spans`, unlike any before.
fn block(n_spans: usize, number: u64) -> EncodedBlock {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for trace in 0..n_spans / SPANS_PER_TRACE {
        let mut id = [0; 16];
        for (half, value) in id.chunks_exact_mut(8).zip([number, trace as u64]) {
            let mixed = (value + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            half.copy_from_slice(&mixed.to_be_bytes());
        }
        let spans = (0..SPANS_PER_TRACE).map(|i| span(id, i as u64 + 1, trace as u64));
        builder.push(SealedTrace {
            trace_id: TraceId(id),
            spans: spans.collect(),
            facts: Facts(0),
            arrived_first: UnixNanos(number),
            arrived_last: UnixNanos(number),
        });
    }
    builder.finish()
}

fn span(trace_id: [u8; 16], number: u64, trace: u64) -> SpanRecord {
    let attribute = |key: u64| KeyValue {
        key: format!("attribute.{key}"),
        value: Some(AnyValue {
            value: Some(Value::StringValue(format!("value {}", trace * key % 97))),
        }),
        ..KeyValue::default()
    };
    SpanRecord {
        span: Span {
            trace_id: trace_id.to_vec(),
            span_id: (trace << 8 | number).to_be_bytes().to_vec(),
            name: format!("operation {}", number * trace % 40),
            start_time_unix_nano: 1_700_000_000_000_000_000 + trace * 1_000_000 + number,
            end_time_unix_nano: 1_700_000_000_000_900_000 + trace * 1_000_000 + number,
            attributes: (0..8).map(attribute).collect(),
            ..Span::default()
        },
        resource: Arc::default(),
        scope: Arc::default(),
    }
}

/// The chunks' commit and the list's.
#[divan::bench(args = [240, 3_600, 16_380], sample_count = 30, sample_size = 1)]
fn put_block(bencher: Bencher<'_, '_>, n_spans: usize) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut number = 0;
    bencher
        .counter(ItemsCount::new(n_spans))
        .with_inputs(|| {
            number += 1;
            block(n_spans, number)
        })
        .bench_local_values(|block| store.put_block(&block, &Listing::default()).unwrap());
}

/// Verdicts of 64 rules on a block of 16,380 spans.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn put_judged(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            let block = block(16_380, number);
            store.put_block(&block, &Listing::default()).unwrap();
            judgement(&block)
        })
        .bench_local_values(|judgement| store.put_judged(&[judgement]).unwrap());
}

fn judgement(block: &EncodedBlock) -> Judgement {
    let mut judgement = Judgement::of(&block.to_block()).unwrap();
    let verdict = |i: usize| match i % 7 {
        0 => Verdict::Held,
        1..=6 => Verdict::NotApplicable,
        _ => Verdict::Inconclusive,
    };
    for rule in 0..64 {
        let outcome = RuleVerdicts {
            verdicts: (0..judgement.trace_ids.len()).map(verdict).collect(),
            inconclusive: Vec::new(),
            violations: Vec::new(),
        };
        let id = RuleId::try_new(&format!("rule-{rule}")).unwrap();
        judgement.rules.push((id, RuleVersion(1), outcome));
    }
    judgement
}

/// Looks for a trace among 64 blocks, in one of which it is.
#[divan::bench(sample_count = 100)]
fn find_trace(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let blocks: Vec<EncodedBlock> = (1..=64).map(|number| block(3_600, number)).collect();
    let listing = Listing::default();
    let listed: Vec<_> = blocks.iter().map(|block| (block, &listing)).collect();
    store.put_blocks(&listed).unwrap();
    let wanted: Vec<TraceId> = blocks
        .iter()
        .filter_map(|block| block.to_block().trace_ids().unwrap().first().copied())
        .collect();
    let tenant = TenantId::default_tenant();
    let mut next = wanted.iter().cycle();
    bencher.bench_local(|| {
        let found = store.find_trace(&tenant, *next.next().unwrap()).unwrap();
        assert!(found.is_some());
    });
}
