//! What stands under the cursor.

use super::{Context, Named, View, tokens};
use crate::{
    reference::{Topic, Word, look_up},
    source::Span,
    token::Kind,
};

/// What a word in a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A word of the language.
    Word(&'static Word),
    /// A name that the source defines.
    Let(Named),
}

/// Returns what stands at a byte of a source, and where. Of two tokens that meet there, the later one is meant if it
/// is something.
pub fn find(text: &str, offset: u32) -> Option<(Span, Found)> {
    let tokens = tokens(text);
    let view = View::new(text, &tokens);
    let first = tokens.partition_point(|token| token.span.end < offset);
    let touching = tokens
        .iter()
        .skip(first)
        .take_while(|token| token.span.start <= offset)
        .count();
    (first..first + touching).rev().find_map(|at| view.find(at))
}

impl View<'_> {
    fn find(&self, at: usize) -> Option<(Span, Found)> {
        let token = self.tokens.get(at)?;
        match &token.kind {
            Kind::Word(word) => self
                .find_intrinsic(at)
                .or_else(|| self.find_let(at, word))
                .or_else(|| self.find_word(at, word)),
            Kind::Mark(':') => self.find_intrinsic(at),
            Kind::Compare(_) | Kind::Mark('+' | '-' | '*' | '/') => {
                entry(self.source(token.span), token.span)
            }
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => None,
        }
    }

    /// `span:kind` and `event.where`, of which the cursor is in any part.
    fn find_intrinsic(&self, at: usize) -> Option<(Span, Found)> {
        if !matches!(
            self.context(at),
            Context::Head | Context::Condition | Context::Filter | Context::Against(_)
        ) {
            return None;
        }
        (at.saturating_sub(2)..=at).find_map(|start| {
            let span = self.span(start).to(self.span(start + 2));
            let is_joined =
                self.sheet.is_mark(start + 1, ':') || self.sheet.is_mark(start + 1, '.');
            let word = look_up(self.source(span)).filter(|_| is_joined)?;
            matches!(word.topic, Topic::OfSpan | Topic::OfTrace)
                .then_some((span, Found::Word(word)))
        })
    }

    fn find_let(&self, at: usize, word: &str) -> Option<(Span, Found)> {
        let span = self.span(at);
        let lets = self.lets();
        let is_own_name = self.word_before(at) == Some("let");
        let is_attribute = self.context(at) == Context::Filter && self.is_operator(at + 1);
        if !is_own_name
            && (is_attribute || self.context(at) == Context::Nothing && !self.is_in_list(at))
        {
            return None;
        }
        let name = match self.context(at) {
            // `NAME.key > 5`, where the name is that of a set.
            Context::Condition | Context::Head if self.is_operator(at + 1) => {
                word.rsplit_once('.').map_or(word, |(name, _)| name)
            }
            Context::Condition
            | Context::Head
            | Context::Filter
            | Context::Against(_)
            | Context::Nothing => word,
            Context::Rule | Context::Severity => return None,
        };
        let found = lets.into_iter().find(|named| named.name == name)?;
        let end = span.start + name.len() as u32;
        Some((Span { end, ..span }, Found::Let(found)))
    }

    /// Whether a token stands among the values of a list.
    fn is_in_list(&self, at: usize) -> bool {
        let before = (0..at)
            .rev()
            .find(|at| !self.sheet.is_mark(*at, ',') && !self.sheet.ends_operand(*at));
        before.is_some_and(|before| self.sheet.is_mark(before, '['))
    }

    fn find_word(&self, at: usize, word: &str) -> Option<(Span, Found)> {
        let span = self.span(at);
        let next_is_in = word == "not" && self.word(at + 1) == Some("in");
        if next_is_in {
            return entry("not in", span.to(self.span(at + 1)));
        }
        if word == "in" && self.word_before(at) == Some("not") {
            return entry("not in", self.span(at - 1).to(span));
        }
        let (found_span, Found::Word(found)) =
            entry(word, span).or_else(|| self.find_scope(at, word))?
        else {
            return None;
        };
        let is_call = self.sheet.is_mark(at + 1, '(');
        let fits = match found.topic {
            Topic::Definition => self.context(at) == Context::Head,
            Topic::Clause => matches!(self.context(at), Context::Head | Context::Rule),
            Topic::Property => self.context(at) == Context::Rule,
            Topic::Severity => self.context(at) == Context::Severity,
            Topic::Status | Topic::Kind | Topic::Weekday => {
                self.context(at) == Context::Against(found.topic)
            }
            Topic::Aggregate => is_call && self.is_condition(at),
            Topic::Selector => found.word == "any" || is_call,
            Topic::Quantifier | Topic::Relation | Topic::Modifier => self.is_condition(at),
            Topic::OfSpan | Topic::Scope => self.context(at) == Context::Filter,
            Topic::OfTrace | Topic::Logic | Topic::Operator | Topic::Arithmetic | Topic::Truth => {
                self.context(at) == Context::Filter || self.is_condition(at)
            }
        };
        fits.then_some((found_span, Found::Word(found)))
    }

    fn is_condition(&self, at: usize) -> bool {
        matches!(self.context(at), Context::Condition | Context::Head)
    }

    /// The scope at the beginning of a key.
    fn find_scope(&self, at: usize, word: &str) -> Option<(Span, Found)> {
        let (scope, _) = word.split_once('.')?;
        let start = self.span(at).start;
        let end = start + scope.len() as u32;
        entry(&format!("{scope}."), Span { start, end })
    }
}

fn entry(word: &str, span: Span) -> Option<(Span, Found)> {
    look_up(word).map(|word| (span, Found::Word(word)))
}
