//! Conditions over the trace.

use super::{Checked, Checker};
use crate::{
    ast::{self, At},
    diagnostic::{Code, Diagnostic},
    ir::{self, Amount, Compare, Cond, Number, Order, Part, SetId, SpanSet},
    parser::Refused,
    source::Span,
};

impl Checker<'_> {
    pub(super) fn check_condition(&mut self, condition: &ast::Cond) -> Checked<Cond> {
        match condition {
            ast::Cond::And(all) => self.check_all(all).map(|all| {
                // What parentheses or a `let` kept apart is one `and` all the same.
                let open = |operand| match operand {
                    Cond::All(inner) => inner,
                    other
                    @ (Cond::Any(_) | Cond::Not(_) | Cond::Exists(_) | Cond::Count { .. }) => {
                        vec![other]
                    }
                    _ => crate::later(),
                };
                Cond::All(all.into_iter().flat_map(open).collect())
            }),
            ast::Cond::Or(any) => self.check_all(any).map(|any| {
                let open = |operand| match operand {
                    Cond::Any(inner) => inner,
                    other
                    @ (Cond::All(_) | Cond::Not(_) | Cond::Exists(_) | Cond::Count { .. }) => {
                        vec![other]
                    }
                    _ => crate::later(),
                };
                Cond::Any(any.into_iter().flat_map(open).collect())
            }),
            ast::Cond::Not(inner) => Ok(Cond::Not(Box::new(self.check_condition(inner)?))),
            ast::Cond::Set(set) => self.check_sets(std::slice::from_ref(set)).map(Cond::Exists),
            ast::Cond::Compare { left, op, right } => self.check_comparison(left, op, right),
            _ => crate::later(),
        }
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
        if !operands
            .iter()
            .any(|operand| matches!(operand, ast::Cond::Not(_)))
        {
            return Ok(Cond::All(Vec::new()));
        }
        let reported = self.diagnostics.len();
        let situation: Checked<Vec<Cond>> = operands
            .into_iter()
            .filter(|operand| !matches!(operand, ast::Cond::Not(_)))
            .map(|operand| self.check_condition(operand))
            .collect();
        self.diagnostics.truncate(reported);
        situation.map(Cond::All)
    }

    fn check_comparison(
        &mut self,
        left: &ast::Amount,
        op: &At<Compare>,
        right: &ast::Amount,
    ) -> Checked<Cond> {
        let span = left.span().to(right.span());
        let (left, right) = (self.check_amount(left), self.check_amount(right));
        let (left, right) = (left?, right?);
        match (left, right) {
            (Amount::Number(_), Amount::Number(_)) => {
                let diagnostic = Diagnostic::error(
                    Code::NotACondition,
                    span,
                    "two numbers are compared, and nothing of the trace",
                    "the same for every trace",
                );
                return self.refuse(diagnostic.help("compare a count: `count(a) > 3`"));
            }
            (Amount::Count(_), Amount::Number(number)) => {
                self.warn_constant(op.value, number, span);
            }
            (Amount::Number(number), Amount::Count(_)) => {
                self.warn_constant(op.value.flipped(), number, span);
            }
            (Amount::Count(_), Amount::Count(_)) => {}
        }
        Ok(Cond::Count {
            left,
            op: op.value,
            right,
        })
    }

    /// Warns where a count, which is a whole number and never negative, always or never compares so.
    fn warn_constant(&mut self, op: Compare, number: Number, span: Span) {
        let value = match number {
            Number::Int(int) => int as f64,
            Number::Double(bits) => f64::from_bits(bits),
        };
        let outcome = match op {
            Compare::Order(Order::Less) if value <= 0.0 => "never",
            Compare::Order(Order::LessOrEqual) | Compare::Equal if value < 0.0 => "never",
            Compare::Equal if value.fract() != 0.0 => "never",
            Compare::Order(Order::GreaterOrEqual) if value <= 0.0 => "always",
            Compare::Order(Order::Greater) | Compare::Unequal if value < 0.0 => "always",
            Compare::Unequal if value.fract() != 0.0 => "always",
            Compare::Equal | Compare::Unequal | Compare::Order(_) => return,
        };
        let message = format!("this is {outcome} true: a count is 0, 1, 2 and so on");
        self.report(Diagnostic::warning(
            Code::ConstantCondition,
            span,
            message,
            format!("{outcome} true"),
        ));
    }

    fn check_amount(&mut self, amount: &ast::Amount) -> Checked<Amount> {
        match amount {
            ast::Amount::Number(number) => Ok(Amount::Number(number.value)),
            ast::Amount::Count { sets, .. } => self.check_sets(sets).map(Amount::Count),
            _ => crate::later(),
        }
    }

    /// Numbers a union of sets, the same number for the same set.
    fn check_sets(&mut self, sets: &[ast::Set]) -> Checked<SetId> {
        let parts: Vec<_> = sets.iter().map(|set| self.check_part(set)).collect();
        let mut distinct: Vec<Part> = Vec::new();
        for part in parts {
            let part = part?;
            if !distinct.contains(&part) {
                distinct.push(part);
            }
        }
        let set = SpanSet { parts: distinct };
        let next = self.sets.len();
        let id = *self.set_ids.entry(set.clone()).or_insert(next);
        if id == next {
            self.sets.push(set);
        }
        Ok(id)
    }

    fn check_part(&mut self, set: &ast::Set) -> Checked<Part> {
        let filters: Vec<_> = set
            .filters
            .iter()
            .map(|filter| self.check_whole_filter(filter))
            .collect();
        let selected = self.check_selector(&set.selector);
        let mut filters: Vec<ir::Filter> = filters.into_iter().collect::<Result<_, Refused>>()?;
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
        ast::Cond::Or(_) | ast::Cond::Not(_) | ast::Cond::Set(_) | ast::Cond::Compare { .. } => {
            operands.push(condition);
        }
        _ => crate::later(),
    }
}
