//! Warnings of what reads something else than was probably meant.

use super::{
    Checker, Comparison, expr_tables, table, value_tables,
    whole::{KINDS, STATUSES},
};
use crate::{
    ast::{self, At, Operand},
    diagnostic::{Code, Diagnostic},
    ir::Table,
    parser::is_reserved,
    source::Span,
};

/// The texts that a right side is made of; `None` if something else is among them.
fn texts(value: &ast::Value) -> Option<Vec<&str>> {
    match value {
        ast::Value::Text(text) | ast::Value::Word(text) => Some(vec![text.as_str()]),
        ast::Value::List(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| texts(&item.value)).collect();
            texts.map(|texts| texts.concat())
        }
        ast::Value::Number(_)
        | ast::Value::Duration(_)
        | ast::Value::Bool(_)
        | ast::Value::Operand(_) => None,
    }
}

impl Checker<'_> {
    /// Warns of an attribute where the span itself has something of that name: `status == error`.
    pub(super) fn warn_intrinsic(&mut self, comparison: Comparison<'_>) {
        let left = self.source(comparison.left.span);
        let Some(texts) = texts(&comparison.right.value) else {
            return;
        };
        let among = |names: &[&str]| texts.iter().all(|text| names.contains(text));
        let meant = match &comparison.left.value {
            Operand::Key(key) if left == *key => match key.as_str() {
                "status" if among(&STATUSES) => "span:status",
                "kind" if among(&KINDS) => "span:kind",
                "service" => "span:service",
                _ => return,
            },
            Operand::Scoped {
                prefix: "span",
                key,
            } if key == "status" && among(&STATUSES) => "span:status",
            Operand::Scoped {
                prefix: "scope",
                key,
            } if left == "scope.name" || left == "scope.version" => {
                if key == "name" {
                    "scope:name"
                } else {
                    "scope:version"
                }
            }
            Operand::Key(_) | Operand::Scoped { .. } | Operand::Intrinsic { .. } => return,
        };
        let (op, right) = (
            comparison.op.value.as_str(),
            self.source(comparison.right.span),
        );
        let bare = left.rsplit('.').next().unwrap_or(&left);
        let quoted = match &comparison.left.value {
            Operand::Scoped { prefix, .. } => format!("{prefix}.\"{bare}\""),
            Operand::Key(_) | Operand::Intrinsic { .. } => format!("\"{bare}\""),
        };
        let diagnostic = Diagnostic::warning(
            Code::IntrinsicMeant,
            comparison.left.span,
            format!("`{left}` is an attribute, which programs name themselves"),
            format!("not `{meant}`"),
        );
        self.report(diagnostic.help(format!(
            "write `.where({meant} {op} {right})` for what the span itself carries, or `{quoted}` if the attribute is meant"
        )));
    }

    /// Warns of `"contractor" == role`, which reads an attribute `contractor`.
    pub(super) fn warn_quoted(&mut self, comparison: Comparison<'_>) {
        let Operand::Key(key) = &comparison.left.value else {
            return;
        };
        let left = self.source(comparison.left.span);
        let needless = left == format!("\"{key}\"")
            && key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            && !is_reserved(key)
            && !matches!(key.as_str(), "status" | "kind" | "service");
        let ast::Value::Word(word) = &comparison.right.value else {
            return;
        };
        // In a direct comparison the key stands behind the name of the span.
        let is_first = !self
            .source(Span {
                start: comparison.left.span.start.saturating_sub(1),
                end: comparison.left.span.start,
            })
            .starts_with('.');
        if !needless || !is_first {
            return;
        }
        let op = comparison.op.value.as_str();
        let diagnostic = Diagnostic::warning(
            Code::QuotedAttribute,
            comparison.left.span,
            format!("this reads the attribute `{key}`, and compares it with the text \"{word}\""),
            "on the left of a comparison a string is the name of an attribute",
        );
        self.report(diagnostic.help(format!(
            "write `{word} {op} {left}` for the attribute `{word}`, or `{key} {op} {word}` if it is meant so"
        )));
    }

    /// Warns of `event.where(...)` in which nothing reads the event.
    pub(super) fn warn_unread(&mut self, table: Table, filter: &ast::Filter, span: Span) {
        if reads(filter, table) {
            return;
        }
        let (prefix, example) = match table {
            Table::Events => ("event", "`event:name` or `event.KEY`"),
            Table::Links => ("link", "`link.KEY`"),
        };
        let diagnostic = Diagnostic::warning(
            Code::RowUnread,
            span,
            format!("nothing in this `{prefix}.where( )` reads the {prefix}"),
            "asks only whether there is one",
        );
        self.report(diagnostic.help(format!(
            "names without a prefix are attributes of the span, here too: write {example} for those of the {prefix}"
        )));
    }
}

fn reads(filter: &ast::Filter, wanted: Table) -> bool {
    let is_wanted = |operand: &At<Operand>| table(&operand.value) == Some(wanted);
    match filter {
        ast::Filter::And(all) | ast::Filter::Or(all) => {
            all.iter().any(|inner| reads(inner, wanted))
        }
        ast::Filter::Not(inner) | ast::Filter::Some { filter: inner, .. } => reads(inner, wanted),
        ast::Filter::Truth(operand) | ast::Filter::Exists(operand) => is_wanted(operand),
        ast::Filter::Compare { left, right, .. } => {
            let mut found = is_wanted(left);
            value_tables(&right.value, &mut |table| found |= table == wanted);
            found
        }
        ast::Filter::Compute { left, right, .. } => {
            let mut found = false;
            for side in [left, right] {
                expr_tables(side, &mut |table| found |= table == wanted);
            }
            found
        }
    }
}
