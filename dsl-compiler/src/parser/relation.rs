//! Order and structure: `relation` of section 5 of the language, `then`, and `as`.

use super::{Parsed, Parser, is_reserved, operand::PREFIXES};
use crate::{
    ast::{At, Cond, Operands, Relation, Right},
    diagnostic::{Code, Diagnostic},
    ir::{Quantifier, RelationKind},
    source::Span,
    suggest::suggest,
    token::Kind,
};

/// The relations between two spans.
pub(crate) const RELATIONS: [(&str, RelationKind); 11] = [
    ("before", RelationKind::Before),
    ("after", RelationKind::After),
    ("starts_before", RelationKind::StartsBefore),
    ("starts_after", RelationKind::StartsAfter),
    ("overlaps", RelationKind::Overlaps),
    ("under", RelationKind::Under),
    ("over", RelationKind::Over),
    ("child_of", RelationKind::ChildOf),
    ("parent_of", RelationKind::ParentOf),
    ("sibling_of", RelationKind::SiblingOf),
    ("with", RelationKind::With),
];

const NAMES: &str = "before, after, starts_before, starts_after, overlaps, under, over, child_of, parent_of, sibling_of or with";

/// The relation of that name.
pub(crate) fn relation_kind(word: &str) -> Option<RelationKind> {
    RELATIONS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind)
}

/// Whether a word goes on with a relation behind its left side.
pub(super) fn continues(word: &str) -> bool {
    relation_kind(word).is_some() || matches!(word, "then" | "as" | "within")
}

impl Parser<'_> {
    /// Whether a relation goes on here.
    pub(super) fn is_relation(&self) -> bool {
        self.word().is_some_and(continues)
    }

    /// Parses `every a before b` and `no a before b`, with the quantifier at hand.
    pub(super) fn parse_quantified(&mut self, quantifier: Quantifier) -> Parsed<Cond> {
        let start = self.span();
        self.advance();
        if self.starts_comparison() {
            let word = self.source(start);
            let diagnostic = Diagnostic::error(
                Code::RelationMissing,
                start,
                format!("`{word}` speaks of spans, and an amount stands behind it"),
                "expected a set of spans",
            );
            return self.refuse(diagnostic.help(format!(
                "write the comparison alone, or `{word} a as x with count(b.where(key == x.key)) > 3` for one of each span"
            )));
        }
        let left = self.parse_operands()?;
        if self.is_relation() {
            let quantifier = At {
                value: quantifier,
                span: start,
            };
            return self.parse_relation(Some(quantifier), left, start);
        }
        let (word, set) = (self.source(start), self.source(left.span));
        let help = match quantifier {
            Quantifier::No => format!(
                "write `not {set}` if there is to be none, or `no {set} before other.span` for none that is before"
            ),
            Quantifier::Every | Quantifier::Some => format!(
                "write `{word} {set} before other.span`; the relations are {NAMES}; for a filter that all of them pass, write `not {set}.where(not (...))`"
            ),
        };
        let diagnostic = Diagnostic::error(
            Code::RelationMissing,
            start.to(left.span),
            format!("`{word}` without a relation behind the spans"),
            "expected a relation after it",
        );
        let diagnostic = match self.word().and_then(near_relation) {
            Some(name) => diagnostic
                .help(format!("did you mean `{name}`?"))
                .fix(self.span(), name),
            None => diagnostic.help(help),
        };
        self.refuse(diagnostic)
    }

    /// Parses what stands behind the left side of a relation, with its first word at hand.
    pub(super) fn parse_relation(
        &mut self,
        quantifier: Option<At<Quantifier>>,
        left: Operands,
        start: Span,
    ) -> Parsed<Cond> {
        if self.word() == Some("then") {
            return self.parse_then(quantifier, left);
        }
        let alias = if self.word() == Some("as") {
            Some(self.parse_alias()?)
        } else {
            None
        };
        let kind = self.parse_kind(&left)?;
        self.count_node()?;
        let known = self.aliases.len();
        self.aliases
            .extend(alias.iter().map(|alias| alias.value.clone()));
        let right = self.parse_right_side(&kind);
        self.aliases.truncate(known);
        let right = right?;
        let within = self.parse_within(&right)?;
        let span = start.to(self.last_span());
        self.refuse_chained(span)?;
        Ok(Cond::Relation(Box::new(Relation {
            quantifier,
            left,
            alias,
            kind,
            right,
            within,
            span,
        })))
    }

    /// Parses the name of a relation.
    fn parse_kind(&mut self, left: &Operands) -> Parsed<At<RelationKind>> {
        let span = self.span();
        if let Some(value) = self.word().and_then(relation_kind) {
            self.advance();
            return Ok(At { value, span });
        }
        let set = self.source(left.span);
        let (message, help) = match self.word() {
            Some("within") => (
                "`within` stands at the end of a relation".to_owned(),
                format!("write `{set} before other.span within 5m`"),
            ),
            Some("then") => (
                "the spans of a chain have no names".to_owned(),
                "write the relations one by one: `a as x before b.where(key == x.key)`".to_owned(),
            ),
            Some(word) if near_relation(word).is_some() => {
                let near = near_relation(word).unwrap_or_default();
                let message = format!("`{word}` is no relation");
                let diagnostic =
                    Diagnostic::error(Code::Syntax, span, message, "expected a relation");
                return self.refuse(
                    diagnostic
                        .help(format!("did you mean `{near}`?"))
                        .fix(span, near),
                );
            }
            Some(_) | None => (
                format!("expected a relation, found {}", self.kind().describe()),
                format!("the relations are {NAMES}"),
            ),
        };
        if *self.kind() == Kind::Bad {
            return Err(super::Refused);
        }
        self.refuse(
            Diagnostic::error(Code::Syntax, span, message, "expected a relation").help(help),
        )
    }

    /// Parses `as NAME`.
    fn parse_alias(&mut self) -> Parsed<At<String>> {
        self.advance();
        let span = self.span();
        let Some(name) = self.word() else {
            return self.expected("a name after `as`");
        };
        let clash = if is_reserved(name) {
            Some(("a word of the language", "r"))
        } else if PREFIXES.contains(&name) || matches!(name, "trace") {
            Some(("what the language calls a part of a span or trace", "p"))
        } else if name.contains('.') {
            Some(("more than one word", "p"))
        } else if self.defines(name) || self.later.contains(&name) {
            Some(("also the name of a `let`", "p"))
        } else {
            None
        };
        self.advance();
        let Some((what, other)) = clash else {
            return Ok(At {
                value: name.to_owned(),
                span,
            });
        };
        let diagnostic = Diagnostic::error(
            Code::AliasName,
            span,
            format!("`{name}` cannot name a span: it is {what}"),
            "expected a word of its own, without dots",
        );
        self.refuse(diagnostic.help(format!(
            "name it otherwise, as `as {other}`, and write `{other}.key` in the filters of the right side"
        )))
    }

    /// Parses `within D`, if it stands here.
    fn parse_within(&mut self, right: &Right) -> Parsed<Option<At<i64>>> {
        let word = self.span();
        if !self.eat_word("within") {
            return Ok(None);
        }
        if matches!(right, Right::Comparison { .. }) {
            let diagnostic = Diagnostic::error(
                Code::BadWithin,
                word,
                "`within` says how far two spans are apart",
                "there is no second span here",
            );
            return self.refuse(diagnostic.help("leave it out, or compare `trace:duration`"));
        }
        let duration = self.parse_within_duration()?;
        if duration.value >= 0 {
            return Ok(Some(duration));
        }
        let diagnostic = Diagnostic::error(
            Code::BadWithin,
            duration.span,
            "`within` takes a duration that is not negative",
            "below zero",
        );
        self.refuse(diagnostic.help("write how far apart they may be: `within 5m`; `a before b` alone sets no bound, and spans that overlap are not apart at all"))
    }

    fn parse_within_duration(&mut self) -> Parsed<At<i64>> {
        self.refuse_later()?;
        if self.is_defined() {
            let span = self.span();
            let duration = self.expand("a duration", Self::parse_within_duration)?;
            return Ok(At { span, ..duration });
        }
        let span = self.span();
        let diagnostic = match self.kind() {
            Kind::Duration(ns) => {
                self.advance();
                return Ok(At { value: *ns, span });
            }
            Kind::Number(_) => {
                let number = self.source(span);
                Diagnostic::error(
                    Code::BadWithin,
                    span,
                    "`within` takes a duration, and this is a plain number",
                    "this number has no unit",
                )
                .help(format!(
                    "write `{number}s` (the units are ns us ms s m h d)"
                ))
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => return self.expected("a duration after `within`, as `5m`"),
        };
        self.refuse(diagnostic)
    }

    /// Parses `a then b then c`, with the first `then` at hand.
    fn parse_then(&mut self, quantifier: Option<At<Quantifier>>, first: Operands) -> Parsed<Cond> {
        if let Some(quantifier) = quantifier {
            let (word, set) = (self.source(quantifier.span), self.source(first.span));
            let diagnostic = Diagnostic::error(
                Code::QuantifierMisplaced,
                quantifier.span,
                format!("a chain of `then` takes no `{word}`"),
                "not before a chain",
            );
            return self.refuse(diagnostic.help(format!(
                "write `{word} {set} before b`, and join it with `and` to what comes after"
            )));
        }
        let mut links = vec![first];
        while self.eat_word("then") {
            self.count_node()?;
            if let Some(word @ ("every" | "no")) = self.word() {
                let span = self.span();
                let diagnostic = Diagnostic::error(
                    Code::QuantifierMisplaced,
                    span,
                    format!("a chain of `then` takes no `{word}`"),
                    "not in a chain",
                );
                return self.refuse(
                    diagnostic.help(format!("write `{word} a before b`, and join it with `and`")),
                );
            }
            links.push(self.parse_operands()?);
        }
        match self.word() {
            Some("within") => {
                let diagnostic = Diagnostic::error(
                    Code::BadWithin,
                    self.span(),
                    "a chain of `then` takes no `within`",
                    "not after a chain",
                );
                self.refuse(diagnostic.help("write each step as a relation: `a before b within 5m and b before c within 5m`"))
            }
            Some(word) if relation_kind(word).is_some() || word == "as" => {
                let start = links.first().map_or(self.span(), |first| first.span);
                self.refuse_chained(start.to(self.last_span()))?;
                self.expected("`and`, `or` or the end of the condition")
            }
            Some(_) | None => Ok(Cond::Then(links)),
        }
    }

    /// Refuses a relation whose left side is a relation.
    fn refuse_chained(&mut self, first: Span) -> Parsed<()> {
        let Some(word) = self.word().filter(|word| continues(word)) else {
            return Ok(());
        };
        let second = self.span();
        let (message, help) = match word {
            "within" => (
                "a relation has one `within`",
                "keep the shorter one".to_owned(),
            ),
            "as" => (
                "only the left side of a relation has a name",
                "write the named side first: `b as x after a.where(key == x.key)`".to_owned(),
            ),
            _ => (
                "a relation stands between two sets of spans, and is not itself one",
                "join two relations with `and`: `a before b and b before c`; for one span after another in order, write `a then b then c`".to_owned(),
            ),
        };
        let diagnostic = Diagnostic::error(
            Code::RelationChained,
            second,
            message,
            format!("`{word}` again, or at the wrong place"),
        );
        self.refuse(
            diagnostic
                .also(first, "this is a relation already")
                .help(help),
        )
    }
}

/// The relation that a word may have been meant for: misspelt, or of everyday English.
pub(super) fn near_relation(word: &str) -> Option<&'static str> {
    let names = RELATIONS.map(|(name, _)| name);
    let lower = word.to_ascii_lowercase();
    let other = match lower.as_str() {
        "precedes" | "preceding" | "until" => Some("before"),
        "follows" | "following" | "succeeds" | "since" => Some("after"),
        "inside" | "descendant_of" | "below" | "beneath" => Some("under"),
        "ancestor_of" | "above" => Some("over"),
        "childof" | "child" => Some("child_of"),
        "parentof" | "parent" => Some("parent_of"),
        "sibling" | "siblingof" | "beside" => Some("sibling_of"),
        "during" | "while" | "overlapping" | "concurrent_with" => Some("overlaps"),
        "followed_by" => Some("then"),
        _ => None,
    };
    other.or_else(|| suggest(word, &names))
}
