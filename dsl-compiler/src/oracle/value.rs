//! What values are worth: numbers, equality and order, from section 4 of the language.

use std::cmp::Ordering;

use super::trace::Attribute;
use crate::ir::{Arithmetic, Compare, Expr, Number, Value};

/// A number as it is, unrounded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Num {
    Int(i128),
    Double(f64),
}

impl Num {
    /// The nearest double.
    pub(super) fn to_double(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Double(double) => double,
        }
    }

    pub(super) fn is_nan(self) -> bool {
        matches!(self, Self::Double(double) if double.is_nan())
    }

    /// Itself, if a 64-bit int or a double holds it.
    fn if_it_fits(self) -> Option<Self> {
        match self {
            Self::Int(int) => i64::try_from(int).is_ok().then_some(self),
            Self::Double(double) => (!double.is_nan()).then_some(self),
        }
    }
}

pub(super) fn literal(number: Number) -> Num {
    match number {
        Number::Int(int) => Num::Int(i128::from(int)),
        Number::Double(bits) => Num::Double(f64::from_bits(bits)),
    }
}

/// Computes, with the values that `term` gives.
pub(super) fn compute<T>(expr: &Expr<T>, term: &impl Fn(&T) -> Option<Num>) -> Option<Num> {
    match expr {
        Expr::Number(number) => Some(literal(*number)),
        Expr::Term(inner) => term(inner).filter(|number| !number.is_nan()),
        Expr::Binary { op, left, right } => {
            let (left, right) = (compute(left, term)?, compute(right, term)?);
            match (op, left, right) {
                (Arithmetic::Divide, _, _) => divide(left.to_double(), right.to_double()),
                (Arithmetic::Add, Num::Int(left), Num::Int(right)) => {
                    left.checked_add(right).map(Num::Int)
                }
                (Arithmetic::Subtract, Num::Int(left), Num::Int(right)) => {
                    left.checked_sub(right).map(Num::Int)
                }
                (Arithmetic::Multiply, Num::Int(left), Num::Int(right)) => {
                    left.checked_mul(right).map(Num::Int)
                }
                (Arithmetic::Add, _, _) => Some(Num::Double(left.to_double() + right.to_double())),
                (Arithmetic::Subtract, _, _) => {
                    Some(Num::Double(left.to_double() - right.to_double()))
                }
                (Arithmetic::Multiply, _, _) => {
                    Some(Num::Double(left.to_double() * right.to_double()))
                }
            }
            .and_then(Num::if_it_fits)
        }
    }
}

fn divide(left: f64, right: f64) -> Option<Num> {
    (right != 0.0).then(|| Num::Double(left / right))
}

pub(super) fn compares(op: Compare, ordering: Option<Ordering>) -> bool {
    match op {
        Compare::Equal => ordering == Some(Ordering::Equal),
        Compare::Unequal => ordering != Some(Ordering::Equal),
        Compare::Order(order) => ordering.is_some_and(|ordering| order.admits(ordering)),
    }
}

/// Compares by mathematical value.
pub(super) fn compare_numbers(left: Num, right: Num) -> Option<Ordering> {
    match (left, right) {
        (Num::Int(left), Num::Int(right)) => Some(left.cmp(&right)),
        (Num::Double(left), Num::Double(right)) => left.partial_cmp(&right),
        (Num::Int(left), Num::Double(right)) => compare_mixed(left, right),
        (Num::Double(left), Num::Int(right)) => compare_mixed(right, left).map(Ordering::reverse),
    }
}

fn compare_mixed(int: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // The floor of a double within i128 converts exactly; beyond it, the conversion saturates on the right side.
    let floor = double.floor() as i128;
    Some(int.cmp(&floor).then(if double > double.floor() {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

/// What a string says if it is wholly a decimal number.
fn decimal(text: &str) -> Option<Num> {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let digits = |rest: &mut &str| {
        let len = rest.bytes().take_while(u8::is_ascii_digit).count();
        *rest = rest.get(len..).unwrap_or_default();
        len > 0
    };
    let mut whole = true;
    if !digits(&mut rest) {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        (rest, whole) = (fraction, false);
        if !digits(&mut rest) {
            return None;
        }
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        (rest, whole) = (exponent.strip_prefix(['+', '-']).unwrap_or(exponent), false);
        if !digits(&mut rest) {
            return None;
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let int = if whole {
        text.parse::<i64>().ok()
    } else {
        None
    };
    int.map(|int| Num::Int(i128::from(int)))
        .or_else(|| text.parse().ok().map(Num::Double))
}

fn number(value: &Attribute) -> Option<Num> {
    match value {
        Attribute::Int(int) => Some(Num::Int(i128::from(*int))),
        Attribute::Double(double) => Some(Num::Double(*double)),
        Attribute::Bool(_)
        | Attribute::String(_)
        | Attribute::Bytes(_)
        | Attribute::Array(_)
        | Attribute::Map(_) => None,
    }
}

/// An int, a double, or a string that is wholly a decimal number.
pub(super) fn number_or_decimal(value: &Attribute) -> Option<Num> {
    if let Attribute::String(text) = value {
        decimal(text)
    } else {
        number(value)
    }
}

/// `==` with a literal.
pub(super) fn equals_literal(value: &Attribute, wanted: &Value) -> bool {
    match (value, wanted) {
        (_, Value::Number(wanted)) => {
            number_or_decimal(value).and_then(|number| compare_numbers(number, literal(*wanted)))
                == Some(Ordering::Equal)
        }
        (Attribute::String(text), Value::Text(wanted)) => text == wanted,
        (Attribute::Int(int), Value::Text(wanted)) => int.to_string() == *wanted,
        (Attribute::Bool(truth), Value::Bool(wanted)) => truth == wanted,
        (Attribute::String(text), Value::Bool(wanted)) => *text == wanted.to_string(),
        _ => false,
    }
}

/// The order of a value and a literal, if there is one.
pub(super) fn order_literal(value: &Attribute, wanted: &Value) -> Option<Ordering> {
    match (value, wanted) {
        (_, Value::Number(wanted)) => compare_numbers(number_or_decimal(value)?, literal(*wanted)),
        (Attribute::String(text), Value::Text(wanted)) => match (decimal(text), decimal(wanted)) {
            (Some(left), Some(right)) => compare_numbers(left, right),
            _ => Some(text.as_bytes().cmp(wanted.as_bytes())),
        },
        _ => None,
    }
}

/// `==` between two fields.
pub(super) fn equals(left: &Attribute, right: &Attribute) -> bool {
    match (left, right) {
        (Attribute::String(left), Attribute::String(right)) => left == right,
        (Attribute::Bool(left), Attribute::Bool(right)) => left == right,
        (Attribute::Int(int), Attribute::String(text))
        | (Attribute::String(text), Attribute::Int(int)) => int.to_string() == *text,
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => compare_numbers(left, right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// `<` and the like between two fields.
pub(super) fn order(left: &Attribute, right: &Attribute) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (number_or_decimal(left), number_or_decimal(right)) {
        return compare_numbers(left, right);
    }
    match (left, right) {
        (Attribute::String(left), Attribute::String(right)) => {
            Some(left.as_bytes().cmp(right.as_bytes()))
        }
        _ => None,
    }
}
