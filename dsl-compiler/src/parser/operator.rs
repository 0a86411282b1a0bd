//! The operators of a comparison, and what to write for those of other languages.

use super::{Parsed, Parser};
use crate::{
    ast::{At, Op},
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Order, Place},
    source::Span,
    token::Kind,
};

/// Words that may stand for an operator, for did-you-mean.
pub(super) const OPERATORS: [&str; 8] = [
    "in",
    "not in",
    "contains",
    "contains_i",
    "starts_with",
    "ends_with",
    "matches",
    "exists",
];

/// The operator that a word is.
fn known(word: &str) -> Option<Op> {
    Some(match word {
        "in" => Op::In,
        "contains" => Op::Contains,
        "contains_i" => Op::ContainsFolded,
        "starts_with" => Op::Text(Place::Start),
        "ends_with" => Op::Text(Place::End),
        "matches" => Op::Matches,
        _ => return None,
    })
}

/// The operator that a word of another language means.
fn foreign(word: &str) -> Option<Op> {
    let order = |order| Op::Compare(Compare::Order(order));
    Some(match word.to_ascii_lowercase().as_str() {
        "is" | "eq" | "equals" => Op::Compare(Compare::Equal),
        "ne" | "neq" => Op::Compare(Compare::Unequal),
        "lt" => order(Order::Less),
        "le" | "lte" => order(Order::LessOrEqual),
        "gt" => order(Order::Greater),
        "ge" | "gte" => order(Order::GreaterOrEqual),
        "startswith" | "begins_with" | "beginswith" | "hasprefix" => Op::Text(Place::Start),
        "endswith" | "hassuffix" => Op::Text(Place::End),
        "has" | "includes" | "contain" | "include" => Op::Contains,
        "icontains" | "containsi" => Op::ContainsFolded,
        "match" | "regex" | "regexp" | "rlike" => Op::Matches,
        _ => return None,
    })
}

impl Parser<'_> {
    /// Whether the token `ahead` is an operator of a comparison.
    pub(super) fn is_op_ahead(&self, ahead: usize) -> bool {
        match self.kind_ahead(ahead) {
            Kind::Compare(_) => true,
            Kind::Word("not") => self.word_ahead(ahead + 1) == Some("in"),
            Kind::Word(word) => known(word).is_some(),
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => false,
        }
    }

    /// Parses an operator of a comparison, if one stands here.
    pub(super) fn parse_op(&mut self) -> Parsed<Option<At<Op>>> {
        let span = self.span();
        let op = match self.kind() {
            Kind::Compare(op) => Op::Compare(*op),
            Kind::Word("not") => {
                let Some(word) = self.word_ahead(1) else {
                    return Ok(None);
                };
                if word != "in" {
                    return self.refuse_negated(word).map(|()| None);
                }
                self.advance();
                Op::NotIn
            }
            Kind::Word(word) => match known(word) {
                Some(op) => op,
                None => match self.parse_foreign(word, span)? {
                    Some(op) => op,
                    None => return Ok(None),
                },
            },
            Kind::Mark('~') => {
                self.report_foreign("~", Op::Matches, span);
                Op::Matches
            }
            Kind::Text(_)
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

    /// Refuses an operator of another language; goes on as if the right one stood here where one word says the same.
    fn parse_foreign(&mut self, word: &str, span: Span) -> Parsed<Option<Op>> {
        let key = self.left_text();
        let next = self.word_ahead(1);
        let instead = match (word.to_ascii_lowercase().as_str(), next) {
            ("is", Some("null" | "none" | "missing" | "empty")) | ("isnull", _) => {
                format!("not exists {key}")
            }
            ("is", Some("not"))
                if matches!(
                    self.word_ahead(2),
                    Some("null" | "none" | "missing" | "empty")
                ) =>
            {
                format!("exists {key}")
            }
            ("is", Some("not")) => format!("{key} != ..."),
            ("exists", _) => format!("exists {key}"),
            ("like" | "ilike", _) => {
                format!(
                    "{key} contains ...`, `{key} starts_with ...`, `{key} ends_with ...` or `{key} matches \"...\""
                )
            }
            ("between", _) => format!("{key} >= ... and {key} <= ..."),
            _ => {
                let op = foreign(word);
                if let Some(op) = op {
                    self.report_foreign(word, op, span);
                }
                return Ok(op);
            }
        };
        let diagnostic = Diagnostic::error(
            Code::ForeignOperator,
            span,
            format!("`{word}` is not an operator of this language"),
            "not an operator",
        );
        self.refuse(diagnostic.help(format!("write `{instead}`")))
    }

    fn report_foreign(&mut self, word: &str, op: Op, span: Span) {
        let instead = op.as_str();
        self.report(
            Diagnostic::error(
                Code::ForeignOperator,
                span,
                format!("`{word}` is not an operator of this language"),
                format!("write `{instead}`"),
            )
            .fix(span, instead),
        );
    }

    /// Refuses `x not contains y`, unless what follows `not` is no operator at all.
    fn refuse_negated(&mut self, word: &str) -> Parsed<()> {
        let key = self.left_text();
        let instead = if word == "exists" {
            format!("not exists {key}")
        } else if let Some(op) = known(word).or_else(|| foreign(word)) {
            format!("not ({key} {} ...)", op.as_str())
        } else if matches!(word, "like" | "ilike" | "between") {
            format!("not ({key} ...)")
        } else {
            return Ok(());
        };
        let span = self.span().to(self.span_ahead(1));
        let diagnostic = Diagnostic::error(
            Code::ForeignOperator,
            span,
            format!("`not {word}` is not an operator of this language"),
            "only `not in` is one",
        );
        self.refuse(diagnostic.help(format!("write `{instead}`")))
    }

    /// What stands before an operator, for a message.
    fn left_text(&self) -> String {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let is_name = before.is_some_and(|token| token.kind.name().is_some());
        if is_name {
            self.source(self.last_span()).to_owned()
        } else {
            "key".to_owned()
        }
    }
}
