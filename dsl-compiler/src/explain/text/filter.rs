//! Conditions on one span, and the parts of a span set.

use super::literal::{
    expr, field, name, place, quoted, right_field, term, value, whole, whole_value,
};
use crate::ir::{Filter, Part, Selector, Table, Test};

/// Writes a condition on one span.
pub(in crate::explain) fn filter(filter: &Filter) -> String {
    let joined = |filters: &[Filter], with: &str| {
        let texts = filters.iter().map(|filter| match filter {
            Filter::All(several) | Filter::Any(several) if several.len() > 1 => {
                format!("({})", self::filter(filter))
            }
            Filter::All(_)
            | Filter::Any(_)
            | Filter::Not(_)
            | Filter::Test(_)
            | Filter::Some { .. } => self::filter(filter),
        });
        texts.collect::<Vec<String>>().join(with)
    };
    match filter {
        Filter::All(all) => joined(all, " and "),
        Filter::Any(any) => joined(any, " or "),
        Filter::Not(inner) => format!("not ({})", self::filter(inner)),
        Filter::Test(test) => self::test(test),
        Filter::Some { table, filter } => {
            let table = match table {
                Table::Events => "event",
                Table::Links => "link",
            };
            format!("{table}.where({})", self::filter(filter))
        }
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::Exists(field) => format!("exists {}", self::field(field)),
        Test::In {
            field,
            values,
            negated,
        } => {
            let left = self::field(field);
            match (values.as_slice(), negated) {
                ([one], false) => format!("{left} == {}", value(one)),
                ([one], true) => format!("{left} != {}", value(one)),
                (several, negated) => {
                    let several: Vec<String> = several.iter().map(value).collect();
                    let not = if *negated { "not " } else { "" };
                    format!("{left} {not}in [{}]", several.join(", "))
                }
            }
        }
        Test::Order { field, op, value } => {
            format!(
                "{} {} {}",
                self::field(field),
                op.as_str(),
                self::value(value)
            )
        }
        Test::Text { field, at, text } => {
            format!("{} {} {}", self::field(field), place(*at), quoted(text))
        }
        Test::Contains {
            field,
            value,
            text: _,
        } => {
            format!("{} contains {}", self::field(field), self::value(value))
        }
        Test::Matches { field, pattern } => {
            format!("{} matches {}", self::field(field), quoted(&pattern.0))
        }
        Test::ContainsFolded {
            field,
            string,
            element: _,
        } => format!("{} contains_i {}", self::field(field), quoted(&string.0)),
        Test::TextFields { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. }
        | Test::Compute { .. } => two_sides(test),
        Test::Whole { left, op, value } => {
            format!(
                "{} {} {}",
                whole(*left),
                op.as_str(),
                whole_value(*left, *value)
            )
        }
        Test::WholePair { left, op, right } => {
            format!("{} {} {}", whole(*left), op.as_str(), whole(*right))
        }
    }
}

/// Writes a comparison of two sides that are both read from the trace; empty for any other.
fn two_sides(test: &Test) -> String {
    match test {
        Test::TextFields { left, at, right } => {
            format!("{} {} {}", field(left), place(*at), right_field(right))
        }
        Test::Compute { left, op, right } => {
            format!(
                "{} {} {}",
                expr(left, &term),
                op.as_str(),
                expr(right, &term)
            )
        }
        Test::EqualFields {
            left,
            right,
            negated,
        } => {
            let op = if *negated { "!=" } else { "==" };
            format!("{} {op} {}", field(left), right_field(right))
        }
        Test::OrderFields { left, op, right } => {
            format!("{} {} {}", field(left), op.as_str(), right_field(right))
        }
        Test::Exists(_)
        | Test::In { .. }
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::Whole { .. }
        | Test::WholePair { .. } => String::new(),
    }
}

pub(in crate::explain) fn part(part: &Part) -> String {
    let selector = selector(&part.selector);
    if part.filter.is_trivial() {
        return selector;
    }
    format!("{selector}.where({})", filter(&part.filter))
}

fn selector(selector: &Selector) -> String {
    match selector {
        Selector::Name(text) => name(text),
        Selector::Any => "any".to_owned(),
    }
}
