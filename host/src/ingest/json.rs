//! OTLP/JSON, as <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding> has it, into the protobuf messages.
//!
//! Ids are hexadecimal of either case; 64-bit integers are strings or numbers, as are all others; enumerations are
//! numbers or names; bytes are base64 of either alphabet; `null` is absence; unknown fields are passed over. An id that
//! is not hexadecimal spoils its span alone, which is then refused one by one. Of a key that stands twice in an object,
//! which JSON advises against (RFC 8259, section 4), the last counts; a message is not merged with the one before, as in
//! protobuf, and lists follow one another, as there. Where a part of a request cannot be read,
//! [`salvage_json`] reads the others.
//!
//! Written by hand rather than derived: the derived reading of `opentelemetry-proto` refuses names of enumerations,
//! 64-bit numbers, and `null`.
//!
//! [`object`] is the way in which any message is read, [`messages`] says what each has, [`scalar`] reads what they hold.

use std::cell::Cell;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde::de::{DeserializeSeed, Error};

use super::{
    decode::DecodeError,
    limits::{REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX},
    reject::shortened,
};

mod messages;
mod object;
mod salvage;
mod scalar;
#[cfg(test)]
mod tests;

use object::Object;
pub(super) use salvage::salvage_json;

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

pub(super) fn read(text: &[u8]) -> Result<JsonRequest, JsonError> {
    let budget = Budget::default();
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let request: Result<Option<messages::Root>, _> =
        Object::new(&budget).deserialize(&mut deserializer);
    let request = request.and_then(|request| deserializer.end().map(|()| request));
    match (request, budget.over.take()) {
        (Ok(root), _) => Ok(root.unwrap_or_default().into()),
        (Err(_), Some(error)) => Err(JsonError::TooMany(error)),
        (Err(error), None) => {
            let (line, column) = (error.line(), error.column());
            let what = shortened(words(&error));
            Err(JsonError::Malformed { what, line, column })
        }
    }
}

/// Returns what is wrong without its place.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let words = text.strip_suffix(&place).unwrap_or(&text);
    words.to_owned()
}

/// What of a request may still come.
struct Budget {
    spans: Cell<usize>,
    items: Cell<usize>,
    over: Cell<Option<DecodeError>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            spans: Cell::new(REQUEST_SPANS_MAX),
            items: Cell::new(REQUEST_ITEMS_MAX),
            over: Cell::new(None),
        }
    }
}

impl Budget {
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
