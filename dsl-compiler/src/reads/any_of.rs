//! The traces that a rule need not see.
//!
//! A group must be sound: a trace without a span of its names could have had no other verdict. It is read off the
//! conditions that must be true for the rule to apply (or, where it always applies, to be violated), from positive span
//! sets with literal names alone. The tests compare with judging every trace.

use std::collections::BTreeSet;

use crate::ir::{
    Amount, Body, Compare, Comparison, Cond, Expr, Fold, Number, Order, Quantifier, Quantity, Rule,
    Selector, SetId,
};

/// How many groups `any_of` has at most: each costs a look-up in every block.
const ANY_OF_GROUPS_MAX: usize = 8;
/// How many names a group has at most.
const ANY_OF_NAMES_MAX: usize = 64;

/// The groups of names of which a trace must have one each, and the verdict where it has not.
pub(super) fn any_of(rule: &Rule) -> (Vec<Vec<String>>, u8) {
    match &rule.body {
        Body::Clauses { when, .. } => (groups(rule, when), 0),
        Body::Match {
            situation: Cond::All(all),
            condition,
        } if all.is_empty() => (groups(rule, condition), 1),
        Body::Match { situation, .. } => (groups(rule, situation), 0),
    }
}

fn groups(rule: &Rule, condition: &Cond) -> Vec<Vec<String>> {
    let mut groups: Vec<BTreeSet<&str>> = required(rule, condition);
    groups.retain(|group| group.len() <= ANY_OF_NAMES_MAX);
    groups.sort_by_key(BTreeSet::len);
    groups.dedup();
    groups.truncate(ANY_OF_GROUPS_MAX);
    groups
        .into_iter()
        .map(|group| group.into_iter().map(str::to_owned).collect())
        .collect()
}

/// Groups of names of each of which a span is there wherever the condition is true.
fn required<'r>(rule: &'r Rule, condition: &Cond) -> Vec<BTreeSet<&'r str>> {
    match condition {
        Cond::All(all) => all
            .iter()
            .flat_map(|condition| required(rule, condition))
            .collect(),
        Cond::Any(any) => {
            // One group of each operand, joined; an operand that requires nothing lets anything through.
            let smallest = any.iter().map(|condition| {
                required(rule, condition)
                    .into_iter()
                    .min_by_key(BTreeSet::len)
            });
            let joined: Option<BTreeSet<&str>> = smallest
                .collect::<Option<Vec<_>>>()
                .map(|groups| groups.into_iter().flatten().collect());
            joined
                .filter(|names| !names.is_empty())
                .into_iter()
                .collect()
        }
        Cond::Exists(set) => literal_names(rule, *set).into_iter().collect(),
        Cond::Count { left, op, right } => match (left, right) {
            (Amount::Count(set), Amount::Number(number)) if refuses_zero(*op, *number) => {
                literal_names(rule, *set).into_iter().collect()
            }
            (Amount::Number(number), Amount::Count(set)) if refuses_zero(op.flipped(), *number) => {
                literal_names(rule, *set).into_iter().collect()
            }
            (Amount::Count(more), Amount::Count(_)) if *op == Compare::Order(Order::Greater) => {
                literal_names(rule, *more).into_iter().collect()
            }
            (Amount::Count(_), Amount::Count(more)) if *op == Compare::Order(Order::Less) => {
                literal_names(rule, *more).into_iter().collect()
            }
            (Amount::Count(_) | Amount::Number(_), Amount::Count(_) | Amount::Number(_)) => {
                Vec::new()
            }
        },
        Cond::Compare(comparison) => required_by(rule, comparison),
        // What a root is called is not told by the names of sets.
        Cond::Not(_) | Cond::Root(_) => Vec::new(),
        Cond::Relation(relation) => match relation.quantifier {
            Quantifier::Some => [relation.left, relation.right]
                .into_iter()
                .filter_map(|set| literal_names(rule, set))
                .collect(),
            Quantifier::Every | Quantifier::No => Vec::new(),
        },
        Cond::Each(each) => match each.quantifier {
            Quantifier::Some => {
                let mut groups = required_by(rule, &each.comparison);
                groups.extend(literal_names(rule, each.left));
                groups
            }
            Quantifier::Every | Quantifier::No => Vec::new(),
        },
        Cond::Chain(sets) => sets
            .iter()
            .filter_map(|set| literal_names(rule, *set))
            .collect(),
    }
}

/// The names of the sets of which a comparison is false where they are empty: it has no value, or it refuses 0.
fn required_by<'r>(rule: &'r Rule, comparison: &Comparison) -> Vec<BTreeSet<&'r str>> {
    let mut sets = Vec::new();
    comparison.visit(&mut |quantity| match quantity {
        Quantity::Groups { set, .. }
        | Quantity::Fold {
            fold: Fold::Min | Fold::Max | Fold::Avg,
            set,
            ..
        } => sets.push(*set),
        Quantity::Count(_)
        | Quantity::Fold {
            fold: Fold::Sum | Fold::Distinct,
            ..
        }
        | Quantity::Duration => {}
    });
    let Comparison { left, op, right } = comparison;
    for (expr, op, other) in [(left, *op, right), (right, op.flipped(), left)] {
        if let (Expr::Term(quantity), Expr::Number(number)) = (expr, other)
            && refuses_zero(op, *number)
        {
            sets.extend(quantity.set());
        }
    }
    sets.into_iter()
        .filter_map(|set| literal_names(rule, set))
        .collect()
}

/// Whether `0 op number` is false.
fn refuses_zero(op: Compare, number: Number) -> bool {
    let value = match number {
        Number::Int(int) => int as f64,
        Number::Double(bits) => f64::from_bits(bits),
    };
    match op {
        Compare::Equal => value != 0.0,
        Compare::Unequal => value == 0.0,
        Compare::Order(order) => 0.0_f64
            .partial_cmp(&value)
            .is_some_and(|ordering| !order.admits(ordering)),
    }
}

/// The names of a set that has no other spans.
fn literal_names(rule: &Rule, set: SetId) -> Option<BTreeSet<&str>> {
    let parts = &rule.sets.get(set)?.parts;
    parts
        .iter()
        .map(|part| match &part.selector {
            Selector::Name(name) => Some(name.as_str()),
            Selector::Any => None,
        })
        .collect()
}
