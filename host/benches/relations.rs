//! What relations, joins and groups cost: one long trace, judged by one rule.
//!
//! `cargo bench -p betrace --bench relations`. An unjoined relation over 100,000 spans is to take less than 10 ms, held or
//! violated. The join without an equality may end without fuel: then the time is what its budget takes.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot go on stops; its block is made here"
)]

use std::sync::{Arc, LazyLock};

use betrace::{
    block::{Block, BlockBuilder},
    clock::UnixNanos,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
    verdict::Verdict,
};
use divan::{Bencher, black_box, counter::ItemsCount};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).expect("a sandbox")
});

/// A trace whose first half is named `a` and whose second half `b`; each half has each value of `k` once.
fn block(spans: u64) -> Block {
    let half = spans / 2;
    let records = (0..spans).map(|row| {
        let key = Value::IntValue((row % half) as i64);
        let span = Span {
            trace_id: vec![1; 16],
            span_id: (row + 1).to_be_bytes().to_vec(),
            name: if row < half { "a" } else { "b" }.into(),
            start_time_unix_nano: 1_000 + row,
            end_time_unix_nano: 1_001 + row,
            attributes: vec![KeyValue {
                key: "k".into(),
                value: Some(AnyValue { value: Some(key) }),
                ..KeyValue::default()
            }],
            ..Span::default()
        };
        SpanRecord {
            span,
            resource: Arc::default(),
            scope: Arc::default(),
        }
    });
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    builder.push(SealedTrace {
        trace_id: TraceId([1; 16]),
        spans: records.collect(),
        facts: Facts(0),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    });
    builder.finish().to_block()
}

fn judged(bencher: Bencher<'_, '_>, spans: u64, text: &str, expected: &[Verdict]) {
    let source = betrace_dsl::Source {
        name: "bench.btr",
        text: text.as_bytes(),
    };
    let (compiled, _) = betrace_dsl::compile(&source);
    let pack = SANDBOX
        .load(&compiled.expect("a pack").component)
        .expect("a pack");
    let rules = PublishedRule::all_of(&pack);
    let (block, options) = (block(spans), JudgeOptions::default());
    // Decodes the columns.
    let found = judge(&SANDBOX, &rules, &block, &options).expect("verdicts");
    let verdict = found.first().and_then(|found| found.verdicts.first());
    assert!(
        verdict.is_some_and(|verdict| expected.contains(verdict)),
        "{verdict:?}"
    );
    bencher
        .counter(ItemsCount::new(spans))
        .bench(|| judge(&SANDBOX, black_box(&rules), &block, &options));
}

#[divan::bench]
fn every_before_held(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { every a before b }";
    judged(bencher, 100_000, rule, &[Verdict::Held]);
}

#[divan::bench]
fn every_before_violated(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { every b before a }";
    judged(bencher, 100_000, rule, &[Verdict::Violated]);
}

#[divan::bench]
fn join_with_an_equality(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { every a as x before b.where(k == x.k) }";
    judged(bencher, 20_000, rule, &[Verdict::Held]);
}

#[divan::bench(sample_count = 10)]
fn join_without_an_equality(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { every a as x before b.where(k >= x.k) }";
    let expected = [Verdict::Held, Verdict::Inconclusive];
    judged(bencher, 20_000, rule, &expected);
}

#[divan::bench]
fn groups(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { count(any by k) <= 2 }";
    judged(bencher, 100_000, rule, &[Verdict::Held]);
}

#[divan::bench]
fn distinct_values(bencher: Bencher<'_, '_>) {
    let rule = "when { a } always { distinct(any, k) <= 50000 }";
    judged(bencher, 100_000, rule, &[Verdict::Held]);
}

fn main() {
    divan::main();
}
