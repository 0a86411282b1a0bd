//! A rule after checking: names resolved, types known, nothing left that could be wrong.
//!
//! Everything here is plain data that can be compared and hashed, so that equal span sets are found and numbered once.
//! Literals stand as they were written (an integer stays an integer): what they mean against each type of value is
//! `codegen`'s to work out, and `oracle`'s once more.

use std::cmp::Ordering;

/// A pack: the rules of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pack {
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) signal: String,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    pub(crate) message: Vec<MessagePart>,
    pub(crate) controls: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    /// The span sets that `body` speaks of, each once.
    pub(crate) sets: Vec<SpanSet>,
    pub(crate) body: Body,
}

/// How grave a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Of little consequence.
    Low,
    /// The default.
    Medium,
    /// Serious.
    High,
    /// Wakes someone up.
    Critical,
}

impl Severity {
    /// All severities, from the least to the gravest.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A part of a violation's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessagePart {
    Text(String),
    /// An attribute of the first witness of that name; of the first witness at all where the name is empty.
    Value {
        name: String,
        key: String,
    },
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Violated where `condition` is true, not applicable where `situation` is false.
    Match { situation: Cond, condition: Cond },
    /// At least one of `always` and `never` is there.
    Clauses {
        when: Cond,
        always: Option<Cond>,
        never: Option<Cond>,
    },
}

/// The position of a set in its rule's `sets`.
pub(crate) type SetId = usize;

/// A condition over the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cond {
    /// True where all are; so where there are none.
    All(Vec<Cond>),
    /// True where one is.
    Any(Vec<Cond>),
    Not(Box<Cond>),
    /// The set is not empty.
    Exists(SetId),
    Count {
        left: Amount,
        op: Compare,
        right: Amount,
    },
}

/// A number that a trace has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    Count(SetId),
    Number(Number),
}

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
}

impl Filter {
    /// The filter that every span passes.
    pub(crate) fn is_trivial(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }
}

/// One comparison. Where a field of it is missing, it is false.
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
    Attribute { scope: Scope, key: String },
    Intrinsic(TextIntrinsic),
}

/// Whose attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// The span's, or the resource's where the span has none.
    Any,
    Span,
    Resource,
    Instrumentation,
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
    /// Of the start, in UTC.
    Hour,
    Minute,
    /// 1 Monday to 7 Sunday.
    Weekday,
    /// Days since 1970-01-01.
    Date,
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Text(String),
    Number(Number),
    Bool(bool),
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    Int(i64),
    /// The bits of a finite double.
    Double(u64),
}

impl Number {
    pub(crate) fn double(value: f64) -> Self {
        Self::Double(value.to_bits())
    }
}

/// A comparison of two things that have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Compare {
    Equal,
    Unequal,
    Order(Order),
}

/// One of the four orderings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Order(order) => order.as_str(),
        }
    }

    /// The comparison that says the same with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Order(order) => Self::Order(order.flipped()),
        }
    }
}

impl Order {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    /// Whether things that compare so stand in this order.
    pub(crate) fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}
