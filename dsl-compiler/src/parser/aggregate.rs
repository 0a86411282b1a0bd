//! Aggregates: `count( )`, `sum( )` and their like, and what they read (section 5 of the language).

use super::{Parsed, Parser};
use crate::{
    ast::{Amount, At, Operand, Set},
    diagnostic::{Code, Diagnostic},
    ir::Fold,
    token::Kind,
};

/// What makes one number of the values of spans.
const FOLDS: [(&str, Fold); 5] = [
    ("sum", Fold::Sum),
    ("min", Fold::Min),
    ("max", Fold::Max),
    ("avg", Fold::Avg),
    ("distinct", Fold::Distinct),
];

pub(super) fn fold(word: &str) -> Option<Fold> {
    FOLDS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, fold)| *fold)
}

/// Whether a word before a parenthesis makes a number of spans.
pub(super) fn is_aggregate(word: &str) -> bool {
    fold(word).is_some() || matches!(word, "count" | "trace.count")
}

impl Parser<'_> {
    /// Parses `count(set or set)`, `count(set by key)` and `trace.count(set).where(...)`.
    pub(super) fn parse_count(&mut self) -> Parsed<Amount> {
        let start = self.span();
        self.advance();
        self.advance();
        let mut sets = self.parse_counted("count")?;
        let by = if self.eat_word("by") {
            Some(self.parse_value_key("by")?)
        } else {
            None
        };
        if self.is_mark(',') {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                "`count( )` counts spans, and takes no attribute",
                "expected `)` or `by`",
            );
            return self.refuse(diagnostic.help(
                "write `distinct(a, key)` for how many values there are, or `count(a by key)` for how many spans share one",
            ));
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
            by,
            span: start.to(self.last_span()),
        })
    }

    /// Parses `sum(set or set, key)` and its like.
    pub(super) fn parse_fold(&mut self, fold: Fold) -> Parsed<Amount> {
        let start = self.span();
        let word = self.source(start);
        self.advance();
        self.advance();
        let sets = self.parse_counted(word)?;
        if self.word() == Some("by") {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                format!("`{word}( )` makes no groups"),
                "only `count( )` takes `by`",
            );
            return self.refuse(diagnostic.help(format!(
                "write `{word}(a, key)` over all of them, or `count(a by key)`"
            )));
        }
        if !self.eat_mark(',') {
            let at = self.span();
            if !self.is_mark(')') {
                return self.expected(&format!("`,` and an attribute, as `{word}(a, key)`"));
            }
            let set = self.source(start.to(at)).to_owned();
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                at,
                format!("`{word}( )` needs the attribute whose values it reads"),
                "expected `, key`",
            );
            let set = set
                .split_once('(')
                .map_or("a", |(_, rest)| rest.trim_end_matches(')'));
            return self.refuse(diagnostic.help(format!("write `{word}({set}, key)`, or `{word}({set}, span:duration)`; `count({set})` says how many spans there are")));
        }
        let of = self.parse_value_key(word)?;
        if let Kind::Mark('+' | '-' | '*' | '/') = self.kind() {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                format!("`{word}( )` reads one attribute of each span"),
                "nothing is computed here",
            );
            return self.refuse(
                diagnostic.help(format!("compute with what comes out: `2 * {word}(a, key)`")),
            );
        }
        self.expect_mark(')', "after what is read")?;
        if self.is_mark('.') {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                format!("the filter of `{word}( )` stands inside"),
                "not behind the parenthesis",
            );
            return self.refuse(diagnostic.help(format!("write `{word}(a.where(...), key)`")));
        }
        Ok(Amount::Fold {
            fold,
            sets,
            of,
            span: start.to(self.last_span()),
        })
    }

    /// Parses the sets that an aggregate reads.
    fn parse_counted(&mut self, word: &str) -> Parsed<Vec<Set>> {
        if self.is_mark(')') || self.is_mark(',') {
            let diagnostic = Diagnostic::error(
                Code::EmptyAggregate,
                self.span(),
                format!("`{word}( )` of no spans"),
                "expected a set of spans",
            );
            return self.refuse(diagnostic.help(format!("say which spans: `{}`", example(word))));
        }
        let sets = self.parse_sets()?;
        if self.word() == Some("and") {
            let diagnostic = Diagnostic::error(
                Code::Syntax,
                self.span(),
                format!("`{word}( )` takes a set of spans, and `and` makes a condition"),
                "expected `or`, `)` or a filter",
            );
            return self.refuse(
                diagnostic
                    .help("join filters inside `.where( )`: `count(a.where(x == 1 and y == 2))`"),
            );
        }
        Ok(sets)
    }

    /// Parses what is read of each span.
    fn parse_value_key(&mut self, word: &str) -> Parsed<At<Operand>> {
        if let Kind::Mark(')') | Kind::Number(_) | Kind::Duration(_) = self.kind() {
            return self.expected(&format!("an attribute after `{word}`"));
        }
        self.parse_operand()
    }
}

fn example(word: &str) -> String {
    match word {
        "count" => "count(http.retry)".to_owned(),
        _ => format!("{word}(http.retry, key)"),
    }
}
