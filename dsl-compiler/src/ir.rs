//! A rule after checking: names resolved, types known, nothing left that could be wrong.
//!
//! Everything here is plain data that can be compared and hashed, so that equal span sets are found and numbered once.
//! Literals stand as they were written (an integer stays an integer): what they mean against each type of value is
//! `codegen`'s to work out, and `oracle`'s once more.

mod amount;
mod condition;
mod literal;
mod span;

pub(crate) use self::{
    amount::{Arithmetic, Comparison, Expr, Fold, Quantity, Term},
    condition::{Amount, Cond, Each, Quantifier, Relation, RelationKind, SetId},
    literal::{Compare, Number, Order, Value},
    span::{
        Field, Filter, Part, Pattern, Place, Scope, Selector, SpanSet, Table, Test, TextIntrinsic,
        Whole,
    },
};

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
    /// In which `timestamp.*` is read; `None`: UTC.
    pub(crate) zone: Option<Zone>,
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

/// A timezone: its offset from UTC, and every change of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Zone {
    pub(crate) name: String,
    /// Since when (Unix time in seconds, ascending; the first is `i64::MIN`) which offset holds, in seconds east of UTC.
    pub(crate) offsets: Vec<(i64, i32)>,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Violated where `condition` is true, not applicable where `situation` is false.
    Match { situation: Cond, condition: Cond },
    /// At least one of `always` and `never` is there.
    ///
    /// A false `always` is explained from its top, through `All` and `Any` to those of their operands that are false, but
    /// never into `Not`. What is met there of relations and `Each` shows its spans: `Every` the left spans without a partner
    /// (of `Each`: for which the comparison is false), `No` both spans of every pair (of `Each`: the left spans for which it is
    /// true, and what its amounts read). Where no span is shown so, the spans of `when` are the witnesses.
    Clauses {
        when: Cond,
        always: Option<Cond>,
        never: Option<Cond>,
    },
}
