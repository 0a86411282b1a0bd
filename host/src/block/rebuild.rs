//! A trace as it was sent, from its columns.

use std::sync::Arc;

use hashbrown::HashMap;
use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};
use prost::Message;

use super::{
    AttributeScope, Block, BlockError, NONE,
    attribute::kind,
    gather::{PARENT_ID_EMPTY, PARENT_ID_KEPT, PARENT_ID_OF_ROW, PARENT_ID_OWN, VALUE_DEPTH_MAX},
    read::cached,
    section::{Section, Table},
    varint::unzigzag,
};
use crate::{
    clock::UnixNanos,
    trace::{Facts, ResourceRecord, ScopeRecord, SealedTrace, SentContext, SpanRecord},
};

impl Block {
    /// Rebuilds a trace whole: what was pushed, but for attribute keys given twice, of which the last
    /// counts.
    ///
    /// Decodes every column of the block, and keeps them: meant for a few traces, not for judging.
    ///
    /// # Errors
    ///
    /// [`BlockError::NoTrace`] where the block has no such trace.
    pub fn spans(&self, trace: u32) -> Result<SealedTrace, BlockError> {
        let at = trace as usize;
        let no_trace = || BlockError::NoTrace {
            block: self.meta.id,
            trace,
        };
        let trace_id = *self.trace_ids()?.get(at).ok_or_else(no_trace)?;
        let arrived_first = cell(self.sent(Section::ArrivedFirst)?, at);
        let arrived_after = cell(self.sent(Section::ArrivedLast)?, at);
        let mut rebuilder = Rebuilder::new(self)?;
        let mut spans = Vec::new();
        for row in self.span_rows(trace)? {
            spans.push(rebuilder.record(row as usize, &trace_id.0)?);
        }
        Ok(SealedTrace {
            trace_id,
            spans,
            facts: Facts(cell(self.facts()?, at)),
            arrived_first: UnixNanos(arrived_first),
            arrived_last: UnixNanos(arrived_first.wrapping_add(arrived_after)),
        })
    }

    /// Returns for each span the id of its parent as it was sent; zeros where it named none.
    pub fn parent_span_ids(&self) -> Result<&[[u8; 8]], BlockError> {
        cached(&self.cells.parent_span_ids, || {
            let forms = self.sent(Section::ParentIdForms)?;
            let own = self.span_ids()?;
            let mut kept = self.decode_ids::<8>(Section::ParentIds)?.into_iter();
            let mut ids = Vec::with_capacity(forms.len());
            for ((&form, &parent), own_id) in forms.iter().zip(self.parents()?).zip(own) {
                let id = match form {
                    PARENT_ID_EMPTY => Some([0; 8]),
                    PARENT_ID_OF_ROW => own.get(parent as usize).copied(),
                    PARENT_ID_OWN => Some(*own_id),
                    PARENT_ID_KEPT => kept.next(),
                    _ => None,
                };
                ids.push(id.ok_or_else(|| self.corrupt(Section::ParentIdForms))?);
            }
            Ok(ids)
        })
        .map(Vec::as_slice)
    }
}

/// What is shared between the spans of a trace while it is rebuilt.
struct Rebuilder<'a> {
    block: &'a Block,
    /// Each element belongs to one value: corrupt ones that share theirs end here.
    elements_left: usize,
    resources: HashMap<u32, Arc<ResourceRecord>>,
    scopes: HashMap<u32, Arc<ScopeRecord>>,
}

/// Returns the resources of a block.
pub(super) fn resources(block: &Block) -> Result<Vec<Arc<SentContext>>, BlockError> {
    let mut rebuilder = Rebuilder::new(block)?;
    (0..block.rows(Table::Resources)? as u32)
        .map(|number| Ok(SentContext::of_resource(rebuilder.resource(number)?.as_ref()).into()))
        .collect()
}

/// Returns the scopes of a block.
pub(super) fn scopes(block: &Block) -> Result<Vec<Arc<SentContext>>, BlockError> {
    let mut rebuilder = Rebuilder::new(block)?;
    (0..block.rows(Table::Scopes)? as u32)
        .map(|number| Ok(SentContext::of_scope(rebuilder.scope(number)?.as_ref()).into()))
        .collect()
}

impl<'a> Rebuilder<'a> {
    fn new(block: &'a Block) -> Result<Self, BlockError> {
        Ok(Self {
            block,
            elements_left: block.rows(Table::Elements)?,
            resources: HashMap::default(),
            scopes: HashMap::default(),
        })
    }
}

impl Rebuilder<'_> {
    fn record(&mut self, row: usize, trace_id: &[u8]) -> Result<SpanRecord, BlockError> {
        let resource = cell(self.block.resources()?, row);
        let scope = cell(self.block.scopes()?, row);
        Ok(SpanRecord {
            span: self.span(row, trace_id)?,
            resource: self.resource(resource)?,
            scope: self.scope(scope)?,
        })
    }

    fn span(&mut self, row: usize, trace_id: &[u8]) -> Result<Span, BlockError> {
        let block = self.block;
        let parent_id = cell(block.parent_span_ids()?, row);
        let named = cell(block.sent(Section::ParentIdForms)?, row) != PARENT_ID_EMPTY;
        let mut events = Vec::new();
        for event in Block::range(block.event_ends()?, row) {
            events.push(self.event(event)?);
        }
        let mut links = Vec::new();
        for link in Block::range(block.link_ends()?, row) {
            links.push(self.link(link)?);
        }
        Ok(Span {
            trace_id: trace_id.to_vec(),
            span_id: cell(block.span_ids()?, row).to_vec(),
            trace_state: self.optional(Section::TraceStates, row)?,
            parent_span_id: if named {
                parent_id.to_vec()
            } else {
                Vec::new()
            },
            flags: self.sent(Section::Flags, row)? as u32,
            name: self.text(cell(block.names()?, row))?,
            kind: unzigzag(self.sent(Section::Kinds, row)?) as i32,
            start_time_unix_nano: cell(block.starts()?, row),
            end_time_unix_nano: self.end(row)?,
            attributes: self.attributes(AttributeScope::Span, row)?,
            dropped_attributes_count: self.sent(Section::DroppedAttributes, row)? as u32,
            events,
            dropped_events_count: self.sent(Section::DroppedEvents, row)? as u32,
            links,
            dropped_links_count: self.sent(Section::DroppedLinks, row)? as u32,
            status: self.status(row)?,
        })
    }

    fn end(&self, row: usize) -> Result<u64, BlockError> {
        let list = |section| self.block.u64s(section, || self.block.decode_list(section));
        let early = list(Section::EarlyEndRows)?.binary_search(&(row as u64));
        match early {
            Ok(at) => Ok(cell(list(Section::EarlyEnds)?, at)),
            Err(_) => Ok(cell(self.block.ends()?, row)),
        }
    }

    fn status(&self, row: usize) -> Result<Option<Status>, BlockError> {
        let message = self.optional(Section::StatusMessages, row)?;
        let number = self.sent(Section::Statuses, row)?;
        Ok(number.checked_sub(1).map(|code| Status {
            message,
            code: unzigzag(code) as i32,
        }))
    }

    fn event(&mut self, row: usize) -> Result<span::Event, BlockError> {
        Ok(span::Event {
            time_unix_nano: cell(self.block.event_times()?, row),
            name: self.text(cell(self.block.event_names()?, row))?,
            attributes: self.attributes(AttributeScope::Event, row)?,
            dropped_attributes_count: self.sent(Section::EventDroppedAttributes, row)? as u32,
        })
    }

    fn link(&mut self, row: usize) -> Result<span::Link, BlockError> {
        let trace_id = cell(self.block.link_trace_ids()?, row);
        let span_id = cell(self.block.link_span_ids()?, row);
        Ok(span::Link {
            trace_id: self.link_id(row * 2, &trace_id)?,
            span_id: self.link_id(row * 2 + 1, &span_id)?,
            trace_state: self.optional(Section::LinkTraceStates, row)?,
            attributes: self.attributes(AttributeScope::Link, row)?,
            dropped_attributes_count: self.sent(Section::LinkDroppedAttributes, row)? as u32,
            flags: self.sent(Section::LinkFlags, row)? as u32,
        })
    }

    fn link_id(&self, number: usize, id: &[u8]) -> Result<Vec<u8>, BlockError> {
        let list = |section| self.block.u64s(section, || self.block.decode_list(section));
        match list(Section::LinkOddIdRows)?.binary_search(&(number as u64)) {
            Ok(at) => {
                let blob = cell(list(Section::LinkOddIds)?, at);
                Ok(self.block.blobs()?.get(blob as u32)?.to_vec())
            }
            Err(_) => Ok(id.to_vec()),
        }
    }

    fn resource(&mut self, number: u32) -> Result<Arc<ResourceRecord>, BlockError> {
        if let Some(resource) = self.resources.get(&number) {
            return Ok(Arc::clone(resource));
        }
        let row = number as usize;
        let refs = cell(self.block.symbols(Section::ResourceEntityRefs)?, row);
        let entity_refs = match refs {
            NONE => Vec::new(),
            refs => {
                let only_refs = Resource::decode(self.block.blobs()?.get(refs)?);
                let corrupt = |_| self.block.corrupt(Section::ResourceEntityRefs);
                only_refs.map_err(corrupt)?.entity_refs
            }
        };
        let resource = Arc::new(ResourceRecord {
            resource: Resource {
                attributes: self.attributes(AttributeScope::Resource, row)?,
                dropped_attributes_count: self.sent(Section::ResourceDroppedAttributes, row)?
                    as u32,
                entity_refs,
            },
            schema_url: self.optional(Section::ResourceSchemaUrls, row)?,
        });
        self.resources.insert(number, Arc::clone(&resource));
        Ok(resource)
    }

    fn scope(&mut self, number: u32) -> Result<Arc<ScopeRecord>, BlockError> {
        if let Some(scope) = self.scopes.get(&number) {
            return Ok(Arc::clone(scope));
        }
        let row = number as usize;
        let scope = Arc::new(ScopeRecord {
            scope: InstrumentationScope {
                name: self.optional(Section::ScopeNames, row)?,
                version: self.optional(Section::ScopeVersions, row)?,
                attributes: self.attributes(AttributeScope::Scope, row)?,
                dropped_attributes_count: self.sent(Section::ScopeDroppedAttributes, row)? as u32,
            },
            schema_url: self.optional(Section::ScopeSchemaUrls, row)?,
        });
        self.scopes.insert(number, Arc::clone(&scope));
        Ok(scope)
    }

    fn attributes(
        &mut self,
        scope: AttributeScope,
        row: usize,
    ) -> Result<Vec<KeyValue>, BlockError> {
        let block = self.block;
        let mut attributes = Vec::new();
        for &number in block.shapes(scope)?.of_row(row) {
            let column = block.attribute_numbered(scope, number as usize)?;
            let Some(found) = column.get(row as u32) else {
                return Err(block.corrupt(scope.shape_columns()));
            };
            attributes.push(KeyValue {
                key: block.attribute_key(scope, number as usize)?.to_owned(),
                value: self.value(found, 0)?,
                key_strindex: 0,
            });
        }
        Ok(attributes)
    }

    fn value(
        &mut self,
        (kind, value): (u8, u64),
        depth: u32,
    ) -> Result<Option<AnyValue>, BlockError> {
        let value = match kind {
            kind::EMPTY if value == kind::ABSENT => return Ok(None),
            kind::BOOL => Some(Value::BoolValue(value == 1)),
            kind::INT => Some(Value::IntValue(value as i64)),
            kind::DOUBLE => Some(Value::DoubleValue(f64::from_bits(value))),
            kind::STRING => Some(Value::StringValue(self.text(value as u32)?)),
            kind::BYTES => {
                let bytes = self.block.blobs()?.get(value as u32)?;
                Some(Value::BytesValue(bytes.to_vec()))
            }
            kind::ARRAY => {
                let mut values = Vec::new();
                for (_, value) in self.elements(value, depth)? {
                    values.push(value.unwrap_or_default());
                }
                Some(Value::ArrayValue(ArrayValue { values }))
            }
            kind::KVLIST => {
                let mut values = Vec::new();
                for (key, value) in self.elements(value, depth)? {
                    values.push(KeyValue {
                        key,
                        value,
                        key_strindex: 0,
                    });
                }
                Some(Value::KvlistValue(KeyValueList { values }))
            }
            _ => None,
        };
        Ok(Some(AnyValue { value }))
    }

    /// Returns the keys (empty for those of arrays) and values that an array or list holds.
    fn elements(
        &mut self,
        value: u64,
        depth: u32,
    ) -> Result<Vec<(String, Option<AnyValue>)>, BlockError> {
        let block = self.block;
        let corrupt = || block.corrupt(Section::ElementValues);
        let (first, count) = (
            (value >> 32) as usize,
            (value & u64::from(u32::MAX)) as usize,
        );
        self.elements_left = self.elements_left.checked_sub(count).ok_or_else(corrupt)?;
        if depth >= VALUE_DEPTH_MAX {
            return Err(corrupt());
        }
        let mut elements = Vec::with_capacity(count);
        for row in first..first + count {
            let key = match cell(block.element_keys()?, row) {
                NONE => String::new(),
                key => self.text(key)?,
            };
            let found = (
                cell(block.element_kinds()?, row),
                cell(block.element_values()?, row),
            );
            elements.push((key, self.value(found, depth + 1)?));
        }
        Ok(elements)
    }

    fn sent(&self, section: Section, row: usize) -> Result<u64, BlockError> {
        Ok(cell(self.block.sent(section)?, row))
    }

    fn optional(&self, section: Section, row: usize) -> Result<String, BlockError> {
        match cell(self.block.symbols(section)?, row) {
            NONE => Ok(String::new()),
            symbol => self.text(symbol),
        }
    }

    fn text(&self, symbol: u32) -> Result<String, BlockError> {
        Ok(self.block.strings()?.get(symbol)?.to_owned())
    }
}

/// Returns a cell. Columns have a cell for every row of their table, so the default is never met.
fn cell<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}
