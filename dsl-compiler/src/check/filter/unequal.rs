//! The warning about `!=`, which passes by what is missing.

use std::collections::{BTreeSet, HashMap};

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
        let mut mentions: HashMap<&Operand, usize> = HashMap::new();
        for operand in operands {
            let mut mentioned = BTreeSet::new();
            collect(operand, &mut mentioned);
            for operand in mentioned {
                *mentions.entry(operand).or_default() += 1;
            }
        }
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
            if !matches!(op.value, Op::Compare(Compare::Unequal) | Op::NotIn)
                || !is_attribute
                || mentions.get(&left.value).is_some_and(|count| *count > 1)
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

/// Collects the operands of which something is asked that their absence would answer.
fn collect<'f>(filter: &'f ast::Filter, mentioned: &mut BTreeSet<&'f Operand>) {
    match filter {
        ast::Filter::And(all) | ast::Filter::Or(all) => {
            for inner in all {
                collect(inner, mentioned);
            }
        }
        ast::Filter::Not(inner) => collect(inner, mentioned),
        ast::Filter::Truth(left)
        | ast::Filter::Exists(left)
        | ast::Filter::Compare { left, .. } => {
            mentioned.insert(&left.value);
        }
        // A computed comparison is false where the attribute is missing, whatever its operator.
        ast::Filter::Compute { .. } | ast::Filter::Some { .. } => {}
    }
}
