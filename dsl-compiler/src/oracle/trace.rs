//! What the oracle is shown: a trace as a test writes it down.

use super::tree;

/// A trace as the host seals it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Its spans, in order of start, then id, then content.
    pub spans: Vec<Span>,
    /// What is known to be missing: the bits of `batch.facts`.
    pub facts: u8,
}

impl Trace {
    /// The parent of each span, as a position in `spans`: section 5 of the language.
    pub fn parents(&self) -> Vec<Option<usize>> {
        tree::parents(&self.spans)
    }
}

/// A span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: String,
    /// Its parent's id; `None` in a root.
    pub parent_id: Option<String>,
    /// `SpanKind` of OTLP.
    pub kind: u8,
    /// `StatusCode` of OTLP.
    pub status: u8,
    /// The status message; empty: none.
    pub status_message: String,
    /// Unix time in ns.
    pub start: u64,
    /// Unix time in ns, never before the start.
    pub end: u64,
    /// Its attributes, each key once.
    pub attributes: Vec<(String, Attribute)>,
    /// Its resource's attributes.
    pub resource: Vec<(String, Attribute)>,
    /// Its scope.
    pub scope: Scope,
    /// Its events, in the order in which it carries them.
    pub events: Vec<Event>,
    /// Its links, in the order in which it carries them.
    pub links: Vec<Link>,
}

/// An instrumentation scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// Its name; empty: none.
    pub name: String,
    /// Its version; empty: none.
    pub version: String,
    /// Its attributes.
    pub attributes: Vec<(String, Attribute)>,
}

/// Something that happened within a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Unix time in ns.
    pub time: u64,
    /// Its attributes, each key once.
    pub attributes: Vec<(String, Attribute)>,
}

/// A reference to another span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Link {
    /// The other's trace id in hexadecimal.
    pub trace_id: String,
    /// The other's span id in hexadecimal.
    pub span_id: String,
    /// Its attributes, each key once.
    pub attributes: Vec<(String, Attribute)>,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A string.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array.
    Array(Vec<Attribute>),
    /// A list of keys and values.
    Map(Vec<(String, Attribute)>),
}
