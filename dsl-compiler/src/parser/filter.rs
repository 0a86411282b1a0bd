//! Filters: what stands inside `.where( )`, section 4 of the language.

use super::{Parsed, Parser, is_reserved};
use crate::{
    ast::{At, Filter, Op, Operand, Value},
    diagnostic::{Code, Diagnostic},
    ir::Compare,
    source::Span,
    suggest::suggest,
    token::Kind,
};

/// First segments that name a scope in a filter.
const PREFIXES: [&str; 6] = ["span", "resource", "scope", "event", "link", "timestamp"];

/// Words that may stand for an operator, for did-you-mean.
const OPERATORS: [&str; 8] = [
    "in",
    "not in",
    "contains",
    "contains_i",
    "starts_with",
    "ends_with",
    "matches",
    "exists",
];

/// Splits a dotted word behind a scope.
fn split_prefix(word: &str) -> Option<(&'static str, &str)> {
    let (first, key) = word.split_once('.')?;
    PREFIXES
        .into_iter()
        .find(|prefix| *prefix == first)
        .map(|prefix| (prefix, key))
}

impl Parser<'_> {
    pub(super) fn parse_filter(&mut self) -> Parsed<Filter> {
        self.parse_chain("or", Self::parse_filter_conjunction, Filter::Or)
    }

    fn parse_filter_conjunction(&mut self) -> Parsed<Filter> {
        self.parse_chain("and", Self::parse_filter_negation, Filter::And)
    }

    fn parse_filter_negation(&mut self) -> Parsed<Filter> {
        if self.eat_word("not") {
            return self
                .nested(|parser| Ok(Filter::Not(Box::new(parser.parse_filter_negation()?))));
        }
        self.parse_filter_atom()
    }

    fn parse_filter_atom(&mut self) -> Parsed<Filter> {
        self.count_node()?;
        if self.eat_mark('(') {
            let filter = self.nested(Self::parse_filter)?;
            self.expect_end_of_filter()?;
            self.advance();
            return Ok(filter);
        }
        if self.word() == Some("exists")
            && matches!(self.kind_ahead(1), Kind::Word(_) | Kind::Text(_))
        {
            self.advance();
            return Ok(Filter::Exists(self.parse_operand()?));
        }
        if let Kind::Number(_) | Kind::Duration(_) = self.kind() {
            return self.parse_flipped();
        }
        let left = self.parse_operand()?;
        match self.parse_op()? {
            Some(op) => self.parse_right(left, op),
            None => Ok(Filter::Truth(left)),
        }
    }

    /// Parses `3 < retries`, which says `retries > 3`.
    fn parse_flipped(&mut self) -> Parsed<Filter> {
        let value = self.parse_value()?;
        let Some(At {
            value: Op::Compare(op),
            span,
        }) = self.parse_op()?
        else {
            return self.expected("a comparison after the number");
        };
        let left = self.parse_operand()?;
        let op = At {
            value: Op::Compare(op.flipped()),
            span,
        };
        Ok(Filter::Compare {
            left,
            op,
            right: value,
        })
    }

    /// Checks that the closing parenthesis of a filter stands here.
    pub(super) fn expect_end_of_filter(&mut self) -> Parsed<()> {
        if self.is_mark(')') {
            return Ok(());
        }
        match self.kind() {
            Kind::Mark(mark @ ('+' | '-' | '*' | '/')) => {
                let what = format!("arithmetic (`{mark}`)");
                self.unsupported(self.span(), &what)
            }
            Kind::Compare(_) => {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    "a filter compares two things at a time",
                    "a second comparison",
                )
                .help("join two comparisons with `and`: `amount > 1 and amount < 5`");
                self.refuse(diagnostic)
            }
            Kind::Word(word) => {
                let near = suggest(word, &["and", "or"]).or_else(|| suggest(word, &OPERATORS));
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    format!("expected `and`, `or` or `)`, found `{word}`"),
                    "expected `and`, `or` or `)`",
                );
                let diagnostic = match near {
                    Some(name) => diagnostic
                        .help(format!("did you mean `{name}`?"))
                        .fix(self.span(), name),
                    None => diagnostic
                        .help("a value of several words is quoted: `role == \"case worker\"`"),
                };
                self.refuse(diagnostic)
            }
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => self.expected("`and`, `or` or `)`"),
        }
    }

    /// Parses what a filter reads of the span.
    fn parse_operand(&mut self) -> Parsed<At<Operand>> {
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
            Kind::Word(word) if self.is_mark_ahead(1, '(') => {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    start,
                    format!("there is no `{word}( )` in a filter"),
                    "expected an attribute",
                )
                .help(
                    "a filter reads attributes, as `user.role`, and intrinsics, as `span:duration`",
                );
                return self.refuse(diagnostic);
            }
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

    /// Parses `span."http.route"`, with the word at hand and a dot behind it.
    fn parse_quoted_key(&mut self, word: &str) -> Parsed<At<Operand>> {
        let start = self.span();
        if word == "event" && self.word_ahead(2) == Some("where") {
            return self.unsupported(start.to(self.span_ahead(2)), "`event.where( )`");
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

    /// Parses the right side of a comparison.
    pub(super) fn parse_right(&mut self, left: At<Operand>, op: At<Op>) -> Parsed<Filter> {
        let right = self.parse_value()?;
        let is_list = matches!(right.value, Value::List(_));
        let wants_list = matches!(op.value, Op::In | Op::NotIn);
        if wants_list && !is_list {
            let text = self.source(right.span);
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                right.span,
                format!("`{}` takes a list", op.value.as_str()),
                "expected `[`",
            )
            .help(format!("write `[{text}]`"))
            .fix(right.span, format!("[{text}]"));
            return self.refuse(diagnostic);
        }
        if is_list && !wants_list {
            let help = match op.value {
                Op::Compare(Compare::Equal) => "write `in [...]`",
                Op::Compare(Compare::Unequal) => "write `not in [...]`",
                Op::Compare(Compare::Order(_))
                | Op::In
                | Op::NotIn
                | Op::Contains
                | Op::Text(_) => "compare with one value, and join the comparisons with `or`",
                _ => crate::later(),
            };
            return self.refuse(
                Diagnostic::error(
                    Code::Syntax,
                    right.span,
                    format!("`{}` does not take a list", op.value.as_str()),
                    "a list",
                )
                .help(help),
            );
        }
        if let Kind::Mark(mark @ ('+' | '-' | '*' | '/')) = self.kind() {
            let what = format!("arithmetic (`{mark}`)");
            return self.unsupported(self.span(), &what);
        }
        Ok(Filter::Compare { left, op, right })
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
                Value::Word((*word).to_owned())
            }
            Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End => {
                return self.expected("a value");
            }
        };
        self.advance();
        Ok(At { value, span })
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
