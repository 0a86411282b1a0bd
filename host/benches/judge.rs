//! What a verdict costs: a block of 16 k spans (12 a trace, 8 attributes a span) judged by one rule, against
//! the same question asked in native code of the same columns.
//!
//! `cargo bench -p betrace --bench judge`. Times are per block; `items` are traces.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot go on stops; its block is made here"
)]

use std::{
    fmt::Write,
    sync::{Arc, LazyLock},
};

use betrace::{
    block::{AttributeScope, Block, BlockBuilder, kind},
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

const TRACES: u32 = 1_365;
const NAMES: [&str; 12] = [
    "http.server",
    "auth.check",
    "db.query",
    "db.query",
    "cache.get",
    "phi.access",
    "db.query",
    "http.client",
    "queue.publish",
    "db.query",
    "render",
    "audit.log",
];

/// All traces have the anchor, an attribute is read of each.
const EVERYWHERE: &str = "match { phi.access.where(user.role == intern) and not audit.log }";
/// One trace in 128 has the anchor.
const RARE: &str = "match { rare.thing.where(user.role == intern) and not audit.log }";
/// Names alone.
const NAMES_ONLY: &str = "match { phi.access and not audit.log }";
/// Every span is seen.
const ANY: &str = "match { any.where(user.role == intern) and not audit.log }";

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).expect("a sandbox")
});

static BLOCK: LazyLock<Block> = LazyLock::new(|| {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    (0..TRACES).for_each(|number| builder.push(trace(number)));
    builder.finish().to_block()
});

fn trace(number: u32) -> SealedTrace {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&(number + 1).to_be_bytes());
    let spans = (0..12_u32).map(|at| {
        let row = u64::from(number * 12 + at);
        let name = match (at, number % 128, number % 16) {
            (10, 0, _) => "rare.thing",
            // One in 16 is not audited.
            (11, _, 0) => "render",
            _ => NAMES[at as usize],
        };
        let attributes = (0..8_u64).map(|key| {
            let value = match key {
                0 if row.is_multiple_of(7) => Value::StringValue("intern".into()),
                0 => Value::StringValue(format!("role-{}", row % 5)),
                1..4 => Value::IntValue((row * key) as i64),
                _ => Value::StringValue(format!("value {}", row % (key * 100))),
            };
            KeyValue {
                key: if key == 0 {
                    "user.role".into()
                } else {
                    format!("key.{key}")
                },
                value: Some(AnyValue { value: Some(value) }),
                ..KeyValue::default()
            }
        });
        let span = Span {
            trace_id: id.to_vec(),
            span_id: (row + 1).to_be_bytes().to_vec(),
            name: name.into(),
            start_time_unix_nano: 1_000 + row,
            end_time_unix_nano: 2_000 + row,
            attributes: attributes.collect(),
            ..Span::default()
        };
        SpanRecord {
            span,
            resource: Arc::default(),
            scope: Arc::default(),
        }
    });
    SealedTrace {
        trace_id: TraceId(id),
        spans: spans.collect(),
        facts: Facts(0),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    }
}

fn rules(texts: &[&str]) -> Vec<PublishedRule> {
    let mut text = String::new();
    for (n, rule) in texts.iter().enumerate() {
        writeln!(text, "rule r{n} {{ {rule} }}").expect("a string grows");
    }
    let source = betrace_dsl::Source {
        name: "bench.btr",
        text: text.as_bytes(),
    };
    let (compiled, _) = betrace_dsl::compile(&source);
    let pack = SANDBOX
        .load(&compiled.expect("a pack").component)
        .expect("a pack");
    PublishedRule::all_of(&pack)
}

fn judged(bencher: Bencher<'_, '_>, texts: &[&str]) {
    let rules = rules(texts);
    let options = JudgeOptions::default();
    // Decodes the columns.
    judge(&SANDBOX, &rules, &BLOCK, &options).expect("verdicts");
    bencher
        .counter(ItemsCount::new(TRACES))
        .bench(|| judge(&SANDBOX, black_box(&rules), &BLOCK, &options));
}

#[divan::bench]
fn attribute_everywhere(bencher: Bencher<'_, '_>) {
    judged(bencher, &[EVERYWHERE]);
}

#[divan::bench]
fn attribute_rare(bencher: Bencher<'_, '_>) {
    judged(bencher, &[RARE]);
}

#[divan::bench]
fn names_everywhere(bencher: Bencher<'_, '_>) {
    judged(bencher, &[NAMES_ONLY]);
}

#[divan::bench]
fn every_span(bencher: Bencher<'_, '_>) {
    judged(bencher, &[ANY]);
}

#[divan::bench]
fn ten_rules_in_one_pack(bencher: Bencher<'_, '_>) {
    judged(bencher, &[EVERYWHERE; 10]);
}

/// The question of `attribute_everywhere` over the block's columns, in Rust, with the same verdicts.
#[divan::bench]
fn native_attribute_everywhere(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(TRACES))
        .bench(|| native(black_box(&BLOCK), true));
}

/// The question of `names_everywhere`.
#[divan::bench]
fn native_names_everywhere(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(TRACES))
        .bench(|| native(black_box(&BLOCK), false));
}

fn native(block: &Block, filtered: bool) -> Vec<Verdict> {
    let strings = block.strings().expect("strings");
    let symbol = |text| {
        strings
            .lookup(text)
            .expect("a dictionary")
            .unwrap_or(u32::MAX)
    };
    let [phi, audit, intern] = ["phi.access", "audit.log", "intern"].map(symbol);
    let names = block.names().expect("names");
    let roles = block
        .attribute(AttributeScope::Span, "user.role")
        .expect("roles")
        .expect("roles");
    let mut role = roles
        .rows
        .iter()
        .zip(roles.kinds.iter().zip(&roles.values))
        .peekable();
    let mut row = 0;
    let mut verdicts = Vec::with_capacity(TRACES as usize);
    for end in block.trace_ends().expect("ends") {
        let (mut has_phi, mut has_audit) = (false, false);
        while row < *end {
            let name = names[row as usize];
            while filtered && role.peek().is_some_and(|(of, _)| **of < row) {
                role.next();
            }
            let is_intern = filtered
                && role.peek().is_some_and(|(of, (of_kind, value))| {
                    **of == row && **of_kind == kind::STRING && **value == u64::from(intern)
                });
            has_phi |= name == phi && (is_intern || !filtered);
            has_audit |= name == audit;
            row += 1;
        }
        verdicts.push(match (has_phi, has_audit) {
            (true, false) => Verdict::Violated,
            (true, true) => Verdict::Held,
            (false, _) => Verdict::NotApplicable,
        });
    }
    verdicts
}

fn main() {
    divan::main();
}
