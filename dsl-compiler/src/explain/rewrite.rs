//! Parts of a rule made to stand alone.

use crate::ir::{
    Amount, Comparison, Cond, Each, Expr, Field, Filter, Part, Quantity, Relation, SetId, SpanSet,
    Term, Test,
};

/// Returns a condition with the sets that it speaks of, and no others.
pub(super) fn with_sets(condition: &Cond, sets: &[SpanSet]) -> (Cond, Vec<SpanSet>) {
    let mut kept = Kept {
        sets,
        old: Vec::new(),
    };
    let condition = kept.condition(condition);
    let sets = kept.old.iter().filter_map(|id| sets.get(*id).cloned());
    (condition, sets.collect())
}

/// The sets that are kept, by their old numbers.
struct Kept<'s> {
    sets: &'s [SpanSet],
    old: Vec<SetId>,
}

impl Kept<'_> {
    fn set(&mut self, id: SetId) -> SetId {
        debug_assert!(
            id < self.sets.len(),
            "a condition speaks of its rule's sets"
        );
        self.old
            .iter()
            .position(|old| *old == id)
            .unwrap_or_else(|| {
                self.old.push(id);
                self.old.len() - 1
            })
    }

    fn condition(&mut self, condition: &Cond) -> Cond {
        match condition {
            Cond::All(all) => Cond::All(all.iter().map(|one| self.condition(one)).collect()),
            Cond::Any(any) => Cond::Any(any.iter().map(|one| self.condition(one)).collect()),
            Cond::Not(inner) => Cond::Not(Box::new(self.condition(inner))),
            Cond::Exists(set) => Cond::Exists(self.set(*set)),
            Cond::Count { left, op, right } => Cond::Count {
                left: self.amount(*left),
                op: *op,
                right: self.amount(*right),
            },
            Cond::Compare(comparison) => Cond::Compare(self.comparison(comparison)),
            Cond::Root(filter) => Cond::Root(filter.clone()),
            Cond::Relation(relation) => Cond::Relation(Relation {
                left: self.set(relation.left),
                right: self.set(relation.right),
                ..relation.clone()
            }),
            Cond::Each(each) => Cond::Each(Each {
                quantifier: each.quantifier,
                left: self.set(each.left),
                comparison: self.comparison(&each.comparison),
            }),
            Cond::Chain(sets) => Cond::Chain(sets.iter().map(|set| self.set(*set)).collect()),
        }
    }

    fn amount(&mut self, amount: Amount) -> Amount {
        match amount {
            Amount::Count(set) => Amount::Count(self.set(set)),
            Amount::Number(_) => amount,
        }
    }

    fn comparison(&mut self, comparison: &Comparison) -> Comparison {
        Comparison {
            left: self.expr(&comparison.left),
            op: comparison.op,
            right: self.expr(&comparison.right),
        }
    }

    fn expr(&mut self, expr: &Expr<Quantity>) -> Expr<Quantity> {
        match expr {
            Expr::Number(number) => Expr::Number(*number),
            Expr::Term(quantity) => Expr::Term(match quantity {
                Quantity::Count(set) => Quantity::Count(self.set(*set)),
                Quantity::Groups { set, key } => Quantity::Groups {
                    set: self.set(*set),
                    key: key.clone(),
                },
                Quantity::Fold { fold, set, value } => Quantity::Fold {
                    fold: *fold,
                    set: self.set(*set),
                    value: value.clone(),
                },
                Quantity::Duration => Quantity::Duration,
            }),
            Expr::Binary { op, left, right } => Expr::Binary {
                op: *op,
                left: Box::new(self.expr(left)),
                right: Box::new(self.expr(right)),
            },
        }
    }
}

/// Returns a set without the conditions that read the left span of a join.
pub(super) fn alone(set: &SpanSet) -> SpanSet {
    let parts = set.parts.iter().map(|part| Part {
        selector: part.selector.clone(),
        filter: match &part.filter {
            Filter::All(all) => {
                let kept = all.iter().filter(|filter| !reads_alias(filter));
                Filter::All(kept.cloned().collect())
            }
            one @ (Filter::Any(_) | Filter::Not(_) | Filter::Test(_) | Filter::Some { .. }) => {
                if reads_alias(one) {
                    Filter::All(Vec::new())
                } else {
                    one.clone()
                }
            }
        },
    });
    SpanSet {
        parts: parts.collect(),
    }
}

fn reads_alias(filter: &Filter) -> bool {
    match filter {
        Filter::All(several) | Filter::Any(several) => several.iter().any(reads_alias),
        Filter::Not(inner) | Filter::Some { filter: inner, .. } => reads_alias(inner),
        Filter::Test(test) => match test {
            Test::Exists(field)
            | Test::In { field, .. }
            | Test::Order { field, .. }
            | Test::Text { field, .. }
            | Test::Contains { field, .. }
            | Test::Matches { field, .. }
            | Test::ContainsFolded { field, .. } => is_alias(field),
            Test::TextFields { left, right, .. }
            | Test::EqualFields { left, right, .. }
            | Test::OrderFields { left, right, .. } => is_alias(left) || is_alias(right),
            Test::Compute { left, right, .. } => {
                let mut reads = false;
                let mut visit = |term: &Term| {
                    reads |= match term {
                        Term::Field(field) => is_alias(field),
                        Term::Whole(_) => false,
                    };
                };
                left.visit(&mut visit);
                right.visit(&mut visit);
                reads
            }
            Test::Whole { .. } | Test::WholePair { .. } => false,
        },
    }
}

fn is_alias(field: &Field) -> bool {
    match field {
        Field::Alias { .. } => true,
        Field::Attribute { .. } | Field::Intrinsic(_) => false,
    }
}
