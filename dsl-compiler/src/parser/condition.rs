//! Conditions over the trace: `cond`, `and`, `not` and `atom` of section 5 of the language.

use super::{Parsed, Parser, RELATIONS};
use crate::{
    ast::{Amount, At, Cond, Set},
    diagnostic::{Code, Diagnostic},
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
        self.refuse_later()?;
        match self.kind() {
            Kind::Word(_)
                if self.is_defined() && matches!(self.kind_ahead(1), Kind::Compare(_)) =>
            {
                self.parse_comparison()
            }
            Kind::Word(_)
                if self.is_defined() && !self.is_mark_ahead(1, '.') && !self.is_op_ahead(1) =>
            {
                let condition =
                    self.expand("a condition or a set of spans", Self::parse_condition)?;
                self.refuse_relation()?;
                Ok(condition)
            }
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

    pub(super) fn refuse_relation(&mut self) -> Parsed<()> {
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
            if self.is_op_ahead(0) {
                let text = self.source(left.span());
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    self.span(),
                    "a count is compared with `==`, `!=`, `<`, `<=`, `>` or `>=`",
                    "not for a number",
                );
                return self.refuse(diagnostic.help(format!(
                    "write each comparison: `{text} == 1 or {text} == 3`"
                )));
            }
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

    pub(super) fn parse_amount(&mut self) -> Parsed<Amount> {
        let span = self.span();
        self.refuse_later()?;
        match self.kind() {
            Kind::Word(_) if self.is_defined() => {
                self.expand("a number or a count", Self::parse_amount)
            }
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
            by: None,
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
            } else if self.is_defined() && !self.is_mark_ahead(1, '.') && !self.is_op_ahead(1) {
                sets.extend(self.expand("a set of spans", Self::parse_sets)?);
            } else {
                self.count_node()?;
                let set = self.parse_compared_set()?;
                sets.push(set);
            }
            if !self.eat_word("or") {
                return Ok(sets);
            }
        }
    }
}
