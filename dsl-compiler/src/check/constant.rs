//! Warnings of conditions that hold of every trace, or of none.

use super::Checker;
use crate::{
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Expr, Fold, Number, Order, Quantity},
    source::Span,
};

impl Checker<'_> {
    /// Warns where a count, which is a whole number and never negative, always or never compares so.
    pub(super) fn warn_constant(
        &mut self,
        left: &Expr<Quantity>,
        op: Compare,
        right: &Expr<Quantity>,
        span: Span,
    ) {
        let outcome = match (left, right) {
            (Expr::Term(quantity), Expr::Number(number)) => constant(quantity, op, *number),
            (Expr::Number(number), Expr::Term(quantity)) => {
                constant(quantity, op.flipped(), *number)
            }
            (left, right) if left == right && !matches!(left, Expr::Number(_)) => {
                let outcome = match op {
                    Compare::Unequal | Compare::Order(Order::Less | Order::Greater) => "never",
                    Compare::Equal | Compare::Order(Order::LessOrEqual | Order::GreaterOrEqual) => {
                        "always"
                    }
                };
                let message = "both sides are the same".to_owned();
                return self.report(Diagnostic::warning(
                    Code::ConstantCondition,
                    span,
                    message,
                    format!("{outcome} true"),
                ));
            }
            (_, _) => None,
        };
        let Some((outcome, because)) = outcome else {
            return;
        };
        let message = format!("this is {outcome} true: {because}");
        self.report(Diagnostic::warning(
            Code::ConstantCondition,
            span,
            message,
            format!("{outcome} true"),
        ));
    }
}

/// Whether a quantity always or never compares so with a literal, and why.
fn constant(
    quantity: &Quantity,
    op: Compare,
    number: Number,
) -> Option<(&'static str, &'static str)> {
    let value = as_double(number);
    let whole = match quantity {
        Quantity::Count(_)
        | Quantity::Fold {
            fold: Fold::Distinct,
            ..
        } => true,
        // A group has a span at least.
        Quantity::Groups { .. } => return grouped_constant(op, value),
        Quantity::Duration => false,
        Quantity::Fold { .. } => return None,
    };
    let outcome = match op {
        Compare::Order(Order::Less) if value <= 0.0 => "never",
        Compare::Order(Order::LessOrEqual) | Compare::Equal if value < 0.0 => "never",
        Compare::Equal if whole && value.fract() != 0.0 => "never",
        Compare::Order(Order::GreaterOrEqual) if value <= 0.0 => "always",
        Compare::Order(Order::Greater) | Compare::Unequal if value < 0.0 => "always",
        Compare::Unequal if whole && value.fract() != 0.0 => "always",
        Compare::Equal | Compare::Unequal | Compare::Order(_) => return None,
    };
    let because = if whole {
        "a count is 0, 1, 2 and so on"
    } else {
        "a trace takes no time or some"
    };
    Some((outcome, because))
}

/// The same of the counts of groups, of which none is 0; that there is no group is a matter of the trace.
fn grouped_constant(op: Compare, value: f64) -> Option<(&'static str, &'static str)> {
    let never = match op {
        Compare::Order(Order::Less) => value <= 1.0,
        Compare::Order(Order::LessOrEqual) => value < 1.0,
        Compare::Equal => value < 1.0 || value.fract() != 0.0,
        Compare::Unequal | Compare::Order(Order::Greater | Order::GreaterOrEqual) => false,
    };
    never.then_some(("never", "a group has at least one span"))
}

pub(super) fn as_double(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Double(bits) => f64::from_bits(bits),
    }
}
