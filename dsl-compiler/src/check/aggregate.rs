//! What aggregates read of each span: values that are numbers, and what values are told apart by.

use super::{Checked, Checker, operand::Subject, unit::Unit};
use crate::{
    ast::{At, Operand},
    diagnostic::{Code, Diagnostic},
    ir::{Field, Fold, Scope, Term, TextIntrinsic, Whole},
    source::Span,
};

impl Checker<'_> {
    /// What `sum`, `min`, `max` and `avg` read, or `distinct` compares.
    pub(super) fn check_value_term(
        &mut self,
        fold: Fold,
        of: &At<Operand>,
    ) -> Checked<(Term, Unit)> {
        let (word, example) = match fold {
            Fold::Distinct => {
                return self
                    .check_identity_term("distinct", of)
                    .map(|term| (term, Unit::Number));
            }
            Fold::Sum => ("sum", "sum(a, key)"),
            Fold::Min => ("min", "min(a, key)"),
            Fold::Max => ("max", "max(a, key)"),
            Fold::Avg => ("avg", "avg(a, key)"),
        };
        let what = match self.check_operand(of)? {
            Subject::Field(field @ Field::Attribute { .. }) => {
                self.check_own(&field, of.span)?;
                return Ok((Term::Field(field), Unit::Number));
            }
            Subject::Whole(whole @ (Whole::Duration | Whole::SelfDuration)) => {
                return Ok((Term::Whole(whole), Unit::Duration));
            }
            Subject::Whole(whole @ (Whole::Children | Whole::Depth)) => {
                return Ok((Term::Whole(whole), Unit::Number));
            }
            Subject::Whole(Whole::Start | Whole::End) => "a time",
            Subject::Whole(Whole::Kind | Whole::Status) => "a word",
            Subject::Whole(Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Date) => {
                "a part of a time"
            }
            Subject::Field(Field::Intrinsic(_) | Field::Alias { .. }) => "a text",
        };
        let text = self.source(of.span);
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            of.span,
            format!("`{text}` is {what}, and `{word}( )` needs numbers"),
            "no number",
        );
        self.refuse(diagnostic.help(format!(
            "name an attribute, `{example}`, or one of span:duration, span:self_duration, span:children, span:depth"
        )))
    }

    /// What values are told apart by: `distinct` and `by`.
    pub(super) fn check_identity_term(&mut self, word: &str, of: &At<Operand>) -> Checked<Term> {
        match self.check_operand(of)? {
            Subject::Field(field) => {
                self.check_own(&field, of.span)?;
                Ok(Term::Field(field))
            }
            Subject::Whole(
                whole @ (Whole::Kind
                | Whole::Status
                | Whole::Duration
                | Whole::SelfDuration
                | Whole::Children
                | Whole::Depth
                | Whole::Hour
                | Whole::Minute
                | Whole::Weekday
                | Whole::Date),
            ) => Ok(Term::Whole(whole)),
            Subject::Whole(Whole::Start | Whole::End) => {
                let text = self.source(of.span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    of.span,
                    format!("`{text}` is hardly the same of two spans"),
                    "a time to the nanosecond",
                );
                self.refuse(
                    diagnostic.help(format!("use a part of it after `{word}`: `timestamp.hour`")),
                )
            }
        }
    }

    /// Refuses what belongs to an event or a link, of which a span has several.
    fn check_own(&mut self, field: &Field, span: Span) -> Checked<()> {
        let several = match field {
            Field::Attribute {
                scope: Scope::Event,
                ..
            }
            | Field::Intrinsic(TextIntrinsic::EventName) => "event",
            Field::Attribute {
                scope: Scope::Link, ..
            } => "link",
            Field::Attribute { .. } | Field::Intrinsic(_) | Field::Alias { .. } => return Ok(()),
        };
        let text = self.source(span);
        let diagnostic = Diagnostic::error(
            Code::MisplacedIntrinsic,
            span,
            format!("a span has any number of {several}s, and no one `{text}`"),
            format!("of {several}s"),
        );
        self.refuse(diagnostic.help(format!("filter spans by their {several}s, as `count(a.where({text} == x))`; quote it for an attribute of that name: `\"{text}\"`")))
    }
}
