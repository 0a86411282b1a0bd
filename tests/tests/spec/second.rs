//! The second opinion: cases judged by the oracle, which reads the language in another way and never sees a component.
//!
//! What a page says must be what both of them say.

use betrace::{
    cli::test::CaseTrace,
    trace::{SpanId, SpanRecord, TraceId},
    verdict,
};
use betrace_dsl::{
    Source,
    oracle::{Attribute, Event, Judged, Link, Rules, Scope, Span, Trace, Verdict},
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

/// What the oracle says of a case other than what is expected; nothing where it cannot read the rules, of which the
/// compiler tells.
pub(crate) fn failures(case: &CaseTrace, source: &Source<'_>) -> Vec<String> {
    let Some(rules) = Rules::read(source) else {
        return Vec::new();
    };
    let trace = Trace {
        spans: case.trace.spans.iter().map(span).collect(),
        facts: case.trace.facts.0,
    };
    let judged = (0..rules.count()).filter_map(|rule| {
        let judged = rules.judge(rule, &trace)?;
        compare(case, rules.id(rule)?, &judged)
    });
    judged.collect()
}

fn compare(case: &CaseTrace, id: &str, judged: &Judged) -> Option<String> {
    let got = match judged.verdict {
        Verdict::NotApplicable => verdict::Verdict::NotApplicable,
        Verdict::Held => verdict::Verdict::Held,
        Verdict::Violated => verdict::Verdict::Violated,
        Verdict::Undecided => verdict::Verdict::Inconclusive,
    };
    let of = |rule: &String| rule == id;
    let expected = case.expect.iter().find(|(rule, _)| of(rule));
    if expected.is_some_and(|(_, expected)| *expected != got) {
        return Some(format!("{id}: the oracle says {}", got.name()));
    }
    if expected.is_none() && got == verdict::Verdict::Violated {
        return Some(format!(
            "{id}: the oracle says violated, and `expect` does not"
        ));
    }
    let (_, expected) = case.witnesses.iter().find(|(rule, _)| of(rule))?;
    let witnesses = judged.witnesses.iter();
    let mut got: Vec<&String> = witnesses
        .filter_map(|at| case.span_names.get(*at))
        .collect();
    let mut expected: Vec<&String> = expected.iter().collect();
    got.sort();
    expected.sort();
    (got != expected).then(|| format!("{id}: the oracle's witnesses are {got:?}"))
}

fn span(record: &SpanRecord) -> Span {
    let SpanRecord {
        span,
        resource,
        scope,
    } = record;
    let status = span.status.clone().unwrap_or_default();
    Span {
        name: span.name.clone(),
        id: span_id(&span.span_id).unwrap_or_default(),
        parent_id: span_id(&span.parent_span_id),
        kind: span.kind as u8,
        status: status.code as u8,
        status_message: status.message,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano.max(span.start_time_unix_nano),
        attributes: attributes(&span.attributes),
        resource: attributes(&resource.resource.attributes),
        scope: Scope {
            name: scope.scope.name.clone(),
            version: scope.scope.version.clone(),
            attributes: attributes(&scope.scope.attributes),
        },
        events: span
            .events
            .iter()
            .map(|event| Event {
                name: event.name.clone(),
                time: event.time_unix_nano,
                attributes: attributes(&event.attributes),
            })
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| Link {
                trace_id: trace_id(&link.trace_id).unwrap_or_default(),
                span_id: span_id(&link.span_id).unwrap_or_default(),
                attributes: attributes(&link.attributes),
            })
            .collect(),
    }
}

/// Each key once: of a key that comes twice the last value counts.
fn attributes(given: &[KeyValue]) -> Vec<(String, Attribute)> {
    let mut attributes: Vec<(String, Attribute)> = Vec::new();
    for KeyValue { key, value, .. } in given {
        let Some(value) = value.as_ref().and_then(attribute) else {
            continue;
        };
        attributes.retain(|(other, _)| other != key);
        attributes.push((key.clone(), value));
    }
    attributes
}

fn attribute(value: &AnyValue) -> Option<Attribute> {
    Some(match value.value.as_ref()? {
        Value::BoolValue(value) => Attribute::Bool(*value),
        Value::IntValue(value) => Attribute::Int(*value),
        Value::DoubleValue(value) => Attribute::Double(*value),
        Value::StringValue(value) => Attribute::String(value.clone()),
        Value::BytesValue(value) => Attribute::Bytes(value.clone()),
        Value::ArrayValue(array) => {
            Attribute::Array(array.values.iter().filter_map(attribute).collect())
        }
        Value::KvlistValue(list) => Attribute::Map(attributes(&list.values)),
        Value::StringValueStrindex(_) => return None,
    })
}

fn span_id(bytes: &[u8]) -> Option<String> {
    SpanId::from_bytes(bytes).map(|id| id.to_string())
}

fn trace_id(bytes: &[u8]) -> Option<String> {
    TraceId::from_bytes(bytes).map(|id| id.to_string())
}
