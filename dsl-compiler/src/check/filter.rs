//! Filters: which comparisons there are, and what each means (section 4 of the language).

use super::{Checked, Checker, Placed, operand::Subject};
use crate::{
    ast::{self, At, Op, Operand},
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Field, Filter, Order, Test, TextIntrinsic, Value, Whole},
    parser::Refused,
    source::Span,
};

mod unequal;
mod whole;

/// A comparison as it stands, with its left side resolved.
#[derive(Debug, Clone, Copy)]
struct Comparison<'a> {
    left: Placed<'a, Operand>,
    op: Placed<'a, Op>,
    right: Placed<'a, ast::Value>,
}

impl Checker<'_> {
    /// Checks what stands between the parentheses of a `.where( )`.
    pub(super) fn check_whole_filter(&mut self, filter: &ast::Filter) -> Checked<Filter> {
        let checked = self.check_filter(filter)?;
        self.warn_unequal(filter);
        Ok(checked)
    }

    fn check_filter(&mut self, filter: &ast::Filter) -> Checked<Filter> {
        match filter {
            ast::Filter::And(all) => self.check_filters(all).map(Filter::All),
            ast::Filter::Or(any) => self.check_filters(any).map(Filter::Any),
            ast::Filter::Not(inner) => Ok(Filter::Not(Box::new(self.check_filter(inner)?))),
            ast::Filter::Truth(operand) => self.check_truth(operand),
            ast::Filter::Exists(operand) => match self.check_operand(operand)? {
                Subject::Field(field) => Ok(Filter::Test(Test::Exists(field))),
                Subject::Whole(_) => {
                    let text = self.source(operand.span);
                    self.refuse(
                        Diagnostic::error(
                            Code::WrongType,
                            operand.span,
                            format!("every span has `{text}`"),
                            "always there",
                        )
                        .help("leave it out"),
                    )
                }
            },
            ast::Filter::Compare { left, op, right } => {
                self.check_comparison_of_span(Comparison { left, op, right })
            }
            _ => crate::later(),
        }
    }

    fn check_filters(&mut self, filters: &[ast::Filter]) -> Checked<Vec<Filter>> {
        let checked: Vec<_> = filters
            .iter()
            .map(|filter| self.check_filter(filter))
            .collect();
        checked.into_iter().collect::<Result<_, Refused>>()
    }

    /// An attribute alone asks whether it is true.
    fn check_truth(&mut self, operand: &At<Operand>) -> Checked<Filter> {
        match self.check_operand(operand)? {
            Subject::Field(field @ Field::Attribute { .. }) => Ok(Filter::Test(Test::In {
                field,
                values: vec![Value::Bool(true)],
                negated: false,
            })),
            Subject::Field(Field::Intrinsic(_)) | Subject::Whole(_) => {
                let text = self.source(operand.span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    operand.span,
                    format!("`{text}` alone is neither true nor false"),
                    "expected a comparison after it",
                );
                self.refuse(diagnostic)
            }
            _ => crate::later(),
        }
    }

    fn check_comparison_of_span(&mut self, comparison: Comparison<'_>) -> Checked<Filter> {
        let left = self.check_operand(comparison.left)?;
        if let ast::Value::Operand(operand) = &comparison.right.value {
            let right = self.check_operand(&At {
                value: operand.clone(),
                span: comparison.right.span,
            })?;
            return self.check_pair(comparison, left, right).map(Filter::Test);
        }
        match left {
            Subject::Field(field) => self.check_field(comparison, field).map(Filter::Test),
            Subject::Whole(whole) => self.check_whole(comparison, whole),
        }
    }

    /// A field against literals.
    fn check_field(&mut self, comparison: Comparison<'_>, field: Field) -> Checked<Test> {
        let right = comparison.right;
        match comparison.op.value {
            Op::Compare(Compare::Equal) => Ok(Test::In {
                values: vec![self.check_value(comparison, &field, right)?],
                field,
                negated: false,
            }),
            Op::Compare(Compare::Unequal) => Ok(Test::In {
                values: vec![self.check_value(comparison, &field, right)?],
                field,
                negated: true,
            }),
            op @ (Op::In | Op::NotIn) => {
                let ast::Value::List(items) = &right.value else {
                    return Err(Refused);
                };
                let values: Vec<_> = items
                    .iter()
                    .map(|item| self.check_value(comparison, &field, item))
                    .collect();
                Ok(Test::In {
                    values: values.into_iter().collect::<Result<_, Refused>>()?,
                    field,
                    negated: op == Op::NotIn,
                })
            }
            Op::Compare(Compare::Order(order)) => self.check_order(comparison, field, order),
            Op::Contains => {
                let value = self.check_needle(comparison, &field)?;
                let text = self.needle_text(right, &value);
                Ok(Test::Contains { field, value, text })
            }
            Op::Text(at) => {
                let value = self.check_needle(comparison, &field)?;
                Ok(Test::Text {
                    field,
                    at,
                    text: self.needle_text(right, &value),
                })
            }
            _ => crate::later(),
        }
    }

    /// The value that `contains` and its like look for. In a string, any literal is looked for as it is written.
    fn check_needle(&mut self, comparison: Comparison<'_>, field: &Field) -> Checked<Value> {
        let anything = Field::Attribute {
            scope: crate::ir::Scope::Any,
            key: String::new(),
        };
        let field = if matches!(
            field,
            Field::Intrinsic(TextIntrinsic::Name | TextIntrinsic::ScopeName)
        ) {
            field
        } else {
            &anything
        };
        self.check_value(comparison, field, comparison.right)
    }

    fn needle_text(&self, written: &At<ast::Value>, value: &Value) -> String {
        match value {
            Value::Text(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => self.source(written.span),
        }
    }

    /// A literal that a field is equal to or not.
    fn check_value(
        &mut self,
        comparison: Comparison<'_>,
        field: &Field,
        value: &At<ast::Value>,
    ) -> Checked<Value> {
        let left = self.source(comparison.left.span);
        let checked = match &value.value {
            ast::Value::Number(number) => Value::Number(*number),
            ast::Value::Bool(truth) => Value::Bool(*truth),
            ast::Value::Text(text) => Value::Text(text.clone()),
            ast::Value::Word(word) => {
                self.check_dotted(comparison, word, value.span)?;
                Value::Text(word.clone())
            }
            ast::Value::Duration(_) => return self.refuse_duration(comparison, value.span),
            ast::Value::Operand(_) => {
                return self.unsupported(value.span, "an attribute in a list or after `contains`");
            }
            ast::Value::List(_) => return Err(Refused),
        };
        if matches!(
            (field, &checked),
            (Field::Intrinsic(_), Value::Number(_) | Value::Bool(_))
        ) {
            let text = self.source(value.span);
            let diagnostic = Diagnostic::error(
                Code::WrongType,
                value.span,
                format!("`{left}` is a text"),
                "not a text",
            )
            .help(format!("quote it: `\"{text}\"`"));
            return self.refuse(diagnostic.fix(value.span, format!("\"{text}\"")));
        }
        Ok(checked)
    }

    /// Refuses a dotted bare word, which could mean a text or an attribute, unless the left side is always a name.
    fn check_dotted(&mut self, comparison: Comparison<'_>, word: &str, span: Span) -> Checked<()> {
        let names = [
            ("span", "name"),
            ("span", "service"),
            ("scope", "name"),
            ("event", "name"),
        ];
        let is_name = matches!(&comparison.left.value, Operand::Intrinsic { of, name } if names.contains(&(of.as_str(), name.as_str())));
        if !word.contains('.') || is_name {
            return Ok(());
        }
        let diagnostic = Diagnostic::error(
            Code::DottedWord,
            span,
            format!("`{word}` could be a text or an attribute"),
            "a dotted word is written in full here",
        );
        self.refuse(diagnostic.help(format!(
            "write `\"{word}\"` for the text, or `span.{word}` for the attribute of the span"
        )))
    }

    fn refuse_duration<T>(&mut self, comparison: Comparison<'_>, span: Span) -> Checked<T> {
        let (left, op, duration) = (
            self.source(comparison.left.span),
            comparison.op.value.as_str(),
            self.source(span),
        );
        let digits = duration.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let message = format!("`{left}` is an attribute, which holds a number and no duration");
        let diagnostic =
            Diagnostic::error(Code::DurationAgainstAttribute, span, message, "a duration");
        self.refuse(diagnostic.help(format!("write `span:duration {op} {duration}` for how long the span took, or `{left} {op} {digits}` for the attribute")))
    }

    fn check_order(
        &mut self,
        comparison: Comparison<'_>,
        field: Field,
        op: Order,
    ) -> Checked<Test> {
        let right = comparison.right;
        match &right.value {
            ast::Value::Word(word) => {
                let message = format!(
                    "`{word}` after `{}` could be a text or an attribute",
                    op.as_str()
                );
                let diagnostic = Diagnostic::error(
                    Code::BareWordOrdered,
                    right.span,
                    message,
                    "a bare word has no order",
                );
                self.refuse(diagnostic.help(format!("write `span.{word}` for the attribute of the span, or `\"{word}\"` for the text")))
            }
            ast::Value::Bool(_) => {
                let diagnostic = Diagnostic::error(
                    Code::NoOrder,
                    right.span,
                    format!("`{}` does not order booleans", op.as_str()),
                    "a boolean",
                );
                self.refuse(diagnostic.help("compare with `==` or `!=`"))
            }
            ast::Value::Text(text) if matches!(field, Field::Intrinsic(_)) && is_decimal(text) => {
                let left = self.source(comparison.left.span);
                self.unsupported(
                    right.span,
                    &format!("ordering `{left}` with a decimal number"),
                )
            }
            ast::Value::Number(_)
            | ast::Value::Text(_)
            | ast::Value::Duration(_)
            | ast::Value::Operand(_)
            | ast::Value::List(_) => {
                let value = self.check_value(comparison, &field, right)?;
                Ok(Test::Order { field, op, value })
            }
        }
    }

    /// Something of the span against something else of it.
    fn check_pair(
        &mut self,
        comparison: Comparison<'_>,
        left: Subject,
        right: Subject,
    ) -> Checked<Test> {
        let Op::Compare(op) = comparison.op.value else {
            let what = format!(
                "`{}` with an attribute on its right",
                comparison.op.value.as_str()
            );
            return self.unsupported(comparison.right.span, &what);
        };
        match (left, right) {
            (Subject::Field(left), Subject::Field(right)) => match op {
                Compare::Equal => Ok(Test::EqualFields {
                    left,
                    right,
                    negated: false,
                }),
                Compare::Unequal => Ok(Test::EqualFields {
                    left,
                    right,
                    negated: true,
                }),
                Compare::Order(op) => {
                    if matches!(left, Field::Intrinsic(_)) || matches!(right, Field::Intrinsic(_)) {
                        return self.unsupported(
                            comparison.right.span,
                            "ordering the texts that a span carries",
                        );
                    }
                    Ok(Test::OrderFields { left, op, right })
                }
            },
            (Subject::Whole(left), Subject::Whole(right)) => {
                self.check_whole_pair(comparison, left, op, right)
            }
            (Subject::Field(_), Subject::Whole(whole)) => {
                self.refuse_mixed(comparison, whole, comparison.left.span)
            }
            (Subject::Whole(whole), Subject::Field(_)) => {
                self.refuse_mixed(comparison, whole, comparison.right.span)
            }
        }
    }

    /// Refuses an attribute against something that is counted otherwise.
    fn refuse_mixed(
        &mut self,
        comparison: Comparison<'_>,
        whole: Whole,
        field: Span,
    ) -> Checked<Test> {
        let key = self.source(field);
        match whole {
            Whole::Duration => {
                let message =
                    format!("`{key}` is an attribute, which holds a number and no duration");
                let diagnostic = Diagnostic::error(
                    Code::DurationAgainstAttribute,
                    field,
                    message,
                    "an attribute",
                );
                self.refuse(diagnostic.help("compare `span:duration` with a duration, as `250ms`"))
            }
            Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Date => {
                self.unsupported(field, "comparing `timestamp.` with an attribute")
            }
            Whole::Kind | Whole::Status | Whole::Start | Whole::End => {
                let side = if field == comparison.left.span {
                    comparison.right.span
                } else {
                    comparison.left.span
                };
                let side = self.source(side);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    field,
                    format!("`{side}` is not compared with an attribute"),
                    "an attribute",
                );
                self.refuse(diagnostic.help(whole::wanted(whole)))
            }
            _ => crate::later(),
        }
    }
}

/// Whether a text is wholly a decimal number: `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| {
            (whole, Some(fraction))
        });
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
