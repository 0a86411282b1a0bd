//! Filters: which comparisons there are, and what each means (section 4 of the language).
//!
//! | file | compares |
//! |---|---|
//! | `literal` | attributes and texts with literals |
//! | `pattern` | the same with regular expressions |
//! | `whole` | what every span has as a whole number with literals |
//! | `pair` | two things of the span |
//! | `computed` | numbers, of which at least one is computed |

use super::{Checked, Checker, Placed, operand::Subject};
use crate::{
    ast::{self, At, Op, Operand},
    diagnostic::{Code, Diagnostic},
    ir::{Field, Filter, Selector, Table, Test, TextIntrinsic, Value},
    parser::Refused,
    source::Span,
};

mod computed;
mod contradiction;
mod literal;
mod meant;
mod pair;
mod pattern;
mod unequal;
mod whole;

/// A comparison as it stands, with its left side resolved.
#[derive(Debug, Clone, Copy)]
struct Comparison<'a> {
    left: Placed<'a, Operand>,
    op: Placed<'a, Op>,
    right: Placed<'a, ast::Value>,
}

impl Comparison<'_> {
    /// All of it, whichever side stands first.
    fn span(self) -> Span {
        if self.left.span < self.right.span {
            self.left.span.to(self.right.span)
        } else {
            self.right.span.to(self.left.span)
        }
    }
}

/// The table of which one row is read: `event.KEY`, `event:name`, `link.KEY`.
fn table(operand: &Operand) -> Option<Table> {
    match operand {
        Operand::Scoped {
            prefix: "event", ..
        } => Some(Table::Events),
        Operand::Scoped { prefix: "link", .. } => Some(Table::Links),
        Operand::Intrinsic { of, .. } if of == "event" => Some(Table::Events),
        Operand::Key(_) | Operand::Scoped { .. } | Operand::Intrinsic { .. } => None,
    }
}

/// Calls `visit` with every table of which the value reads a row.
fn value_tables(value: &ast::Value, visit: &mut impl FnMut(Table)) {
    match value {
        ast::Value::Operand(operand) => table(operand).into_iter().for_each(visit),
        ast::Value::List(items) => {
            for item in items {
                value_tables(&item.value, visit);
            }
        }
        ast::Value::Number(_)
        | ast::Value::Duration(_)
        | ast::Value::Bool(_)
        | ast::Value::Text(_)
        | ast::Value::Word(_) => {}
    }
}

/// The same of a side of a comparison.
fn expr_tables(expr: &ast::Expr, visit: &mut impl FnMut(Table)) {
    match expr {
        ast::Expr::Operand(operand) => table(&operand.value).into_iter().for_each(visit),
        ast::Expr::Value(_) => {}
        ast::Expr::Binary { left, right, .. } => {
            expr_tables(left, visit);
            expr_tables(right, visit);
        }
    }
}

impl Checker<'_> {
    /// Which spans are asked about, and what a pattern asks of their names.
    pub(super) fn check_selector(
        &mut self,
        selector: &At<ast::Selector>,
    ) -> Checked<(Selector, Option<Test>)> {
        match &selector.value {
            ast::Selector::Name(name) => Ok((Selector::Name(name.clone()), None)),
            ast::Selector::Any => Ok((Selector::Any, None)),
            ast::Selector::Pattern(pattern) => {
                // The string stands behind the `~`, which blanks may part from it.
                let tilde = self.source(selector.span);
                let before = tilde.find('"').unwrap_or(0) as u32;
                let span = Span {
                    start: selector.span.start + before,
                    end: selector.span.end,
                };
                let test = Test::Matches {
                    field: Field::Intrinsic(TextIntrinsic::Name),
                    pattern: self.check_pattern(pattern, span)?,
                };
                Ok((Selector::Any, Some(test)))
            }
        }
    }

    /// Checks what stands between the parentheses of a `.where( )`.
    pub(super) fn check_whole_filter(&mut self, filter: &ast::Filter) -> Checked<Filter> {
        let checked = self.check_filter(filter)?;
        self.warn_unequal(filter);
        Ok(checked)
    }

    fn check_filter(&mut self, filter: &ast::Filter) -> Checked<Filter> {
        match filter {
            ast::Filter::And(all) => {
                let checked = self.check_filters(all)?;
                self.warn_never(all.iter().zip(&checked));
                Ok(Filter::All(checked))
            }
            ast::Filter::Or(any) => {
                let checked = self.check_filters(any)?;
                self.warn_always(any.iter().zip(&checked));
                Ok(Filter::Any(checked))
            }
            ast::Filter::Not(inner) => Ok(Filter::Not(Box::new(self.check_filter(inner)?))),
            ast::Filter::Truth(operand) => {
                let checked = self.check_truth(operand)?;
                Ok(self.of_any_row(checked, table(&operand.value)))
            }
            ast::Filter::Exists(operand) => {
                let checked = self.check_exists(operand)?;
                Ok(self.of_any_row(checked, table(&operand.value)))
            }
            ast::Filter::Compare { left, op, right } => {
                let checked = self.check_comparison_of_span(Comparison { left, op, right })?;
                let mut tables: Vec<Table> = table(&left.value).into_iter().collect();
                value_tables(&right.value, &mut |table| tables.push(table));
                Ok(self.of_any_row(checked, tables))
            }
            ast::Filter::Compute { left, op, right } => {
                let checked = self.check_computed(left, op, right)?;
                let mut tables = Vec::new();
                expr_tables(left, &mut |table| tables.push(table));
                expr_tables(right, &mut |table| tables.push(table));
                Ok(self.of_any_row(checked, tables))
            }
            ast::Filter::Some {
                table,
                filter,
                span,
            } => self.check_some(*table, filter, *span),
        }
    }

    /// What is asked of an event or link where none is at hand is asked of each of them.
    fn of_any_row(&self, filter: Filter, read: impl IntoIterator<Item = Table>) -> Filter {
        let mut tables: Vec<Table> = read
            .into_iter()
            .filter(|table| !self.tables.contains(table))
            .collect();
        tables.sort_unstable();
        tables.dedup();
        tables
            .into_iter()
            .rfold(filter, |filter, table| Filter::Some {
                table,
                filter: Box::new(filter),
            })
    }

    /// `event.where(...)`: one row that passes all.
    fn check_some(&mut self, table: Table, filter: &ast::Filter, span: Span) -> Checked<Filter> {
        let word = self.source(span);
        if self.tables.contains(&table) {
            let message = format!("`{word}( )` inside itself");
            let diagnostic = Diagnostic::error(Code::Syntax, span, message, "the inner one");
            return self.refuse(diagnostic.help(
                "all that stands inside is asked of one event (or link): join it with `and`",
            ));
        }
        self.tables.push(table);
        let checked = self.check_filter(filter);
        self.tables.pop();
        self.warn_unread(table, filter, span);
        Ok(Filter::Some {
            table,
            filter: Box::new(checked?),
        })
    }

    fn check_exists(&mut self, operand: &At<Operand>) -> Checked<Filter> {
        match self.check_operand(operand)? {
            Subject::Field(field) => Ok(Filter::Test(Test::Exists(field))),
            Subject::Whole(_) => {
                let text = self.source(operand.span);
                self.refuse(
                    Diagnostic::error(
                        Code::WrongType,
                        operand.span,
                        format!("every span has `{text}`"),
                        "always there",
                    )
                    .help("leave it out"),
                )
            }
        }
    }

    fn check_filters(&mut self, filters: &[ast::Filter]) -> Checked<Vec<Filter>> {
        let checked: Vec<_> = filters
            .iter()
            .map(|filter| self.check_filter(filter))
            .collect();
        checked.into_iter().collect::<Result<_, Refused>>()
    }

    /// An attribute alone asks whether it is true.
    fn check_truth(&mut self, operand: &At<Operand>) -> Checked<Filter> {
        match self.check_operand(operand)? {
            Subject::Field(field @ (Field::Attribute { .. } | Field::Alias { .. })) => {
                Ok(Filter::Test(Test::In {
                    field,
                    values: vec![Value::Bool(true)],
                    negated: false,
                }))
            }
            Subject::Field(Field::Intrinsic(_)) | Subject::Whole(_) => {
                let text = self.source(operand.span);
                let diagnostic = Diagnostic::error(
                    Code::WrongType,
                    operand.span,
                    format!("`{text}` alone is neither true nor false"),
                    "expected a comparison after it",
                );
                self.refuse(diagnostic)
            }
        }
    }

    /// `trace:root` is compared as the name of a span is.
    pub(super) fn check_root(
        &mut self,
        name: Placed<'_, Operand>,
        op: Placed<'_, Op>,
        right: Placed<'_, ast::Value>,
    ) -> Checked<Filter> {
        self.check_comparison_of_span(Comparison {
            left: name,
            op,
            right,
        })
    }

    fn check_comparison_of_span(&mut self, comparison: Comparison<'_>) -> Checked<Filter> {
        let left = self.check_operand(comparison.left)?;
        self.warn_intrinsic(comparison);
        self.warn_quoted(comparison);
        if let Some(field) = self.check_alias(comparison.right)? {
            return self.check_pair(comparison, left, Subject::Field(field));
        }
        if let ast::Value::Operand(operand) = &comparison.right.value {
            let right = self.check_operand(&At {
                value: operand.clone(),
                span: comparison.right.span,
            })?;
            return self.check_pair(comparison, left, right);
        }
        if let (Op::In | Op::NotIn, ast::Value::List(items)) =
            (comparison.op.value, &comparison.right.value)
        {
            return self.check_list(comparison, &left, items);
        }
        match left {
            Subject::Field(field) => self.check_field(comparison, field).map(Filter::Test),
            Subject::Whole(whole) => self.check_whole(comparison, whole).map(Filter::Test),
        }
    }
}

/// Whether a text is wholly a decimal number: `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(mantissa, exponent)| {
            (mantissa, Some(exponent))
        });
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, None), |(whole, fraction)| {
            (whole, Some(fraction))
        });
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests;
