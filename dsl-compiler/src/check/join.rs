//! The warning about joins that compare every span of one side with every span of the other.

use super::{Checker, Input};
use crate::{
    ast,
    diagnostic::{Code, Diagnostic},
    ir::{Comparison, Field, Filter, Quantity, SetId, Test},
    reads::{presence, visit_tests},
    source::Span,
};

impl Checker<'_> {
    /// Warns where the right side of a join has no equality by which its spans could be found.
    pub(super) fn warn_slow_join(&mut self, relation: &ast::Relation, sets: &[SetId], right: Span) {
        let Some(alias) = &relation.alias else {
            return;
        };
        let parts = sets.iter().filter_map(|set| self.sets.get(*set));
        let is_slow = parts
            .flat_map(|set| &set.parts)
            .any(|part| reads_alias(&part.filter) && !has_equality(&part.filter));
        if !is_slow {
            return;
        }
        let Input { text, .. } = self.input;
        let name = &alias.value;
        let source = text
            .get(right.start as usize..right.end as usize)
            .unwrap_or_default();
        let message =
            format!("every span of the left side is compared with every span of `{source}`");
        let diagnostic = Diagnostic::warning(
            Code::SlowJoin,
            right,
            message,
            format!("no `key == {name}.key` that must hold"),
        );
        self.report(diagnostic.help(format!("add an equality with an attribute of `{name}`, joined with `and`: `.where(order.id == {name}.order.id and ...)`; then only spans that share its value are compared")));
    }
}

/// The sets that a comparison reads.
pub(super) fn sets_of(comparison: &Comparison) -> Vec<SetId> {
    let mut sets = Vec::new();
    for side in [&comparison.left, &comparison.right] {
        side.visit(&mut |quantity| {
            sets.extend(match quantity {
                Quantity::Count(set)
                | Quantity::Groups { set, .. }
                | Quantity::Fold { set, .. } => Some(*set),
                Quantity::Duration => None,
            });
        });
    }
    sets
}

fn reads_alias(filter: &Filter) -> bool {
    let mut found = false;
    visit_tests(filter, &mut |test| {
        found |= presence(test)
            .iter()
            .any(|(field, _)| matches!(field, Field::Alias { .. }));
    });
    found
}

/// Whether an equality between an attribute of the left span and one of the right must hold.
fn has_equality(filter: &Filter) -> bool {
    match filter {
        Filter::All(all) => all.iter().any(has_equality),
        Filter::Test(Test::EqualFields {
            left,
            right,
            negated: false,
        }) => {
            let of_left = |field: &Field| matches!(field, Field::Alias { .. });
            of_left(left) != of_left(right)
        }
        Filter::Any(_) | Filter::Not(_) | Filter::Test(_) | Filter::Some { .. } => false,
    }
}
