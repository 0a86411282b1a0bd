//! Amounts and their comparisons: `expr` and `expr CMP expr` of section 5 of the language.

use super::{
    Parsed, Parser,
    aggregate::{fold, is_aggregate},
    arithmetic::Grammar,
};
use crate::{
    ast::{Amount, At, Cond, Filter, Operand},
    diagnostic::{Code, Diagnostic},
    ir::Arithmetic,
    source::Span,
    suggest::suggest,
    token::Kind,
};

/// What stands behind `trace:`.
const TRACE_INTRINSICS: [&str; 5] = ["duration", "span_count", "services", "errors", "root"];

fn join(op: Arithmetic, left: Amount, right: Amount) -> Amount {
    Amount::Binary {
        op,
        left: Box::new(left),
        right: Box::new(right),
    }
}

impl Parser<'_> {
    /// Whether a comparison of amounts begins here.
    pub(super) fn starts_comparison(&self) -> bool {
        match self.kind() {
            Kind::Number(_) | Kind::Duration(_) | Kind::Mark('-') => true,
            Kind::Mark('(') => {
                matches!(
                    self.kind_behind(),
                    Kind::Compare(_) | Kind::Mark('+' | '-' | '*' | '/')
                )
            }
            Kind::Word("trace") if self.is_mark_ahead(1, ':') => true,
            Kind::Word(word) if is_aggregate(word) && self.is_mark_ahead(1, '(') => true,
            Kind::Word(_) => {
                self.is_defined()
                    && matches!(
                        self.kind_ahead(1),
                        Kind::Compare(_) | Kind::Mark('+' | '-' | '*' | '/')
                    )
            }
            Kind::Text(_) | Kind::Mark(_) | Kind::Compare(_) | Kind::Bad | Kind::End => false,
        }
    }

    /// Parses `expr CMP expr`.
    pub(super) fn parse_comparison(&mut self) -> Parsed<Cond> {
        if self.is_root() {
            return self.parse_root();
        }
        let left = self.parse_amount()?;
        let Kind::Compare(op) = self.kind() else {
            return self.refuse_uncompared(&left);
        };
        let op = At {
            value: *op,
            span: self.span(),
        };
        self.advance();
        let right = self.parse_amount()?;
        Ok(Cond::Compare { left, op, right })
    }

    fn refuse_uncompared(&mut self, left: &Amount) -> Parsed<Cond> {
        if *self.kind() == Kind::Bad {
            return Err(super::Refused);
        }
        let text = self.source(left.span());
        if self.is_op_ahead(0) {
            let diagnostic = Diagnostic::error(
                Code::WrongType,
                self.span(),
                "a number is compared with `==`, `!=`, `<`, `<=`, `>` or `>=`",
                "not for a number",
            );
            return self.refuse(diagnostic.help(format!(
                "write each comparison: `{text} == 1 or {text} == 3`"
            )));
        }
        let (what, example) = match left {
            Amount::Count { .. } => ("a count", format!("{text} > 0")),
            Amount::Number(_) => ("a number", format!("count(a) > {text}")),
            Amount::Duration(_) => ("a duration", format!("trace:duration > {text}")),
            Amount::Trace { name, .. } if name == "duration" => {
                ("a duration", format!("{text} > 5s"))
            }
            Amount::Fold { .. } | Amount::Trace { .. } | Amount::Binary { .. } => {
                ("a number", format!("{text} > 0"))
            }
        };
        let diagnostic = Diagnostic::error(
            Code::NotACondition,
            left.span(),
            format!("{what} alone is neither true nor false"),
            "expected a comparison after it",
        );
        self.refuse(diagnostic.help(format!("write what it must be: `{example}`")))
    }

    pub(super) fn is_root(&self) -> bool {
        self.word() == Some("trace")
            && self.is_mark_ahead(1, ':')
            && self.word_ahead(2) == Some("root")
    }

    /// Parses `trace:root` and what it is compared with, as the name of a span is.
    fn parse_root(&mut self) -> Parsed<Cond> {
        let span = self.span().to(self.span_ahead(2));
        self.at += 3;
        let Some(op) = self.parse_op()? else {
            return self.expected("a comparison after `trace:root`, as `== \"checkout\"`");
        };
        let name = At {
            value: Operand::Intrinsic {
                of: "span".to_owned(),
                name: "name".to_owned(),
            },
            span,
        };
        if let Filter::Compare { left, op, right } = self.parse_right(name, op)? {
            return Ok(Cond::Root {
                op,
                right,
                span: left.span,
            });
        }
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            span,
            "`trace:root` is a text, the name of a span",
            "nothing is computed of it",
        );
        self.refuse(diagnostic.help("write `trace:root == \"checkout\"`"))
    }

    /// Parses a number over the trace.
    pub(super) fn parse_amount(&mut self) -> Parsed<Amount> {
        self.parse_arithmetic(Grammar {
            factor: Self::parse_amount_factor,
            join,
        })
    }

    fn parse_amount_factor(&mut self) -> Parsed<Amount> {
        let span = self.span();
        self.refuse_later()?;
        match self.kind() {
            Kind::Word(_) if self.is_defined() => {
                let amount = self.expand("a number or a count", Self::parse_amount)?;
                Ok(amount.at(span))
            }
            Kind::Number(number) => {
                self.advance();
                Ok(Amount::Number(At {
                    value: *number,
                    span,
                }))
            }
            Kind::Duration(ns) => {
                self.advance();
                Ok(Amount::Duration(At { value: *ns, span }))
            }
            Kind::Word("count" | "trace.count") if self.is_mark_ahead(1, '(') => self.parse_count(),
            Kind::Word(word) if self.is_mark_ahead(1, '(') => match fold(word) {
                Some(fold) => self.parse_fold(fold),
                None => self.refuse_function(word, span),
            },
            Kind::Word("trace") if self.is_mark_ahead(1, ':') => self.parse_trace_intrinsic(),
            Kind::Text(_) => {
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    span,
                    "this is a text, and a number is wanted",
                    "expected a number",
                );
                self.refuse(
                    diagnostic.help("attributes are compared in a filter: `a.where(key == \"x\")`"),
                )
            }
            Kind::Word(word) => self.refuse_word_as_amount(word),
            Kind::Mark(_) | Kind::Compare(_) | Kind::Bad | Kind::End => {
                self.expected("a number or `count(...)`")
            }
        }
    }

    /// Refuses a bare word where a number is wanted.
    fn refuse_word_as_amount(&mut self, word: &str) -> Parsed<Amount> {
        let span = self.span();
        let names = self.let_names();
        let lets: Vec<&str> = names.iter().map(String::as_str).collect();
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            span,
            format!("expected a number or `count(...)`, found `{word}`"),
            "expected a number or `count(...)`",
        );
        // `limit-1` is one word, as `us-east-1` is.
        let subtraction = word.split_once('-').filter(|(head, _)| lets.contains(head));
        let diagnostic = if let Some((head, tail)) = subtraction {
            diagnostic.help(format!("a minus stands between blanks: `{head} - {tail}`"))
        } else if let Some(near) = suggest(word, &lets) {
            diagnostic
                .help(format!("did you mean `{near}`?"))
                .fix(span, near)
        } else {
            diagnostic.help(format!(
                "for how many spans are named so, write `count({word})`"
            ))
        };
        self.refuse(diagnostic)
    }

    /// Parses `trace:duration` and its like.
    fn parse_trace_intrinsic(&mut self) -> Parsed<Amount> {
        let start = self.span();
        let Some(name) = self.word_ahead(2) else {
            self.at += 2;
            return self.expected("a name after `trace:`");
        };
        let span = start.to(self.span_ahead(2));
        if name == "root" {
            let diagnostic = Diagnostic::error(
                Code::WrongType,
                span,
                "`trace:root` is a text, the name of a span",
                "expected a number",
            );
            return self.refuse(diagnostic.help("write `trace:root == \"checkout\"`"));
        }
        if !TRACE_INTRINSICS.contains(&name) {
            let known = TRACE_INTRINSICS.join(", ");
            let diagnostic = Diagnostic::error(
                Code::UnknownIntrinsic,
                span,
                format!("there is no `trace:{name}`"),
                format!("expected one of {known}"),
            );
            let near = suggest(name, &TRACE_INTRINSICS).or(match name {
                "spans" | "count" => Some("span_count"),
                "error" | "error_count" => Some("errors"),
                "service" | "service_count" => Some("services"),
                "name" | "rootName" => Some("root"),
                _ => None,
            });
            return self.refuse(match near {
                Some(near) => diagnostic
                    .help(format!("did you mean `trace:{near}`?"))
                    .fix(span, format!("trace:{near}")),
                None => {
                    diagnostic.help("for an attribute of a span, write `any.where(key == value)`")
                }
            });
        }
        self.at += 3;
        Ok(Amount::Trace {
            name: name.to_owned(),
            span,
        })
    }
}

impl Amount {
    /// The same at another place: that of the `let` which stands for it.
    fn at(mut self, place: Span) -> Self {
        match &mut self {
            Self::Count { span, .. } | Self::Fold { span, .. } | Self::Trace { span, .. } => {
                *span = place;
            }
            Self::Number(number) => number.span = place,
            Self::Duration(duration) => duration.span = place,
            Self::Binary { .. } => {}
        }
        self
    }
}
