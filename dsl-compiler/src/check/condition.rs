//! Conditions over the trace.

use super::{Checked, Checker, contradiction::Chain, doubt::span_of};
use crate::{
    ast::{self, At, Operand},
    ir::{self, Cond, Part, Quantifier, SetId, SpanSet},
    parser::Refused,
    source::Span,
};

impl Checker<'_> {
    pub(super) fn check_condition(&mut self, condition: &ast::Cond) -> Checked<Cond> {
        match condition {
            ast::Cond::And(all) => {
                let checked = self.check_all(all)?;
                let mut operands = Vec::new();
                for (condition, written) in checked.into_iter().zip(all) {
                    let span = span_of(written);
                    // What parentheses or a `let` kept apart is one `and` all the same.
                    if let Cond::All(inner) = condition {
                        operands.extend(inner.into_iter().map(|inner| (span, inner)));
                    } else {
                        operands.push((span, condition));
                    }
                }
                self.warn_chain(Chain::And, &operands);
                Ok(Cond::All(
                    operands.into_iter().map(|(_, cond)| cond).collect(),
                ))
            }
            ast::Cond::Or(any) => {
                let checked = self.check_all(any)?;
                let mut operands = Vec::new();
                for (condition, written) in checked.into_iter().zip(any) {
                    let span = span_of(written);
                    if let Cond::Any(inner) = condition {
                        operands.extend(inner.into_iter().map(|inner| (span, inner)));
                    } else {
                        operands.push((span, condition));
                    }
                }
                self.warn_chain(Chain::Or, &operands);
                Ok(Cond::Any(
                    operands.into_iter().map(|(_, cond)| cond).collect(),
                ))
            }
            ast::Cond::Not(inner) => Ok(Cond::Not(Box::new(self.check_condition(inner)?))),
            ast::Cond::Set(set) => self.check_sets(std::slice::from_ref(set)).map(Cond::Exists),
            ast::Cond::Compare { left, op, right } => self.check_amounts(left, op, right),
            ast::Cond::Root { op, right, span } => {
                let name = At {
                    value: Operand::Intrinsic {
                        of: "span".to_owned(),
                        name: "name".to_owned(),
                    },
                    span: *span,
                };
                self.check_root(&name, op, right).map(Cond::Root)
            }
            ast::Cond::Relation(relation) => self.check_relation(relation),
            ast::Cond::Then(links) => {
                let links: Vec<_> = links
                    .iter()
                    .map(|link| self.check_sets(&link.sets))
                    .collect();
                Ok(Cond::Chain(
                    links.into_iter().collect::<Result<_, Refused>>()?,
                ))
            }
        }
    }

    fn warn_chain(&mut self, chain: Chain, operands: &[(Span, Cond)]) {
        let operands: Vec<_> = operands.iter().map(|(span, cond)| (*span, cond)).collect();
        self.warn_contradiction(chain, &operands);
    }

    /// Checks conditions to the last, whichever of them fail.
    fn check_all(&mut self, conditions: &[ast::Cond]) -> Checked<Vec<Cond>> {
        let checked: Vec<_> = conditions
            .iter()
            .map(|condition| self.check_condition(condition))
            .collect();
        checked.into_iter().collect()
    }

    /// The situation of a bare condition: section 2 of the language.
    ///
    /// Called once the condition has been checked, so nothing is reported a second time but warnings, which are dropped.
    pub(super) fn check_situation(&mut self, condition: &ast::Cond) -> Checked<Cond> {
        let mut operands = Vec::new();
        flatten(condition, &mut operands);
        if !operands.iter().any(|operand| is_negated(operand)) {
            return Ok(Cond::All(Vec::new()));
        }
        let reported = self.diagnostics.len();
        let situation: Checked<Vec<Cond>> = operands
            .into_iter()
            .filter(|operand| !is_negated(operand))
            .map(|operand| self.check_condition(operand))
            .collect();
        self.diagnostics.truncate(reported);
        situation.map(Cond::All)
    }

    /// Numbers a union of sets.
    pub(super) fn check_sets(&mut self, sets: &[ast::Set]) -> Checked<SetId> {
        let parts: Vec<_> = sets.iter().map(|set| self.check_part(set)).collect();
        let mut distinct: Vec<Part> = Vec::new();
        for part in parts {
            let part = part?;
            if !distinct.contains(&part) {
                distinct.push(part);
            }
        }
        Ok(self.number_set(SpanSet { parts: distinct }))
    }

    /// The number of a set, the same for the same set.
    pub(super) fn number_set(&mut self, set: SpanSet) -> SetId {
        let next = self.sets.len();
        let id = *self.set_ids.entry(set.clone()).or_insert(next);
        if id == next {
            self.sets.push(set);
        }
        id
    }

    fn check_part(&mut self, set: &ast::Set) -> Checked<Part> {
        let filters: Vec<_> = set
            .filters
            .iter()
            .map(|filter| self.check_whole_filter(filter))
            .collect();
        let selected = self.check_selector(&set.selector);
        let mut filters: Vec<ir::Filter> = filters.into_iter().collect::<Result<_, Refused>>()?;
        if filters.len() > 1 {
            self.warn_never(set.filters.iter().zip(&filters));
        }
        let (selector, matching) = selected?;
        if let Some(test) = matching {
            filters.insert(0, ir::Filter::Test(test));
        }
        let filter = if filters.len() == 1 {
            filters.remove(0)
        } else {
            ir::Filter::All(filters)
        };
        Ok(Part { selector, filter })
    }
}

/// The operands of a conjunction, with parentheses around a pure `and` opened.
fn flatten<'c>(condition: &'c ast::Cond, operands: &mut Vec<&'c ast::Cond>) {
    match condition {
        ast::Cond::And(all) => all.iter().for_each(|operand| flatten(operand, operands)),
        ast::Cond::Or(_)
        | ast::Cond::Not(_)
        | ast::Cond::Set(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Relation(_)
        | ast::Cond::Then(_) => operands.push(condition),
    }
}

/// Whether an operand begins with `not` or `no`.
fn is_negated(operand: &ast::Cond) -> bool {
    match operand {
        ast::Cond::Not(_) => true,
        ast::Cond::Relation(relation) => relation
            .quantifier
            .as_ref()
            .is_some_and(|quantifier| quantifier.value == Quantifier::No),
        ast::Cond::And(_)
        | ast::Cond::Or(_)
        | ast::Cond::Set(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Then(_) => false,
    }
}
