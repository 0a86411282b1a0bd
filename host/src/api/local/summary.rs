//! A trace in a line: of one that was read, and of one in a block, of which only those columns are read that the line needs.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::{
    common::v1::any_value,
    trace::v1::{Status, status::StatusCode},
};

use crate::{
    api::wire::TraceSummary,
    block::{AttributeScope, Block, BlockError, kind},
    clock::UnixNanos,
    time::rfc3339,
    trace::{Facts, SealedTrace, SpanRecord},
};

/// Returns the line of a trace that was read.
pub(super) fn summary(trace: &SealedTrace) -> TraceSummary {
    let spans = || trace.spans.iter().map(|record| &record.span);
    let start = spans()
        .map(|span| span.start_time_unix_nano)
        .min()
        .unwrap_or(0);
    let end = spans()
        .map(|span| span.end_time_unix_nano.max(span.start_time_unix_nano))
        .max()
        .unwrap_or(0);
    // Spans are in order of start.
    let root = spans()
        .find(|span| span.parent_span_id.is_empty())
        .or_else(|| spans().next());
    let services: BTreeSet<&str> = trace.spans.iter().filter_map(service).collect();
    let failed = |status: &Option<Status>| {
        status
            .as_ref()
            .is_some_and(|status| status.code == StatusCode::Error as i32)
    };
    TraceSummary {
        trace_id: trace.trace_id.to_string(),
        start: rfc3339(UnixNanos(start)),
        duration_ns: end.saturating_sub(start),
        n_spans: trace.spans.len(),
        name: root.map_or_else(String::new, |root| root.name.clone()),
        services: services.into_iter().map(str::to_owned).collect(),
        n_errors: spans().filter(|span| failed(&span.status)).count(),
        missing: missing(trace.facts),
    }
}

/// Returns the line of a trace of a block. Columns are decoded whole and kept: for a page of traces, not for one of a
/// thousand blocks.
pub(super) fn summary_of(block: &Block, number: u32) -> Result<TraceSummary, BlockError> {
    let rows = block.span_rows(number)?;
    let rows = rows.start as usize..rows.end as usize;
    let at = number as usize;
    let starts = block.starts()?.get(rows.clone()).unwrap_or_default();
    let ends = block.ends()?.get(rows.clone()).unwrap_or_default();
    let start = starts.iter().copied().min().unwrap_or(0);
    let end = ends.iter().copied().max().unwrap_or(0);
    let parents = block.parent_span_ids()?.get(rows.clone());
    let mut parents = parents.unwrap_or_default().iter();
    // Spans are in order of start; zeros name no parent.
    let root = parents.position(|parent| *parent == [0; 8]).unwrap_or(0);
    let name = match block.names()?.get(rows.start + root) {
        Some(symbol) => block.name_text(*symbol)?.to_owned(),
        None => String::new(),
    };
    let codes = block.status_codes()?.get(rows.clone()).unwrap_or_default();
    let is_error = |code: &&u8| i32::from(**code) == StatusCode::Error as i32;
    let resources = block.resources()?.get(rows).unwrap_or_default();
    let trace_id = block.trace_ids()?.get(at).ok_or(BlockError::NoTrace {
        block: block.meta().id,
        trace: number,
    })?;
    let facts = block.facts()?.get(at).copied().unwrap_or_default();
    Ok(TraceSummary {
        trace_id: trace_id.to_string(),
        start: rfc3339(UnixNanos(start)),
        duration_ns: end.saturating_sub(start),
        n_spans: starts.len(),
        name,
        services: services(block, resources)?,
        n_errors: codes.iter().filter(is_error).count(),
        missing: missing(Facts(facts)),
    })
}

/// Returns the names of the services that resources are of, in order.
fn services(block: &Block, resources: &[u32]) -> Result<Vec<String>, BlockError> {
    let Some(column) = block.attribute(AttributeScope::Resource, "service.name")? else {
        return Ok(Vec::new());
    };
    let strings = block.strings()?;
    let resources: BTreeSet<u32> = resources.iter().copied().collect();
    let mut names = BTreeSet::new();
    for resource in resources {
        if let Some((kind::STRING, symbol)) = column.get(resource) {
            names.insert(strings.get(symbol as u32)?);
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Of an attribute given twice the last counts.
fn service(record: &SpanRecord) -> Option<&str> {
    let mut attributes = record.resource.resource.attributes.iter().rev();
    let service = attributes.find(|pair| pair.key == "service.name")?;
    match &service.value.as_ref()?.value {
        Some(any_value::Value::StringValue(name)) => Some(name),
        _ => None,
    }
}

fn missing(facts: Facts) -> Vec<String> {
    let names = [
        (Facts::CUT, "cut"),
        (Facts::PARENTS_MISSING, "parents_missing"),
        (Facts::ATTRIBUTES_DROPPED, "attributes_dropped"),
        (Facts::EVENTS_DROPPED, "events_dropped"),
        (Facts::LINKS_DROPPED, "links_dropped"),
        (Facts::FRAGMENT, "fragment"),
    ];
    let set = names.into_iter().filter(|(bit, _)| facts.0 & bit != 0);
    set.map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue},
        resource::v1::Resource,
        trace::v1::Span,
    };

    use super::*;
    use crate::{
        block::BlockBuilder,
        tenant::TenantId,
        trace::{ResourceRecord, ScopeRecord, TraceId},
    };

    fn record(trace: u8, id: u8, parent: u8, code: i32, service: &[&str]) -> SpanRecord {
        let name = |name: &&str| KeyValue {
            key: "service.name".to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue((*name).to_owned())),
            }),
            ..KeyValue::default()
        };
        let resource = Resource {
            attributes: service.iter().map(name).collect(),
            ..Resource::default()
        };
        SpanRecord {
            span: Span {
                trace_id: vec![trace; 16],
                span_id: vec![id; 8],
                parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
                name: format!("span {id}"),
                start_time_unix_nano: 1_000 + u64::from(id),
                // The third ends before it starts.
                end_time_unix_nano: if id == 3 { 7 } else { 2_000 - u64::from(id) },
                status: (code > 0).then(|| Status {
                    code,
                    ..Status::default()
                }),
                ..Span::default()
            },
            resource: Arc::new(ResourceRecord {
                resource,
                ..ResourceRecord::default()
            }),
            scope: Arc::new(ScopeRecord::default()),
        }
    }

    #[test]
    fn the_columns_of_a_block_say_what_the_traces_say() {
        let trace = |id: u8, facts: u8, spans: Vec<SpanRecord>| SealedTrace {
            trace_id: TraceId([id; 16]),
            spans,
            facts: Facts(facts),
            arrived_first: UnixNanos(1),
            arrived_last: UnixNanos(2),
        };
        let traces = [
            trace(1, 0, vec![record(1, 1, 0, 2, &["a"])]),
            trace(
                2,
                Facts::CUT | Facts::PARENTS_MISSING,
                vec![
                    record(2, 1, 9, 1, &["b", "c"]),
                    record(2, 2, 0, 2, &["a"]),
                    record(2, 3, 2, 3, &[]),
                    record(2, 4, 0, 2, &["a"]),
                ],
            ),
            trace(3, 0, vec![record(3, 5, 9, 0, &[])]),
        ];
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        for trace in &traces {
            builder.push(trace.clone());
        }
        let block = builder.finish().to_block();
        for (number, trace) in (0..).zip(&traces) {
            let line = summary_of(&block, number).unwrap();
            assert_eq!(line, summary(trace));
        }
        let line = summary_of(&block, 1).unwrap();
        assert_eq!((&*line.name, line.n_spans, line.n_errors), ("span 2", 4, 2));
        assert_eq!(line.services, ["a", "c"]);
        assert_eq!(line.missing, ["cut", "parents_missing"]);
        assert!(summary_of(&block, 3).is_err());
    }
}
