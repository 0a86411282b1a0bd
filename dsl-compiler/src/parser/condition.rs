//! Conditions over the trace: `cond`, `and`, `not` and `atom` of section 5 of the language.
//!
//! What an atom is shows at its first tokens, or behind its parenthesis: `amount` has the comparisons of numbers,
//! `relation` what stands between spans, and the rest is a set.

use super::{Parsed, Parser, relation::continues};
use crate::{
    ast::{Cond, Operands, Set},
    diagnostic::{Code, Diagnostic},
    ir::Quantifier,
    token::Kind,
};

impl Parser<'_> {
    pub(super) fn parse_condition(&mut self) -> Parsed<Cond> {
        self.parse_chain("or", Self::parse_conjunction, Cond::Or)
    }

    fn parse_conjunction(&mut self) -> Parsed<Cond> {
        self.parse_chain("and", Self::parse_negation, Cond::And)
    }

    fn parse_negation(&mut self) -> Parsed<Cond> {
        if self.eat_not() {
            return self.nested(|parser| Ok(Cond::Not(Box::new(parser.parse_negation()?))));
        }
        self.parse_atom()
    }

    fn parse_atom(&mut self) -> Parsed<Cond> {
        self.count_node()?;
        self.refuse_later()?;
        if self.starts_comparison() {
            return self.parse_comparison();
        }
        match self.kind() {
            Kind::Word("every") if self.starts_set(1) => self.parse_quantified(Quantifier::Every),
            Kind::Word("no") if self.starts_set(1) => self.parse_quantified(Quantifier::No),
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
            Kind::Word(_)
                if self.is_defined() && !self.is_mark_ahead(1, '.') && !self.is_op_ahead(1) =>
            {
                self.parse_defined_atom()
            }
            Kind::Mark('(') => self.parse_parenthesis(),
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => self.parse_set_atom(),
        }
    }

    /// Whether the token `ahead` may begin a set, or parentheses around some.
    fn starts_set(&self, ahead: usize) -> bool {
        matches!(
            self.kind_ahead(ahead),
            Kind::Word(_) | Kind::Text(_) | Kind::Mark('(' | '~')
        )
    }

    /// Parses what a `let` stands for: a condition, or the left side of a relation.
    fn parse_defined_atom(&mut self) -> Parsed<Cond> {
        if self.word_ahead(1).is_some_and(continues) {
            let start = self.span();
            let left = self.parse_operands()?;
            return self.parse_relation(None, left, start);
        }
        self.expand("a condition or a set of spans", Self::parse_condition)
    }

    /// Parses `(cond)`, or a relation whose left side stands in parentheses.
    fn parse_parenthesis(&mut self) -> Parsed<Cond> {
        if matches!(self.kind_behind(), Kind::Word(word) if continues(word)) {
            let start = self.span();
            let left = self.parse_operands()?;
            return self.parse_relation(None, left, start);
        }
        self.advance();
        let condition = self.nested(Self::parse_condition)?;
        self.expect_end_of_condition(Some(')'))?;
        self.advance();
        self.refuse_filter_behind()?;
        Ok(condition)
    }

    /// Refuses `(a or b).where(...)`.
    pub(super) fn refuse_filter_behind(&mut self) -> Parsed<()> {
        if !self.is_mark('.') {
            return Ok(());
        }
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            self.span(),
            "a filter stands behind one selector",
            "not behind parentheses",
        )
        .help("filter each of them: `(a.where(...) or b.where(...))`");
        self.refuse(diagnostic)
    }

    /// Parses a set as a condition, or as the left side of a relation.
    fn parse_set_atom(&mut self) -> Parsed<Cond> {
        let start = self.span();
        let (set, direct) = self.parse_compared_set()?;
        if !self.is_relation() {
            return Ok(Cond::Set(set));
        }
        let span = start.to(self.last_span());
        if direct {
            return self.refuse_direct(span);
        }
        let sets = vec![set];
        self.parse_relation(None, Operands { sets, span }, start)
    }

    /// Parses sets joined by `or`, in any number of parentheses.
    pub(super) fn parse_sets(&mut self) -> Parsed<Vec<Set>> {
        let mut sets = Vec::new();
        loop {
            if self.eat_mark('(') {
                sets.extend(self.nested(Self::parse_sets)?);
                self.expect_mark(')', "after the sets")?;
            } else if self.is_defined() && !self.is_mark_ahead(1, '.') && !self.is_op_ahead(1) {
                sets.extend(self.expand("a set of spans", Self::parse_sets)?);
            } else {
                self.count_node()?;
                let (set, _) = self.parse_compared_set()?;
                sets.push(set);
            }
            if !self.eat_word("or") {
                return Ok(sets);
            }
        }
    }
}
