//! OTLP/JSON, as <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding> has it, into the protobuf messages.
//!
//! Ids are hexadecimal of either case; 64-bit integers are strings or numbers, as are all others; enumerations are
//! numbers or names; bytes are base64 of either alphabet; `null` is absence; unknown fields are passed over. An id that
//! is not hexadecimal spoils its span alone, which is then refused one by one. Where a span cannot be read,
//! [`salvage_json`] reads the others.
//!
//! Written by hand rather than derived: the derived reading of `opentelemetry-proto` refuses names of enumerations,
//! 64-bit numbers, and `null`.
//!
//! [`object`] is the way in which any message is read, [`messages`] says what each has, [`scalar`] reads what they hold.

use std::{borrow::Cow, cell::Cell};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::de::{DeserializeSeed, Error};

use super::{
    decode::DecodeError,
    limits::{REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX},
};

mod messages;
mod object;
mod scalar;
#[cfg(test)]
mod tests;

use object::Object;

/// Reads a request. `{}` is an empty one.
pub fn decode_json(text: &[u8]) -> Result<ExportTraceServiceRequest, DecodeError> {
    match read(text) {
        Ok(request) => Ok(request.otlp),
        Err(JsonError::TooMany(error)) => Err(error),
        Err(JsonError::Malformed { what, line, column }) => Err(DecodeError::Malformed {
            what: format!("{what}, line {line} column {column}"),
        }),
    }
}

/// A request, and what a file that should hold it can be told by.
#[derive(Debug)]
pub(super) struct JsonRequest {
    pub(super) otlp: ExportTraceServiceRequest,
    /// Whether it has `resourceSpans` at all.
    pub(super) has_resource_spans: bool,
    /// What else it holds, metrics or logs.
    pub(super) other_signal: Option<&'static str>,
}

/// Why a text is not a request.
#[derive(Debug)]
pub(super) enum JsonError {
    /// The place counts from 1.
    Malformed {
        what: String,
        line: usize,
        column: usize,
    },
    TooMany(DecodeError),
}

/// What is left of a request of which spans were left out.
#[derive(Debug, PartialEq)]
pub(super) struct SalvagedJson {
    pub(super) otlp: ExportTraceServiceRequest,
    /// How many spans cannot be read.
    pub(super) n_unreadable: u64,
}

/// Reads a request each of whose spans is a text of its own; `None` where that cannot be read either, or no span is left.
///
/// Spans alone may be nested to the depth that `serde_json` has for a whole request. What is then too deep for protobuf
/// is refused where that is walked.
pub(super) fn salvage_json(text: &[u8]) -> Result<Option<SalvagedJson>, DecodeError> {
    let text = escaped(text);
    let budget = Budget {
        unreadable: Some(Cell::new(0)),
        ..Budget::default()
    };
    let otlp = match read_within(text.as_bytes(), &budget) {
        Ok(request) => request.otlp,
        Err(JsonError::TooMany(error)) => return Err(error),
        Err(JsonError::Malformed { .. }) => return Ok(None),
    };
    let mut scopes = otlp.resource_spans.iter().flat_map(|r| &r.scope_spans);
    let is_left = scopes.any(|scope| !scope.spans.is_empty());
    Ok(is_left.then(|| SalvagedJson {
        n_unreadable: budget.unreadable.map_or(0, Cell::into_inner),
        otlp,
    }))
}

/// Writes what is not UTF-8 as half of a surrogate pair: a text may be passed over with it, and not be read.
///
/// Takes at most four times the memory of what it is given.
fn escaped(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(text) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    let mut is_after_escape = false;
    for chunk in text.utf8_chunks() {
        escaped.push_str(chunk.valid());
        is_after_escape &= chunk.valid().is_empty();
        if !chunk.invalid().is_empty() && !is_after_escape {
            escaped.push_str("\\ud800");
            is_after_escape = true;
        }
    }
    escaped.into()
}

pub(super) fn read(text: &[u8]) -> Result<JsonRequest, JsonError> {
    read_within(text, &Budget::default())
}

fn read_within(text: &[u8], budget: &Budget) -> Result<JsonRequest, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let request: Result<Option<messages::Root>, _> =
        Object::new(budget).deserialize(&mut deserializer);
    let request = request.and_then(|request| deserializer.end().map(|()| request));
    match (request, budget.over.take()) {
        (Ok(root), _) => Ok(root.unwrap_or_default().into()),
        (Err(_), Some(error)) => Err(JsonError::TooMany(error)),
        (Err(error), None) => {
            let (line, column) = (error.line(), error.column());
            let text = error.to_string();
            let place = format!(" at line {line} column {column}");
            let what = text.strip_suffix(&place).unwrap_or(&text).to_owned();
            Err(JsonError::Malformed { what, line, column })
        }
    }
}

/// What of a request may still come.
struct Budget {
    spans: Cell<usize>,
    items: Cell<usize>,
    over: Cell<Option<DecodeError>>,
    /// Spans that were left out; `None` where one that cannot be read is an error.
    unreadable: Option<Cell<u64>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            spans: Cell::new(REQUEST_SPANS_MAX),
            items: Cell::new(REQUEST_ITEMS_MAX),
            over: Cell::new(None),
            unreadable: None,
        }
    }
}

impl Budget {
    fn is_over(&self) -> bool {
        let over = self.over.take();
        let is_over = over.is_some();
        self.over.set(over);
        is_over
    }

    fn spend_span<E: Error>(&self) -> Result<(), E> {
        self.spend(&self.spans, "spans", REQUEST_SPANS_MAX)
    }

    fn spend_item<E: Error>(&self) -> Result<(), E> {
        self.spend(
            &self.items,
            "attributes, events and links",
            REQUEST_ITEMS_MAX,
        )
    }

    fn spend<E: Error>(&self, of: &Cell<usize>, what: &'static str, max: usize) -> Result<(), E> {
        if let Some(left) = of.get().checked_sub(1) {
            of.set(left);
            return Ok(());
        }
        self.over.set(Some(DecodeError::TooMany { what, max }));
        Err(E::custom(what))
    }
}
