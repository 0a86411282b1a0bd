//! The sides of a relation: sets, several of them in parentheses, and the comparison behind `with`.

use super::{Parsed, Parser, relation::continues};
use crate::{
    ast::{At, Cond, Operands, Right},
    diagnostic::{Code, Diagnostic},
    ir::RelationKind,
    source::Span,
};

impl Parser<'_> {
    /// Parses the right side of a relation.
    pub(super) fn parse_right_side(&mut self, kind: &At<RelationKind>) -> Parsed<Right> {
        if self.is_comparison_let() {
            return self.expand("a comparison", Self::parse_with_comparison);
        }
        if !self.starts_comparison() {
            return Ok(Right::Operands(self.parse_operands()?));
        }
        if kind.value == RelationKind::With {
            return self.parse_with_comparison();
        }
        let name = self.source(kind.span);
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            self.span(),
            format!("`{name}` stands between two sets of spans"),
            "an amount",
        );
        self.refuse(diagnostic.help("only `with` takes a comparison: `every order as o with count(item.where(order.id == o.order.id)) <= 3`"))
    }

    fn parse_with_comparison(&mut self) -> Parsed<Right> {
        let start = self.span();
        match self.parse_comparison()? {
            Cond::Compare { left, op, right } => Ok(Right::Comparison { left, op, right }),
            Cond::And(_)
            | Cond::Or(_)
            | Cond::Not(_)
            | Cond::Set(_)
            | Cond::Root { .. }
            | Cond::Relation(_)
            | Cond::Then(_) => {
                let span = start.to(self.last_span());
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    span,
                    "`trace:root` is the same for each span",
                    "expected a comparison of amounts",
                );
                self.refuse(diagnostic.help("join it with `and`"))
            }
        }
    }

    /// Parses a side of a relation: a set, or sets in parentheses.
    pub(super) fn parse_operands(&mut self) -> Parsed<Operands> {
        let start = self.span();
        self.refuse_later()?;
        if self.is_mark('(') {
            self.advance();
            let sets = self.nested(Self::parse_sets)?;
            self.expect_end_of_operands()?;
            let span = start.to(self.last_span());
            self.refuse_filter_behind()?;
            return Ok(Operands { sets, span });
        }
        if self.is_defined() && !self.is_mark_ahead(1, '.') && !self.is_op_ahead(1) {
            let sets = self.expand("a set of spans", Self::parse_sets)?;
            return Ok(Operands { sets, span: start });
        }
        self.count_node()?;
        let (set, direct) = self.parse_compared_set()?;
        let span = start.to(self.last_span());
        if direct {
            return self.refuse_direct(span);
        }
        Ok(Operands {
            sets: vec![set],
            span,
        })
    }

    /// Refuses `a.key > 3 before b`, in which it could not be seen what is compared.
    pub(super) fn refuse_direct<T>(&mut self, span: Span) -> Parsed<T> {
        let text = self.source(span);
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            span,
            "a comparison as a side of a relation stands in parentheses",
            "this comparison",
        );
        self.refuse(
            diagnostic
                .help(format!("write `({text})`"))
                .fix(span, format!("({text})")),
        )
    }

    /// Reads the parenthesis that ends a side of a relation.
    fn expect_end_of_operands(&mut self) -> Parsed<()> {
        if self.eat_mark(')') {
            return Ok(());
        }
        let word = self.word().unwrap_or_default();
        if word == "and" || continues(word) {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                format!("a side of a relation is a set of spans, and `{word}` makes a condition"),
                "expected `or` or `)`",
            );
            return self.refuse(diagnostic.help(
                "write each relation, and join them with `and`: `a before c and b before c`",
            ));
        }
        self.expected("`or` or `)` after the sets")
    }
}
