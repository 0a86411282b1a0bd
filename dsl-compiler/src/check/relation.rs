//! Order and structure: relations, joins, and comparisons for each span (section 5 of the language).

use super::{Checked, Checker, join::sets_of};
use crate::{
    ast,
    ir::{Cond, Each, Quantifier, Relation},
};

impl Checker<'_> {
    pub(super) fn check_relation(&mut self, relation: &ast::Relation) -> Checked<Cond> {
        let left = self.check_sets(&relation.left.sets);
        let quantifier = relation
            .quantifier
            .as_ref()
            .map_or(Quantifier::Some, |quantifier| quantifier.value);
        let alias = relation.alias.as_ref();
        match &relation.right {
            ast::Right::Operands(operands) => {
                let right = self.in_scope(alias, |checker| checker.check_sets(&operands.sets));
                let (left, right) = (left?, right?);
                self.warn_slow_join(relation, &[right], operands.span);
                Ok(Cond::Relation(Relation {
                    quantifier,
                    left,
                    kind: relation.kind.value,
                    // Positive, as the parser saw to.
                    within: relation
                        .within
                        .as_ref()
                        .map(|within| within.value.unsigned_abs()),
                    right,
                }))
            }
            ast::Right::Comparison {
                left: one,
                op,
                right: other,
            } => {
                let comparison =
                    self.in_scope(alias, |checker| checker.check_comparison(one, op, other));
                let (left, comparison) = (left?, comparison?);
                let place = one.span().to(other.span());
                self.warn_slow_join(relation, &sets_of(&comparison), place);
                Ok(Cond::Each(Each {
                    quantifier,
                    left,
                    comparison,
                }))
            }
        }
    }
}
