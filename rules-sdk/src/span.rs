//! A span, its events and its links, as a rule sees them.

use crate::{
    attributes::{Attributes, Symbol},
    rule::{Form, Source},
    trace::{Spans, Trace},
};

/// One span of a trace. Copies are free: it is a view.
///
/// What a rule did not declare is `None`, and an error in tests. Times are Unix times and lengths in ns.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub(crate) trace: Trace<'a>,
    pub(crate) row: u32,
}

impl PartialEq for Span<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl Eq for Span<'_> {}

/// The kind of a span; an unknown number is `Unspecified`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in OpenTelemetry")]
pub enum Kind {
    #[default]
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// The status of a span; an unknown number is `Unset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in OpenTelemetry")]
pub enum Status {
    #[default]
    Unset,
    Ok,
    Error,
}

/// Reads a text that is no attribute, by a read of that name.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $source:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(self) -> Option<&'a str> {
            self.intrinsic(Source::$source)
        }
    )*};
}

/// Reads a number of 64 bits, by a read.
macro_rules! longs {
    ($($(#[$doc:meta])* $name:ident: $source:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(self) -> Option<u64> {
            self.trace.view().long(Source::$source, self.row)
        }
    )*};
}

impl<'a> Span<'a> {
    texts! {
        /// Returns its name: `reads = [name]`. To ask for one name, declare it in `spans` and use [`Span::is`].
        name: Name;
        /// Returns its status message: `reads = [status_message]`.
        status_message: StatusMessage;
        /// Returns its id in lower-case hexadecimal: `reads = [id]`.
        id: Id;
        /// Returns the id of its parent: `reads = [parent_id]`.
        parent_id: ParentId;
        /// Returns the name of its instrumentation scope: `reads = [scope_name]`.
        scope_name: ScopeName;
        /// Returns the version of its instrumentation scope: `reads = [scope_version]`.
        scope_version: ScopeVersion;
    }

    longs! {
        /// Returns when it began, in ns: `reads = [start]`.
        start_ns: Start;
        /// Returns when it ended, in ns, never before it began: `reads = [end]`.
        end_ns: End;
        /// Returns how long it took, in ns: `reads = [duration]`.
        duration_ns: Duration;
        /// Returns how long none of its direct children took, in ns: `reads = [self_duration]`.
        self_duration_ns: SelfDuration;
    }

    /// Whether it has a name, which the rule declares in `spans`.
    #[inline]
    pub fn is(self, name: &'static str) -> bool {
        let number = self.trace.view().number_of(name);
        number == Some(self.trace.view().name_number(self.row))
    }

    /// Returns its kind: `reads = [kind]`.
    #[inline]
    pub fn kind(self) -> Option<Kind> {
        Some(match self.byte(Source::Kind)? {
            1 => Kind::Internal,
            2 => Kind::Server,
            3 => Kind::Client,
            4 => Kind::Producer,
            5 => Kind::Consumer,
            _ => Kind::Unspecified,
        })
    }

    /// Returns its status: `reads = [status]`.
    #[inline]
    pub fn status(self) -> Option<Status> {
        Some(match self.byte(Source::Status)? {
            1 => Status::Ok,
            2 => Status::Error,
            _ => Status::Unset,
        })
    }

    /// Returns its parent, where that is in the trace: `reads = [parent]`.
    #[inline]
    pub fn parent(self) -> Option<Span<'a>> {
        let view = self.trace.view();
        let row = view.word(Source::Parent, "", Form::Value, self.row)?;
        self.trace.span(row)
    }

    /// Returns its parent, the parent of that, and so on: `reads = [parent]`.
    pub fn ancestors(self) -> impl Iterator<Item = Span<'a>> + Clone {
        std::iter::successors(self.parent(), |span| span.parent())
    }

    /// Returns its direct children among [`Trace::spans`], in order of start: `reads = [parent]`. Costs a look at every span
    /// of the trace.
    pub fn children(self) -> impl Iterator<Item = Span<'a>> + Clone {
        let spans: Spans<'a> = self.trace.spans();
        spans.filter(move |span| span.parent() == Some(self))
    }

    /// Returns how many direct children it has: `reads = [children]`.
    #[inline]
    pub fn child_count(self) -> Option<u32> {
        let view = self.trace.view();
        view.word(Source::Children, "", Form::Value, self.row)
    }

    /// Returns how many ancestors it has: `reads = [depth]`.
    #[inline]
    pub fn depth(self) -> Option<u32> {
        let view = self.trace.view();
        view.word(Source::Depth, "", Form::Value, self.row)
    }

    /// Returns its attributes, and where it has none of a key its resource's: `attributes = ["key"]`.
    #[inline]
    pub fn attributes(self) -> Attributes<'a> {
        self.of(Source::Attribute)
    }

    /// Returns its own attributes alone: `span_attributes = ["key"]`.
    pub fn own(self) -> Attributes<'a> {
        self.of(Source::SpanAttribute)
    }

    /// Returns the attributes of its resource: `resource_attributes = ["key"]`.
    pub fn resource(self) -> Attributes<'a> {
        self.of(Source::ResourceAttribute)
    }

    /// Returns the attributes of its instrumentation scope: `scope_attributes = ["key"]`.
    pub fn scope(self) -> Attributes<'a> {
        self.of(Source::ScopeAttribute)
    }

    /// Returns its attribute of a key, else its resource's, where that is a string; declared as `"key"`.
    #[inline]
    pub fn text(self, key: &'static str) -> Option<&'a str> {
        self.attributes().text(key)
    }

    /// Returns what the attribute is compared by; declared as `"key" as symbol`. Sooner compared and put into sets
    /// than a text; an int has the symbol of its decimal.
    #[inline]
    pub fn symbol(self, key: &'static str) -> Option<Symbol> {
        self.attributes().symbol(key)
    }

    /// Whether the attribute is this text; declared as `"key" as symbol`, and the text in `literals`.
    #[inline]
    pub fn has(self, key: &'static str, literal: &'static str) -> bool {
        self.attributes().has(key, literal)
    }

    /// Returns the attribute where it is a number, or a string that is one; declared as `"key" as number`.
    #[inline]
    pub fn number(self, key: &'static str) -> Option<crate::Number> {
        self.attributes().number(key)
    }

    /// Returns the attribute where it is a bool, or the string `true` or `false`; declared as `"key" as truth`.
    #[inline]
    pub fn truth(self, key: &'static str) -> Option<bool> {
        self.attributes().truth(key)
    }

    /// Returns its events, in the order in which it carries them: `reads = [events]`.
    pub fn events(self) -> impl Iterator<Item = Event<'a>> + Clone {
        let rows = self.rows_of(Source::EventEnds);
        rows.map(move |row| Event { span: self, row })
    }

    /// Returns its links, in the order in which it carries them: `reads = [links]`.
    pub fn links(self) -> impl Iterator<Item = Link<'a>> + Clone {
        let rows = self.rows_of(Source::LinkEnds);
        rows.map(move |row| Link { span: self, row })
    }

    /// Returns the trace that it is in.
    pub fn trace(self) -> Trace<'a> {
        self.trace
    }

    pub(crate) fn row(self) -> u32 {
        self.row
    }

    #[inline]
    fn of(self, source: Source) -> Attributes<'a> {
        Attributes {
            view: self.trace.view(),
            source,
            row: self.row,
        }
    }

    fn byte(self, source: Source) -> Option<u8> {
        let view = self.trace.view();
        view.byte(source, "", Form::Value, self.row)
    }

    fn intrinsic(self, source: Source) -> Option<&'a str> {
        let view = self.trace.view();
        view.text(view.word(source, "", Form::Text, self.row)?)
    }

    /// Returns the rows of a child table, by the column of their ends.
    fn rows_of(self, ends: Source) -> std::ops::Range<u32> {
        let view = self.trace.view();
        let end = |row: u32| view.word(ends, "", Form::Value, row);
        let start = match self.row.checked_sub(1) {
            Some(before) => end(before).unwrap_or(0),
            None => 0,
        };
        start..end(self.row).unwrap_or(start)
    }
}

/// One event of a span.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    span: Span<'a>,
    row: u32,
}

impl<'a> Event<'a> {
    /// Returns its name: `reads = [event_name]`.
    pub fn name(self) -> Option<&'a str> {
        let view = self.span.trace.view();
        view.text(view.word(Source::EventName, "", Form::Text, self.row)?)
    }

    /// Returns when it was, in ns: `reads = [event_time]`.
    pub fn time_ns(self) -> Option<u64> {
        self.span.trace.view().long(Source::EventTime, self.row)
    }

    /// Returns its attributes: `event_attributes = ["key"]`.
    pub fn attributes(self) -> Attributes<'a> {
        Attributes {
            view: self.span.trace.view(),
            source: Source::EventAttribute,
            row: self.row,
        }
    }
}

/// One link of a span.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    span: Span<'a>,
    row: u32,
}

impl<'a> Link<'a> {
    /// Returns the id of the linked trace, in lower-case hexadecimal: `reads = [link_trace_id]`.
    pub fn trace_id(self) -> Option<&'a str> {
        let view = self.span.trace.view();
        view.text(view.word(Source::LinkTraceId, "", Form::Text, self.row)?)
    }

    /// Returns the id of the linked span, in lower-case hexadecimal: `reads = [link_span_id]`.
    pub fn span_id(self) -> Option<&'a str> {
        let view = self.span.trace.view();
        view.text(view.word(Source::LinkSpanId, "", Form::Text, self.row)?)
    }

    /// Returns its attributes: `link_attributes = ["key"]`.
    pub fn attributes(self) -> Attributes<'a> {
        Attributes {
            view: self.span.trace.view(),
            source: Source::LinkAttribute,
            row: self.row,
        }
    }
}
