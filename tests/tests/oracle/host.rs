//! The same truth through the host: its blocks, its projection, its prefilter.
//!
//! Guarantees: `betrace::judge` says of generated rules on blocks of generated traces what the oracle says, whichever traces
//! are skipped and whichever packs are judged together.

use std::sync::Arc;

use betrace::{
    block::{Block, BlockBuilder, Postings},
    clock::UnixNanos,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    tenant::TenantId,
    trace::{Facts, ResourceRecord, ScopeRecord, SealedTrace, SpanRecord, TraceId},
    verdict::{Reason, RuleVerdicts, Verdict as HostVerdict},
};
use betrace_dsl::{
    compile,
    oracle::{Attribute, Judged, Rules, Span, Trace, Verdict},
};
use betrace_tests::{
    agreement::{made_rules, source},
    generated::{Choices, pack, trace},
};
use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
    trace::v1 as otlp,
};

fn value(attribute: &Attribute) -> AnyValue {
    let value = match attribute {
        Attribute::Bool(truth) => Value::BoolValue(*truth),
        Attribute::Int(int) => Value::IntValue(*int),
        Attribute::Double(double) => Value::DoubleValue(*double),
        Attribute::String(text) => Value::StringValue(text.clone()),
        Attribute::Bytes(bytes) => Value::BytesValue(bytes.clone()),
        Attribute::Array(elements) => Value::ArrayValue(ArrayValue {
            values: elements.iter().map(value).collect(),
        }),
        Attribute::Map(entries) => Value::KvlistValue(KeyValueList {
            values: attributes(entries),
        }),
    };
    AnyValue { value: Some(value) }
}

fn attributes(attributes: &[(String, Attribute)]) -> Vec<KeyValue> {
    let attribute = |(key, of): &(String, Attribute)| KeyValue {
        key: key.clone(),
        value: Some(value(of)),
        ..KeyValue::default()
    };
    attributes.iter().map(attribute).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn otlp_span(span: &Span, trace_id: [u8; 16], position: usize) -> otlp::Span {
    let events = span.events.iter().map(|event| otlp::span::Event {
        time_unix_nano: event.time,
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
        ..otlp::span::Event::default()
    });
    let links = span.links.iter().map(|link| otlp::span::Link {
        trace_id: bytes(&link.trace_id),
        span_id: bytes(&link.span_id),
        attributes: attributes(&link.attributes),
        ..otlp::span::Link::default()
    });
    // A span that ends before it starts ends at its start.
    let early = u64::from(span.end == span.start && position % 2 == 1);
    otlp::Span {
        trace_id: trace_id.to_vec(),
        span_id: bytes(&span.id),
        parent_span_id: span.parent_id.as_deref().map(bytes).unwrap_or_default(),
        name: span.name.clone(),
        kind: i32::from(span.kind),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end.saturating_sub(early),
        attributes: attributes(&span.attributes),
        events: events.collect(),
        links: links.collect(),
        status: Some(otlp::Status {
            message: span.status_message.clone(),
            code: i32::from(span.status),
        }),
        ..otlp::Span::default()
    }
}

pub(crate) fn sealed(trace: &Trace, number: usize) -> SealedTrace {
    let trace_id = (number as u128 + 1).to_be_bytes();
    let record = |(position, span): (usize, &Span)| SpanRecord {
        span: otlp_span(span, trace_id, position),
        resource: Arc::new(ResourceRecord {
            resource: Resource {
                attributes: attributes(&span.resource),
                ..Resource::default()
            },
            ..ResourceRecord::default()
        }),
        scope: Arc::new(ScopeRecord {
            scope: InstrumentationScope {
                name: span.scope.name.clone(),
                version: span.scope.version.clone(),
                attributes: attributes(&span.scope.attributes),
                ..InstrumentationScope::default()
            },
            ..ScopeRecord::default()
        }),
    };
    SealedTrace {
        trace_id: TraceId(trace_id),
        spans: trace.spans.iter().enumerate().map(record).collect(),
        facts: Facts(trace.facts),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    }
}

/// What the host found of one trace. `first` is the row of the trace's first span.
fn judged(found: &RuleVerdicts, trace: usize, first: usize) -> Judged {
    let number = trace as u32;
    let reason = found.inconclusive.iter().find(|(of, _)| *of == number);
    let violation = found.violations.iter().find(|of| of.trace == number);
    let verdict = match found.verdicts[trace] {
        HostVerdict::NotApplicable => Verdict::NotApplicable,
        HostVerdict::Held => Verdict::Held,
        HostVerdict::Violated => Verdict::Violated,
        HostVerdict::Inconclusive => Verdict::Undecided,
    };
    let is_undecided = verdict == Verdict::Undecided;
    assert_eq!(
        reason.map(|(_, why)| *why),
        is_undecided.then_some(Reason::Incomplete)
    );
    assert_eq!(violation.is_some(), verdict == Verdict::Violated);
    let witnesses = violation.map_or(&[][..], |violation| &violation.witnesses);
    Judged {
        verdict,
        clause: violation.map_or(0, |violation| violation.clause as u8),
        witnesses: witnesses.iter().map(|row| *row as usize - first).collect(),
    }
}

/// Packs with what the oracle reads of them.
struct Judges {
    sandbox: Sandbox,
    published: Vec<PublishedRule>,
    /// For each published rule, its pack and its place there.
    oracles: Vec<(Arc<Rules>, usize, String)>,
}

impl Judges {
    fn of(seed: u64, packs: u64, rules: usize) -> Self {
        let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
        let (mut published, mut oracles) = (Vec::new(), Vec::new());
        for n in 0..packs {
            let text = pack(&made_rules((seed << 32) + (n << 16), rules));
            let (compiled, _) = compile(&source(&text));
            let loaded = sandbox.load(&compiled.unwrap().component).unwrap();
            published.extend(PublishedRule::all_of(&loaded));
            let oracle = Arc::new(Rules::read(&source(&text)).unwrap());
            oracles.extend((0..rules).map(|rule| (Arc::clone(&oracle), rule, text.clone())));
        }
        Self {
            sandbox,
            published,
            oracles,
        }
    }

    fn check(&self, traces: &[Trace], block: &Block, skip: &[u32]) {
        let options = JudgeOptions {
            skip: Postings::new(skip.to_vec()),
        };
        let found = judge(&self.sandbox, &self.published, block, &options).unwrap();
        for (found, (oracle, rule, text)) in found.iter().zip(&self.oracles) {
            let mut first = 0;
            for (number, trace) in traces.iter().enumerate() {
                let expected = if skip.contains(&(number as u32)) {
                    Judged {
                        verdict: Verdict::NotApplicable,
                        clause: 0,
                        witnesses: Vec::new(),
                    }
                } else {
                    oracle.judge(*rule, trace).unwrap()
                };
                let judged = judged(found, number, first);
                assert_eq!(judged, expected, "rule {rule} of\n{text}\non {trace:#?}");
                first += trace.spans.len();
            }
        }
    }
}

fn host_and_oracle_agree(seed: u64) {
    let judges = Judges::of(seed, 4, 8);
    let traces: Vec<Trace> = (0..200)
        .map(|n| trace(&mut Choices::seeded((seed << 16) + n)))
        .filter(|trace| !trace.spans.is_empty())
        .collect();
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for (number, trace) in traces.iter().enumerate() {
        builder.push(sealed(trace, number));
    }
    let block = builder.finish().to_block();
    judges.check(&traces, &block, &[]);
    let third: Vec<u32> = (0..traces.len() as u32).step_by(3).collect();
    judges.check(&traces, &block, &third);
}

#[test]
fn host_and_oracle_agree_1() {
    host_and_oracle_agree(101);
}

#[test]
fn host_and_oracle_agree_2() {
    host_and_oracle_agree(102);
}

#[test]
fn host_and_oracle_agree_3() {
    host_and_oracle_agree(103);
}

#[test]
fn host_and_oracle_agree_4() {
    host_and_oracle_agree(104);
}
