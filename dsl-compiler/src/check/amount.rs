//! Numbers over the trace: what they read, what they are counted in, and their comparisons (section 5 of the language).

use super::{
    Checked, Checker,
    constant::as_double,
    unit::{Unit, fold},
};
use crate::{
    ast::{self, At},
    diagnostic::{Code, Diagnostic},
    ir::{
        self, Arithmetic, Compare, Comparison, Cond, Expr, Field, Filter, Fold, Number, Part,
        Quantity, Scope, Selector, SpanSet, Term, Test, Whole,
    },
    source::Span,
};

/// A side of a comparison.
#[derive(Debug)]
struct Side {
    expr: Expr<Quantity>,
    unit: Unit,
    span: Span,
}

impl Checker<'_> {
    /// A comparison of amounts as a condition.
    pub(super) fn check_amounts(
        &mut self,
        left: &ast::Amount,
        op: &At<Compare>,
        right: &ast::Amount,
    ) -> Checked<Cond> {
        let comparison = self.check_comparison(left, op, right)?;
        match (simple(&comparison.left), simple(&comparison.right)) {
            (Some(left), Some(right)) => Ok(Cond::Count {
                left,
                op: comparison.op,
                right,
            }),
            (_, _) => Ok(Cond::Compare(comparison)),
        }
    }

    pub(super) fn check_comparison(
        &mut self,
        left: &ast::Amount,
        op: &At<Compare>,
        right: &ast::Amount,
    ) -> Checked<Comparison> {
        let span = left.span().to(right.span());
        self.check_groups(&[left, right])?;
        let (left, right) = (self.check_amount(left), self.check_amount(right));
        let (left, right) = (left?, right?);
        if left.unit != right.unit {
            return self.refuse_unlike(&left, &right);
        }
        if !reads(&left.expr) && !reads(&right.expr) {
            let diagnostic = Diagnostic::error(
                Code::NotACondition,
                span,
                "two numbers are compared, and nothing of the trace",
                "the same for every trace",
            );
            return self.refuse(diagnostic.help("compare a count: `count(a) > 3`"));
        }
        self.warn_constant(&left.expr, op.value, &right.expr, span);
        Ok(Comparison {
            left: left.expr,
            op: op.value,
            right: right.expr,
        })
    }

    /// Checks that at most one amount of a comparison makes groups.
    fn check_groups(&mut self, amounts: &[&ast::Amount]) -> Checked<()> {
        let mut groups = Vec::new();
        for amount in amounts {
            grouped(amount, &mut groups);
        }
        let [first, second, ..] = groups.as_slice() else {
            return Ok(());
        };
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            *second,
            "a comparison has one `by`: it is asked of each group",
            "the second one",
        )
        .also(*first, "the first one");
        self.refuse(diagnostic.help("compare each count of groups with a number or a plain count"))
    }

    fn check_amount(&mut self, amount: &ast::Amount) -> Checked<Side> {
        let span = amount.span();
        let side = |expr, unit| Ok(Side { expr, unit, span });
        match amount {
            ast::Amount::Number(number) => side(Expr::Number(number.value), Unit::Number),
            ast::Amount::Duration(duration) => {
                side(Expr::Number(Number::Int(duration.value)), Unit::Duration)
            }
            ast::Amount::Count { sets, by: None, .. } => {
                let set = self.check_sets(sets)?;
                side(Expr::Term(Quantity::Count(set)), Unit::Number)
            }
            ast::Amount::Count {
                sets, by: Some(by), ..
            } => {
                let (set, key) = (self.check_sets(sets), self.check_identity_term("by", by));
                let (set, key) = (set?, key?);
                side(Expr::Term(Quantity::Groups { set, key }), Unit::Number)
            }
            ast::Amount::Fold { fold, sets, of, .. } => {
                let (set, value) = (self.check_sets(sets), self.check_value_term(*fold, of));
                let (set, (value, unit)) = (set?, value?);
                let fold = *fold;
                side(Expr::Term(Quantity::Fold { fold, set, value }), unit)
            }
            ast::Amount::Trace { name, .. } => self.check_trace_intrinsic(name, span),
            ast::Amount::Binary { op, left, right } => {
                let (left, right) = (self.check_amount(left), self.check_amount(right));
                self.compute(*op, left?, right?)
            }
        }
    }

    fn compute(&mut self, op: Arithmetic, left: Side, right: Side) -> Checked<Side> {
        let span = left.span.to(right.span);
        let Some(unit) = Unit::of_result(op, left.unit, right.unit) else {
            let (message, help) = match op {
                Arithmetic::Add | Arithmetic::Subtract => return self.refuse_unlike(&left, &right),
                Arithmetic::Multiply => (
                    "a duration is not multiplied with a duration",
                    "multiply it with a number: `2 * trace:duration`",
                ),
                Arithmetic::Divide => (
                    "a number is not divided by a duration",
                    "divide a duration by a number, or by a duration: `trace:duration / 1s`",
                ),
            };
            return self.refuse(
                Diagnostic::error(Code::WrongType, span, message, "nothing comes out").help(help),
            );
        };
        let expr = match (left.expr, right.expr) {
            (Expr::Number(left), Expr::Number(right)) => match fold(op, left, right) {
                Some(number) => Expr::Number(number),
                None => return self.refuse_value(op, right, span),
            },
            (_, Expr::Number(right)) if op == Arithmetic::Divide && as_double(right) == 0.0 => {
                return self.refuse_value(op, right, span);
            }
            (left, right) => Expr::Binary {
                op,
                left: Box::new(left),
                right: Box::new(right),
            },
        };
        Ok(Side { expr, unit, span })
    }

    /// Refuses a duration beside a plain number.
    fn refuse_unlike<T>(&mut self, left: &Side, right: &Side) -> Checked<T> {
        let (number, duration) = if left.unit == Unit::Number {
            (left, right)
        } else {
            (right, left)
        };
        let (number_text, duration_text) = (self.source(number.span), self.source(duration.span));
        if let Expr::Number(_) = number.expr {
            let diagnostic = Diagnostic::error(
                Code::DurationWithoutUnit,
                number.span,
                format!("`{duration_text}` is a duration, and this is a plain number"),
                "this number has no unit",
            );
            return self.refuse(diagnostic.help(format!(
                "write `{number_text}ms` (the units are ns us ms s m h d)"
            )));
        }
        let diagnostic = Diagnostic::error(
            Code::DurationAgainstAttribute,
            duration.span,
            format!("`{number_text}` is a plain number, and this is a duration"),
            "a duration",
        );
        let help = if let Expr::Number(_) = duration.expr {
            let digits = duration_text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            format!(
                "write the plain number, `{digits}`, or compare how long something took: `trace:duration`, `max(a, span:duration)`"
            )
        } else {
            format!("divide the duration by its unit for a plain number: `{duration_text} / 1s`")
        };
        self.refuse(diagnostic.help(help))
    }

    /// `trace:NAME`, most of which are counts.
    fn check_trace_intrinsic(&mut self, name: &str, span: Span) -> Checked<Side> {
        let side = |quantity, unit| {
            Ok(Side {
                expr: Expr::Term(quantity),
                unit,
                span,
            })
        };
        let any = |filter| SpanSet {
            parts: vec![Part {
                selector: Selector::Any,
                filter,
            }],
        };
        let everything = Filter::All(Vec::new());
        match name {
            "duration" => side(Quantity::Duration, Unit::Duration),
            "span_count" => side(
                Quantity::Count(self.number_set(any(everything))),
                Unit::Number,
            ),
            "services" => {
                let quantity = Quantity::Fold {
                    fold: Fold::Distinct,
                    set: self.number_set(any(everything)),
                    value: Term::Field(Field::Attribute {
                        scope: Scope::Resource,
                        key: "service.name".to_owned(),
                    }),
                };
                side(quantity, Unit::Number)
            }
            "errors" => {
                // The number of `error` in OTLP.
                let failed = Filter::Test(Test::Whole {
                    left: Whole::Status,
                    op: Compare::Equal,
                    value: Number::Int(2),
                });
                side(Quantity::Count(self.number_set(any(failed))), Unit::Number)
            }
            // The parser knows which there are.
            _ => Err(crate::parser::Refused),
        }
    }
}

/// A count or a literal by itself.
fn simple(expr: &Expr<Quantity>) -> Option<ir::Amount> {
    match expr {
        Expr::Term(Quantity::Count(set)) => Some(ir::Amount::Count(*set)),
        Expr::Number(number) => Some(ir::Amount::Number(*number)),
        Expr::Term(Quantity::Groups { .. } | Quantity::Fold { .. } | Quantity::Duration)
        | Expr::Binary { .. } => None,
    }
}

/// Whether anything of the trace is in an amount.
fn reads(expr: &Expr<Quantity>) -> bool {
    match expr {
        Expr::Number(_) => false,
        Expr::Term(_) => true,
        Expr::Binary { left, right, .. } => reads(left) || reads(right),
    }
}

/// Collects the places of the counts that make groups.
fn grouped(amount: &ast::Amount, places: &mut Vec<Span>) {
    match amount {
        ast::Amount::Count {
            by: Some(_), span, ..
        } => places.push(*span),
        ast::Amount::Binary { left, right, .. } => {
            grouped(left, places);
            grouped(right, places);
        }
        ast::Amount::Count { by: None, .. }
        | ast::Amount::Fold { .. }
        | ast::Amount::Trace { .. }
        | ast::Amount::Number(_)
        | ast::Amount::Duration(_) => {}
    }
}
