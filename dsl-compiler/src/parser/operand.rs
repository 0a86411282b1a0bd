//! What a filter reads of a span: attributes, with or without a scope, and intrinsics.

use super::{Parsed, Parser, is_reserved};
use crate::{
    ast::{At, Expr, Operand, Value},
    diagnostic::{Code, Diagnostic},
    token::Kind,
};

/// First segments that name a scope in a filter.
pub(super) const PREFIXES: [&str; 6] = ["span", "resource", "scope", "event", "link", "timestamp"];

/// Splits a dotted word behind a scope.
pub(super) fn split_prefix(word: &str) -> Option<(&'static str, &str)> {
    let (first, key) = word.split_once('.')?;
    PREFIXES
        .into_iter()
        .find(|prefix| *prefix == first)
        .map(|prefix| (prefix, key))
}

impl Parser<'_> {
    /// Parses a number, a duration, `true`, `false`, or else something of the span.
    pub(super) fn parse_left_factor(&mut self) -> Parsed<Expr> {
        let value = match self.kind() {
            Kind::Number(number) => Value::Number(*number),
            Kind::Duration(ns) => Value::Duration(*ns),
            Kind::Word("true") => Value::Bool(true),
            Kind::Word("false") => Value::Bool(false),
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => return self.parse_operand().map(Expr::Operand),
        };
        let span = self.span();
        self.advance();
        Ok(Expr::Value(At { value, span }))
    }

    /// Parses a factor behind a literal and an operator: what is asked about, but for the left span of a relation, whose
    /// name means the same on either side of a literal.
    pub(super) fn parse_flipped_factor(&mut self) -> Parsed<Expr> {
        let first = self.word().and_then(|word| word.split('.').next());
        if first.is_some_and(|first| self.aliases.iter().any(|alias| alias == first)) {
            return self.parse_right_factor();
        }
        self.parse_left_factor()
    }

    /// Parses what a filter reads of the span.
    pub(super) fn parse_operand(&mut self) -> Parsed<At<Operand>> {
        let start = self.span();
        let operand = match self.kind() {
            Kind::Text(key) => {
                self.advance();
                Operand::Key(key.clone())
            }
            Kind::Word(word) if self.is_mark_ahead(1, ':') && self.is_joined(1) => {
                let Some(name) = self.word_ahead(2) else {
                    self.at += 2;
                    return self.expected(&format!("a name after `{word}:`"));
                };
                self.at += 3;
                Operand::Intrinsic {
                    of: (*word).to_owned(),
                    name: name.to_owned(),
                }
            }
            Kind::Word(word) if self.is_mark_ahead(1, '.') && self.is_joined(1) => {
                return self.parse_quoted_key(word);
            }
            Kind::Word(word) if self.is_mark_ahead(1, '(') => return self.refuse_call(word),
            Kind::Word(word) if is_reserved(word) => {
                let diagnostic = Diagnostic::error(
                    Code::ReservedWord,
                    start,
                    format!("`{word}` is a word of the language, not an attribute"),
                    "expected an attribute",
                )
                .help(format!(
                    "quote it if an attribute is named so: `\"{word}\"`"
                ));
                return self.refuse(diagnostic);
            }
            Kind::Word(word) => {
                self.advance();
                match split_prefix(word) {
                    Some((prefix, key)) => Operand::Scoped {
                        prefix,
                        key: key.to_owned(),
                    },
                    None => Operand::Key((*word).to_owned()),
                }
            }
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => return self.expected("an attribute"),
        };
        Ok(At {
            value: operand,
            span: start.to(self.last_span()),
        })
    }

    /// Reports a function of another language.
    fn refuse_call<T>(&mut self, word: &str) -> Parsed<T> {
        let help = match word {
            "exists" | "has" | "isset" | "defined" | "isnotnull" => "write `exists key`",
            "isnull" => "write `not exists key`",
            "contains" | "starts_with" | "ends_with" | "matches" | "contains_i" => {
                "the operator stands between its two sides: `key contains value`"
            }
            "lower" | "upper" => {
                "write `key contains_i value`, or `key matches \"(?i)^value$\"`, for any case"
            }
            _ => "a filter reads attributes, as `user.role`, and intrinsics, as `span:duration`",
        };
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            self.span(),
            format!("there is no `{word}( )` in a filter"),
            "expected an attribute",
        );
        self.refuse(diagnostic.help(help))
    }

    /// Parses `span."http.route"`, with the word at hand and a dot behind it.
    fn parse_quoted_key(&mut self, word: &str) -> Parsed<At<Operand>> {
        let start = self.span();
        if self.word_ahead(2) == Some("where") {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                start.to(self.span_ahead(2)),
                format!("there is no `{word}.where( )` here"),
                "not an attribute",
            );
            return self.refuse(diagnostic.help("inside a filter there are `event.where(...)` and `link.where(...)`, which stand alone; join other comparisons with `and`"));
        }
        let Kind::Text(key) = self.kind_ahead(2) else {
            self.at += 2;
            return self.expected("an attribute");
        };
        let span = start.to(self.span_ahead(2));
        let Some(prefix) = PREFIXES.into_iter().find(|prefix| *prefix == word) else {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                span,
                "a key is quoted as a whole",
                "half of it is quoted",
            )
            .help(format!("write `\"{word}.{key}\"`"))
            .fix(span, format!("\"{word}.{key}\""));
            return self.refuse(diagnostic);
        };
        self.at += 3;
        Ok(At {
            value: Operand::Scoped {
                prefix,
                key: key.clone(),
            },
            span,
        })
    }
}
