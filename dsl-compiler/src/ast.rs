//! What was written: the tree of a file, every node with its place.

use crate::{
    ir::{Compare, Number, Place, Severity},
    source::Span,
};

/// Something and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A file.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) rules: Vec<Rule>,
}

/// A rule; its properties in the order of section 6 of the language.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    /// Missing in a bare rule.
    pub(crate) id: Option<At<String>>,
    pub(crate) signal: Option<(At<String>, Option<Severity>)>,
    pub(crate) summary: Option<At<String>>,
    pub(crate) message: Option<At<String>>,
    pub(crate) controls: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) clauses: Vec<Clause>,
    /// The whole rule, or its first token.
    pub(crate) span: Span,
    /// Whether a part of it was refused while parsing: what is missing is then no news.
    pub(crate) broken: bool,
}

/// `when { ... }` and its like; a bare condition is a `match`.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) kind: ClauseKind,
    /// The keyword.
    pub(crate) span: Span,
    pub(crate) condition: Cond,
}

/// Which clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClauseKind {
    Match,
    When,
    Always,
    Never,
}

/// A condition over the trace.
#[derive(Debug)]
pub(crate) enum Cond {
    And(Vec<Cond>),
    Or(Vec<Cond>),
    Not(Box<Cond>),
    Set(Set),
    Compare {
        left: Amount,
        op: At<Compare>,
        right: Amount,
    },
}

/// A number over the trace.
#[derive(Debug)]
pub(crate) enum Amount {
    Count { sets: Vec<Set>, span: Span },
    Number(At<Number>),
}

impl Amount {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Count { span, .. } => *span,
            Self::Number(number) => number.span,
        }
    }
}

/// Spans of a name that pass filters.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) selector: At<Selector>,
    pub(crate) filters: Vec<Filter>,
}

/// Which spans.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selector {
    Name(String),
    Any,
}

/// A condition on one span.
#[derive(Debug)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// An attribute alone: it is true.
    Truth(At<Operand>),
    Exists(At<Operand>),
    Compare {
        left: At<Operand>,
        op: At<Op>,
        right: At<Value>,
    },
}

/// An operator of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Compare(Compare),
    In,
    NotIn,
    Contains,
    Text(Place),
}

impl Op {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Compare(op) => op.as_str(),
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Text(Place::Start) => "starts_with",
            Self::Contains | Self::Text(Place::Anywhere) => "contains",
            Self::Text(Place::End) => "ends_with",
        }
    }
}

/// Something of the span at hand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// `user.role` or `"user.role"`.
    Key(String),
    /// `span.KEY` and its like.
    Scoped { prefix: &'static str, key: String },
    /// `span:duration` and its like.
    Intrinsic { of: String, name: String },
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(Number),
    Duration(i64),
    Bool(bool),
    /// In quotes.
    Text(String),
    /// A bare word.
    Word(String),
    Operand(Operand),
    List(Vec<At<Value>>),
}
