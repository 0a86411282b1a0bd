//! The spans of a case, from TOML to OpenTelemetry's.

use std::{collections::HashMap, ops::Range, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{Span, Status, span::Event, span::Link, span::SpanKind, status::StatusCode},
};
use toml::de::{DeTable, DeValue};

use super::{
    file::{Reader, Value, Word},
    mistake::{Mistake, closest},
};
use crate::{
    clock::UnixNanos,
    time::DurationArg,
    trace::{ResourceRecord, ScopeRecord, SpanId, SpanRecord, TraceId},
};

mod values;

const SPAN_KEYS: [&str; 18] = [
    "id",
    "parent",
    "orphan",
    "name",
    "kind",
    "at",
    "for",
    "status",
    "status_message",
    "service",
    "attributes",
    "resource",
    "scope",
    "events",
    "links",
    "dropped_attributes",
    "dropped_events",
    "dropped_links",
];

/// All spans of a case are of this trace.
pub(super) const TRACE_ID: TraceId = TraceId([0xbe; 16]);

/// A span of a case.
#[derive(Debug)]
pub(super) struct TestSpan {
    /// What the case calls it.
    pub(super) id: String,
    /// The span.
    pub(super) record: SpanRecord,
}

/// A span whose parent is still a name.
struct Draft {
    id: Option<Word>,
    parent: Option<Word>,
    orphan: bool,
    record: SpanRecord,
}

/// Reads the spans of a case, in the order given.
pub(super) fn read<'a>(
    reader: &mut Reader<'a>,
    tables: Vec<(&DeTable<'a>, Range<usize>)>,
    start: UnixNanos,
) -> Vec<TestSpan> {
    let drafts: Vec<Draft> = tables
        .into_iter()
        .filter_map(|(table, range)| draft(reader, table, range, start))
        .collect();
    let ids = number(reader, &drafts);
    let mut spans = Vec::with_capacity(drafts.len());
    for (idx, draft) in drafts.into_iter().enumerate() {
        let own = draft
            .id
            .as_ref()
            .map_or_else(|| format!("#{}", idx + 1), |id| id.text.clone());
        let mut record = draft.record;
        let own_id = ids.get(&own).copied().unwrap_or_else(|| sequential(idx));
        record.span.span_id = own_id.0.to_vec();
        if let Some(parent) = &draft.parent {
            let parent_id = match ids.get(&parent.text) {
                Some(id) => *id,
                // A parent that is not there: any id that no span has.
                None => SpanId([0xff; 8]),
            };
            if !ids.contains_key(&parent.text) && !draft.orphan {
                reader.mistakes.push(no_parent(reader.text, parent, &ids));
            }
            record.span.parent_span_id = parent_id.0.to_vec();
        } else if draft.orphan {
            record.span.parent_span_id = vec![0xff; 8];
        }
        spans.push(TestSpan { id: own, record });
    }
    spans
}

/// Gives each span its id: the one that it names where that is 16 hexadecimal digits, else a number of its own.
fn number(reader: &mut Reader<'_>, drafts: &[Draft]) -> HashMap<String, SpanId> {
    let mut ids: HashMap<String, SpanId> = HashMap::new();
    for (idx, draft) in drafts.iter().enumerate() {
        let Some(word) = &draft.id else {
            continue;
        };
        let id = SpanId::from_hex(&word.text).unwrap_or_else(|| sequential(idx));
        if ids.insert(word.text.clone(), id).is_some() {
            let taken = |name: &str| {
                let same = |draft: &Draft| draft.id.as_ref().is_some_and(|id| id.text == name);
                drafts.iter().any(same)
            };
            // Among as many names as there are spans, and one more, one is free.
            let free = (2..=drafts.len() + 2)
                .map(|n| format!("{}-{n}", word.text))
                .find(|name| !taken(name));
            let message = format!("the id `{}` is used twice in this case", word.text);
            let mistake = Mistake::new(word.range.clone(), message).mend(
                word.range.clone(),
                format!("\"{}\"", free.unwrap_or_default()),
            );
            reader.mistakes.push(mistake);
        }
    }
    ids
}

/// Ids by place, so that spans that start together are in the order of the file.
fn sequential(idx: usize) -> SpanId {
    SpanId((idx as u64 + 1).to_be_bytes())
}

fn no_parent(text: &str, parent: &Word, ids: &HashMap<String, SpanId>) -> Mistake {
    let message = format!("no span of this case has the id `{}`", parent.text);
    let mut known: Vec<&str> = ids.keys().map(String::as_str).collect();
    known.sort_unstable();
    let mistake = Mistake::new(parent.range.clone(), message);
    if let Some(meant) = closest(&parent.text, known) {
        return mistake.mend(parent.range.clone(), format!("\"{meant}\""));
    }
    let written = text.get(parent.range.clone()).unwrap_or_default();
    let mended = format!("{written}, orphan = true");
    mistake
        .help("where the parent is meant to be missing, say so")
        .mend(parent.range.clone(), mended)
}

fn draft<'a>(
    reader: &mut Reader<'a>,
    table: &DeTable<'a>,
    range: Range<usize>,
    start: UnixNanos,
) -> Option<Draft> {
    reader.keys(table, &SPAN_KEYS, "a span");
    let Some(name) = table.get("name") else {
        reader
            .mistakes
            .push(Mistake::new(range, "a span needs a name").help("add name = \"…\""));
        return None;
    };
    let name = reader.word(name, "name")?;
    let word = |reader: &mut Reader<'a>, key: &str| {
        table.get(key).and_then(|value| reader.word(value, key))
    };
    let at = reader.duration(table.get("at"), "at")?;
    let length = reader.duration(table.get("for"), "for")?;
    let began = start.0.saturating_add(at);
    let mut resource = table
        .get("resource")
        .map_or_else(Vec::new, |value| reader.attributes(value));
    if let Some(service) = word(reader, "service") {
        resource.push(text_attribute("service.name", service.text));
    }
    let span = Span {
        trace_id: TRACE_ID.0.to_vec(),
        name: name.text,
        kind: reader.kind(table.get("kind"))? as i32,
        start_time_unix_nano: began,
        end_time_unix_nano: began.saturating_add(length),
        attributes: table
            .get("attributes")
            .map_or_else(Vec::new, |value| reader.attributes(value)),
        events: reader.events(table.get("events"), start, began),
        links: reader.links(table.get("links")),
        dropped_attributes_count: reader.count(table.get("dropped_attributes"))?,
        dropped_events_count: reader.count(table.get("dropped_events"))?,
        dropped_links_count: reader.count(table.get("dropped_links"))?,
        status: Some(Status {
            code: reader.status(table.get("status"))? as i32,
            message: word(reader, "status_message").map_or_else(String::new, |word| word.text),
        }),
        ..Span::default()
    };
    Some(Draft {
        id: word(reader, "id"),
        parent: word(reader, "parent"),
        orphan: reader.truth(table.get("orphan"))?,
        record: SpanRecord {
            span,
            resource: Arc::new(ResourceRecord {
                resource: Resource {
                    attributes: resource,
                    ..Resource::default()
                },
                schema_url: String::new(),
            }),
            scope: Arc::new(ScopeRecord {
                scope: reader.scope(table.get("scope")),
                schema_url: String::new(),
            }),
        },
    })
}

fn text_attribute(key: &str, text: String) -> KeyValue {
    attribute(key, any_value::Value::StringValue(text))
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
