//! Two things of the span, compared with each other.

use super::{Checked, Checker, Comparison, Subject, computed::compute, whole};
use crate::{
    ast::Op,
    check::unit::Unit,
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Expr, Field, Filter, Place, Term, Test, Whole},
    parser::Refused,
    source::Span,
};

impl Checker<'_> {
    /// Something of the span against something else of it.
    pub(super) fn check_pair(
        &mut self,
        comparison: Comparison<'_>,
        left: Subject,
        right: Subject,
    ) -> Checked<Filter> {
        let test = match (left, right) {
            (Subject::Field(left), Subject::Field(right)) => {
                self.check_fields(comparison, left, right)
            }
            (Subject::Whole(left), Subject::Whole(right)) => {
                let op = self.pair_op(comparison)?;
                self.check_whole_pair(comparison, left, op, right)
            }
            (Subject::Field(field), Subject::Whole(whole)) => {
                return self.check_mixed(comparison, whole, (field, comparison.left.span), false);
            }
            (Subject::Whole(whole), Subject::Field(field)) => {
                return self.check_mixed(comparison, whole, (field, comparison.right.span), true);
            }
        };
        test.map(Filter::Test)
    }

    fn check_fields(
        &mut self,
        comparison: Comparison<'_>,
        left: Field,
        right: Field,
    ) -> Checked<Test> {
        let equal = |left, right, negated| Test::EqualFields {
            left,
            right,
            negated,
        };
        Ok(match comparison.op.value {
            Op::Compare(Compare::Equal) => equal(left, right, false),
            Op::Compare(Compare::Unequal) => equal(left, right, true),
            Op::Compare(Compare::Order(op)) => Test::OrderFields { left, op, right },
            Op::Contains => Test::TextFields {
                left,
                at: Place::Anywhere,
                right,
            },
            Op::Text(at) => Test::TextFields { left, at, right },
            Op::ContainsFolded | Op::Matches => return self.refuse_pattern(comparison),
            // The parser sees to it that a list follows.
            Op::In | Op::NotIn => return Err(Refused),
        })
    }

    /// The operator between two things that are no texts.
    fn pair_op(&mut self, comparison: Comparison<'_>) -> Checked<Compare> {
        match comparison.op.value {
            Op::Compare(op) => Ok(op),
            Op::In | Op::NotIn | Op::Contains | Op::ContainsFolded | Op::Matches | Op::Text(_) => {
                let word = comparison.op.value.as_str();
                let message = format!("`{word}` looks into a text, and a side of it is none");
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    comparison.op.span,
                    message,
                    "not for these",
                );
                self.refuse(diagnostic.help("compare with `==`, `<` and the like"))
            }
        }
    }

    /// An attribute against a plain number that every span has; anything else is counted otherwise than attributes are.
    fn check_mixed(
        &mut self,
        comparison: Comparison<'_>,
        whole: Whole,
        (field, span): (Field, Span),
        whole_first: bool,
    ) -> Checked<Filter> {
        if Unit::of(whole) != Some(Unit::Number) || matches!(field, Field::Intrinsic(_)) {
            return self.refuse_mixed(comparison, whole, span);
        }
        let op = self.pair_op(comparison)?;
        let (whole, field) = (Term::Whole(whole), Term::Field(field));
        let (left, right) = if whole_first {
            (whole, field)
        } else {
            (field, whole)
        };
        Ok(compute(Expr::Term(left), op, Expr::Term(right)))
    }

    /// Refuses an attribute against something that is counted otherwise.
    fn refuse_mixed(
        &mut self,
        comparison: Comparison<'_>,
        whole: Whole,
        field: Span,
    ) -> Checked<Filter> {
        let side = if field == comparison.left.span {
            comparison.right.span
        } else {
            comparison.left.span
        };
        let (key, side) = (self.source(field), self.source(side));
        let diagnostic = if Unit::of(whole) == Some(Unit::Duration) {
            let message = format!("`{key}` is an attribute, which holds a number and no duration");
            Diagnostic::error(
                Code::DurationAgainstAttribute,
                field,
                message,
                "an attribute",
            )
            .help(format!("compare `{side}` with a duration, as `250ms`"))
        } else {
            let message = format!("`{side}` is not compared with `{key}`");
            Diagnostic::error(Code::WrongType, field, message, "of another type")
                .help(whole::wanted(whole))
        };
        self.refuse(diagnostic)
    }

    pub(super) fn check_whole_pair(
        &mut self,
        comparison: Comparison<'_>,
        left: Whole,
        op: Compare,
        right: Whole,
    ) -> Checked<Test> {
        let same_unit = Unit::of(left).is_some() && Unit::of(left) == Unit::of(right);
        if same_unit || (left, right) == (Whole::Date, Whole::Date) {
            return Ok(Test::WholePair { left, op, right });
        }
        let (left_text, right_text) = (
            self.source(comparison.left.span),
            self.source(comparison.right.span),
        );
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            comparison.right.span,
            format!("`{left_text}` is not compared with `{right_text}`"),
            "of another type",
        );
        self.refuse(diagnostic.help(whole::wanted(left)))
    }
}
