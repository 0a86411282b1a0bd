//! Traces of tests, as they are written.

use crate::{
    span::{Kind, Status},
    trace::Facts,
};

/// A trace of a test.
#[derive(Clone, Debug)]
pub struct TraceSpec {
    pub(super) spans: Vec<SpanSpec>,
}

/// A span of a test. It begins with its trace, takes no time and is a root, unless it says otherwise.
#[derive(Clone, Debug)]
pub struct SpanSpec {
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) is_orphan: bool,
    pub(super) at_ns: u64,
    pub(super) for_ns: u64,
    pub(super) kind: Kind,
    pub(super) status: Status,
    pub(super) status_message: String,
    pub(super) attributes: Vec<(String, TestValue)>,
    pub(super) resource: Vec<(String, TestValue)>,
    pub(super) scope: (String, String, Vec<(String, TestValue)>),
    pub(super) events: Vec<EventSpec>,
    pub(super) links: Vec<LinkSpec>,
    pub(super) drops_attributes: bool,
}

/// An event of a test.
#[derive(Clone, Debug)]
pub struct EventSpec {
    pub(super) name: String,
    pub(super) at_ns: u64,
    pub(super) attributes: Vec<(String, TestValue)>,
}

/// A link of a test.
#[derive(Clone, Debug)]
pub struct LinkSpec {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) attributes: Vec<(String, TestValue)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum TestValue {
    /// A string.
    Text(String),
    /// An int.
    Int(i64),
    /// A double.
    Double(f64),
    /// A bool.
    Bool(bool),
    /// An array.
    Array(Vec<TestValue>),
}

/// Begins a span.
pub fn span(name: &str) -> SpanSpec {
    SpanSpec {
        name: name.to_owned(),
        label: None,
        parent: None,
        is_orphan: false,
        at_ns: 0,
        for_ns: 0,
        kind: Kind::Internal,
        status: Status::Unset,
        status_message: String::new(),
        attributes: Vec::new(),
        resource: Vec::new(),
        scope: (String::new(), String::new(), Vec::new()),
        events: Vec::new(),
        links: Vec::new(),
        drops_attributes: false,
    }
}

/// Begins an event.
pub fn event(name: &str) -> EventSpec {
    EventSpec {
        name: name.to_owned(),
        at_ns: 0,
        attributes: Vec::new(),
    }
}

/// Begins a link; ids in lower-case hexadecimal, of 32 and 16 digits.
pub fn link(trace_id: &str, span_id: &str) -> LinkSpec {
    LinkSpec {
        trace_id: trace_id.to_owned(),
        span_id: span_id.to_owned(),
        attributes: Vec::new(),
    }
}

/// Makes a trace of spans.
///
/// # Panics
///
/// Where a span is the child of one that is not there, or its own ancestor.
pub fn trace(spans: impl IntoIterator<Item = SpanSpec>) -> TraceSpec {
    let trace = TraceSpec {
        spans: spans.into_iter().collect(),
    };
    for (place, span) in trace.spans.iter().enumerate() {
        if let Some(parent) = &span.parent
            && trace.parent_of(place).is_none()
        {
            panic!(
                "`{}` is a child of `{parent}`, and no span has that label: give it one by .id(\"{parent}\")",
                span.name
            );
        }
        let ancestors =
            std::iter::successors(trace.parent_of(place), |place| trace.parent_of(*place));
        assert!(
            ancestors
                .take(trace.spans.len())
                .all(|ancestor| ancestor != place),
            "`{}` is its own ancestor",
            span.name
        );
    }
    trace
}

impl SpanSpec {
    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<TestValue>) -> Self {
        self.attributes.push((key.to_owned(), value.into()));
        self
    }

    /// Sets an attribute of its resource.
    #[must_use]
    pub fn resource(mut self, key: &str, value: impl Into<TestValue>) -> Self {
        self.resource.push((key.to_owned(), value.into()));
        self
    }

    /// Sets its instrumentation scope.
    #[must_use]
    pub fn scope(mut self, name: &str, version: &str) -> Self {
        name.clone_into(&mut self.scope.0);
        version.clone_into(&mut self.scope.1);
        self
    }

    /// Sets an attribute of its instrumentation scope.
    #[must_use]
    pub fn scope_with(mut self, key: &str, value: impl Into<TestValue>) -> Self {
        self.scope.2.push((key.to_owned(), value.into()));
        self
    }

    /// Gives it a label, by which others are its children.
    #[must_use]
    pub fn id(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// Makes it a child of the span with a label.
    #[must_use]
    pub fn child_of(mut self, label: &str) -> Self {
        self.parent = Some(label.to_owned());
        self
    }

    /// Gives it a parent that is not in the trace: that makes the trace incomplete, unless the span is a server's or
    /// consumer's.
    #[must_use]
    pub fn orphan(mut self) -> Self {
        self.is_orphan = true;
        self
    }

    /// Lets it begin so many ms after its trace.
    #[must_use]
    pub fn at_ms(mut self, ms: u64) -> Self {
        self.at_ns = ms * 1_000_000;
        self
    }

    /// Lets it take so many ms.
    #[must_use]
    pub fn for_ms(mut self, ms: u64) -> Self {
        self.for_ns = ms * 1_000_000;
        self
    }

    /// Sets its kind, which is else `Internal`.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets its status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Lets it fail, with a message.
    #[must_use]
    pub fn failed(mut self, message: &str) -> Self {
        self.status = Status::Error;
        message.clone_into(&mut self.status_message);
        self
    }

    /// Adds an event.
    #[must_use]
    pub fn event(mut self, event: EventSpec) -> Self {
        self.events.push(event);
        self
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, link: LinkSpec) -> Self {
        self.links.push(link);
        self
    }

    /// Says that it had further attributes, which were dropped: that makes the trace incomplete.
    #[must_use]
    pub fn drops_attributes(mut self) -> Self {
        self.drops_attributes = true;
        self
    }
}

impl EventSpec {
    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<TestValue>) -> Self {
        self.attributes.push((key.to_owned(), value.into()));
        self
    }

    /// Lets it be so many ms after its trace began.
    #[must_use]
    pub fn at_ms(mut self, ms: u64) -> Self {
        self.at_ns = ms * 1_000_000;
        self
    }
}

impl LinkSpec {
    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<TestValue>) -> Self {
        self.attributes.push((key.to_owned(), value.into()));
        self
    }
}

impl TraceSpec {
    /// Returns the places of the spans in order of rows: by start, then by id, which are given out in order of place.
    pub(super) fn rows(&self) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.spans.len()).collect();
        rows.sort_by_key(|place| self.spans.get(*place).map(|span| span.at_ns));
        rows
    }

    pub(super) fn parent_of(&self, place: usize) -> Option<usize> {
        let parent = self.spans.get(place)?.parent.as_ref()?;
        let mut spans = self.spans.iter();
        spans.position(|span| span.label.as_ref() == Some(parent))
    }

    pub(super) fn facts(&self) -> Facts {
        let of_span = |span: &SpanSpec| {
            let begins = matches!(span.kind, Kind::Server | Kind::Consumer);
            let parents = if span.is_orphan && !begins {
                Facts::PARENTS_MISSING
            } else {
                Facts::COMPLETE
            };
            let attributes = if span.drops_attributes {
                Facts::ATTRIBUTES_DROPPED
            } else {
                Facts::COMPLETE
            };
            parents.and(attributes)
        };
        let facts = self.spans.iter().map(of_span);
        facts.fold(Facts::COMPLETE, Facts::and)
    }
}

impl From<&str> for TestValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for TestValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for TestValue {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<i32> for TestValue {
    fn from(int: i32) -> Self {
        Self::Int(i64::from(int))
    }
}

impl From<f64> for TestValue {
    fn from(double: f64) -> Self {
        Self::Double(double)
    }
}

impl From<bool> for TestValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<T: Into<TestValue>> From<Vec<T>> for TestValue {
    fn from(elements: Vec<T>) -> Self {
        Self::Array(elements.into_iter().map(Into::into).collect())
    }
}
