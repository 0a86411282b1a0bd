//! The fields of each message.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{
        AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
        any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};
use serde::de::{Error, MapAccess};

use super::{
    Budget, JsonRequest,
    object::{Fields, Next},
    scalar::{bytes, double, enumeration, id, integer},
};

/// The request itself.
#[derive(Default)]
pub(super) struct Root {
    resource_spans: Option<Vec<ResourceSpans>>,
    other_signal: Option<&'static str>,
}

impl From<Root> for JsonRequest {
    fn from(root: Root) -> Self {
        Self {
            has_resource_spans: root.resource_spans.is_some(),
            other_signal: root.other_signal,
            otlp: ExportTraceServiceRequest {
                resource_spans: root.resource_spans.unwrap_or_default(),
            },
        }
    }
}

impl Fields for Root {
    const NAME: &'static str = "a trace request";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "resourceSpans" => self
                .resource_spans
                .get_or_insert_default()
                .extend(next.list()?),
            "resourceMetrics" => {
                self.other_signal = Some("metrics");
                return Ok(false);
            }
            "resourceLogs" => {
                self.other_signal = Some("logs");
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for ResourceSpans {
    const NAME: &'static str = "ResourceSpans";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "resource" => self.resource = next.object()?,
            "scopeSpans" => self.scope_spans.extend(next.list()?),
            "schemaUrl" => self.schema_url = next.string()?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for ScopeSpans {
    const NAME: &'static str = "ScopeSpans";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "scope" => self.scope = next.object()?,
            "spans" => self.spans.extend(next.list()?),
            "schemaUrl" => self.schema_url = next.string()?.unwrap_or_default(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Resource {
    const NAME: &'static str = "a Resource";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "attributes" => self.attributes.extend(next.list()?),
            "droppedAttributesCount" => read_integer(&mut self.dropped_attributes_count, next)?,
            "entityRefs" => self.entity_refs.extend(next.list()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for EntityRef {
    const NAME: &'static str = "an EntityRef";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "schemaUrl" => self.schema_url = next.string()?.unwrap_or_default(),
            "type" => self.r#type = next.string()?.unwrap_or_default(),
            "idKeys" => self.id_keys = next.map.next_value()?,
            "descriptionKeys" => self.description_keys = next.map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for InstrumentationScope {
    const NAME: &'static str = "an InstrumentationScope";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "name" => self.name = next.string()?.unwrap_or_default(),
            "version" => self.version = next.string()?.unwrap_or_default(),
            "attributes" => self.attributes.extend(next.list()?),
            "droppedAttributesCount" => read_integer(&mut self.dropped_attributes_count, next)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Span {
    const NAME: &'static str = "a Span";

    fn spend<E: Error>(budget: &Budget) -> Result<(), E> {
        budget.spend_span()
    }

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "traceId" => self.trace_id = id(next.map)?,
            "spanId" => self.span_id = id(next.map)?,
            "traceState" => self.trace_state = next.string()?.unwrap_or_default(),
            "parentSpanId" => self.parent_span_id = id(next.map)?,
            "flags" => read_integer(&mut self.flags, next)?,
            "name" => self.name = next.string()?.unwrap_or_default(),
            "kind" => {
                let number_of = |name: &str| SpanKind::from_str_name(name).map(|kind| kind as i32);
                self.kind = enumeration(next.map, number_of)?;
            }
            "startTimeUnixNano" => read_integer(&mut self.start_time_unix_nano, next)?,
            "endTimeUnixNano" => read_integer(&mut self.end_time_unix_nano, next)?,
            "attributes" => self.attributes.extend(next.list()?),
            "droppedAttributesCount" => read_integer(&mut self.dropped_attributes_count, next)?,
            "events" => self.events.extend(next.list()?),
            "droppedEventsCount" => read_integer(&mut self.dropped_events_count, next)?,
            "links" => self.links.extend(next.list()?),
            "droppedLinksCount" => read_integer(&mut self.dropped_links_count, next)?,
            "status" => self.status = next.object()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Status {
    const NAME: &'static str = "a Status";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "message" => self.message = next.string()?.unwrap_or_default(),
            "code" => {
                let number_of =
                    |name: &str| StatusCode::from_str_name(name).map(|code| code as i32);
                self.code = enumeration(next.map, number_of)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Event {
    const NAME: &'static str = "an Event";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "timeUnixNano" => read_integer(&mut self.time_unix_nano, next)?,
            "name" => self.name = next.string()?.unwrap_or_default(),
            "attributes" => self.attributes.extend(next.list()?),
            "droppedAttributesCount" => read_integer(&mut self.dropped_attributes_count, next)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Link {
    const NAME: &'static str = "a Link";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "traceId" => self.trace_id = id(next.map)?,
            "spanId" => self.span_id = id(next.map)?,
            "traceState" => self.trace_state = next.string()?.unwrap_or_default(),
            "attributes" => self.attributes.extend(next.list()?),
            "droppedAttributesCount" => read_integer(&mut self.dropped_attributes_count, next)?,
            "flags" => read_integer(&mut self.flags, next)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for KeyValue {
    const NAME: &'static str = "a KeyValue";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "key" => self.key = next.string()?.unwrap_or_default(),
            "value" => self.value = next.object()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for AnyValue {
    const NAME: &'static str = "an AnyValue";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        self.value = match key {
            "stringValue" => next.string()?.map(Value::StringValue),
            "boolValue" => next.map.next_value::<Option<bool>>()?.map(Value::BoolValue),
            "intValue" => integer(next.map)?.map(Value::IntValue),
            "doubleValue" => double(next.map)?.map(Value::DoubleValue),
            "arrayValue" => next.object()?.map(Value::ArrayValue),
            "kvlistValue" => next.object()?.map(Value::KvlistValue),
            "bytesValue" => bytes(next.map)?.map(Value::BytesValue),
            _ => return Ok(false),
        };
        Ok(true)
    }
}

impl Fields for ArrayValue {
    const NAME: &'static str = "an ArrayValue";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "values" => self.values.extend(next.list()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for KeyValueList {
    const NAME: &'static str = "a KeyValueList";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error> {
        match key {
            "values" => self.values.extend(next.list()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Reads an integer into a field; `null` leaves it.
fn read_integer<'de, A, T>(field: &mut T, next: &mut Next<'_, A>) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    T: TryFrom<i128>,
{
    if let Some(value) = integer(next.map)? {
        *field = value;
    }
    Ok(())
}
