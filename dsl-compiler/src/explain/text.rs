//! A checked rule as text again: names and `let`s expanded, in the words of the language.
//!
//! For people: what reads `a` was perhaps written `trace.has(a)`, and what is written here need not compile where the
//! language has no literal for it (the days of a date).

use std::fmt::Write as _;

use crate::ir::{
    Amount, Comparison, Cond, Each, Fold, Quantifier, Quantity, Relation, RelationKind, SetId,
    SpanSet,
};

mod filter;
mod literal;

pub(super) use filter::filter;
use filter::part;
use literal::{duration, expr, term};

/// Writes conditions that speak of these sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'r>(pub(super) &'r [SpanSet]);

impl Text<'_> {
    pub(super) fn condition(self, condition: &Cond) -> String {
        match condition {
            Cond::All(all) => self.joined(all, " and ", "true"),
            Cond::Any(any) => self.joined(any, " or ", "false"),
            Cond::Not(inner) => format!("not {}", self.operand(inner)),
            Cond::Exists(set) => self.set(*set),
            Cond::Count { left, op, right } => {
                let (left, right) = (self.amount(*left), self.amount(*right));
                format!("{left} {} {right}", op.as_str())
            }
            Cond::Compare(comparison) => self.comparison(comparison),
            Cond::Root(root) => format!("trace:root.where({})", filter(root)),
            Cond::Relation(relation) => self.relation(relation),
            Cond::Each(Each {
                quantifier,
                left,
                comparison,
            }) => format!(
                "{}{} as it with {}",
                quantified(*quantifier),
                self.side(*left),
                self.comparison(comparison)
            ),
            Cond::Chain(sets) => {
                let sets: Vec<String> = sets.iter().map(|set| self.side(*set)).collect();
                sets.join(" then ")
            }
        }
    }

    fn joined(self, conditions: &[Cond], with: &str, of_nothing: &str) -> String {
        match conditions {
            [] => of_nothing.to_owned(),
            [one] => self.condition(one),
            several => {
                let texts: Vec<String> = several.iter().map(|one| self.operand(one)).collect();
                texts.join(with)
            }
        }
    }

    /// In parentheses where it would be read otherwise.
    fn operand(self, condition: &Cond) -> String {
        let text = self.condition(condition);
        match condition {
            Cond::All(several) | Cond::Any(several) if several.len() > 1 => format!("({text})"),
            Cond::All(_)
            | Cond::Any(_)
            | Cond::Not(_)
            | Cond::Exists(_)
            | Cond::Count { .. }
            | Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => text,
        }
    }

    fn relation(self, relation: &Relation) -> String {
        let mut text = format!(
            "{}{} {} {}",
            quantified(relation.quantifier),
            self.side(relation.left),
            kind(relation.kind),
            self.side(relation.right)
        );
        if let Some(ns) = relation.within {
            // Writing to a `String` cannot fail.
            let _infallible = write!(text, " within {}", duration(ns));
        }
        text
    }

    pub(super) fn set(self, set: SetId) -> String {
        let parts = self.0.get(set).map(|set| set.parts.as_slice());
        let parts: Vec<String> = parts.unwrap_or_default().iter().map(part).collect();
        parts.join(" or ")
    }

    fn side(self, set: SetId) -> String {
        let several = self.0.get(set).is_some_and(|set| set.parts.len() > 1);
        let text = self.set(set);
        if several { format!("({text})") } else { text }
    }

    fn amount(self, amount: Amount) -> String {
        match amount {
            Amount::Count(set) => format!("count({})", self.set(set)),
            Amount::Number(number) => literal::number(number),
        }
    }

    fn comparison(self, Comparison { left, op, right }: &Comparison) -> String {
        let of = |quantity: &Quantity| self.quantity(quantity);
        format!("{} {} {}", expr(left, &of), op.as_str(), expr(right, &of))
    }

    fn quantity(self, quantity: &Quantity) -> String {
        match quantity {
            Quantity::Count(set) => format!("count({})", self.set(*set)),
            Quantity::Groups { set, key } => format!("count({} by {})", self.set(*set), term(key)),
            Quantity::Fold { fold, set, value } => {
                let name = match fold {
                    Fold::Sum => "sum",
                    Fold::Min => "min",
                    Fold::Max => "max",
                    Fold::Avg => "avg",
                    Fold::Distinct => "distinct",
                };
                format!("{name}({}, {})", self.set(*set), term(value))
            }
            Quantity::Duration => "trace:duration".to_owned(),
        }
    }
}

fn quantified(quantifier: Quantifier) -> &'static str {
    match quantifier {
        Quantifier::Some => "",
        Quantifier::Every => "every ",
        Quantifier::No => "no ",
    }
}

fn kind(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Before => "before",
        RelationKind::After => "after",
        RelationKind::StartsBefore => "starts_before",
        RelationKind::StartsAfter => "starts_after",
        RelationKind::Overlaps => "overlaps",
        RelationKind::Under => "under",
        RelationKind::Over => "over",
        RelationKind::ChildOf => "child_of",
        RelationKind::ParentOf => "parent_of",
        RelationKind::SiblingOf => "sibling_of",
        RelationKind::With => "with",
    }
}
