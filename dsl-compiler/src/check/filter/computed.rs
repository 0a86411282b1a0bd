//! Comparisons of which a side is computed: arithmetic, and what it is counted in.

use super::{Checked, Checker, Subject, whole};
use crate::check::unit::{Unit, fold};
use crate::{
    ast::{self, At, Operand},
    check::time::parse_time,
    diagnostic::{Code, Diagnostic},
    ir::{Arithmetic, Compare, Expr, Field, Filter, Number, Term, Test, Value},
    source::Span,
};

/// A side of a comparison, and what it is counted in.
#[derive(Debug)]
struct Side {
    expr: Expr<Term>,
    unit: Unit,
    span: Span,
    /// The place of an attribute in it.
    attribute: Option<Span>,
}

impl Checker<'_> {
    pub(super) fn check_computed(
        &mut self,
        left: &ast::Expr,
        op: &At<Compare>,
        right: &ast::Expr,
    ) -> Checked<Filter> {
        let (left, right) = (self.check_side(left), self.check_side(right));
        let (left, right) = (left?, right?);
        if left.unit != right.unit {
            return self.refuse_units(&left, &right);
        }
        match (left.expr, right.expr) {
            (Expr::Number(_), Expr::Number(_)) => {
                let diagnostic = Diagnostic::error(
                    Code::NotACondition,
                    left.span.to(right.span),
                    "two literals are compared, and nothing of the span",
                    "the same for every span",
                );
                self.refuse(diagnostic.help("compare an attribute: `amount > 3`"))
            }
            (Expr::Term(term), Expr::Number(number)) => {
                Ok(Filter::Test(with_literal(term, op.value, number)))
            }
            (Expr::Number(number), Expr::Term(term)) => {
                Ok(Filter::Test(with_literal(term, op.value.flipped(), number)))
            }
            (left, right) => Ok(compute(left, op.value, right)),
        }
    }

    fn check_side(&mut self, side: &ast::Expr) -> Checked<Side> {
        match side {
            ast::Expr::Operand(operand) => self.check_term(operand),
            ast::Expr::Value(value) => match self.check_alias(value)? {
                Some(field) => Ok(Side {
                    expr: Expr::Term(Term::Field(field)),
                    unit: Unit::Number,
                    span: value.span,
                    attribute: Some(value.span),
                }),
                None => self.check_number(value),
            },
            ast::Expr::Binary { op, left, right } => {
                let (left, right) = (self.check_side(left), self.check_side(right));
                self.check_binary(*op, left?, right?)
            }
        }
    }

    /// Something of the span as a number.
    fn check_term(&mut self, operand: &At<Operand>) -> Checked<Side> {
        let span = operand.span;
        let side = |term, unit, attribute| Side {
            expr: Expr::Term(term),
            unit,
            span,
            attribute,
        };
        match self.check_operand(operand)? {
            Subject::Field(Field::Intrinsic(_)) => {
                let text = self.source(span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    span,
                    format!("`{text}` is a text"),
                    "nothing is computed of it",
                );
                self.refuse(diagnostic.help("compute with attributes, durations and times"))
            }
            Subject::Field(field @ (Field::Attribute { .. } | Field::Alias { .. })) => {
                Ok(side(Term::Field(field), Unit::Number, Some(span)))
            }
            Subject::Whole(whole) => {
                if let Some(unit) = Unit::of(whole) {
                    return Ok(side(Term::Whole(whole), unit, None));
                }
                let text = self.source(span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    span,
                    format!("`{text}` is no number"),
                    "nothing is computed of it",
                );
                self.refuse(diagnostic.help(whole::wanted(whole)))
            }
        }
    }

    fn check_number(&mut self, value: &At<ast::Value>) -> Checked<Side> {
        let side = |number, unit| Side {
            expr: Expr::Number(number),
            unit,
            span: value.span,
            attribute: None,
        };
        let text = self.source(value.span);
        let refusal =
            |code, message: String, label| Diagnostic::error(code, value.span, message, label);
        let diagnostic = match &value.value {
            ast::Value::Number(number) => return Ok(side(*number, Unit::Number)),
            ast::Value::Duration(ns) => return Ok(side(Number::Int(*ns), Unit::Duration)),
            ast::Value::Text(written) => match parse_time(written) {
                Some(ns) => return Ok(side(Number::Int(ns), Unit::Time)),
                None => refusal(Code::WrongType, format!("{text} is a text"), "nothing is computed of it")
                    .help(format!("write `span.{text}` for the attribute of that name, or a time as \"2026-03-01T19:30:00Z\"")),
            },
            ast::Value::Word(word) => refusal(
                Code::BareWordOrdered,
                format!("`{word}` could be a text or an attribute"),
                "nothing is computed of a bare word",
            )
            .help(format!("write `span.{word}` for the attribute of the span")),
            ast::Value::Bool(_) => refusal(Code::WrongType, format!("`{text}` is no number"), "a boolean")
                .help("compare booleans with `==`, and compute with numbers"),
            ast::Value::List(_) => refusal(Code::WrongType, "a list is no number".to_owned(), "a list")
                .help("compare with one number at a time, and join the comparisons with `or`"),
            // The parser makes an operand of it.
            ast::Value::Operand(_) => return Err(crate::parser::Refused),
        };
        self.refuse(diagnostic)
    }

    fn check_binary(&mut self, op: Arithmetic, left: Side, right: Side) -> Checked<Side> {
        let span = left.span.to(right.span);
        let Some(unit) = Unit::of_result(op, left.unit, right.unit) else {
            return self.refuse_units_of(op, &left, &right);
        };
        let attribute = left.attribute.or(right.attribute);
        let expr = match (left.expr, right.expr) {
            (Expr::Number(left), Expr::Number(right)) => match fold(op, left, right) {
                Some(number) => Expr::Number(number),
                None => return self.refuse_value(op, right, span),
            },
            (left, right) => Expr::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right),
            },
        };
        Ok(Side {
            expr,
            unit,
            span,
            attribute,
        })
    }

    /// Refuses two sides of which one is counted otherwise.
    fn refuse_units<T>(&mut self, left: &Side, right: &Side) -> Checked<T> {
        let (odd, other) = match (left.unit, right.unit) {
            (Unit::Number, _) => (left, right),
            (_, _) => (right, left),
        };
        let (odd_text, other_text) = (self.source(odd.span), self.source(other.span));
        let (is, wanted) = (odd.unit.describe(), other.unit.describe());
        let diagnostic = match (odd.unit, other.unit, odd.attribute) {
            (Unit::Number, Unit::Duration, Some(attribute)) => {
                let key = self.source(attribute);
                Diagnostic::error(
                    Code::DurationAgainstAttribute,
                    attribute,
                    format!("`{key}` is an attribute, which holds a number and no duration"),
                    "an attribute",
                )
                .help(format!(
                    "multiply a number by its unit: `{key} * 1ms` if it counts milliseconds"
                ))
            }
            (Unit::Number, Unit::Duration, None) => Diagnostic::error(
                Code::DurationWithoutUnit,
                odd.span,
                format!("`{other_text}` is a duration, and this is a plain number"),
                "this number has no unit",
            )
            .help(format!(
                "write `{odd_text}ms` (the units are ns us ms s m h d)"
            )),
            (_, _, _) => Diagnostic::error(
                Code::WrongType,
                odd.span,
                format!("`{other_text}` is {wanted}, and this is {is}"),
                format!("expected {wanted}"),
            )
            .help("the difference of two times is a duration: `span:end - span:start > 5s`"),
        };
        self.refuse(diagnostic)
    }

    /// Refuses what nothing is computed of, as the sum of two times.
    fn refuse_units_of<T>(&mut self, op: Arithmetic, left: &Side, right: &Side) -> Checked<T> {
        if let (Arithmetic::Add | Arithmetic::Subtract, Unit::Number, Unit::Duration)
        | (Arithmetic::Add | Arithmetic::Subtract, Unit::Duration, Unit::Number) =
            (op, left.unit, right.unit)
        {
            return self.refuse_units(left, right);
        }
        let (did, joined) = match op {
            Arithmetic::Add => ("add", "to"),
            Arithmetic::Subtract => ("subtract", "from"),
            Arithmetic::Multiply => ("multiply", "by"),
            Arithmetic::Divide => ("divide", "by"),
        };
        let (first, second) = match op {
            Arithmetic::Add | Arithmetic::Subtract => (right, left),
            Arithmetic::Multiply | Arithmetic::Divide => (left, right),
        };
        let message = format!(
            "one cannot {did} {} {joined} {}",
            first.unit.describe(),
            second.unit.describe()
        );
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            left.span.to(right.span),
            message,
            "nothing comes out",
        );
        self.refuse(diagnostic.help("durations are added, subtracted, and multiplied or divided by numbers; two times are subtracted, and a duration is added to a time or subtracted from it"))
    }
}

/// Compares two numbers, at least one of them computed.
///
/// An attribute that is there and no number is unequal to any number, so `!=` cannot ask for two numbers that differ.
pub(super) fn compute(left: Expr<Term>, op: Compare, right: Expr<Term>) -> Filter {
    let is_field = |side: &Expr<Term>| matches!(side, Expr::Term(Term::Field(_)));
    if op != Compare::Unequal || !(is_field(&left) || is_field(&right)) {
        return Filter::Test(Test::Compute { left, op, right });
    }
    let equal = |left: &Expr<Term>, right: &Expr<Term>| {
        Filter::Test(Test::Compute {
            left: left.clone(),
            op: Compare::Equal,
            right: right.clone(),
        })
    };
    let has_value = |side: &Expr<Term>| match side {
        Expr::Term(Term::Field(field)) => Filter::Test(Test::Exists(field.clone())),
        // A number equals itself, and nothing equals what has no value.
        Expr::Number(_) | Expr::Term(Term::Whole(_)) | Expr::Binary { .. } => equal(side, side),
    };
    Filter::All(vec![
        has_value(&left),
        has_value(&right),
        Filter::Not(Box::new(equal(&left, &right))),
    ])
}

/// Something of the span against a literal.
fn with_literal(term: Term, op: Compare, number: Number) -> Test {
    match (term, op) {
        (Term::Whole(left), op) => Test::Whole {
            left,
            op,
            value: number,
        },
        (Term::Field(field), Compare::Order(op)) => Test::Order {
            field,
            op,
            value: Value::Number(number),
        },
        (Term::Field(field), Compare::Equal | Compare::Unequal) => Test::In {
            field,
            values: vec![Value::Number(number)],
            negated: op == Compare::Unequal,
        },
    }
}
