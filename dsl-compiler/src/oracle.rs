//! The meaning of a rule, computed the slow and plain way: over whole traces, one set at a time, straight from the language.
//!
//! For tests alone. It shares the IR with `codegen` and nothing else: no columns, no symbols, no thresholds.

pub use span::{Attribute, Scope, Span};

use crate::{
    Source,
    ir::{
        Amount, Body, Compare, Cond, Field, Filter, Number, Order, Pack, Rule, Selector, SetId,
        Test,
    },
    limits::WITNESSES_MAX,
};
use span::{Truth, passes};

mod span;

/// A trace as the host seals it: spans in order of start, then id.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Its spans.
    pub spans: Vec<Span>,
    /// What is known to be missing: the bits of `batch.facts`.
    pub facts: u8,
}

/// The verdict of one rule on one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The situation did not occur.
    NotApplicable,
    /// It occurred, and the trace behaved.
    Held,
    /// The trace did not behave.
    Violated,
    /// What is missing could change the verdict.
    Undecided,
}

/// A verdict and, of a violation, what broke and which spans show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// 0 the condition, 1 `always`, 2 `never`; 0 where nothing broke.
    pub clause: u8,
    /// Positions in the trace's spans, at most 100.
    pub witnesses: Vec<usize>,
}

/// Checked rules.
#[derive(Debug, Clone)]
pub struct Rules {
    pack: Pack,
}

impl Rules {
    /// Reads a source, if nothing is wrong with it.
    pub fn read(source: &Source<'_>) -> Option<Self> {
        crate::front(source).0.map(|(pack, _)| Self { pack })
    }

    /// How many rules there are.
    pub fn count(&self) -> usize {
        self.pack.rules.len()
    }

    /// Judges a trace by the rule at a position; `None` where there is no such rule.
    pub fn judge(&self, rule: usize, trace: &Trace) -> Option<Judged> {
        self.pack
            .rules
            .get(rule)
            .map(|rule| View { rule, trace }.judge())
    }
}

/// Spans may be missing: cut, parents missing, a fragment.
const SPANS_MISSING: u8 = 1 | 2 | 32;
const ATTRIBUTES_DROPPED: u8 = 4;
/// More spans than any trace has: how many there may be where spans are missing.
const SPANS_MAX: usize = 1 << 40;

/// A rule and the trace that it looks at.
struct View<'a> {
    rule: &'a Rule,
    trace: &'a Trace,
}

impl View<'_> {
    fn judge(&self) -> Judged {
        let (verdict, clause, mut witnesses) = match &self.rule.body {
            Body::Match {
                situation,
                condition,
            } => match (self.truth(condition), self.truth(situation)) {
                (Truth::True, _) => (Verdict::Violated, 0, self.witnesses(condition)),
                (Truth::False | Truth::Unknown, Truth::True) => (Verdict::Held, 0, Vec::new()),
                (Truth::False | Truth::Unknown, Truth::False | Truth::Unknown) => {
                    (Verdict::NotApplicable, 0, Vec::new())
                }
            },
            Body::Clauses {
                when,
                always,
                never,
            } => {
                let always_broken = always
                    .as_ref()
                    .is_some_and(|always| self.truth(always) == Truth::False);
                let never_broken = never
                    .as_ref()
                    .filter(|never| self.truth(never) == Truth::True);
                let mut witnesses = Vec::new();
                if let Some(never) = never_broken {
                    witnesses.extend(self.witnesses(never));
                }
                if always_broken {
                    witnesses.extend(self.witnesses(when));
                }
                match (self.truth(when), never_broken.is_some(), always_broken) {
                    (Truth::True, true, _) => (Verdict::Violated, 2, witnesses),
                    (Truth::True, false, true) => (Verdict::Violated, 1, witnesses),
                    (Truth::True, false, false) => (Verdict::Held, 0, Vec::new()),
                    (Truth::False | Truth::Unknown, _, _) => {
                        (Verdict::NotApplicable, 0, Vec::new())
                    }
                }
            }
        };
        if verdict != Verdict::Violated && self.is_incomplete() {
            return Judged {
                verdict: Verdict::Undecided,
                clause: 0,
                witnesses: Vec::new(),
            };
        }
        witnesses.sort_unstable();
        witnesses.dedup();
        witnesses.truncate(WITNESSES_MAX as usize);
        Judged {
            verdict,
            clause,
            witnesses,
        }
    }

    /// Whether something is missing that the rule reads.
    fn is_incomplete(&self) -> bool {
        let reads_attributes = self
            .rule
            .sets
            .iter()
            .flat_map(|set| &set.parts)
            .any(|part| reads_attribute(&part.filter));
        self.trace.facts & SPANS_MISSING != 0
            || (self.trace.facts & ATTRIBUTES_DROPPED != 0 && reads_attributes)
    }

    fn truth(&self, condition: &Cond) -> Truth {
        match condition {
            Cond::All(all) => all
                .iter()
                .map(|condition| self.truth(condition))
                .min()
                .unwrap_or(Truth::True),
            Cond::Any(any) => any
                .iter()
                .map(|condition| self.truth(condition))
                .max()
                .unwrap_or(Truth::False),
            Cond::Not(inner) => self.truth(inner).not(),
            Cond::Exists(set) => {
                let (least, most) = self.count(*set);
                Truth::between(least >= 1, most >= 1)
            }
            Cond::Count { left, op, right } => self.compare(*left, *op, *right),
            _ => crate::later(),
        }
    }

    /// Compares two amounts that lie somewhere between bounds.
    fn compare(&self, left: Amount, op: Compare, right: Amount) -> Truth {
        let ((a, b), (c, d)) = (self.amount(left), self.amount(right));
        match op {
            Compare::Equal => Truth::between(b <= c && d <= a, a <= d && c <= b),
            Compare::Unequal => Truth::between(b < c || d < a, !(b <= c && d <= a)),
            Compare::Order(Order::Less) => Truth::between(b < c, a < d),
            Compare::Order(Order::LessOrEqual) => Truth::between(b <= c, a <= d),
            Compare::Order(Order::Greater) => Truth::between(a > d, b > c),
            Compare::Order(Order::GreaterOrEqual) => Truth::between(a >= d, b >= c),
        }
    }

    /// The least and the most that an amount can be. Counts are small enough to be exact as doubles; so are the literals
    /// that differ from them by less than one.
    fn amount(&self, amount: Amount) -> (f64, f64) {
        match amount {
            Amount::Count(set) => {
                let (least, most) = self.count(set);
                (least as f64, most as f64)
            }
            Amount::Number(Number::Int(int)) => (int as f64, int as f64),
            Amount::Number(Number::Double(bits)) => (f64::from_bits(bits), f64::from_bits(bits)),
        }
    }

    /// How many spans a set has at least and at most.
    fn count(&self, set: SetId) -> (usize, usize) {
        let members = self.members(set);
        let least = members
            .iter()
            .filter(|truth| **truth == Truth::True)
            .count();
        let most = members
            .iter()
            .filter(|truth| **truth != Truth::False)
            .count();
        (
            least,
            if self.trace.facts & SPANS_MISSING != 0 {
                SPANS_MAX
            } else {
                most
            },
        )
    }

    /// Whether each span of the trace belongs to a set.
    fn members(&self, set: SetId) -> Vec<Truth> {
        let Some(set) = self.rule.sets.get(set) else {
            return Vec::new();
        };
        let belongs = |span: &Span| {
            let parts = set.parts.iter().filter(|part| match &part.selector {
                Selector::Name(name) => *name == span.name,
                Selector::Any => true,
            });
            parts
                .map(|part| {
                    passes(
                        &part.filter,
                        span,
                        self.trace.facts & ATTRIBUTES_DROPPED != 0,
                    )
                })
                .max()
                .unwrap_or(Truth::False)
        };
        self.trace.spans.iter().map(belongs).collect()
    }

    /// The spans of a condition that is true.
    fn witnesses(&self, condition: &Cond) -> Vec<usize> {
        match condition {
            Cond::All(operands) | Cond::Any(operands) => operands
                .iter()
                .filter(|operand| self.truth(operand) == Truth::True)
                .flat_map(|operand| self.witnesses(operand))
                .collect(),
            Cond::Not(_) => Vec::new(),
            Cond::Exists(set) => self.spans(*set),
            Cond::Count { left, right, .. } => [left, right]
                .into_iter()
                .flat_map(|amount| match amount {
                    Amount::Count(set) => self.spans(*set),
                    Amount::Number(_) => Vec::new(),
                })
                .collect(),
            _ => crate::later(),
        }
    }

    fn spans(&self, set: SetId) -> Vec<usize> {
        let members = self.members(set);
        members
            .into_iter()
            .enumerate()
            .filter(|(_, truth)| *truth == Truth::True)
            .map(|(index, _)| index)
            .collect()
    }
}

fn reads_attribute(filter: &Filter) -> bool {
    let is_attribute = |field: &Field| matches!(field, Field::Attribute { .. });
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().any(reads_attribute),
        Filter::Not(inner) => reads_attribute(inner),
        Filter::Test(test) => match test {
            Test::Exists(field)
            | Test::In { field, .. }
            | Test::Order { field, .. }
            | Test::Text { field, .. }
            | Test::Contains { field, .. } => is_attribute(field),
            Test::EqualFields { left, right, .. } | Test::OrderFields { left, right, .. } => {
                is_attribute(left) || is_attribute(right)
            }
            Test::Whole { .. } | Test::WholePair { .. } => false,
            _ => crate::later(),
        },
        _ => crate::later(),
    }
}
