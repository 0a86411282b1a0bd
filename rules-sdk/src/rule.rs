//! What a rule declares of itself. The attribute `rule` writes these; nobody else needs to.

use crate::{
    trace::{Facts, Trace},
    verdict::Verdict,
};

/// A rule, as its attribute declared it.
///
/// It is a value: `pack!` exports it, and `testing::judge` judges by it.
#[derive(Debug)]
pub struct Rule {
    /// Unique within a tenant.
    pub id: &'static str,
    /// The name under which a violation is reported.
    pub signal: &'static str,
    /// How grave a violation is.
    pub severity: Severity,
    /// What must hold, in a sentence; empty where the function has no documentation.
    pub summary: &'static str,
    /// What a violation says; empty: the summary.
    pub message: &'static [MessagePart],
    /// The controls that the rule gives evidence for.
    pub controls: &'static [&'static str],
    /// Free labels, key and value.
    pub labels: &'static [(&'static str, &'static str)],
    /// The names of the spans that it speaks of.
    pub names: &'static [&'static str],
    /// Whether it reads spans of other names too.
    pub all_spans: bool,
    /// A complete trace that lacks a span of every name of one of these groups is not judged.
    pub any_of: &'static [&'static [&'static str]],
    /// The verdict of a trace that `any_of` rules out.
    pub otherwise: Otherwise,
    /// The columns that it reads.
    pub reads: &'static [Read],
    /// The texts that it compares symbols with.
    pub literals: &'static [&'static str],
    /// Whether it answers for incomplete traces itself.
    pub facts: bool,
    /// The rule.
    pub judge: fn(Trace<'_>) -> Verdict,
}

/// How grave a violation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the contract")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// A part of a violation's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// Stands as it is.
    Text(&'static str),
    /// Is filled in by the host from the first witness of a name.
    Value {
        /// The name of the span; empty: the first witness.
        name: &'static str,
        /// The whole key of an attribute.
        key: &'static str,
    },
}

/// The verdict of a trace that is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as the verdicts")]
pub enum Otherwise {
    NotApplicable,
    Held,
}

/// One column that a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    /// What is asked about.
    pub source: Source,
    /// An attribute's whole key; else empty.
    pub key: &'static str,
    /// In which form.
    pub form: Form,
}

/// In which form a column is answered; see `record want` of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in the contract")]
pub enum Form {
    Declared,
    Symbol,
    Truth,
    Number,
    Text,
    Value,
}

/// What is asked about: the rows of the contract's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in the contract")]
pub enum Source {
    Name,
    Kind,
    Status,
    StatusMessage,
    Start,
    End,
    Duration,
    Id,
    ParentId,
    Parent,
    Children,
    Depth,
    SelfDuration,
    Attribute,
    SpanAttribute,
    ResourceAttribute,
    ScopeAttribute,
    ScopeName,
    ScopeVersion,
    EventEnds,
    EventName,
    EventTime,
    EventAttribute,
    LinkEnds,
    LinkTraceId,
    LinkSpanId,
    LinkAttribute,
}

impl Rule {
    /// Returns which missing parts bear on what the rule says, as the host has it: missing spans on every rule, the rest on
    /// those that read it.
    pub(crate) fn needs(&self) -> u8 {
        let spans = Facts::CUT.0 | Facts::PARENTS_MISSING.0 | Facts::FRAGMENT.0;
        let reads = self.reads.iter().map(|read| match read.source {
            Source::Attribute
            | Source::SpanAttribute
            | Source::ResourceAttribute
            | Source::ScopeAttribute => Facts::ATTRIBUTES_DROPPED.0,
            Source::EventAttribute => Facts::ATTRIBUTES_DROPPED.0 | Facts::EVENTS_DROPPED.0,
            Source::LinkAttribute => Facts::ATTRIBUTES_DROPPED.0 | Facts::LINKS_DROPPED.0,
            Source::EventEnds | Source::EventName | Source::EventTime => Facts::EVENTS_DROPPED.0,
            Source::LinkEnds | Source::LinkTraceId | Source::LinkSpanId => Facts::LINKS_DROPPED.0,
            Source::Name
            | Source::Kind
            | Source::Status
            | Source::StatusMessage
            | Source::Start
            | Source::End
            | Source::Duration
            | Source::Id
            | Source::ParentId
            | Source::Parent
            | Source::Children
            | Source::Depth
            | Source::SelfDuration
            | Source::ScopeName
            | Source::ScopeVersion => 0,
        });
        reads.fold(spans, |needs, bits| needs | bits)
    }
}

impl Form {
    /// Returns the contract's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Symbol => "symbol",
            Self::Truth => "truth",
            Self::Number => "number",
            Self::Text => "text",
            Self::Value => "value",
        }
    }
}

impl Source {
    /// Returns the contract's words for it: `what`, and `key` unless it is that of an attribute.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Name => ("span", "name"),
            Self::Kind => ("span", "kind"),
            Self::Status => ("span", "status"),
            Self::StatusMessage => ("span", "status-message"),
            Self::Start => ("span", "start"),
            Self::End => ("span", "end"),
            Self::Duration => ("span", "duration"),
            Self::Id => ("span", "id"),
            Self::ParentId => ("span", "parent-id"),
            Self::Parent => ("span", "parent"),
            Self::Children => ("span", "children"),
            Self::Depth => ("span", "depth"),
            Self::SelfDuration => ("span", "self-duration"),
            Self::Attribute => ("any.attribute", ""),
            Self::SpanAttribute => ("span.attribute", ""),
            Self::ResourceAttribute => ("resource.attribute", ""),
            Self::ScopeAttribute => ("scope.attribute", ""),
            Self::ScopeName => ("scope", "name"),
            Self::ScopeVersion => ("scope", "version"),
            Self::EventEnds => ("event", "ends"),
            Self::EventName => ("event", "name"),
            Self::EventTime => ("event", "time"),
            Self::EventAttribute => ("event.attribute", ""),
            Self::LinkEnds => ("link", "ends"),
            Self::LinkTraceId => ("link", "trace-id"),
            Self::LinkSpanId => ("link", "span-id"),
            Self::LinkAttribute => ("link.attribute", ""),
        }
    }
}

/// What an error in a test says.
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
impl Source {
    /// Returns the argument of the attribute `rule` that declares it.
    pub(crate) fn declared_by(self) -> &'static str {
        match self {
            Self::Name
            | Self::Kind
            | Self::Status
            | Self::StatusMessage
            | Self::Start
            | Self::End
            | Self::Duration
            | Self::Id
            | Self::ParentId
            | Self::Parent
            | Self::Children
            | Self::Depth
            | Self::SelfDuration
            | Self::ScopeName
            | Self::ScopeVersion
            | Self::EventEnds
            | Self::EventName
            | Self::EventTime
            | Self::LinkEnds
            | Self::LinkTraceId
            | Self::LinkSpanId => "reads",
            Self::Attribute => "attributes",
            Self::SpanAttribute => "span_attributes",
            Self::ResourceAttribute => "resource_attributes",
            Self::ScopeAttribute => "scope_attributes",
            Self::EventAttribute => "event_attributes",
            Self::LinkAttribute => "link_attributes",
        }
    }

    /// Returns the words of `reads` that declare what is no attribute; empty for an attribute.
    pub(crate) fn declared_as(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Kind => "kind",
            Self::Status => "status",
            Self::StatusMessage => "status_message",
            Self::Start => "start",
            Self::End => "end",
            Self::Duration => "duration",
            Self::Id => "id",
            Self::ParentId => "parent_id",
            Self::Parent => "parent",
            Self::Children => "children",
            Self::Depth => "depth",
            Self::SelfDuration => "self_duration",
            Self::ScopeName => "scope_name",
            Self::ScopeVersion => "scope_version",
            Self::EventEnds => "events",
            Self::EventName => "event_name",
            Self::EventTime => "event_time",
            Self::LinkEnds => "links",
            Self::LinkTraceId => "link_trace_id",
            Self::LinkSpanId => "link_span_id",
            Self::Attribute
            | Self::SpanAttribute
            | Self::ResourceAttribute
            | Self::ScopeAttribute
            | Self::EventAttribute
            | Self::LinkAttribute => "",
        }
    }
}
