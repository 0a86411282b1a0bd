//! Warnings of comparisons that are never true together, or of which one always is.

use std::{cmp::Ordering, collections::HashMap};

use super::{Checker, Comparison, Subject};
use crate::{
    ast,
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Filter, Number, Order, Test, Value},
    source::Span,
};

/// Lists longer than this are not compared with one another.
const VALUES_MAX: usize = 16;

/// An end of what a comparison admits, and whether it is admitted itself.
#[derive(Debug, Clone, Copy)]
struct Bound {
    at: Number,
    inclusive: bool,
    span: Span,
}

/// What a comparison says of its left side.
#[derive(Debug)]
enum Claim {
    Equal(Vec<Value>),
    Unequal(Vec<Value>),
    From(Bound),
    To(Bound),
}

/// What was said of one thing so far.
#[derive(Debug, Default)]
struct Said {
    values: Option<(Vec<Value>, Span)>,
    from: Option<Bound>,
    to: Option<Bound>,
    /// One doubt about one thing is enough.
    doubted: bool,
}

impl Checker<'_> {
    /// Warns where two operands of an `and` exclude each other: `x == 1 and x == 2`, `hour >= 18 and hour <= 6`.
    pub(in crate::check) fn warn_never<'f>(
        &mut self,
        operands: impl Iterator<Item = (&'f ast::Filter, &'f Filter)>,
    ) {
        let mut all = Vec::new();
        operands.for_each(|(written, checked)| open(written, checked, &mut all));
        let mut said: HashMap<Subject, Said> = HashMap::new();
        for (span, subject, claim) in all {
            let known = said.entry(subject).or_default();
            let excluded = match claim {
                Claim::Equal(values) => {
                    let excluded = known.excludes(&values);
                    known.values.get_or_insert((values, span));
                    excluded
                }
                Claim::Unequal(_) => None,
                Claim::From(bound) => {
                    known.from = Some(inner(known.from, bound, Ordering::Greater));
                    known.gap().or_else(|| known.value_outside())
                }
                Claim::To(bound) => {
                    known.to = Some(inner(known.to, bound, Ordering::Less));
                    known.gap().or_else(|| known.value_outside())
                }
            };
            if let Some(first) = excluded.filter(|first| *first != span && !known.doubted) {
                known.doubted = true;
                let (one, two) = (self.source(first), self.source(span));
                let diagnostic = Diagnostic::warning(
                    Code::ConstantCondition,
                    span,
                    format!("`{one}` and `{two}` are never true of one span"),
                    "never true where the other is",
                )
                .also(first, "the other");
                let diagnostic = diagnostic.help("join them with `or` if one of them is enough");
                // An `and` in a chain of filters is looked at by itself and with the others.
                if !self.diagnostics.contains(&diagnostic) {
                    self.report(diagnostic);
                }
            }
        }
    }

    /// Warns where one of two operands of an `or` is always true: `x != a or x != b`, `hour >= 6 or hour <= 18`.
    pub(super) fn warn_always<'f>(
        &mut self,
        operands: impl Iterator<Item = (&'f ast::Filter, &'f Filter)>,
    ) {
        let mut said: HashMap<Subject, Said> = HashMap::new();
        let claims: Vec<_> = operands
            .filter_map(|(written, checked)| claim(written, checked))
            .collect();
        for (span, subject, claim) in claims {
            let known = said.entry(subject).or_default();
            let first = match claim {
                Claim::Equal(_) => None,
                Claim::Unequal(values) => {
                    let first = known.apart(&values);
                    known.values.get_or_insert((values, span));
                    first
                }
                Claim::From(bound) => {
                    known.from = Some(inner(known.from, bound, Ordering::Less));
                    known.overlap()
                }
                Claim::To(bound) => {
                    known.to = Some(inner(known.to, bound, Ordering::Greater));
                    known.overlap()
                }
            };
            if let Some(first) = first.filter(|first| *first != span && !known.doubted) {
                known.doubted = true;
                let (one, two) = (self.source(first), self.source(span));
                let diagnostic = Diagnostic::warning(
                    Code::ConstantCondition,
                    span,
                    format!("`{one}` or `{two}` is true of every span that has it"),
                    "always true where the other is not",
                )
                .also(first, "the other");
                self.report(diagnostic.help("join them with `and` if both must hold"));
            }
        }
    }
}

impl Said {
    /// The place of what excludes all of these values.
    fn excludes(&self, values: &[Value]) -> Option<Span> {
        let bound = || self.bound_before(values).map(|bound| bound.span);
        self.apart(values).or_else(bound)
    }

    /// The place of values that have none in common with these.
    fn apart(&self, values: &[Value]) -> Option<Span> {
        let (known, span) = self.values.as_ref()?;
        let few = known.len() <= VALUES_MAX && values.len() <= VALUES_MAX;
        let meet = || {
            known
                .iter()
                .any(|one| values.iter().any(|two| can_be_both(one, two)))
        };
        (few && !meet()).then_some(*span)
    }

    /// The bound that none of these values is within.
    fn bound_before(&self, values: &[Value]) -> Option<Bound> {
        let outside = |bound: &Bound, beyond: Ordering| {
            values.len() <= VALUES_MAX
                && values.iter().all(|value| match value {
                    Value::Number(number) => {
                        let order = compare(*number, bound.at);
                        order == beyond || (order == Ordering::Equal && !bound.inclusive)
                    }
                    Value::Text(_) | Value::Bool(_) => false,
                })
        };
        let low = self.from.filter(|from| outside(from, Ordering::Less));
        let high = self.to.filter(|to| outside(to, Ordering::Greater));
        low.or(high)
    }

    /// The place of the values that were there first, where none of them is within the bounds.
    fn value_outside(&self) -> Option<Span> {
        let (values, span) = self.values.as_ref()?;
        self.bound_before(values).map(|_| *span)
    }

    /// The place of the bound that was there first, where nothing is between the two.
    fn gap(&self) -> Option<Span> {
        let (from, to) = (self.from?, self.to?);
        let empty = match compare(from.at, to.at) {
            Ordering::Less => false,
            Ordering::Equal => !(from.inclusive && to.inclusive),
            Ordering::Greater => true,
        };
        empty.then_some(from.span.min(to.span))
    }

    /// The same where everything is on one side of them or the other.
    fn overlap(&self) -> Option<Span> {
        let (from, to) = (self.from?, self.to?);
        let all = match compare(from.at, to.at) {
            Ordering::Less => true,
            Ordering::Equal => from.inclusive || to.inclusive,
            Ordering::Greater => false,
        };
        all.then_some(from.span.min(to.span))
    }
}

/// The one of two bounds that lies further in the direction.
fn inner(known: Option<Bound>, bound: Bound, direction: Ordering) -> Bound {
    match known {
        Some(known) if compare(bound.at, known.at) != direction => known,
        Some(_) | None => bound,
    }
}

/// The operands of a conjunction, with those of conjunctions in it.
fn open(written: &ast::Filter, checked: &Filter, all: &mut Vec<(Span, Subject, Claim)>) {
    match (written, checked) {
        (ast::Filter::And(written), Filter::All(checked)) => written
            .iter()
            .zip(checked)
            .for_each(|(written, checked)| open(written, checked, all)),
        (_, _) => all.extend(claim(written, checked)),
    }
}

/// What a comparison with literals says, and of what.
fn claim(written: &ast::Filter, checked: &Filter) -> Option<(Span, Subject, Claim)> {
    let (ast::Filter::Compare { left, op, right }, Filter::Test(test)) = (written, checked) else {
        return None;
    };
    let span = Comparison { left, op, right }.span();
    let bound = |order, at| {
        let (inclusive, is_from) = match order {
            Order::Less => (false, false),
            Order::LessOrEqual => (true, false),
            Order::Greater => (false, true),
            Order::GreaterOrEqual => (true, true),
        };
        let bound = Bound {
            at,
            inclusive,
            span,
        };
        if is_from {
            Claim::From(bound)
        } else {
            Claim::To(bound)
        }
    };
    let (subject, claim) = match test {
        Test::In {
            field,
            values,
            negated,
        } => (
            Subject::Field(field.clone()),
            if *negated {
                Claim::Unequal(values.clone())
            } else {
                Claim::Equal(values.clone())
            },
        ),
        Test::Order {
            field,
            op,
            value: Value::Number(number),
        } => (Subject::Field(field.clone()), bound(*op, *number)),
        Test::Whole { left, op, value } => (
            Subject::Whole(*left),
            match op {
                Compare::Equal => Claim::Equal(vec![Value::Number(*value)]),
                Compare::Unequal => Claim::Unequal(vec![Value::Number(*value)]),
                Compare::Order(order) => {
                    let (order, number) = strict(*order, *value);
                    bound(order, number)
                }
            },
        ),
        Test::Exists(_)
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::TextFields { .. }
        | Test::Compute { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. }
        | Test::WholePair { .. } => return None,
    };
    Some((span, subject, claim))
}

/// Of whole numbers, `> 5` is `>= 6`.
fn strict(order: Order, number: Number) -> (Order, Number) {
    let next = match (order, number) {
        (Order::Greater, Number::Int(int)) => int
            .checked_add(1)
            .map(|int| (Order::GreaterOrEqual, Number::Int(int))),
        (Order::Less, Number::Int(int)) => int
            .checked_sub(1)
            .map(|int| (Order::LessOrEqual, Number::Int(int))),
        (_, _) => None,
    };
    next.unwrap_or((order, number))
}

/// Whether one attribute can equal both. A text can equal a number and a boolean, so of two types nothing is said.
fn can_be_both(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Text(one), Value::Text(two)) => one == two,
        (Value::Bool(one), Value::Bool(two)) => one == two,
        (Value::Number(one), Value::Number(two)) => compare(*one, *two) == Ordering::Equal,
        (_, _) => true,
    }
}

/// Ints exactly; what a double is in, as doubles: a doubt need not be sure.
fn compare(one: Number, two: Number) -> Ordering {
    let double = |number| match number {
        Number::Int(int) => int as f64,
        Number::Double(bits) => f64::from_bits(bits),
    };
    match (one, two) {
        (Number::Int(one), Number::Int(two)) => one.cmp(&two),
        (one, two) => double(one)
            .partial_cmp(&double(two))
            .unwrap_or(Ordering::Equal),
    }
}
