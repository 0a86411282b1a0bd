//! From sealed traces to columns of numbers: the first half of building a block.
//!
//! Walks the traces once and borrows their texts. Symbols are handed out in order of first sight;
//! encoding then ranks them. What a block does not keep: of an attribute key that is given twice, all
//! but the last; the string-table indices of the profiles signal, which OTLP says to read as absent.

mod attributes;
mod intern;

use std::sync::Arc;

use hashbrown::HashMap;
use opentelemetry_proto::tonic::{
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};
use prost::Message;

use super::{
    parents::{NO_PARENT, ParentFinder},
    section::{AttributeScope, Section},
    varint::zigzag,
};
use crate::trace::{ResourceRecord, ScopeRecord, SealedTrace, SpanRecord};

pub(super) use attributes::{AttributeTable, Column, VALUE_DEPTH_MAX};
pub(super) use intern::Interner;

/// The forms of [`Section::ParentIdForms`].
pub(super) const PARENT_ID_EMPTY: u64 = 0;
pub(super) const PARENT_ID_OF_ROW: u64 = 1;
pub(super) const PARENT_ID_OWN: u64 = 2;
pub(super) const PARENT_ID_KEPT: u64 = 3;

/// The columns of a block, before they are bytes.
pub(super) struct Gathered<'a> {
    /// By [`Section`], for the sections that are numbers or lists.
    pub(super) numbers: Vec<Vec<u64>>,
    /// By [`Section`], for the sections that are ids.
    pub(super) raw: Vec<Vec<u8>>,
    pub(super) attributes: [AttributeTable<'a>; AttributeScope::COUNT],
    pub(super) strings: Interner<'a, str>,
    pub(super) blobs: Interner<'a, [u8]>,
    resources: Shared,
    scopes: Shared,
    parents: ParentFinder<'a>,
}

/// Numbers what spans share: found by address, else by content.
#[derive(Default)]
struct Shared {
    by_address: HashMap<usize, u32, foldhash::fast::FixedState>,
    by_content: HashMap<Vec<u8>, u32, foldhash::fast::FixedState>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new() -> Self {
        Self {
            numbers: vec![Vec::new(); Section::COUNT],
            raw: vec![Vec::new(); Section::COUNT],
            attributes: Default::default(),
            strings: Interner::default(),
            blobs: Interner::default(),
            resources: Shared::default(),
            scopes: Shared::default(),
            parents: ParentFinder::default(),
        }
    }

    pub(super) fn push_trace(&mut self, trace: &'a SealedTrace) {
        let start = trace.spans.first().map(|s| s.span.start_time_unix_nano);
        let arrived_last = trace.arrived_last.0.wrapping_sub(trace.arrived_first.0);
        self.put_raw(Section::TraceIds, &trace.trace_id.0);
        self.put(Section::TraceSpans, trace.spans.len() as u64);
        self.put(Section::Facts, u64::from(trace.facts.0));
        self.put(Section::TraceStarts, start.unwrap_or_default());
        self.put(Section::ArrivedFirst, trace.arrived_first.0);
        self.put(Section::ArrivedLast, arrived_last);
        self.push_parents(&trace.spans);
        let mut before = start.unwrap_or_default();
        for record in &trace.spans {
            self.push_span(&record.span, before);
            before = record.span.start_time_unix_nano;
            self.push_resource(&record.resource);
            self.push_scope(&record.scope);
        }
    }

    fn put(&mut self, section: Section, number: u64) {
        if let Some(column) = self.numbers.get_mut(section as usize) {
            column.push(number);
        }
    }

    fn put_raw(&mut self, section: Section, bytes: &[u8]) {
        if let Some(column) = self.raw.get_mut(section as usize) {
            column.extend_from_slice(bytes);
        }
    }

    /// Puts a text of which 0 says that it is empty.
    fn put_optional(&mut self, section: Section, text: &'a str) {
        let number = match text {
            "" => 0,
            text => u64::from(self.strings.intern(text)) + 1,
        };
        self.put(section, number);
    }

    fn len(&self, section: Section) -> usize {
        self.numbers.get(section as usize).map_or(0, Vec::len)
    }

    fn push_parents(&mut self, spans: &'a [SpanRecord]) {
        let mut finder = std::mem::take(&mut self.parents);
        let parents = finder.find(spans.iter().map(|record| &record.span));
        for (index, (record, &parent)) in spans.iter().zip(parents).enumerate() {
            let span = &record.span;
            let parent_id = spans.get(parent as usize).map(|p| &p.span.span_id);
            let distance = match parent {
                NO_PARENT => 0,
                parent => zigzag(index as i64 - i64::from(parent)),
            };
            self.put(Section::Parents, distance);
            let form = if span.parent_span_id.is_empty() {
                PARENT_ID_EMPTY
            } else if parent_id == Some(&span.parent_span_id) {
                PARENT_ID_OF_ROW
            } else if span.parent_span_id == span.span_id {
                PARENT_ID_OWN
            } else {
                self.put_raw(Section::ParentIds, &id_bytes::<8>(&span.parent_span_id));
                PARENT_ID_KEPT
            };
            self.put(Section::ParentIdForms, form);
        }
        self.parents = finder;
    }

    fn push_span(&mut self, span: &'a Span, before: u64) {
        let Span {
            trace_id: _,
            span_id,
            trace_state,
            parent_span_id: _,
            flags,
            name,
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes,
            dropped_attributes_count,
            events,
            dropped_events_count,
            links,
            dropped_links_count,
            status,
        } = span;
        if end < start {
            let row = self.len(Section::Durations) as u64;
            self.put(Section::EarlyEndRows, row);
            self.put(Section::EarlyEnds, *end);
        }
        let name = self.strings.intern(name);
        self.put_raw(Section::SpanIds, &id_bytes::<8>(span_id));
        self.put(Section::Names, u64::from(name));
        self.put(Section::Kinds, zigzag(i64::from(*kind)));
        self.put(Section::Starts, start.wrapping_sub(before));
        self.put(Section::Durations, end.saturating_sub(*start));
        self.put(Section::Flags, u64::from(*flags));
        self.put(
            Section::DroppedAttributes,
            u64::from(*dropped_attributes_count),
        );
        self.put(Section::DroppedEvents, u64::from(*dropped_events_count));
        self.put(Section::DroppedLinks, u64::from(*dropped_links_count));
        self.put(Section::SpanEvents, events.len() as u64);
        self.put(Section::SpanLinks, links.len() as u64);
        self.put_optional(Section::TraceStates, trace_state);
        self.push_status(status.as_ref());
        self.push_attributes(AttributeScope::Span, attributes);
        for event in events {
            self.push_event(event, *start);
        }
        for link in links {
            self.push_link(link);
        }
    }

    fn push_status(&mut self, status: Option<&'a Status>) {
        let (number, message) = match status {
            None => (0, ""),
            Some(Status { message, code }) => (zigzag(i64::from(*code)) + 1, message.as_str()),
        };
        self.put(Section::Statuses, number);
        self.put_optional(Section::StatusMessages, message);
    }

    fn push_event(&mut self, event: &'a span::Event, start: u64) {
        let span::Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        } = event;
        let since = zigzag(time_unix_nano.wrapping_sub(start) as i64);
        let name = self.strings.intern(name);
        self.put(Section::EventTimes, since);
        self.put(Section::EventNames, u64::from(name));
        self.put(
            Section::EventDroppedAttributes,
            u64::from(*dropped_attributes_count),
        );
        self.push_attributes(AttributeScope::Event, attributes);
    }

    fn push_link(&mut self, link: &'a span::Link) {
        let span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        } = link;
        let row = self.len(Section::LinkFlags) as u64;
        for (id, expected_bytes, number) in [(trace_id, 16, row * 2), (span_id, 8, row * 2 + 1)] {
            if id.len() != expected_bytes {
                let blob = self.blobs.intern(id);
                self.put(Section::LinkOddIdRows, number);
                self.put(Section::LinkOddIds, u64::from(blob));
            }
        }
        self.put_raw(Section::LinkTraceIds, &id_bytes::<16>(trace_id));
        self.put_raw(Section::LinkSpanIds, &id_bytes::<8>(span_id));
        self.put(Section::LinkFlags, u64::from(*flags));
        self.put(
            Section::LinkDroppedAttributes,
            u64::from(*dropped_attributes_count),
        );
        self.put_optional(Section::LinkTraceStates, trace_state);
        self.push_attributes(AttributeScope::Link, attributes);
    }

    fn push_resource(&mut self, record: &'a Arc<ResourceRecord>) {
        let address = Arc::as_ptr(record).addr();
        let ResourceRecord {
            resource,
            schema_url,
        } = record.as_ref();
        let content = || [resource.encode_to_vec(), schema_url.as_bytes().to_vec()];
        let (number, first) = self.resources.number(address, content);
        self.put(Section::Resources, u64::from(number));
        if first {
            let Resource {
                attributes,
                dropped_attributes_count,
                entity_refs,
            } = resource;
            let refs = match entity_refs.as_slice() {
                [] => 0,
                refs => {
                    let only_refs = Resource {
                        entity_refs: refs.to_vec(),
                        ..Resource::default()
                    };
                    u64::from(self.blobs.intern_owned(&only_refs.encode_to_vec())) + 1
                }
            };
            self.put(Section::ResourceEntityRefs, refs);
            self.put(
                Section::ResourceDroppedAttributes,
                u64::from(*dropped_attributes_count),
            );
            self.put_optional(Section::ResourceSchemaUrls, schema_url);
            self.push_attributes(AttributeScope::Resource, attributes);
        }
    }

    fn push_scope(&mut self, record: &'a Arc<ScopeRecord>) {
        let address = Arc::as_ptr(record).addr();
        let ScopeRecord { scope, schema_url } = record.as_ref();
        let content = || [scope.encode_to_vec(), schema_url.as_bytes().to_vec()];
        let (number, first) = self.scopes.number(address, content);
        self.put(Section::Scopes, u64::from(number));
        if first {
            self.put(
                Section::ScopeDroppedAttributes,
                u64::from(scope.dropped_attributes_count),
            );
            self.put_optional(Section::ScopeNames, &scope.name);
            self.put_optional(Section::ScopeVersions, &scope.version);
            self.put_optional(Section::ScopeSchemaUrls, schema_url);
            self.push_attributes(AttributeScope::Scope, &scope.attributes);
        }
    }
}

impl Shared {
    /// Returns the number of some content, and whether it is new. The parts' lengths are part of it.
    fn number(&mut self, address: usize, content: impl FnOnce() -> [Vec<u8>; 2]) -> (u32, bool) {
        if let Some(&number) = self.by_address.get(&address) {
            return (number, false);
        }
        let [mut content, tail] = content();
        content.extend_from_slice(&(content.len() as u64).to_le_bytes());
        content.extend_from_slice(&tail);
        let next = self.by_content.len() as u32;
        let number = *self.by_content.entry(content).or_insert(next);
        self.by_address.insert(address, number);
        (number, number == next)
    }
}

/// Returns an id, or zeros where it has another length: decoding lets no such span through, and of
/// links the odd ids are kept beside.
fn id_bytes<const N: usize>(id: &[u8]) -> [u8; N] {
    id.try_into().unwrap_or([0; N])
}
