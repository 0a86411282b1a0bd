//! Conditions over the trace: whether they are true, and of which spans.

use super::{
    View,
    amount::quantities,
    filter::{fields_of, is_attribute, visit},
    truth::Truth,
};
use crate::ir::{
    Amount, Compare, Comparison, Cond, Each, Filter, Number, Order, Quantifier, Quantity, SetId,
    Table, Term,
};

/// More spans than any trace has: how many there may be where spans are missing.
const SPANS_MAX: usize = 1 << 40;

/// What is missing of a trace.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of the contract"
)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missing {
    pub(super) spans: bool,
    pub(super) attributes: bool,
    pub(super) events: bool,
    pub(super) links: bool,
}

impl Missing {
    pub(super) fn of(facts: u8) -> Self {
        let has = |bits: u8| facts & bits != 0;
        Self {
            // Cut, parents missing, a fragment.
            spans: has(1 | 2 | 32),
            attributes: has(4),
            events: has(8),
            links: has(16),
        }
    }

    /// Whether it concerns a condition that reads this, besides spans.
    fn concerns(self, reads: Self) -> bool {
        self.spans
            || (self.attributes && reads.attributes)
            || (self.events && reads.events)
            || (self.links && reads.links)
    }
}

impl View<'_> {
    pub(super) fn truth(&self, condition: &Cond) -> Truth {
        let incomplete = || self.concerns(condition);
        match condition {
            Cond::All(all) => Truth::all(all.iter().map(|condition| self.truth(condition))),
            Cond::Any(any) => Truth::any(any.iter().map(|condition| self.truth(condition))),
            Cond::Not(inner) => self.truth(inner).not(),
            Cond::Exists(set) => {
                let (least, most) = self.count(*set);
                Truth::between(least >= 1, most >= 1)
            }
            Cond::Count { left, op, right } => self.compare(*left, *op, *right),
            Cond::Compare(comparison) => {
                let (holds, incomplete) = (self.holds(comparison, None), incomplete());
                Truth::between(
                    holds && (!incomplete || comparison.is_lasting()),
                    incomplete,
                )
            }
            Cond::Root(_) if self.missing.spans => Truth::Unknown,
            Cond::Root(filter) => self
                .root()
                .map_or(Truth::False, |root| self.here(root, None).passes(filter)),
            Cond::Relation(relation) => self.relation(relation, incomplete()),
            Cond::Each(each) => self.each(each, incomplete()),
            Cond::Chain(sets) => Truth::between(!self.chain(sets).is_empty(), incomplete()),
        }
    }

    /// The root that starts first.
    fn root(&self) -> Option<usize> {
        self.parents.iter().position(Option::is_none)
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
        let members = self.members(set, None);
        let least = members.iter().filter(|truth| **truth == Truth::True);
        let most = members.iter().filter(|truth| **truth != Truth::False);
        let unseen = if self.missing.spans { SPANS_MAX } else { 0 };
        (least.count(), most.count() + unseen)
    }

    /// The spans of a condition that is true.
    pub(super) fn witnesses(&self, condition: &Cond) -> Vec<usize> {
        match condition {
            Cond::All(operands) | Cond::Any(operands) => operands
                .iter()
                .filter(|operand| self.truth(operand) == Truth::True)
                .flat_map(|operand| self.witnesses(operand))
                .collect(),
            Cond::Exists(set) => self.surely(*set, None),
            Cond::Count { left, right, .. } => [left, right]
                .into_iter()
                .flat_map(|amount| match amount {
                    Amount::Count(set) => self.surely(*set, None),
                    Amount::Number(_) => Vec::new(),
                })
                .collect(),
            Cond::Compare(comparison) => self.read_by(comparison, None),
            Cond::Root(_) => self.root().into_iter().collect(),
            Cond::Relation(relation) if relation.quantifier == Quantifier::Some => self
                .pairs(relation)
                .into_iter()
                .flat_map(|(left, right)| [left, right])
                .collect(),
            Cond::Each(each) if each.quantifier == Quantifier::Some => self.shown_by(each),
            Cond::Not(_) | Cond::Relation(_) | Cond::Each(_) => Vec::new(),
            Cond::Chain(sets) => self.chain(sets),
        }
    }

    /// The left spans for which a comparison is true, and what it reads of each.
    fn shown_by(&self, each: &Each) -> Vec<usize> {
        let (with, _) = self.split(each);
        let read = with
            .iter()
            .flat_map(|left| self.read_by(&each.comparison, Some(*left)));
        read.chain(with.iter().copied()).collect()
    }

    /// The spans on which an `always` that is false rests; none where only `when` shows what happened.
    pub(super) fn broken(&self, condition: &Cond) -> Vec<usize> {
        if self.truth(condition) != Truth::False {
            return Vec::new();
        }
        match condition {
            Cond::All(operands) | Cond::Any(operands) => operands
                .iter()
                .flat_map(|operand| self.broken(operand))
                .collect(),
            Cond::Relation(relation) => match relation.quantifier {
                Quantifier::Some => Vec::new(),
                Quantifier::Every => self.alone(relation),
                Quantifier::No => {
                    let pairs = self.pairs(relation).into_iter();
                    pairs.flat_map(|(left, right)| [left, right]).collect()
                }
            },
            Cond::Each(each) => match each.quantifier {
                Quantifier::Some => Vec::new(),
                Quantifier::Every => self.split(each).1,
                Quantifier::No => self.shown_by(each),
            },
            Cond::Not(_)
            | Cond::Exists(_)
            | Cond::Count { .. }
            | Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Chain(_) => Vec::new(),
        }
    }

    /// Whether something is missing that a condition reads.
    pub(super) fn concerns(&self, condition: &Cond) -> bool {
        match condition {
            Cond::All(conditions) | Cond::Any(conditions) => {
                conditions.iter().any(|condition| self.concerns(condition))
            }
            Cond::Not(inner) => self.concerns(inner),
            Cond::Exists(_)
            | Cond::Count { .. }
            | Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => self.missing.concerns(self.reads(condition)),
        }
    }

    /// What a condition without operands reads, besides spans.
    fn reads(&self, condition: &Cond) -> Missing {
        let (sets, terms, filter): (Vec<SetId>, Vec<&Term>, Option<&Filter>) = match condition {
            Cond::All(_) | Cond::Any(_) | Cond::Not(_) => (Vec::new(), Vec::new(), None),
            Cond::Exists(set) => (vec![*set], Vec::new(), None),
            Cond::Count { left, right, .. } => {
                let set = |amount: &Amount| match amount {
                    Amount::Count(set) => Some(*set),
                    Amount::Number(_) => None,
                };
                let sets = [left, right].into_iter().filter_map(set);
                (sets.collect(), Vec::new(), None)
            }
            Cond::Compare(comparison) => {
                let (sets, terms) = parts(comparison);
                (sets, terms, None)
            }
            Cond::Root(filter) => (Vec::new(), Vec::new(), Some(filter)),
            Cond::Relation(relation) => (vec![relation.left, relation.right], Vec::new(), None),
            Cond::Each(each) => {
                let (mut sets, terms) = parts(&each.comparison);
                sets.push(each.left);
                (sets, terms, None)
            }
            Cond::Chain(sets) => (sets.clone(), Vec::new(), None),
        };
        let mut reads = Missing::default();
        let parts = sets.iter().filter_map(|set| self.rule.sets.get(*set));
        let filters = parts.flat_map(|set| &set.parts).map(|part| &part.filter);
        for filter in filters.chain(filter) {
            visit(filter, &mut |filter| match filter {
                Filter::Test(test) => {
                    reads.attributes |= fields_of(test).into_iter().any(is_attribute);
                }
                Filter::Some { table, .. } => match table {
                    Table::Events => reads.events = true,
                    Table::Links => reads.links = true,
                },
                Filter::All(_) | Filter::Any(_) | Filter::Not(_) => {}
            });
        }
        reads.attributes |= terms
            .into_iter()
            .any(|term| matches!(term, Term::Field(field) if is_attribute(field)));
        reads
    }
}

/// The sets and values that a comparison speaks of.
fn parts(comparison: &Comparison) -> (Vec<SetId>, Vec<&Term>) {
    let (mut sets, mut terms) = (Vec::new(), Vec::new());
    for quantity in quantities(comparison) {
        match quantity {
            Quantity::Count(set) => sets.push(*set),
            Quantity::Groups { set, key: term }
            | Quantity::Fold {
                set, value: term, ..
            } => {
                sets.push(*set);
                terms.push(term);
            }
            Quantity::Duration => {}
        }
    }
    (sets, terms)
}
