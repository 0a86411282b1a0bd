//! What was written: the tree of a file, every node with its place.

use crate::{
    ir::{Arithmetic, Compare, Fold, Number, Place, Quantifier, RelationKind, Severity, Table},
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
    pub(crate) timezone: Option<At<String>>,
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
    /// `trace:root` against a text, a list or a pattern.
    Root {
        op: At<Op>,
        right: At<Value>,
        /// `trace:root`
        span: Span,
    },
    Relation(Box<Relation>),
    /// `a then b then c`
    Then(Vec<Operands>),
}

/// `[every | no] left [as NAME] R right [within D]`
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) quantifier: Option<At<Quantifier>>,
    pub(crate) left: Operands,
    pub(crate) alias: Option<At<String>>,
    pub(crate) kind: At<RelationKind>,
    pub(crate) right: Right,
    /// In ns.
    pub(crate) within: Option<At<i64>>,
    /// All of it.
    pub(crate) span: Span,
}

/// The spans of any of these sets.
#[derive(Debug)]
pub(crate) struct Operands {
    pub(crate) sets: Vec<Set>,
    pub(crate) span: Span,
}

/// The right side of a relation.
#[derive(Debug)]
pub(crate) enum Right {
    Operands(Operands),
    /// Of `with`: a comparison for each left span.
    Comparison {
        left: Amount,
        op: At<Compare>,
        right: Amount,
    },
}

/// A number over the trace.
#[derive(Debug)]
pub(crate) enum Amount {
    Count {
        sets: Vec<Set>,
        /// `by KEY`
        by: Option<At<Operand>>,
        span: Span,
    },
    Fold {
        fold: Fold,
        sets: Vec<Set>,
        of: At<Operand>,
        span: Span,
    },
    /// `trace:NAME`
    Trace {
        name: String,
        span: Span,
    },
    Number(At<Number>),
    /// In ns.
    Duration(At<i64>),
    Binary {
        op: Arithmetic,
        left: Box<Amount>,
        right: Box<Amount>,
    },
}

impl Amount {
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Count { span, .. } | Self::Fold { span, .. } | Self::Trace { span, .. } => *span,
            Self::Number(number) => number.span,
            Self::Duration(duration) => duration.span,
            Self::Binary { left, right, .. } => left.span().to(right.span()),
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
    /// `~"regex"`
    Pattern(String),
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
    /// A comparison of which a side is computed, or is a value on the left.
    Compute {
        left: Expr,
        op: At<Compare>,
        right: Expr,
    },
    /// `event.where(...)` and `link.where(...)`
    Some {
        table: Table,
        filter: Box<Filter>,
        span: Span,
    },
}

/// A side of a comparison of which a side is computed.
#[derive(Debug)]
pub(crate) enum Expr {
    Operand(At<Operand>),
    Value(At<Value>),
    Binary {
        op: Arithmetic,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

impl Expr {
    /// Whether anything of the span stands in it.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Self::Operand(_) => true,
            Self::Value(_) => false,
            Self::Binary { left, right, .. } => left.reads() || right.reads(),
        }
    }
}

/// An operator of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Compare(Compare),
    In,
    NotIn,
    Contains,
    ContainsFolded,
    Matches,
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
            Self::ContainsFolded => "contains_i",
            Self::Matches => "matches",
        }
    }
}

/// Something of the span at hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
