//! What numbers are counted in, and what two literals make.

use super::{Checked, Checker};
use crate::{
    diagnostic::{Code, Diagnostic},
    ir::{Arithmetic, Number, Whole},
    source::Span,
};

/// What a number is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Nothing: attributes, counts, hours.
    Number,
    /// Nanoseconds.
    Duration,
    /// Nanoseconds since 1970.
    Time,
}

impl Unit {
    /// Of what every span has; `None` of what is no quantity.
    pub(super) fn of(whole: Whole) -> Option<Self> {
        match whole {
            Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Children | Whole::Depth => {
                Some(Self::Number)
            }
            Whole::Duration | Whole::SelfDuration => Some(Self::Duration),
            Whole::Start | Whole::End => Some(Self::Time),
            Whole::Kind | Whole::Status | Whole::Date => None,
        }
    }

    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Time => "a time",
        }
    }

    /// What comes out of two.
    pub(super) fn of_result(op: Arithmetic, left: Self, right: Self) -> Option<Self> {
        match (op, left, right) {
            (Arithmetic::Subtract, Self::Time, Self::Time)
            | (Arithmetic::Add | Arithmetic::Subtract, Self::Duration, Self::Duration)
            | (Arithmetic::Multiply, Self::Number, Self::Duration)
            | (Arithmetic::Multiply | Arithmetic::Divide, Self::Duration, Self::Number) => {
                Some(Self::Duration)
            }
            (Arithmetic::Add, Self::Duration, Self::Time)
            | (Arithmetic::Add | Arithmetic::Subtract, Self::Time, Self::Duration) => {
                Some(Self::Time)
            }
            (_, Self::Number, Self::Number)
            | (Arithmetic::Divide, Self::Duration, Self::Duration) => Some(Self::Number),
            (_, _, _) => None,
        }
    }
}

impl Checker<'_> {
    /// Refuses what has no value, whatever the span.
    pub(super) fn refuse_value<T>(
        &mut self,
        op: Arithmetic,
        right: Number,
        span: Span,
    ) -> Checked<T> {
        let is_zero = matches!(right, Number::Int(0))
            || matches!(right, Number::Double(bits) if f64::from_bits(bits) == 0.0);
        let message = if op == Arithmetic::Divide && is_zero {
            "a division by zero has no value"
        } else {
            "what comes out does not fit a number"
        };
        self.refuse(
            Diagnostic::error(Code::NumberOutOfRange, span, message, "no value")
                .help("a comparison with it would never be true"),
        )
    }
}

/// What two literals make; `None` where that is no number.
pub(super) fn fold(op: Arithmetic, left: Number, right: Number) -> Option<Number> {
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let exact = match op {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => {
                // Real division; a whole quotient of ints below 2^53 is exact as a double.
                return finite(left as f64 / right as f64);
            }
        };
        return exact.map(Number::Int);
    }
    let double = |number| match number {
        Number::Int(int) => int as f64,
        Number::Double(bits) => f64::from_bits(bits),
    };
    let (left, right) = (double(left), double(right));
    finite(match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    })
}

fn finite(value: f64) -> Option<Number> {
    value.is_finite().then(|| Number::double(value))
}
