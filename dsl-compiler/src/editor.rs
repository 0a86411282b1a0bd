//! What an editor asks of a source that is being written, and so may not parse.
//!
//! Everything here reads tokens: `context` says what may stand where, and the rest follows from that. A source above the
//! limit of the compiler has no words for an editor.

pub use complete::{Proposal, Proposed, complete};
use context::{Context, contexts};
pub use find::{Found, find};

use crate::{
    lexer, limits,
    sheet::Sheet,
    source::Span,
    token::{Kind, Token},
};

mod complete;
mod context;
mod find;
#[cfg(test)]
mod tests;

/// A rule or a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is called.
    pub name: String,
    /// Where its name stands.
    pub name_span: Span,
    /// All of it.
    pub span: Span,
}

/// What a source names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// Its rules, without a rule that has no braces.
    pub rules: Vec<Named>,
    /// Its definitions.
    pub lets: Vec<Named>,
    /// The names of the spans that it speaks of, as they are written there, sorted.
    pub span_names: Vec<String>,
    /// The attributes that its filters read, as they are written there, sorted.
    pub keys: Vec<String>,
}

/// Returns what a source names.
pub fn outline(text: &str) -> Outline {
    let tokens = tokens(text);
    View::new(text, &tokens).outline()
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    if text.len() > limits::SOURCE_BYTES_MAX {
        return Vec::new();
    }
    lexer::lex(text).tokens
}

/// A source with the context of each of its tokens.
struct View<'s> {
    text: &'s str,
    tokens: &'s [Token<'s>],
    sheet: Sheet<'s>,
    contexts: Vec<Context>,
}

impl<'s> View<'s> {
    fn new(text: &'s str, tokens: &'s [Token<'s>]) -> Self {
        let sheet = Sheet::new(text, tokens);
        Self {
            text,
            tokens,
            contexts: contexts(&sheet),
            sheet,
        }
    }

    fn span(&self, at: usize) -> Span {
        self.tokens
            .get(at)
            .map_or(Span::default(), |token| token.span)
    }

    fn source(&self, span: Span) -> &'s str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    fn context(&self, at: usize) -> Context {
        self.contexts.get(at).copied().unwrap_or(Context::Nothing)
    }

    /// The word at a place, whatever stands before it.
    fn word(&self, at: usize) -> Option<&'s str> {
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Word(word)) => Some(word),
            Some(_) | None => None,
        }
    }

    fn word_before(&self, at: usize) -> Option<&'s str> {
        self.word(at.checked_sub(1)?)
    }

    fn named(&self, start: usize, name: usize, last: usize) -> Named {
        let name_span = self.span(name);
        let written = self.source(name_span);
        Named {
            name: self
                .tokens
                .get(name)
                .and_then(|token| token.kind.name())
                .unwrap_or(written)
                .to_owned(),
            name_span,
            span: self.span(start).to(self.span(last)),
        }
    }

    fn outline(&self) -> Outline {
        let mut outline = Outline {
            lets: self.lets(),
            ..Outline::default()
        };
        for at in 0..self.sheet.end() {
            if self.context(at) == Context::Head
                && self.sheet.word(at) == Some("rule")
                && self.sheet.is_mark(at + 2, '{')
            {
                let close = (at + 3..self.sheet.end())
                    .find(|at| {
                        self.sheet.is_mark(*at, '}') && self.context(*at + 1) == Context::Head
                    })
                    .unwrap_or(self.sheet.end().saturating_sub(1));
                outline.rules.push(self.named(at, at + 1, close));
            }
            if let Some(name) = self.span_name(at, &outline.lets) {
                outline.span_names.push(name.to_owned());
            }
            if let Some(key) = self.key(at) {
                outline.keys.push(key.to_owned());
            }
        }
        for names in [&mut outline.span_names, &mut outline.keys] {
            names.sort_unstable();
            names.dedup();
        }
        outline
    }

    fn lets(&self) -> Vec<Named> {
        let heads = (0..self.sheet.end())
            .filter(|at| self.sheet.word(*at) == Some("let") && self.sheet.is_mark(at + 2, '='));
        heads
            .map(|at| {
                self.named(
                    at,
                    at + 1,
                    self.sheet
                        .definition_end(at + 3)
                        .saturating_sub(1)
                        .max(at + 2),
                )
            })
            .collect()
    }

    /// The name of spans that stands here.
    fn span_name(&self, at: usize, lets: &[Named]) -> Option<&'s str> {
        if !matches!(self.context(at), Context::Condition | Context::Head)
            || self.follows_operator(at)
        {
            return None;
        }
        if matches!(self.word_before(at), Some("as" | "let" | "rule")) {
            return None;
        }
        let written = self.source(self.span(at));
        match &self.tokens.get(at)?.kind {
            Kind::Text(_) => {
                let is_key = at.checked_sub(1).is_some_and(|before| {
                    self.sheet.is_mark(before, '.') || self.sheet.is_mark(before, '~')
                });
                (!is_key).then_some(written)
            }
            Kind::Word(word) => {
                let is_other = crate::parser::is_reserved(word)
                    || self.sheet.word(at).is_none()
                    || self.sheet.is_mark(at + 1, '(')
                    || self.sheet.is_mark(at + 1, ':');
                let name = if self.is_operator(at + 1) {
                    word.rsplit_once('.')?.0
                } else {
                    word
                };
                let is_let = lets.iter().any(|named| named.name == name);
                (!is_other && !is_let).then_some(name)
            }
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => None,
        }
    }

    /// The attribute that is read here.
    fn key(&self, at: usize) -> Option<&'s str> {
        let is_read = self.is_operator(at + 1) || self.word_before(at) == Some("exists");
        if self.context(at) != Context::Filter
            || !is_read
            || self.sheet.word(at).is_some_and(crate::parser::is_reserved)
        {
            return None;
        }
        match &self.tokens.get(at)?.kind {
            Kind::Word(_) => self.sheet.word(at),
            Kind::Text(_) => Some(self.source(self.span(at))),
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => None,
        }
    }

    /// Whether a comparison's operator stands here.
    fn is_operator(&self, at: usize) -> bool {
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Compare(_)) => true,
            Some(Kind::Word("not")) => self.word(at + 1) == Some("in"),
            Some(Kind::Word(word)) => matches!(
                *word,
                "in" | "contains" | "contains_i" | "starts_with" | "ends_with" | "matches"
            ),
            Some(
                Kind::Text(_)
                | Kind::Number(_)
                | Kind::Duration(_)
                | Kind::Mark(_)
                | Kind::Bad
                | Kind::End,
            )
            | None => false,
        }
    }

    fn follows_operator(&self, at: usize) -> bool {
        at.checked_sub(1)
            .is_some_and(|before| self.is_operator(before))
    }
}
