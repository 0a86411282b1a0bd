//! The right side of a comparison: literals, words, lists, and other attributes with their scope.

use super::{Parsed, Parser, is_reserved, operand::split_prefix};
use crate::{
    ast::{At, Expr, Value},
    diagnostic::{Code, Diagnostic},
    source::Span,
    token::Kind,
};

impl Parser<'_> {
    pub(super) fn parse_right_factor(&mut self) -> Parsed<Expr> {
        let At { value, span } = self.parse_value()?;
        Ok(match value {
            Value::Operand(value) => Expr::Operand(At { value, span }),
            Value::Number(_)
            | Value::Duration(_)
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Word(_)
            | Value::List(_) => Expr::Value(At { value, span }),
        })
    }

    pub(super) fn parse_value(&mut self) -> Parsed<At<Value>> {
        let span = self.span();
        self.refuse_later()?;
        if self.is_defined() && !self.is_mark_ahead(1, ':') {
            return self.expand("a value", Self::parse_value);
        }
        let value = match self.kind() {
            Kind::Number(number) => Value::Number(*number),
            Kind::Duration(ns) => Value::Duration(*ns),
            Kind::Text(text) => Value::Text(text.clone()),
            Kind::Mark('[') => return self.parse_list(),
            Kind::Word("true") => Value::Bool(true),
            Kind::Word("false") => Value::Bool(false),
            Kind::Word(word) => {
                if let Some(value) = self.parse_quoted_alias_key(word) {
                    return Ok(value);
                }
                let scoped =
                    (self.is_mark_ahead(1, ':') || self.is_mark_ahead(1, '.')) && self.is_joined(1);
                if scoped || split_prefix(word).is_some() {
                    let operand = self.parse_operand()?;
                    return Ok(At {
                        value: Value::Operand(operand.value),
                        span: operand.span,
                    });
                }
                if is_reserved(word) {
                    let diagnostic = Diagnostic::error(
                        Code::ReservedWord,
                        span,
                        format!("`{word}` is a word of the language, not a value"),
                        "expected a value",
                    )
                    .help(format!("quote it if the text is meant: `\"{word}\"`"));
                    return self.refuse(diagnostic);
                }
                if matches!(
                    word.to_ascii_lowercase().as_str(),
                    "null" | "nil" | "undefined"
                ) {
                    return self.refuse_null(word);
                }
                Value::Word((*word).to_owned())
            }
            Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End => {
                return self.expected("a value");
            }
        };
        self.advance();
        Ok(At { value, span })
    }

    /// Refuses the value that other languages have for what is not there: as a text it would never be equal to it.
    fn refuse_null<T>(&mut self, word: &str) -> Parsed<T> {
        let diagnostic = Diagnostic::error(
            Code::ForeignOperator,
            self.span(),
            format!(
                "`{word}` is no value of this language: what is missing is not there to compare"
            ),
            "not a value",
        );
        self.refuse(diagnostic.help(format!(
            "write `not exists key` where it is missing and `exists key` where it is there, or `\"{word}\"` for the text"
        )))
    }

    /// Parses `p."http.route"`, where `as p` stands on the left side of the relation.
    fn parse_quoted_alias_key(&mut self, word: &str) -> Option<At<Value>> {
        let is_alias = self.aliases.iter().any(|alias| alias == word);
        if !(is_alias && self.is_mark_ahead(1, '.') && self.is_joined(1)) {
            return None;
        }
        let Kind::Text(key) = self.kind_ahead(2) else {
            return None;
        };
        let span = self.span().to(self.span_ahead(2));
        self.at += 3;
        Some(At {
            value: Value::Word(format!("{word}.{key}")),
            span,
        })
    }

    fn parse_list(&mut self) -> Parsed<At<Value>> {
        let start: Span = self.span();
        self.advance();
        let mut values = Vec::new();
        while !self.eat_mark(']') {
            self.count_node()?;
            if self.is_mark('[') {
                return self.expected("a value: lists do not nest");
            }
            values.push(self.parse_value()?);
            if let Kind::Mark('+' | '-' | '*' | '/') = self.kind() {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    "nothing is computed inside a list",
                    "expected `,` or `]`",
                );
                return self
                    .refuse(diagnostic.help("write each comparison: `x == a + 1 or x == a + 2`"));
            }
            if !self.eat_mark(',') && !self.is_mark(']') {
                return self.expected("`,` or `]`");
            }
        }
        if values.is_empty() {
            let span = start.to(self.last_span());
            return self.refuse(
                Diagnostic::error(Code::Syntax, span, "the list is empty", "nothing is in it")
                    .help("write at least one value"),
            );
        }
        Ok(At {
            value: Value::List(values),
            span: start.to(self.last_span()),
        })
    }
}
