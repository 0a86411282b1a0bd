//! From sealed traces to columns of numbers: the first half of building a block.
//!
//! Walks the messages of the traces once, where they lie, and borrows their texts. What no field says is 0 or empty; of a
//! field that is given twice the last counts; unknown fields are passed over: as `prost` has it. Symbols are handed out in order of first sight;
//! encoding then ranks them. What a block does not keep: of an attribute key that is given twice, all
//! but the last; the string-table indices of the profiles signal, which OTLP says to read as absent.

mod attributes;
mod copy;
mod intern;

use std::{mem, sync::Arc};

use hashbrown::HashMap;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::{
    parents::{Kin, NO_PARENT, ParentFinder},
    section::{AttributeScope, Section},
    varint::zigzag,
};
use crate::{
    clock::UnixNanos,
    trace::{
        Facts, SentContext, SentSpan, SentTrace, TraceId,
        wire::{Wire, known_fields},
    },
};

pub(super) use attributes::{AttributeTable, Column, VALUE_DEPTH_MAX};
pub(super) use copy::Copying;
pub(super) use intern::Interner;

/// The forms of [`Section::ParentIdForms`].
pub(super) const PARENT_ID_EMPTY: u64 = 0;
pub(super) const PARENT_ID_OF_ROW: u64 = 1;
pub(super) const PARENT_ID_OWN: u64 = 2;
pub(super) const PARENT_ID_KEPT: u64 = 3;

/// What the block as a whole is told from.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceRow {
    pub(super) trace_id: TraceId,
    pub(super) n_spans: u32,
    /// That of its first span.
    pub(super) start: Option<u64>,
    pub(super) facts: Facts,
    pub(super) arrived_first: UnixNanos,
    pub(super) arrived_last: UnixNanos,
}

/// The columns of a block, before they are bytes.
pub(super) struct Gathered<'a> {
    /// In order of their ids.
    pub(super) traces: Vec<TraceRow>,
    /// By [`Section`], for the sections that are numbers or lists.
    pub(super) numbers: Vec<Vec<u64>>,
    /// By [`Section`], for the sections that are ids.
    pub(super) raw: Vec<Vec<u8>>,
    pub(super) attributes: [AttributeTable<'a>; AttributeScope::COUNT],
    pub(super) strings: Interner<'a>,
    pub(super) blobs: Interner<'a>,
    resources: Shared<'a>,
    scopes: Shared<'a>,
    parents: ParentFinder,
    parts: Parts<'a>,
}

/// Numbers what spans share: found by address, else by the bytes as sent, else by what these mean.
#[derive(Default)]
struct Shared<'a> {
    addresses: HashMap<usize, u32, foldhash::fast::FixedState>,
    as_sent: HashMap<(&'a [u8], &'a str), u32, foldhash::fast::FixedState>,
    contents: HashMap<(Vec<u8>, &'a str), u32, foldhash::fast::FixedState>,
}

/// The messages within a span. Scratch.
#[derive(Default)]
struct Parts<'a> {
    attributes: Vec<&'a [u8]>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
}

impl<'a> Gathered<'a> {
    pub(super) fn new() -> Self {
        Self {
            traces: Vec::new(),
            numbers: vec![Vec::new(); Section::COUNT],
            raw: vec![Vec::new(); Section::COUNT],
            attributes: Default::default(),
            strings: Interner::default(),
            blobs: Interner::default(),
            resources: Shared::default(),
            scopes: Shared::default(),
            parents: ParentFinder::default(),
            parts: Parts::default(),
        }
    }

    pub(super) fn push_trace(&mut self, trace: &'a SentTrace) {
        let start = trace.spans.first().map(|span| span.start_time_unix_nano);
        self.push_row(TraceRow {
            trace_id: trace.trace_id,
            n_spans: trace.spans.len() as u32,
            start,
            facts: trace.facts,
            arrived_first: trace.arrived_first,
            arrived_last: trace.arrived_last,
        });
        self.push_parents(&trace.spans);
        let mut before = start.unwrap_or_default();
        for span in &trace.spans {
            self.push_span(span, before);
            before = span.start_time_unix_nano;
            self.push_resource(&span.resource);
            self.push_scope(&span.scope);
        }
    }

    fn push_row(&mut self, trace: TraceRow) {
        let arrived_last = trace.arrived_last.0.wrapping_sub(trace.arrived_first.0);
        self.put_raw(Section::TraceIds, &trace.trace_id.0);
        self.put(Section::TraceSpans, u64::from(trace.n_spans));
        self.put(Section::Facts, u64::from(trace.facts.0));
        self.put(Section::TraceStarts, trace.start.unwrap_or_default());
        self.put(Section::ArrivedFirst, trace.arrived_first.0);
        self.put(Section::ArrivedLast, arrived_last);
        self.traces.push(trace);
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

    fn put_text(&mut self, section: Section, text: &'a [u8]) {
        let number = self.strings.intern(text);
        self.put(section, u64::from(number));
    }

    /// Puts a text of which 0 says that it is empty.
    fn put_optional(&mut self, section: Section, text: &'a [u8]) {
        let number = match text {
            [] => 0,
            text => u64::from(self.strings.intern(text)) + 1,
        };
        self.put(section, number);
    }

    fn len(&self, section: Section) -> usize {
        self.numbers.get(section as usize).map_or(0, Vec::len)
    }

    fn push_parents(&mut self, spans: &[SentSpan]) {
        let mut finder = mem::take(&mut self.parents);
        let parents = finder.find(spans.iter().map(|span| Kin {
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            kind: span.kind,
        }));
        for (index, (span, &parent)) in spans.iter().zip(parents).enumerate() {
            let distance = match parent {
                NO_PARENT => 0,
                parent => zigzag(index as i64 - i64::from(parent)),
            };
            self.put(Section::Parents, distance);
            let id_of_row = spans.get(parent as usize).map(|row| row.span_id);
            let form = match span.parent_span_id {
                None => PARENT_ID_EMPTY,
                id if id == id_of_row => PARENT_ID_OF_ROW,
                Some(id) if id == span.span_id => PARENT_ID_OWN,
                Some(id) => {
                    self.put_raw(Section::ParentIds, &id.0);
                    PARENT_ID_KEPT
                }
            };
            self.put(Section::ParentIdForms, form);
        }
        self.parents = finder;
    }

    fn push_span(&mut self, span: &'a SentSpan, before: u64) {
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        if end < start {
            let row = self.len(Section::Durations) as u64;
            self.put(Section::EarlyEndRows, row);
            self.put(Section::EarlyEnds, end);
        }
        self.put_raw(Section::SpanIds, &span.span_id.0);
        self.put(Section::Kinds, zigzag(i64::from(span.kind)));
        self.put(Section::Starts, start.wrapping_sub(before));
        self.put(Section::Durations, end.saturating_sub(start));
        let mut parts = mem::take(&mut self.parts);
        let mut status = None;
        let (mut trace_state, mut name): (&[u8], &[u8]) = (&[], &[]);
        let (mut flags, [mut attributes, mut events, mut links]) = (0, [0; 3]);
        for field in known_fields(&span.message) {
            match field {
                (3, Wire::Bytes(text)) => trace_state = text,
                (5, Wire::Bytes(text)) => name = text,
                (9, Wire::Bytes(message)) => parts.attributes.push(message),
                (10, Wire::Varint(count)) => attributes = count as u32,
                (11, Wire::Bytes(message)) => parts.events.push(message),
                (12, Wire::Varint(count)) => events = count as u32,
                (13, Wire::Bytes(message)) => parts.links.push(message),
                (14, Wire::Varint(count)) => links = count as u32,
                (15, Wire::Bytes(message)) => status = Some(message),
                (16, Wire::Fixed32(bits)) => flags = bits,
                _ => {}
            }
        }
        self.put_text(Section::Names, name);
        self.put(Section::Flags, u64::from(flags));
        self.put(Section::DroppedAttributes, u64::from(attributes));
        self.put(Section::DroppedEvents, u64::from(events));
        self.put(Section::DroppedLinks, u64::from(links));
        self.put(Section::SpanEvents, parts.events.len() as u64);
        self.put(Section::SpanLinks, parts.links.len() as u64);
        self.put_optional(Section::TraceStates, trace_state);
        self.push_status(status);
        self.push_attributes(AttributeScope::Span, &mut parts.attributes);
        for event in parts.events.drain(..) {
            self.push_event(event, start, &mut parts.attributes);
        }
        for link in parts.links.drain(..) {
            self.push_link(link, &mut parts.attributes);
        }
        self.parts = parts;
    }

    fn push_status(&mut self, status: Option<&'a [u8]>) {
        let (mut code, mut text): (i32, &[u8]) = (0, &[]);
        for field in status.into_iter().flat_map(known_fields) {
            match field {
                (2, Wire::Bytes(message)) => text = message,
                (3, Wire::Varint(number)) => code = number as i32,
                _ => {}
            }
        }
        let number = status.map_or(0, |_| zigzag(i64::from(code)) + 1);
        self.put(Section::Statuses, number);
        self.put_optional(Section::StatusMessages, text);
    }

    fn push_event(&mut self, event: &'a [u8], start: u64, attributes: &mut Vec<&'a [u8]>) {
        let (mut time, mut name, mut dropped): (u64, &[u8], u32) = (0, &[], 0);
        for field in known_fields(event) {
            match field {
                (1, Wire::Fixed64(nanos)) => time = nanos,
                (2, Wire::Bytes(text)) => name = text,
                (3, Wire::Bytes(message)) => attributes.push(message),
                (4, Wire::Varint(count)) => dropped = count as u32,
                _ => {}
            }
        }
        let since = zigzag(time.wrapping_sub(start) as i64);
        self.put(Section::EventTimes, since);
        self.put_text(Section::EventNames, name);
        self.put(Section::EventDroppedAttributes, u64::from(dropped));
        self.push_attributes(AttributeScope::Event, attributes);
    }

    fn push_link(&mut self, link: &'a [u8], attributes: &mut Vec<&'a [u8]>) {
        let [mut trace_id, mut span_id, mut trace_state]: [&[u8]; 3] = [&[]; 3];
        let (mut dropped, mut flags) = (0, 0);
        for field in known_fields(link) {
            match field {
                (1, Wire::Bytes(id)) => trace_id = id,
                (2, Wire::Bytes(id)) => span_id = id,
                (3, Wire::Bytes(text)) => trace_state = text,
                (4, Wire::Bytes(message)) => attributes.push(message),
                (5, Wire::Varint(count)) => dropped = count as u32,
                (6, Wire::Fixed32(bits)) => flags = bits,
                _ => {}
            }
        }
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
        self.put(Section::LinkFlags, u64::from(flags));
        self.put(Section::LinkDroppedAttributes, u64::from(dropped));
        self.put_optional(Section::LinkTraceStates, trace_state);
        self.push_attributes(AttributeScope::Link, attributes);
    }

    fn push_resource(&mut self, context: &'a Arc<SentContext>) {
        let canonical = |context: &SentContext| context.resource().encode_to_vec();
        let (number, first) = self.resources.number(context, canonical);
        self.put(Section::Resources, u64::from(number));
        if !first {
            return;
        }
        let mut attributes = Vec::new();
        let (mut dropped, mut has_refs) = (0, false);
        for field in known_fields(&context.message) {
            match field {
                (1, Wire::Bytes(message)) => attributes.push(message),
                (2, Wire::Varint(count)) => dropped = count as u32,
                (3, Wire::Bytes(_)) => has_refs = true,
                _ => {}
            }
        }
        let refs = if has_refs {
            let only_refs = Resource {
                entity_refs: context.resource().entity_refs,
                ..Resource::default()
            };
            u64::from(self.blobs.intern_owned(&only_refs.encode_to_vec())) + 1
        } else {
            0
        };
        self.put(Section::ResourceEntityRefs, refs);
        self.put(Section::ResourceDroppedAttributes, u64::from(dropped));
        self.put_optional(Section::ResourceSchemaUrls, context.schema_url.as_bytes());
        self.push_attributes(AttributeScope::Resource, &mut attributes);
    }

    fn push_scope(&mut self, context: &'a Arc<SentContext>) {
        let canonical = |context: &SentContext| context.scope().encode_to_vec();
        let (number, first) = self.scopes.number(context, canonical);
        self.put(Section::Scopes, u64::from(number));
        if !first {
            return;
        }
        let mut attributes = Vec::new();
        let (mut name, mut version, mut dropped): (&[u8], &[u8], u32) = (&[], &[], 0);
        for field in known_fields(&context.message) {
            match field {
                (1, Wire::Bytes(text)) => name = text,
                (2, Wire::Bytes(text)) => version = text,
                (3, Wire::Bytes(message)) => attributes.push(message),
                (4, Wire::Varint(count)) => dropped = count as u32,
                _ => {}
            }
        }
        self.put(Section::ScopeDroppedAttributes, u64::from(dropped));
        self.put_optional(Section::ScopeNames, name);
        self.put_optional(Section::ScopeVersions, version);
        self.put_optional(Section::ScopeSchemaUrls, context.schema_url.as_bytes());
        self.push_attributes(AttributeScope::Scope, &mut attributes);
    }
}

impl<'a> Shared<'a> {
    /// Returns the number of what is shared, and whether it is new.
    fn number(
        &mut self,
        context: &'a Arc<SentContext>,
        canonical: impl FnOnce(&SentContext) -> Vec<u8>,
    ) -> (u32, bool) {
        let address = Arc::as_ptr(context).addr();
        if let Some(&number) = self.addresses.get(&address) {
            return (number, false);
        }
        let next = self.contents.len() as u32;
        let sent = (&context.message[..], context.schema_url.as_str());
        let number = *self.as_sent.entry(sent).or_insert_with(|| {
            let content = (canonical(context), context.schema_url.as_str());
            *self.contents.entry(content).or_insert(next)
        });
        self.addresses.insert(address, number);
        (number, number == next)
    }
}

/// Returns an id, or zeros where it has another length: decoding lets no such span through, and of
/// links the odd ids are kept beside.
fn id_bytes<const N: usize>(id: &[u8]) -> [u8; N] {
    id.try_into().unwrap_or([0; N])
}
