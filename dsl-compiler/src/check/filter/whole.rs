//! Comparisons with what every span has as a whole number: kind, status, times, durations, the parts of a timestamp.

use super::{Checked, Checker, Comparison};
use crate::{
    ast::{self, At, Op},
    check::time::{parse_date, parse_time},
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Number, Order, Test, Whole},
    source::Span,
    suggest::suggest,
};

pub(super) const KINDS: [&str; 6] = [
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
];
pub(super) const STATUSES: [&str; 3] = ["unset", "ok", "error"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What a whole number is compared with.
pub(super) fn wanted(whole: Whole) -> &'static str {
    match whole {
        Whole::Kind => {
            "compare it with unspecified, internal, server, client, producer or consumer"
        }
        Whole::Status => "compare it with ok, error or unset",
        Whole::Start | Whole::End => {
            "compare it with a quoted time, as \"2026-03-01T19:30:00Z\", or with `span:start` or `span:end`"
        }
        Whole::Duration | Whole::SelfDuration => "compare it with a duration, as `250ms`",
        Whole::Children | Whole::Depth => "compare it with a number, as `3`",
        Whole::Hour => "compare it with a number from 0 to 23",
        Whole::Minute => "compare it with a number from 0 to 59",
        Whole::Weekday => {
            "compare it with mon, tue, wed, thu, fri, sat or sun, or with a number from 1 (Monday) to 7"
        }
        Whole::Date => "compare it with a quoted date, as \"2026-03-01\"",
    }
}

impl Checker<'_> {
    /// A whole number against a literal.
    pub(super) fn check_whole(&mut self, comparison: Comparison<'_>, left: Whole) -> Checked<Test> {
        let op = match comparison.op.value {
            Op::Compare(op) => op,
            Op::In | Op::NotIn | Op::Contains | Op::ContainsFolded | Op::Matches | Op::Text(_) => {
                let text = self.source(comparison.left.span);
                let message = format!(
                    "`{}` looks into a text, and `{text}` is none",
                    comparison.op.value.as_str()
                );
                return self.refuse(
                    Diagnostic::error(Code::WrongType, comparison.op.span, message, "not for this")
                        .help(wanted(left)),
                );
            }
        };
        if matches!((left, op), (Whole::Kind | Whole::Status, Compare::Order(_))) {
            let text = self.source(comparison.left.span);
            let diagnostic = Diagnostic::error(
                Code::NoOrder,
                comparison.op.span,
                format!("`{text}` has no order"),
                "expected `==`, `!=`, `in` or `not in`",
            );
            return self.refuse(diagnostic.help(wanted(left)));
        }
        let value = self.check_whole_value(comparison, left, comparison.right)?;
        Ok(Test::Whole { left, op, value })
    }

    /// The number that a literal is against this.
    pub(super) fn check_whole_value(
        &mut self,
        comparison: Comparison<'_>,
        left: Whole,
        value: &At<ast::Value>,
    ) -> Checked<Number> {
        let word = match &value.value {
            ast::Value::Text(text) | ast::Value::Word(text) => Some(text.as_str()),
            ast::Value::Number(_)
            | ast::Value::Duration(_)
            | ast::Value::Bool(_)
            | ast::Value::Operand(_)
            | ast::Value::List(_) => None,
        };
        match (left, &value.value, word) {
            (Whole::Kind, _, Some(word)) => {
                self.check_listed(word, &KINDS, 0, Code::UnknownKind, value)
            }
            (Whole::Status, _, Some(word)) => {
                self.check_listed(word, &STATUSES, 0, Code::UnknownStatus, value)
            }
            (Whole::Weekday, _, Some(word)) => {
                self.check_listed(word, &WEEKDAYS, 1, Code::WrongType, value)
            }
            (Whole::Start | Whole::End, ast::Value::Text(text), _) => {
                if let Some(ns) = parse_time(text) {
                    Ok(Number::Int(ns))
                } else {
                    let diagnostic = Diagnostic::error(
                        Code::BadTime,
                        value.span,
                        "this is not a time of RFC 3339 between 1970 and 2262",
                        "expected date, time and zone",
                    );
                    self.refuse(diagnostic.help("write it as \"2026-03-01T19:30:00Z\""))
                }
            }
            (Whole::Date, ast::Value::Text(text), _) => {
                if let Some(days) = parse_date(text) {
                    Ok(Number::Int(days))
                } else {
                    let diagnostic = Diagnostic::error(
                        Code::BadDate,
                        value.span,
                        "this is not a date",
                        "expected year, month and day",
                    );
                    self.refuse(diagnostic.help("write it as \"2026-03-01\""))
                }
            }
            (Whole::Duration | Whole::SelfDuration, ast::Value::Duration(ns), _) => {
                self.warn_outside(comparison, left, Number::Int(*ns), value.span);
                Ok(Number::Int(*ns))
            }
            (Whole::Duration | Whole::SelfDuration, ast::Value::Number(_), _) => {
                self.refuse_plain(comparison, value)
            }
            (
                Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Children | Whole::Depth,
                ast::Value::Number(number),
                _,
            ) => {
                self.warn_outside(comparison, left, *number, value.span);
                Ok(*number)
            }
            (_, _, _) => {
                let text = self.source(comparison.left.span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    value.span,
                    format!("`{text}` is not compared with this"),
                    "of another type",
                );
                self.refuse(diagnostic.help(wanted(left)))
            }
        }
    }

    /// Warns where a part of a timestamp always or never compares so, as `timestamp.weekday == 0`.
    fn warn_outside(&mut self, comparison: Comparison<'_>, part: Whole, number: Number, at: Span) {
        let (first, last) = match part {
            Whole::Hour => (0.0, 23.0),
            Whole::Minute => (0.0, 59.0),
            Whole::Weekday => (1.0, 7.0),
            Whole::Duration | Whole::SelfDuration | Whole::Children | Whole::Depth => {
                (0.0, f64::INFINITY)
            }
            Whole::Kind | Whole::Status | Whole::Start | Whole::End | Whole::Date => return,
        };
        let value = match number {
            Number::Int(int) => int as f64,
            Number::Double(bits) => f64::from_bits(bits),
        };
        let is_one = (first..=last).contains(&value) && value.fract() == 0.0;
        let whole = comparison.span();
        let (span, outcome) = match comparison.op.value {
            Op::Compare(Compare::Equal) if !is_one => (whole, "never true"),
            Op::Compare(Compare::Unequal) if !is_one => (whole, "always true"),
            Op::In | Op::NotIn if !is_one => (at, "never the value"),
            Op::Compare(Compare::Order(order)) => {
                let holds = |part: f64| match order {
                    Order::Less => part < value,
                    Order::LessOrEqual => part <= value,
                    Order::Greater => part > value,
                    Order::GreaterOrEqual => part >= value,
                };
                match (holds(first), holds(last)) {
                    (false, false) => (whole, "never true"),
                    (true, true) => (whole, "always true"),
                    (true, false) | (false, true) => return,
                }
            }
            Op::Compare(_)
            | Op::In
            | Op::NotIn
            | Op::Contains
            | Op::ContainsFolded
            | Op::Matches
            | Op::Text(_) => return,
        };
        let text = self.source(comparison.left.span);
        let message = if last.is_finite() {
            format!("this is {outcome}: `{text}` is {first} to {last}")
        } else {
            format!("this is {outcome}: `{text}` is never negative")
        };
        let diagnostic = Diagnostic::warning(Code::ConstantCondition, span, message, outcome);
        self.report(diagnostic.help(wanted(part)));
    }

    fn refuse_plain(
        &mut self,
        comparison: Comparison<'_>,
        value: &At<ast::Value>,
    ) -> Checked<Number> {
        let number = self.source(value.span);
        let left = self.source(comparison.left.span);
        let diagnostic = Diagnostic::error(
            Code::DurationWithoutUnit,
            value.span,
            format!("`{left}` is compared with a plain number"),
            "this number has no unit",
        );
        self.refuse(diagnostic.help(format!(
            "write `{number}ms` (the units are ns us ms s m h d)"
        )))
    }

    /// The position of a word in a list, counted from `first`.
    fn check_listed(
        &mut self,
        word: &str,
        names: &[&str],
        first: i64,
        code: Code,
        value: &At<ast::Value>,
    ) -> Checked<Number> {
        let lower = word.to_ascii_lowercase();
        if let Some(position) = names.iter().position(|name| *name == word) {
            return Ok(Number::Int(first + position as i64));
        }
        let diagnostic = Diagnostic::error(
            code,
            value.span,
            format!("`{word}` is none of these"),
            format!("expected one of {}", names.join(", ")),
        );
        self.refuse(match suggest(&lower, names) {
            Some(near) => diagnostic
                .help(format!("did you mean `{near}`?"))
                .fix(value.span, near),
            None => diagnostic,
        })
    }
}
