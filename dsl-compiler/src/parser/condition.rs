//! Conditions over the trace: `cond`, `and`, `not`, `atom` and `set` of section 5 of the language.

use super::{Parsed, Parser, RELATIONS, is_reserved};
use crate::{
    ast::{Amount, At, Cond, Filter, Op, Operand, Selector, Set},
    diagnostic::{Code, Diagnostic},
    ir::Compare,
    source::Span,
    suggest::suggest,
    token::Kind,
};

/// Adding up, which this version does not compile.
const AGGREGATES: [&str; 5] = ["sum", "min", "max", "avg", "distinct"];

impl Parser<'_> {
    pub(super) fn parse_condition(&mut self) -> Parsed<Cond> {
        self.parse_chain("or", Self::parse_conjunction, Cond::Or)
    }

    fn parse_conjunction(&mut self) -> Parsed<Cond> {
        self.parse_chain("and", Self::parse_negation, Cond::And)
    }

    fn parse_negation(&mut self) -> Parsed<Cond> {
        if self.eat_word("not") {
            return self.nested(|parser| Ok(Cond::Not(Box::new(parser.parse_negation()?))));
        }
        self.parse_atom()
    }

    fn parse_atom(&mut self) -> Parsed<Cond> {
        self.count_node()?;
        match self.kind() {
            Kind::Mark('(') => self.parse_parenthesis(),
            Kind::Number(_) | Kind::Duration(_) => self.parse_comparison(),
            Kind::Word("trace") if self.is_mark_ahead(1, ':') => {
                let span = self.span().to(self.span_ahead(2));
                let what = format!("`{}`", self.source(span));
                self.unsupported(span, &what)
            }
            Kind::Word("span" | "event" | "link" | "scope")
                if self.is_mark_ahead(1, ':') && self.is_joined(1) =>
            {
                let span = self.span().to(self.span_ahead(2));
                let name = self.source(span);
                let diagnostic = Diagnostic::error(
                    Code::MisplacedIntrinsic,
                    span,
                    format!("`{name}` belongs to one span"),
                    "this is not inside a filter",
                )
                .help(format!("say which span: `any.where({name} ...)`"));
                self.refuse(diagnostic)
            }
            Kind::Word("every" | "no")
                if matches!(
                    self.kind_ahead(1),
                    Kind::Word(_) | Kind::Text(_) | Kind::Mark('(')
                ) =>
            {
                let what = format!("`{}`", self.source(self.span()));
                self.unsupported(self.span(), &what)
            }
            Kind::Word("let") => self.unsupported(self.span(), "`let`"),
            Kind::Word(word) if AGGREGATES.contains(word) && self.is_mark_ahead(1, '(') => {
                let what = format!("`{word}( )`");
                self.unsupported(self.span(), &what)
            }
            Kind::Word("count" | "trace.count") if self.is_mark_ahead(1, '(') => {
                self.parse_comparison()
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => self.parse_set_condition(),
        }
    }

    fn parse_parenthesis(&mut self) -> Parsed<Cond> {
        self.advance();
        let condition = self.nested(Self::parse_condition)?;
        self.expect_end_of_condition(Some(')'))?;
        self.advance();
        if self.is_mark('.') && self.word_ahead(1) == Some("where") {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                "a filter stands behind one selector",
                "not behind parentheses",
            )
            .help("filter each of them: `(a.where(...) or b.where(...))`");
            return self.refuse(diagnostic);
        }
        self.refuse_relation()?;
        Ok(condition)
    }

    fn refuse_relation(&mut self) -> Parsed<()> {
        match self.word() {
            Some(word) if RELATIONS.contains(&word) => {
                let what = format!("the relation `{word}`");
                self.unsupported(self.span(), &what)
            }
            Some("as") => self.unsupported(self.span(), "`as`"),
            _ => Ok(()),
        }
    }

    /// Parses `expr CMP expr`.
    fn parse_comparison(&mut self) -> Parsed<Cond> {
        let left = self.parse_amount()?;
        let Kind::Compare(op) = self.kind() else {
            self.refuse_arithmetic()?;
            let what = if matches!(left, Amount::Count { .. }) {
                "a count"
            } else {
                "a number"
            };
            let diagnostic = Diagnostic::error(
                Code::NotACondition,
                left.span(),
                format!("{what} alone is neither true nor false"),
                "expected a comparison after it",
            )
            .help(format!(
                "write what it must be: `{} > 0`",
                self.source(left.span())
            ));
            return self.refuse(diagnostic);
        };
        let op = At {
            value: *op,
            span: self.span(),
        };
        self.advance();
        let right = self.parse_amount()?;
        self.refuse_arithmetic()?;
        Ok(Cond::Compare { left, op, right })
    }

    fn refuse_arithmetic(&mut self) -> Parsed<()> {
        if let Kind::Mark(mark @ ('+' | '-' | '*' | '/')) = self.kind() {
            let what = format!("arithmetic (`{mark}`)");
            return self.unsupported(self.span(), &what);
        }
        Ok(())
    }

    fn parse_amount(&mut self) -> Parsed<Amount> {
        let span = self.span();
        match self.kind() {
            Kind::Number(number) => {
                self.advance();
                Ok(Amount::Number(At {
                    value: *number,
                    span,
                }))
            }
            Kind::Word("count" | "trace.count") if self.is_mark_ahead(1, '(') => self.parse_count(),
            Kind::Word(word) if AGGREGATES.contains(word) && self.is_mark_ahead(1, '(') => {
                let what = format!("`{word}( )`");
                self.unsupported(span, &what)
            }
            Kind::Word("trace") if self.is_mark_ahead(1, ':') => {
                let span = span.to(self.span_ahead(2));
                let what = format!("`{}`", self.source(span));
                self.unsupported(span, &what)
            }
            Kind::Duration(_) | Kind::Text(_) => {
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    span,
                    "a count is compared with a number",
                    format!("found {}", self.kind().describe()),
                );
                self.refuse(diagnostic)
            }
            Kind::Word(_) | Kind::Mark(_) | Kind::Compare(_) | Kind::Bad | Kind::End => {
                self.expected("a number or `count(...)`")
            }
        }
    }

    /// Parses `count(set or set)` and `trace.count(set).where(...)`.
    fn parse_count(&mut self) -> Parsed<Amount> {
        let start = self.span();
        self.advance();
        self.advance();
        let mut sets = self.parse_sets()?;
        if self.word() == Some("by") {
            return self.unsupported(self.span(), "`count(... by ...)`");
        }
        self.expect_mark(')', "after what is counted")?;
        while self.is_mark('.') {
            let filter = self.parse_where()?;
            let [set] = sets.as_mut_slice() else {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    start,
                    "a filter stands behind one selector",
                    "several are counted here",
                );
                return self.refuse(
                    diagnostic.help("filter each of them: `count(a.where(...) or b.where(...))`"),
                );
            };
            set.filters.push(filter);
        }
        Ok(Amount::Count {
            sets,
            span: start.to(self.last_span()),
        })
    }

    /// Parses sets joined by `or`, in any number of parentheses.
    fn parse_sets(&mut self) -> Parsed<Vec<Set>> {
        let mut sets = Vec::new();
        loop {
            if self.eat_mark('(') {
                sets.extend(self.nested(Self::parse_sets)?);
                self.expect_mark(')', "after the sets")?;
            } else {
                self.count_node()?;
                let set = self.parse_set()?;
                sets.push(set);
            }
            if !self.eat_word("or") {
                return Ok(sets);
            }
        }
    }

    /// Parses a set as a condition, with the comparison that may follow it.
    fn parse_set_condition(&mut self) -> Parsed<Cond> {
        if let Some(set) = self.parse_direct_comparison()? {
            return Ok(Cond::Set(set));
        }
        let mut set = self.parse_set()?;
        if self.is_mark('.') {
            let key_span = self.span_ahead(1);
            let key = match self.kind_ahead(1) {
                Kind::Word(word) => (*word).to_owned(),
                Kind::Text(text) => text.clone(),
                Kind::Number(_)
                | Kind::Duration(_)
                | Kind::Compare(_)
                | Kind::Mark(_)
                | Kind::Bad
                | Kind::End => {
                    self.advance();
                    return self.expected("`where(` or an attribute");
                }
            };
            self.advance();
            self.advance();
            let left = At {
                value: Operand::Key(key),
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
        self.refuse_relation()?;
        Ok(Cond::Set(set))
    }

    /// Reports a comparison of a whole set.
    fn refuse_set_comparison(&mut self, set: &Set) -> Parsed<Cond> {
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
        self.advance();
        let left = At {
            value: Operand::Key(key.to_owned()),
            span: key_span,
        };
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

    /// Whether the token `ahead` is an operator of a comparison.
    fn is_op_ahead(&self, ahead: usize) -> bool {
        match self.kind_ahead(ahead) {
            Kind::Compare(_)
            | Kind::Word(
                "in" | "contains" | "contains_i" | "starts_with" | "ends_with" | "matches",
            ) => true,
            Kind::Word("not") => self.word_ahead(ahead + 1) == Some("in"),
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => false,
        }
    }

    /// Parses a selector and its filters.
    fn parse_set(&mut self) -> Parsed<Set> {
        let start = self.span();
        let mut set = match self.kind() {
            Kind::Mark('~') => {
                return self.unsupported(
                    start.to(self.span_ahead(1)),
                    "selecting spans by a regular expression",
                );
            }
            Kind::Text(name) => {
                self.advance();
                Set {
                    selector: At {
                        value: Selector::Name(name.clone()),
                        span: start,
                    },
                    filters: Vec::new(),
                }
            }
            Kind::Word("any") => {
                self.advance();
                Set {
                    selector: At {
                        value: Selector::Any,
                        span: start,
                    },
                    filters: Vec::new(),
                }
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
            Kind::Word(word) if self.is_mark_ahead(1, '(') => {
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
                Set {
                    selector: At {
                        value: Selector::Name((*word).to_owned()),
                        span: start,
                    },
                    filters: Vec::new(),
                }
            }
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => return self.expected("a condition"),
        };
        while self.is_mark('.') && self.word_ahead(1) == Some("where") && self.is_mark_ahead(2, '(')
        {
            let filter = self.parse_where()?;
            set.filters.push(filter);
        }
        Ok(set)
    }

    fn refuse_function<T>(&mut self, word: &str, span: Span) -> Parsed<T> {
        let known = ["trace.has", "trace.count", "count"];
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            span,
            format!("there is no `{word}( )`"),
            "not a selector",
        );
        let diagnostic = match suggest(word, &known) {
            Some(name) => diagnostic.help(format!("did you mean `{name}( )`?")).fix(span, name),
            None => diagnostic.help("spans are selected with `trace.has(name)` or the name alone, and filtered with `name.where(...)`"),
        };
        self.refuse(diagnostic)
    }

    /// Parses `.where(filter)`.
    fn parse_where(&mut self) -> Parsed<Filter> {
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

    /// Parses an operator of a comparison, if one stands here.
    pub(super) fn parse_op(&mut self) -> Parsed<Option<At<Op>>> {
        let span = self.span();
        let op = match self.kind() {
            Kind::Compare(op) => Op::Compare(*op),
            Kind::Word("in") => Op::In,
            Kind::Word("not") if self.word_ahead(1) == Some("in") => {
                self.advance();
                Op::NotIn
            }
            Kind::Word("contains") => Op::Contains,
            Kind::Word("starts_with") => Op::Text(crate::ir::Place::Start),
            Kind::Word("ends_with") => Op::Text(crate::ir::Place::End),
            Kind::Word("matches") => return self.unsupported(span, "`matches`"),
            Kind::Word("contains_i") => return self.unsupported(span, "`contains_i`"),
            Kind::Word("is") => {
                self.report(
                    Diagnostic::error(
                        Code::ForeignOperator,
                        span,
                        "`is` is not an operator of this language",
                        "write `==`",
                    )
                    .fix(span, "=="),
                );
                Op::Compare(Compare::Equal)
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => return Ok(None),
        };
        self.advance();
        Ok(Some(At {
            value: op,
            span: span.to(self.last_span()),
        }))
    }
}
