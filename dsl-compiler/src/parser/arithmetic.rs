//! Sums, differences, products and quotients, of whatever they are made.

use super::{Parsed, Parser};
use crate::{
    diagnostic::{Code, Diagnostic},
    ir::Arithmetic,
    limits::NESTING_MAX,
};

/// What was parsed, and how deep a tree it is: whoever walks it does so by recursion.
struct Tree<T> {
    item: T,
    depth: u32,
}

/// How the leaves of an expression are parsed, and two of them joined.
pub(super) struct Grammar<'s, T> {
    pub(super) factor: fn(&mut Parser<'s>) -> Parsed<T>,
    pub(super) join: fn(Arithmetic, T, T) -> T,
}

impl<T> Clone for Grammar<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Grammar<'_, T> {}

impl<'s> Parser<'s> {
    /// Parses `factor + factor * (factor - factor)`, which may be one factor alone.
    pub(super) fn parse_arithmetic<T>(&mut self, grammar: Grammar<'s, T>) -> Parsed<T> {
        self.parse_sum(grammar).map(|tree| tree.item)
    }

    fn parse_sum<T>(&mut self, grammar: Grammar<'s, T>) -> Parsed<Tree<T>> {
        let mut left = self.parse_product(grammar)?;
        while let Some(op) = self.eat_sign([('+', Arithmetic::Add), ('-', Arithmetic::Subtract)]) {
            let right = self.parse_product(grammar)?;
            left = self.join(grammar, op, left, right)?;
        }
        Ok(left)
    }

    fn parse_product<T>(&mut self, grammar: Grammar<'s, T>) -> Parsed<Tree<T>> {
        let mut left = self.parse_factor(grammar)?;
        while let Some(op) = self.eat_sign([('*', Arithmetic::Multiply), ('/', Arithmetic::Divide)])
        {
            let right = self.parse_factor(grammar)?;
            left = self.join(grammar, op, left, right)?;
        }
        Ok(left)
    }

    fn eat_sign(&mut self, signs: [(char, Arithmetic); 2]) -> Option<Arithmetic> {
        let (_, op) = signs.into_iter().find(|(mark, _)| self.is_mark(*mark))?;
        self.advance();
        Some(op)
    }

    fn parse_factor<T>(&mut self, grammar: Grammar<'s, T>) -> Parsed<Tree<T>> {
        if self.eat_mark('(') {
            let inner = self.nested(|parser| parser.parse_sum(grammar))?;
            self.expect_mark(')', "after what is computed")?;
            return Ok(inner);
        }
        if self.is_mark('-') {
            let sign = self.span();
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                sign,
                "a minus stands between two numbers, or before the digits of one",
                "nothing before it to subtract from",
            );
            return self.refuse(diagnostic.help("write `0 - x` for the negative of `x`"));
        }
        let item = (grammar.factor)(self)?;
        Ok(Tree { item, depth: 1 })
    }

    fn join<T>(
        &mut self,
        grammar: Grammar<'s, T>,
        op: Arithmetic,
        left: Tree<T>,
        right: Tree<T>,
    ) -> Parsed<Tree<T>> {
        self.count_node()?;
        let depth = left.depth.max(right.depth) + 1;
        if depth > NESTING_MAX {
            let message = format!("more than {NESTING_MAX} numbers are computed with one another");
            return self.refuse(Diagnostic::error(
                Code::NestingTooDeep,
                self.last_span(),
                message,
                "too many from here",
            ));
        }
        Ok(Tree {
            item: (grammar.join)(op, left.item, right.item),
            depth,
        })
    }
}
