//! Filters: what stands inside `.where( )`, section 4 of the language.

use super::{Parsed, Parser, arithmetic::Grammar, operator::OPERATORS};
use crate::{
    ast::{At, Expr, Filter, Op, Operand, Value},
    diagnostic::{Code, Diagnostic},
    ir::{Arithmetic, Compare, Table},
    suggest::suggest,
    token::Kind,
};

fn join(op: Arithmetic, left: Expr, right: Expr) -> Expr {
    Expr::Binary {
        op,
        left: Box::new(left),
        right: Box::new(right),
    }
}

impl Parser<'_> {
    pub(super) fn parse_filter(&mut self) -> Parsed<Filter> {
        self.parse_chain("or", Self::parse_filter_conjunction, Filter::Or)
    }

    fn parse_filter_conjunction(&mut self) -> Parsed<Filter> {
        self.parse_chain("and", Self::parse_filter_negation, Filter::And)
    }

    fn parse_filter_negation(&mut self) -> Parsed<Filter> {
        if self.eat_not() {
            return self
                .nested(|parser| Ok(Filter::Not(Box::new(parser.parse_filter_negation()?))));
        }
        self.parse_filter_atom()
    }

    fn parse_filter_atom(&mut self) -> Parsed<Filter> {
        self.count_node()?;
        if self.is_mark('(') && !self.is_computed_parenthesis() {
            self.advance();
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
        if let Some(table) = self.table_where() {
            return self.parse_table_where(table);
        }
        let left = self.parse_side(Self::parse_left_factor)?;
        match (self.parse_op()?, left) {
            (Some(op), left) => self.parse_comparison_right(left, op),
            (None, Expr::Operand(operand)) => Ok(Filter::Truth(operand)),
            (None, Expr::Value(_) | Expr::Binary { .. }) => {
                self.expected("a comparison after the number")
            }
        }
    }

    /// Whether the parenthesis at hand holds something that is computed or compared, and no filter.
    fn is_computed_parenthesis(&self) -> bool {
        let Some(behind) = self
            .behind
            .get(&self.at)
            .and_then(|at| at.checked_sub(self.at))
        else {
            return false;
        };
        matches!(self.kind_ahead(behind), Kind::Mark('+' | '-' | '*' | '/'))
            || self.is_op_ahead(behind)
    }

    /// The table of `event.where(` or `link.where(`, if that stands here.
    fn table_where(&self) -> Option<Table> {
        let table = match self.word()? {
            "event" => Table::Events,
            "link" => Table::Links,
            _ => return None,
        };
        let is_where = self.is_mark_ahead(1, '.')
            && self.is_joined(1)
            && self.word_ahead(2) == Some("where")
            && self.is_mark_ahead(3, '(');
        is_where.then_some(table)
    }

    /// Parses `event.where(filter)`.
    fn parse_table_where(&mut self, table: Table) -> Parsed<Filter> {
        let start = self.span();
        self.advance();
        let span = start.to(self.span_ahead(1));
        let filter = self.parse_where()?;
        Ok(Filter::Some {
            table,
            filter: Box::new(filter),
            span,
        })
    }

    fn parse_side(&mut self, factor: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        self.parse_arithmetic(Grammar { factor, join })
    }

    /// Parses the right side of a comparison.
    pub(super) fn parse_right(&mut self, left: At<Operand>, op: At<Op>) -> Parsed<Filter> {
        self.parse_comparison_right(Expr::Operand(left), op)
    }

    fn parse_comparison_right(&mut self, left: Expr, op: At<Op>) -> Parsed<Filter> {
        // Where nothing of the span stands on the left, what stands on the right is what is asked about.
        let right = if left.reads() {
            self.parse_side(Self::parse_right_factor)?
        } else {
            self.parse_side(Self::parse_flipped_factor)?
        };
        match (left, right) {
            (Expr::Operand(left), Expr::Value(right)) => self.check_list(left, op, right),
            (Expr::Operand(left), Expr::Operand(right)) => {
                let right = At {
                    value: Value::Operand(right.value),
                    span: right.span,
                };
                self.check_list(left, op, right)
            }
            (left, right) => {
                let Op::Compare(compare) = op.value else {
                    let word = op.value.as_str();
                    let diagnostic = Diagnostic::error(
                        Code::Syntax,
                        op.span,
                        format!(
                            "`{word}` has an attribute on its left and no computed number on either side"
                        ),
                        "a side of this is computed",
                    );
                    return self.refuse(diagnostic.help(
                        "compare a computed number with `==`, `!=`, `<`, `<=`, `>` or `>=`",
                    ));
                };
                match (left, right) {
                    (Expr::Value(value), Expr::Operand(left)) => {
                        let op = At {
                            value: Op::Compare(compare.flipped()),
                            span: op.span,
                        };
                        self.check_list(left, op, value)
                    }
                    (left, right) => Ok(Filter::Compute {
                        left,
                        op: At {
                            value: compare,
                            span: op.span,
                        },
                        right,
                    }),
                }
            }
        }
    }

    /// Checks that a list stands where one is wanted, and nowhere else.
    fn check_list(&mut self, left: At<Operand>, op: At<Op>, right: At<Value>) -> Parsed<Filter> {
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
                | Op::ContainsFolded
                | Op::Matches
                | Op::Text(_) => "compare with one value, and join the comparisons with `or`",
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
        Ok(Filter::Compare { left, op, right })
    }

    /// Checks that the closing parenthesis of a filter stands here.
    pub(super) fn expect_end_of_filter(&mut self) -> Parsed<()> {
        if self.is_mark(')') {
            return Ok(());
        }
        match self.kind() {
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
}
