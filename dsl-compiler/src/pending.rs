//! What the language has and `codegen` does not compile yet: refused by `compile`, so that no source meets `later`.
//!
//! Whoever teaches `codegen` a construct removes it from here. It goes when nothing is left in it.

use crate::{
    ir::{Cond, Filter, Pack, Rule, Test},
    reads::{order_number, visit_conditions},
};

/// The first rule of which something is not compiled yet, and what that is.
pub(crate) fn find(pack: &Pack) -> Option<(usize, &'static str)> {
    pack.rules
        .iter()
        .enumerate()
        .find_map(|(index, rule)| Some((index, in_rule(rule)?)))
}

fn in_rule(rule: &Rule) -> Option<&'static str> {
    let parts = rule.sets.iter().flat_map(|set| &set.parts);
    let mut filters: Vec<&Filter> = parts.map(|part| &part.filter).collect();
    visit_conditions(rule, &mut |condition| {
        if let Cond::Root(filter) = condition {
            filters.push(filter);
        }
    });
    filters.into_iter().find_map(in_filter)
}

fn in_filter(filter: &Filter) -> Option<&'static str> {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().find_map(in_filter),
        Filter::Not(inner) => in_filter(inner),
        Filter::Test(test) => in_test(test),
        Filter::Some { filter, .. } => in_filter(filter),
    }
}

fn in_test(test: &Test) -> Option<&'static str> {
    const TEXTS: &str = "ordering the texts that a span carries";
    match test {
        Test::Exists(_)
        | Test::In { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::EqualFields { .. }
        | Test::Compute { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::Whole { .. }
        | Test::WholePair { .. } => None,
        Test::Order { field, value, .. } => {
            (!field.is_attribute() && order_number(value).is_some()).then_some(TEXTS)
        }
        Test::OrderFields { left, right, .. } => {
            (!left.is_attribute() || !right.is_attribute()).then_some(TEXTS)
        }
        Test::TextFields { .. } => Some("looking for one attribute in another"),
    }
}
