//! Warnings of operands of `and` and `or` that cannot hold together, or of which one always holds.

use std::{cmp::Ordering, collections::HashMap};

use super::{Checker, constant::as_double};
use crate::{
    diagnostic::{Code, Diagnostic},
    ir::{Amount, Compare, Cond, Expr, Fold, Order, Quantity},
    source::Span,
};

/// With how many operands of one `and` each is compared with each: more are a list that was generated.
const PAIRS_MAX: usize = 64;

/// Beyond, a double is no longer every whole number.
const EXACT_MAX: f64 = 4_503_599_627_370_496.0;

/// An operand and its place.
pub(super) type Operand<'c> = (Span, &'c Cond);

/// Which of two chains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chain {
    And,
    Or,
}

/// Between which values a quantity lies, and who says so.
#[derive(Debug, Clone, Copy)]
struct Range {
    /// The least value, and whether it is excluded.
    low: (f64, bool, Option<Span>),
    high: (f64, bool, Option<Span>),
}

impl Checker<'_> {
    /// Warns where operands of `and` exclude one another, or those of `or` leave nothing out.
    pub(super) fn warn_contradiction(&mut self, chain: Chain, operands: &[Operand<'_>]) {
        let found = opposite(operands).or_else(|| disjoint(chain, operands));
        // Operands of one place are those of parentheses or a `let`, which warned for themselves.
        let Some((first, second)) = found.filter(|(first, second)| first != second) else {
            return;
        };
        let (outcome, message) = match chain {
            Chain::And => ("never true", "no trace has both"),
            Chain::Or => ("always true", "every trace has one of the two"),
        };
        let diagnostic = Diagnostic::warning(
            Code::ConstantCondition,
            second,
            format!("this is {outcome}: {message}"),
            "this one",
        );
        self.report(diagnostic.also(first, "and this one"));
    }
}

/// A condition and its negation.
fn opposite(operands: &[Operand<'_>]) -> Option<(Span, Span)> {
    let operands = operands.get(..operands.len().min(PAIRS_MAX))?;
    let negates = |one: &Cond, other: &Cond| matches!(one, Cond::Not(inner) if **inner == *other);
    operands.iter().enumerate().find_map(|(at, (span, one))| {
        let (before, _) = operands.split_at_checked(at)?;
        let (first, _) = before
            .iter()
            .find(|(_, other)| negates(one, other) || negates(other, one))?;
        Some((*first, *span))
    })
}

/// Two bounds of one quantity between which there is nothing; of `or`, two beyond which there is nothing.
fn disjoint(chain: Chain, operands: &[Operand<'_>]) -> Option<(Span, Span)> {
    let mut ranges: HashMap<Expr<Quantity>, Range> = HashMap::new();
    for (span, condition) in operands {
        let Some((quantity, op, value)) = bound(condition, chain) else {
            continue;
        };
        if value.abs() > EXACT_MAX {
            continue;
        }
        let whole = is_whole(&quantity);
        // What is no whole number may have no value at all, and then `or` leaves it out.
        if chain == Chain::Or && !whole {
            continue;
        }
        let range = ranges.entry(quantity).or_insert(Range {
            low: (if whole { 0.0 } else { f64::NEG_INFINITY }, false, None),
            high: (f64::INFINITY, false, None),
        });
        narrow(range, op, value, whole, *span);
        let empty = match range.low.0.partial_cmp(&range.high.0) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => range.low.1 || range.high.1,
            Some(Ordering::Less) | None => false,
        };
        if empty {
            // One of them alone was warned of where it stands.
            let (low, high) = (range.low.2?, range.high.2?);
            return (low != high).then(|| (low.min(high), low.max(high)));
        }
    }
    None
}

fn narrow(range: &mut Range, op: Compare, value: f64, whole: bool, span: Span) {
    let (low, high) = match op {
        Compare::Equal if whole => (Some((value.ceil(), false)), Some((value.floor(), false))),
        Compare::Equal => (Some((value, false)), Some((value, false))),
        Compare::Unequal => (None, None),
        Compare::Order(Order::Less) if whole => (None, Some((value.ceil() - 1.0, false))),
        Compare::Order(Order::Less) => (None, Some((value, true))),
        Compare::Order(Order::LessOrEqual) if whole => (None, Some((value.floor(), false))),
        Compare::Order(Order::LessOrEqual) => (None, Some((value, false))),
        Compare::Order(Order::Greater) if whole => (Some((value.floor() + 1.0, false)), None),
        Compare::Order(Order::Greater) => (Some((value, true)), None),
        Compare::Order(Order::GreaterOrEqual) if whole => (Some((value.ceil(), false)), None),
        Compare::Order(Order::GreaterOrEqual) => (Some((value, false)), None),
    };
    if let Some((value, open)) = low
        && (value, open) > (range.low.0, range.low.1)
    {
        range.low = (value, open, Some(span));
    }
    if let Some((value, open)) = high
        && (value, !open) < (range.high.0, !range.high.1)
    {
        range.high = (value, open, Some(span));
    }
}

/// What a condition says of a quantity against a literal; of an operand of `or`, what its negation says.
fn bound(condition: &Cond, chain: Chain) -> Option<(Expr<Quantity>, Compare, f64)> {
    let (quantity, op, value) = plain_bound(condition)?;
    let op = match chain {
        Chain::And => op,
        Chain::Or => negation(op),
    };
    Some((quantity, op, value))
}

fn plain_bound(condition: &Cond) -> Option<(Expr<Quantity>, Compare, f64)> {
    let count = |set| Expr::Term(Quantity::Count(set));
    match condition {
        Cond::Exists(set) => Some((count(*set), Compare::Order(Order::Greater), 0.0)),
        Cond::Not(inner) => match **inner {
            Cond::Exists(set) => Some((count(set), Compare::Equal, 0.0)),
            Cond::All(_)
            | Cond::Any(_)
            | Cond::Not(_)
            | Cond::Count { .. }
            | Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => None,
        },
        Cond::Count { left, op, right } => match (left, right) {
            (Amount::Count(set), Amount::Number(number)) => {
                Some((count(*set), *op, as_double(*number)))
            }
            (Amount::Number(number), Amount::Count(set)) => {
                Some((count(*set), op.flipped(), as_double(*number)))
            }
            (Amount::Count(_), Amount::Count(_)) | (Amount::Number(_), Amount::Number(_)) => None,
        },
        Cond::Compare(comparison) => {
            let (quantity, op, number) = match (&comparison.left, &comparison.right) {
                (Expr::Number(number), quantity) => (quantity, comparison.op.flipped(), number),
                (quantity, Expr::Number(number)) => (quantity, comparison.op, number),
                (_, _) => return None,
            };
            let mut grouped = false;
            quantity.visit(&mut |quantity| grouped |= matches!(quantity, Quantity::Groups { .. }));
            // Each comparison looks for a group of its own.
            (!grouped).then(|| (quantity.clone(), op, as_double(*number)))
        }
        Cond::All(_)
        | Cond::Any(_)
        | Cond::Root(_)
        | Cond::Relation(_)
        | Cond::Each(_)
        | Cond::Chain(_) => None,
    }
}

fn negation(op: Compare) -> Compare {
    match op {
        Compare::Equal => Compare::Unequal,
        Compare::Unequal => Compare::Equal,
        Compare::Order(Order::Less) => Compare::Order(Order::GreaterOrEqual),
        Compare::Order(Order::LessOrEqual) => Compare::Order(Order::Greater),
        Compare::Order(Order::Greater) => Compare::Order(Order::LessOrEqual),
        Compare::Order(Order::GreaterOrEqual) => Compare::Order(Order::Less),
    }
}

/// Whether a quantity is 0, 1, 2 and so on, in every trace.
fn is_whole(quantity: &Expr<Quantity>) -> bool {
    matches!(
        quantity,
        Expr::Term(
            Quantity::Count(_)
                | Quantity::Fold {
                    fold: Fold::Distinct,
                    ..
                }
        )
    )
}
