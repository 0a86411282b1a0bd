//! The warning about `!=`, which passes by what is missing.

use super::{Checker, Comparison};
use crate::{
    ast::{self, Op, Operand},
    diagnostic::{Code, Diagnostic},
    ir::Compare,
};

impl Checker<'_> {
    /// Warns of `!=` and `not in` where nothing else in the filter speaks of the same attribute.
    pub(super) fn warn_unequal(&mut self, filter: &ast::Filter) {
        let operands: &[ast::Filter] = match filter {
            ast::Filter::And(all) => all,
            single @ ast::Filter::Compare { .. } => std::slice::from_ref(single),
            ast::Filter::Or(_)
            | ast::Filter::Not(_)
            | ast::Filter::Truth(_)
            | ast::Filter::Exists(_)
            | ast::Filter::Compute { .. }
            | ast::Filter::Some { .. } => return,
        };
        for operand in operands {
            let ast::Filter::Compare { left, op, right } = operand else {
                continue;
            };
            let is_attribute = matches!(
                left.value,
                Operand::Key(_)
                    | Operand::Scoped {
                        prefix: "span" | "resource" | "scope",
                        ..
                    }
            );
            let mentions = operands
                .iter()
                .filter(|other| mentions(other, &left.value))
                .count();
            if !matches!(op.value, Op::Compare(Compare::Unequal) | Op::NotIn)
                || !is_attribute
                || mentions > 1
                || matches!(right.value, ast::Value::Operand(_))
            {
                continue;
            }
            let (key, value) = (self.source(left.span), self.source(right.span));
            let positive = if op.value == Op::NotIn { "in" } else { "==" };
            let message = format!("`{}` is false where `{key}` is missing", op.value.as_str());
            let diagnostic = Diagnostic::warning(Code::UnequalSkipsMissing, Comparison { left, op, right }.span(), message, "spans without it do not pass")
                .help(format!("write `not ({key} {positive} {value})` if they should, or `exists {key} and ...` if it is meant so"));
            self.report(diagnostic);
        }
    }
}

fn mentions(filter: &ast::Filter, operand: &Operand) -> bool {
    match filter {
        ast::Filter::And(all) | ast::Filter::Or(all) => {
            all.iter().any(|inner| mentions(inner, operand))
        }
        ast::Filter::Not(inner) => mentions(inner, operand),
        ast::Filter::Truth(left)
        | ast::Filter::Exists(left)
        | ast::Filter::Compare { left, .. } => left.value == *operand,
        // A computed comparison is false where the attribute is missing, whatever its operator.
        ast::Filter::Compute { .. } | ast::Filter::Some { .. } => false,
    }
}
