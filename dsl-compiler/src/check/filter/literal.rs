//! Attributes and texts against literals.

use super::{Checked, Checker, Comparison, Subject};
use crate::{
    ast::{self, At, Op, Operand},
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Field, Filter, Order, Pattern, Scope, Test, TextIntrinsic, Value},
    parser::Refused,
    source::Span,
};

impl Checker<'_> {
    /// `in` and `not in`: the literals of the list at once, each attribute in it by itself.
    pub(super) fn check_list(
        &mut self,
        comparison: Comparison<'_>,
        left: &Subject,
        items: &[At<ast::Value>],
    ) -> Checked<Filter> {
        let negated = comparison.op.value == Op::NotIn;
        let compare = if negated {
            Compare::Unequal
        } else {
            Compare::Equal
        };
        let op = At {
            value: Op::Compare(compare),
            span: comparison.op.span,
        };
        let mut values: Checked<Vec<Value>> = Ok(Vec::new());
        let mut filters: Checked<Vec<Filter>> = Ok(Vec::new());
        for item in items {
            if let Some(field) = self.check_alias(item)? {
                let comparison = Comparison {
                    op: &op,
                    right: item,
                    ..comparison
                };
                let filter = self.check_pair(comparison, left.clone(), Subject::Field(field));
                add(&mut filters, filter);
                continue;
            }
            match (&item.value, left) {
                (ast::Value::Operand(operand), _) => {
                    let filter = self.check_item(comparison, &op, left, operand, item);
                    add(&mut filters, filter);
                }
                (_, Subject::Field(field)) => {
                    let value = self.check_value(comparison, field, item);
                    add(&mut values, value);
                }
                (_, Subject::Whole(whole)) => {
                    let value = self.check_whole_value(comparison, *whole, item);
                    let test = value.map(|value| Test::Whole {
                        left: *whole,
                        op: compare,
                        value,
                    });
                    add(&mut filters, test.map(Filter::Test));
                }
            }
        }
        let (values, mut filters) = (values?, filters?);
        if let (Subject::Field(field), false) = (left, values.is_empty()) {
            let test = Test::In {
                field: field.clone(),
                values,
                negated,
            };
            filters.insert(0, Filter::Test(test));
        }
        Ok(match (filters.len(), negated) {
            (1, _) => filters.remove(0),
            (_, true) => Filter::All(filters),
            (_, false) => Filter::Any(filters),
        })
    }

    /// An attribute or intrinsic in a list.
    fn check_item(
        &mut self,
        comparison: Comparison<'_>,
        op: &At<Op>,
        left: &Subject,
        operand: &Operand,
        item: &At<ast::Value>,
    ) -> Checked<Filter> {
        let right = self.check_operand(&At {
            value: operand.clone(),
            span: item.span,
        })?;
        let comparison = Comparison {
            op,
            right: item,
            ..comparison
        };
        self.check_pair(comparison, left.clone(), right)
    }

    /// A field against literals.
    pub(super) fn check_field(
        &mut self,
        comparison: Comparison<'_>,
        field: Field,
    ) -> Checked<Test> {
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
            // The parser sees to it that a list follows, which `check_list` reads.
            Op::In | Op::NotIn => Err(Refused),
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
            Op::ContainsFolded => {
                let value = self.check_needle(comparison, &field)?;
                let needle = regex_syntax::escape(&self.needle_text(right, &value));
                Ok(Test::ContainsFolded {
                    field,
                    string: Pattern(format!("(?i){needle}")),
                    element: Pattern(format!(r"(?i)\A(?:{needle})\z")),
                })
            }
            Op::Matches => Ok(Test::Matches {
                field,
                pattern: self.check_matches(comparison)?,
            }),
        }
    }

    /// The value that `contains` and its like look for. In a string, any literal is looked for as it is written.
    fn check_needle(&mut self, comparison: Comparison<'_>, field: &Field) -> Checked<Value> {
        let anything = Field::Attribute {
            scope: Scope::Any,
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
    pub(super) fn check_value(
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
            // Both are read elsewhere: `check_pair`, `check_list`.
            ast::Value::Operand(_) | ast::Value::List(_) => return Err(Refused),
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
}

/// Adds an item, unless one before it or it itself was refused.
fn add<T>(items: &mut Checked<Vec<T>>, item: Checked<T>) {
    match (items.as_mut(), item) {
        (Ok(items), Ok(item)) => items.push(item),
        (_, Err(refused)) => *items = Err(refused),
        (Err(_), Ok(_)) => {}
    }
}
