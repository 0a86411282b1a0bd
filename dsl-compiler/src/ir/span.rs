//! Sets of spans, and the filters that they pass.

use super::{Compare, Expr, Number, Order, Term, Value};

/// The spans that belong to at least one of the parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SpanSet {
    pub(crate) parts: Vec<Part>,
}

/// The spans of a name, or all, that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Part {
    pub(crate) selector: Selector,
    pub(crate) filter: Filter,
}

/// Which spans a filter is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Selector {
    Name(String),
    Any,
}

/// A condition on one span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Filter {
    /// True where all are; so where there are none.
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
    /// It is true of at least one event, or link, of the span. Inside, fields of that table are read of the one at hand,
    /// and all else of the span. Where events (or links) were dropped, false becomes unknown.
    Some {
        table: Table,
        filter: Box<Filter>,
    },
}

/// What a span has several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Events,
    Links,
}

impl Filter {
    /// The filter that every span passes.
    pub(crate) fn is_trivial(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }
}

/// One comparison. Where a field of it is missing, it is false.
///
/// Of an incomplete trace, it is unknown where attributes were dropped and an attribute that it reads (of the span, an
/// event, a link or the left span) is missing, and where spans are missing and it reads `Children`, `Depth` or `SelfDuration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// The field is there.
    Exists(Field),
    /// The field equals one of the values; with `negated`, it is there and equals none.
    In {
        field: Field,
        values: Vec<Value>,
        negated: bool,
    },
    /// The field stands in this order to the value, a number or a text.
    Order {
        field: Field,
        op: Order,
        value: Value,
    },
    /// The field is a string that has this text somewhere.
    Text {
        field: Field,
        at: Place,
        text: String,
    },
    /// The field is a string with `text` in it, or an array with an element equal to `value`.
    Contains {
        field: Field,
        value: Value,
        text: String,
    },
    /// The field is a string that the pattern matches somewhere.
    Matches { field: Field, pattern: Pattern },
    /// As `Contains` of a text, but for case: the field is a string in which `string` matches, or an array with a string
    /// element that `element` matches.
    ContainsFolded {
        field: Field,
        string: Pattern,
        element: Pattern,
    },
    /// `contains`, `starts_with` or `ends_with` another field: both are strings and `left` has the text of `right` there;
    /// for `Anywhere` also: `left` is an array with an element that equals `right` as two fields are equal.
    TextFields {
        left: Field,
        at: Place,
        right: Field,
    },
    /// Two numbers, at least one of them computed, compared by mathematical value; false where one has no value.
    Compute {
        left: Expr<Term>,
        op: Compare,
        right: Expr<Term>,
    },
    /// Two fields are equal; with `negated`, both are there and differ.
    EqualFields {
        left: Field,
        right: Field,
        negated: bool,
    },
    OrderFields {
        left: Field,
        op: Order,
        right: Field,
    },
    /// A whole number that every span has, against a literal.
    Whole {
        left: Whole,
        op: Compare,
        value: Number,
    },
    /// The same against another of its kind.
    WholePair {
        left: Whole,
        op: Compare,
        right: Whole,
    },
}

/// A regular expression that was found good: syntax of the `regex` crate, Unicode, but `\b` in ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern(pub(crate) String);

/// Where in a string a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Start,
    Anywhere,
    End,
}

/// Something of a span that may be missing and has a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    Attribute {
        scope: Scope,
        key: String,
    },
    Intrinsic(TextIntrinsic),
    /// An attribute of the left span of a join, or of its resource where the span has none.
    Alias {
        key: String,
    },
}

impl Field {
    /// Whether it is an attribute, which may have been dropped and may hold anything.
    pub(crate) fn is_attribute(&self) -> bool {
        match self {
            Self::Attribute { .. } | Self::Alias { .. } => true,
            Self::Intrinsic(_) => false,
        }
    }
}

/// Whose attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// The span's, or the resource's where the span has none.
    Any,
    Span,
    Resource,
    Instrumentation,
    /// Of the event or link at hand, inside `Filter::Some`.
    Event,
    Link,
}

/// A text that the span itself carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TextIntrinsic {
    Name,
    StatusMessage,
    Id,
    Parent,
    ScopeName,
    ScopeVersion,
    /// Of the event at hand.
    EventName,
}

/// A whole number that every span has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Whole {
    /// The number of the kind in OTLP.
    Kind,
    /// The number of the status code in OTLP.
    Status,
    /// In nanoseconds since 1970, as are `End` and `Duration` in nanoseconds.
    Start,
    End,
    Duration,
    /// How many spans have it as their parent, as the column `parent` says.
    Children,
    /// How many ancestors it has; 0 of a root.
    Depth,
    /// In ns: the part of it that no child covers.
    SelfDuration,
    /// Of the start, in the rule's timezone, in which it may lie before 1970.
    Hour,
    Minute,
    /// 1 Monday to 7 Sunday.
    Weekday,
    /// Days since 1970-01-01; may be negative.
    Date,
}
