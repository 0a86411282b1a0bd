//! One span against a filter: section 4 of the language, value by value.

use std::cmp::Ordering;

use crate::ir::{Compare, Field, Filter, Number, Place, Test, TextIntrinsic, Value, Whole};

/// False, unknown or true, in this order, so that `and` is the least and `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    pub(super) fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    pub(super) fn between(must: bool, may: bool) -> Self {
        match (must, may) {
            (true, _) => Self::True,
            (false, true) => Self::Unknown,
            (false, false) => Self::False,
        }
    }
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A string.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An array.
    Array(Vec<Attribute>),
    /// A list of keys and values.
    Map(Vec<(String, Attribute)>),
}

/// An instrumentation scope.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// Its name; empty: none.
    pub name: String,
    /// Its version; empty: none.
    pub version: String,
    /// Its attributes.
    pub attributes: Vec<(String, Attribute)>,
}

/// A span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: String,
    /// Its parent's id; `None` in a root.
    pub parent_id: Option<String>,
    /// `SpanKind` of OTLP.
    pub kind: u8,
    /// `StatusCode` of OTLP.
    pub status: u8,
    /// The status message; empty: none.
    pub status_message: String,
    /// Unix time in ns.
    pub start: u64,
    /// Unix time in ns, never before the start.
    pub end: u64,
    /// Its attributes, each key once.
    pub attributes: Vec<(String, Attribute)>,
    /// Its resource's attributes.
    pub resource: Vec<(String, Attribute)>,
    /// Its scope.
    pub scope: Scope,
}

/// Whether a span passes a filter. Where attributes were dropped, a comparison with one that is not there is unknown.
pub(super) fn passes(filter: &Filter, span: &Span, dropped: bool) -> Truth {
    match filter {
        Filter::All(all) => all
            .iter()
            .map(|filter| passes(filter, span, dropped))
            .min()
            .unwrap_or(Truth::True),
        Filter::Any(any) => any
            .iter()
            .map(|filter| passes(filter, span, dropped))
            .max()
            .unwrap_or(Truth::False),
        Filter::Not(inner) => passes(inner, span, dropped).not(),
        Filter::Test(test) => {
            if dropped
                && attributes_of(test)
                    .into_iter()
                    .any(|field| read(span, field).is_none())
            {
                return Truth::Unknown;
            }
            if is_true(test, span).unwrap_or(false) {
                Truth::True
            } else {
                Truth::False
            }
        }
        _ => crate::later(),
    }
}

fn attributes_of(test: &Test) -> Vec<&Field> {
    let fields: Vec<&Field> = match test {
        Test::Exists(field)
        | Test::In { field, .. }
        | Test::Order { field, .. }
        | Test::Text { field, .. }
        | Test::Contains { field, .. } => vec![field],
        Test::EqualFields { left, right, .. } | Test::OrderFields { left, right, .. } => {
            vec![left, right]
        }
        Test::Whole { .. } | Test::WholePair { .. } => Vec::new(),
        _ => crate::later(),
    };
    fields
        .into_iter()
        .filter(|field| matches!(field, Field::Attribute { .. }))
        .collect()
}

/// What a field holds, if it is there.
fn read(span: &Span, field: &Field) -> Option<Attribute> {
    let find = |attributes: &[(String, Attribute)], key: &str| {
        attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.clone())
    };
    let text = |text: &str| (!text.is_empty()).then(|| Attribute::String(text.to_owned()));
    match field {
        Field::Attribute { scope, key } => match scope {
            crate::ir::Scope::Any => {
                find(&span.attributes, key).or_else(|| find(&span.resource, key))
            }
            crate::ir::Scope::Span => find(&span.attributes, key),
            crate::ir::Scope::Resource => find(&span.resource, key),
            crate::ir::Scope::Instrumentation => find(&span.scope.attributes, key),
            _ => crate::later(),
        },
        Field::Intrinsic(intrinsic) => match intrinsic {
            TextIntrinsic::Name => Some(Attribute::String(span.name.clone())),
            TextIntrinsic::StatusMessage => text(&span.status_message),
            TextIntrinsic::Id => Some(Attribute::String(span.id.clone())),
            TextIntrinsic::Parent => span.parent_id.clone().map(Attribute::String),
            TextIntrinsic::ScopeName => text(&span.scope.name),
            TextIntrinsic::ScopeVersion => text(&span.scope.version),
            _ => crate::later(),
        },
        _ => crate::later(),
    }
}

/// Whether a test is true; `None` where something it reads is missing.
fn is_true(test: &Test, span: &Span) -> Option<bool> {
    Some(match test {
        Test::Exists(field) => read(span, field).is_some(),
        Test::In {
            field,
            values,
            negated,
        } => {
            let value = read(span, field)?;
            values.iter().any(|literal| equals_literal(&value, literal)) != *negated
        }
        Test::Order { field, op, value } => {
            order_literal(&read(span, field)?, value).is_some_and(|ordering| op.admits(ordering))
        }
        Test::Text { field, at, text } => match read(span, field)? {
            Attribute::String(string) => match at {
                Place::Start => string.starts_with(text.as_str()),
                Place::Anywhere => string.contains(text.as_str()),
                Place::End => string.ends_with(text.as_str()),
            },
            Attribute::Bool(_)
            | Attribute::Int(_)
            | Attribute::Double(_)
            | Attribute::Bytes(_)
            | Attribute::Array(_)
            | Attribute::Map(_) => false,
        },
        Test::Contains { field, value, text } => match read(span, field)? {
            Attribute::String(string) => string.contains(text.as_str()),
            Attribute::Array(elements) => elements
                .iter()
                .any(|element| equals_literal(element, value)),
            Attribute::Bool(_)
            | Attribute::Int(_)
            | Attribute::Double(_)
            | Attribute::Bytes(_)
            | Attribute::Map(_) => false,
        },
        Test::EqualFields {
            left,
            right,
            negated,
        } => equals(&read(span, left)?, &read(span, right)?) != *negated,
        Test::OrderFields { left, op, right } => order(&read(span, left)?, &read(span, right)?)
            .is_some_and(|ordering| op.admits(ordering)),
        Test::Whole { left, op, value } => compares(
            *op,
            compare_numbers(Num::Int(i128::from(whole(span, *left))), literal(*value)),
        ),
        Test::WholePair { left, op, right } => {
            compares(*op, Some(whole(span, *left).cmp(&whole(span, *right))))
        }
        _ => crate::later(),
    })
}

fn compares(op: Compare, ordering: Option<Ordering>) -> bool {
    match op {
        Compare::Equal => ordering == Some(Ordering::Equal),
        Compare::Unequal => ordering != Some(Ordering::Equal),
        Compare::Order(order) => ordering.is_some_and(|ordering| order.admits(ordering)),
    }
}

/// A number as it is, unrounded.
#[derive(Debug, Clone, Copy)]
enum Num {
    Int(i128),
    Double(f64),
}

fn literal(number: Number) -> Num {
    match number {
        Number::Int(int) => Num::Int(i128::from(int)),
        Number::Double(bits) => Num::Double(f64::from_bits(bits)),
    }
}

/// Compares by mathematical value.
fn compare_numbers(left: Num, right: Num) -> Option<Ordering> {
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

fn number_or_decimal(value: &Attribute) -> Option<Num> {
    if let Attribute::String(text) = value {
        decimal(text)
    } else {
        number(value)
    }
}

/// `==` with a literal.
fn equals_literal(value: &Attribute, wanted: &Value) -> bool {
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
fn order_literal(value: &Attribute, wanted: &Value) -> Option<Ordering> {
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
fn equals(left: &Attribute, right: &Attribute) -> bool {
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
fn order(left: &Attribute, right: &Attribute) -> Option<Ordering> {
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

fn whole(span: &Span, whole: Whole) -> u64 {
    let seconds = span.start / 1_000_000_000;
    match whole {
        Whole::Kind => u64::from(span.kind),
        Whole::Status => u64::from(span.status),
        Whole::Start => span.start,
        Whole::End => span.end,
        Whole::Duration => span.end - span.start,
        Whole::Hour => seconds / 3_600 % 24,
        Whole::Minute => seconds / 60 % 60,
        // 1970-01-01 was a Thursday, day 4.
        Whole::Weekday => (seconds / 86_400 + 3) % 7 + 1,
        Whole::Date => seconds / 86_400,
        _ => crate::later(),
    }
}
