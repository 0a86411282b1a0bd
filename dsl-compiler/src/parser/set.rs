//! Sets: selectors, their filters, and the comparison that may follow (`set` of section 5 of the language).

use super::{Parsed, Parser, aggregate::is_aggregate, is_reserved};
use crate::{
    ast::{At, Filter, Operand, Selector, Set},
    diagnostic::{Code, Diagnostic},
    source::Span,
    suggest::suggest,
    token::Kind,
};

impl Parser<'_> {
    /// Parses a set, with the comparison of an attribute that may follow it; returns whether one did.
    pub(super) fn parse_compared_set(&mut self) -> Parsed<(Set, bool)> {
        if let Some(set) = self.parse_direct_comparison()? {
            return Ok((set, true));
        }
        let mut set = self.parse_set()?;
        let direct = self.is_mark('.');
        if self.is_mark('.') {
            let key_span = self.span_ahead(1);
            let Some(key) = self.kind_ahead(1).name() else {
                self.advance();
                return self.expected("`where(` or an attribute");
            };
            self.advance();
            self.advance();
            let left = At {
                value: Operand::Key(key.to_owned()),
                span: key_span,
            };
            let Some(op) = self.parse_op()? else {
                return self.expected("a comparison after the attribute");
            };
            set.filters.push(self.parse_right(left, op)?);
        } else if let Kind::Compare(_)
        | Kind::Word(
            "in" | "contains" | "starts_with" | "ends_with" | "matches" | "contains_i",
        ) = self.kind()
        {
            return self.refuse_set_comparison(&set);
        }
        Ok((set, direct))
    }

    /// Reports a comparison of a whole set.
    fn refuse_set_comparison<T>(&mut self, set: &Set) -> Parsed<T> {
        let selector = self.source(set.selector.span);
        let diagnostic = Diagnostic::error(Code::SpanMissing, set.selector.span, "a set of spans is not compared with a value", "this is a set of spans")
            .help(format!("compare one of its attributes, `{selector}.where(key == value)`, or how many there are, `count({selector}) > 3`"));
        self.refuse(diagnostic)
    }

    /// Parses `name.key CMP value`, if that is what stands here.
    fn parse_direct_comparison(&mut self) -> Parsed<Option<Set>> {
        let start = self.span();
        let Some(word) = self.word().filter(|word| !is_reserved(word)) else {
            return Ok(None);
        };
        if self.is_mark_ahead(1, '.') && self.is_joined(1) {
            if let Kind::Text(key) = self.kind_ahead(2) {
                let left = At {
                    value: Operand::Key(key.clone()),
                    span: self.span_ahead(2),
                };
                self.at += 3;
                return self.parse_direct_right(word, start, left).map(Some);
            }
            return Ok(None);
        }
        if !self.is_op_ahead(1) {
            return Ok(None);
        }
        let Some((name, key)) = word.rsplit_once('.') else {
            let diagnostic = Diagnostic::error(
                Code::SpanMissing,
                start,
                format!("`{word}` does not say of which span"),
                "expected the name of a span and an attribute",
            )
            .help(format!(
                "write `span.name.{word} ...` or `any.where({word} ...)` with the name of the span"
            ));
            return self.refuse(diagnostic);
        };
        let key_span = Span {
            start: start.start + name.len() as u32 + 1,
            end: start.end,
        };
        let left = At {
            value: Operand::Key(key.to_owned()),
            span: key_span,
        };
        if self.defines(name) {
            let mut set = self.expand_word(name, "a set of spans", Self::parse_set)?;
            let Some(op) = self.parse_op()? else {
                return self.expected("a comparison after the attribute");
            };
            set.filters.push(self.parse_right(left, op)?);
            return Ok(Some(set));
        }
        self.advance();
        self.warn_split_name(name, start, key);
        self.parse_direct_right(
            name,
            Span {
                end: key_span.start - 1,
                ..start
            },
            left,
        )
        .map(Some)
    }

    fn warn_split_name(&mut self, name: &str, span: Span, key: &str) {
        let dots: Vec<usize> = name.match_indices('.').map(|(at, _)| at).collect();
        let Some(first) = dots.first().filter(|_| dots.len() >= 2) else {
            return;
        };
        let (head, tail) = (
            name.get(..*first).unwrap_or_default(),
            name.get(first + 1..).unwrap_or_default(),
        );
        let message = format!("this reads the attribute `{key}` of spans named `{name}`");
        let diagnostic = Diagnostic::warning(Code::SplitName, span, message, "the last segment is taken for the attribute")
            .help(format!("write `{name}.where({key} ...)` if that is meant, or `{head}.where({tail}.{key} ...)` for a longer attribute"));
        self.report(diagnostic);
    }

    fn parse_direct_right(&mut self, name: &str, span: Span, left: At<Operand>) -> Parsed<Set> {
        let Some(op) = self.parse_op()? else {
            return self.expected("a comparison after the attribute");
        };
        let filter = self.parse_right(left, op)?;
        let selector = if name == "any" {
            Selector::Any
        } else {
            Selector::Name(name.to_owned())
        };
        Ok(Set {
            selector: At {
                value: selector,
                span,
            },
            filters: vec![filter],
        })
    }

    /// Parses a selector and its filters.
    pub(super) fn parse_set(&mut self) -> Parsed<Set> {
        let mut set = self.parse_selector()?;
        while self.is_mark('.') && self.word_ahead(1) == Some("where") && self.is_mark_ahead(2, '(')
        {
            let filter = self.parse_where()?;
            set.filters.push(filter);
        }
        Ok(set)
    }

    fn parse_selector(&mut self) -> Parsed<Set> {
        let start = self.span();
        let named = |selector| Set {
            selector: At {
                value: selector,
                span: start,
            },
            filters: Vec::new(),
        };
        self.refuse_later()?;
        let set = match self.kind() {
            Kind::Word(_) if self.is_defined() => self.expand("a set of spans", Self::parse_set)?,
            Kind::Mark('~') => self.parse_pattern()?,
            Kind::Text(name) => {
                self.advance();
                named(Selector::Name(name.clone()))
            }
            Kind::Word("any") => {
                self.advance();
                named(Selector::Any)
            }
            Kind::Word("trace.has") if self.is_mark_ahead(1, '(') => {
                self.advance();
                self.advance();
                let set = self.nested(Self::parse_set)?;
                if self.word() == Some("or") {
                    let help = "write `(trace.has(a) or trace.has(b))`";
                    return self.refuse(
                        Diagnostic::error(
                            Code::Syntax,
                            self.span(),
                            "`trace.has( )` takes one span name",
                            "expected `)`",
                        )
                        .help(help),
                    );
                }
                self.expect_mark(')', "after the span name")?;
                set
            }
            // Behind a blank it may begin what follows a `let`.
            Kind::Word(word) if self.is_mark_ahead(1, '(') && self.is_joined(1) => {
                return self.refuse_function(word, start);
            }
            Kind::Word(word) if is_reserved(word) => {
                let diagnostic = Diagnostic::error(
                    Code::ReservedWord,
                    start,
                    format!("`{word}` is a word of the language, not the name of a span"),
                    "expected a span name",
                )
                .help(format!("quote it if a span is named so: `\"{word}\"`"));
                return self.refuse(diagnostic);
            }
            Kind::Word(word) => {
                self.advance();
                named(Selector::Name((*word).to_owned()))
            }
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => return self.expected("a condition"),
        };
        Ok(set)
    }

    /// Parses `~"regex"`.
    fn parse_pattern(&mut self) -> Parsed<Set> {
        let start = self.span();
        self.advance();
        let Kind::Text(pattern) = self.kind() else {
            return self.expected("a regular expression in quotes after `~`");
        };
        self.advance();
        Ok(Set {
            selector: At {
                value: Selector::Pattern(pattern.clone()),
                span: start.to(self.last_span()),
            },
            filters: Vec::new(),
        })
    }

    /// Refuses `name(`, which is no selector.
    pub(super) fn refuse_function<T>(&mut self, word: &str, span: Span) -> Parsed<T> {
        if is_aggregate(word) {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                span,
                format!("`{word}( )` is a number, and a set of spans is wanted here"),
                "expected a set of spans",
            );
            return self.refuse(
                diagnostic.help("compare it with a number, and join the comparison with `and`"),
            );
        }
        let known = [
            "trace.has",
            "trace.count",
            "count",
            "sum",
            "min",
            "max",
            "avg",
            "distinct",
        ];
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            span,
            format!("there is no `{word}( )`"),
            "not a selector",
        );
        let near = match word {
            "average" | "mean" => Some("avg"),
            "total" => Some("sum"),
            "minimum" => Some("min"),
            "maximum" => Some("max"),
            "unique" | "count_distinct" | "distinct_count" => Some("distinct"),
            "has" | "trace.any" | "trace.exists" => Some("trace.has"),
            _ => word
                .strip_prefix("trace.")
                .and_then(|rest| known.into_iter().find(|name| *name == rest))
                .or_else(|| suggest(word, &known)),
        };
        let diagnostic = match near {
            Some(name) => diagnostic.help(format!("did you mean `{name}( )`?")).fix(span, name),
            None => diagnostic.help("spans are selected with `trace.has(name)` or the name alone, and filtered with `name.where(...)`"),
        };
        self.refuse(diagnostic)
    }

    /// Parses `.where(filter)`.
    pub(super) fn parse_where(&mut self) -> Parsed<Filter> {
        self.advance();
        if !self.eat_word("where") {
            return self.expected("`where(`");
        }
        self.expect_mark('(', "after `where`")?;
        let filter = self.nested(Self::parse_filter)?;
        self.expect_end_of_filter()?;
        self.advance();
        Ok(filter)
    }
}
