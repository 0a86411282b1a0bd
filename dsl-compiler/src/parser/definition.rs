//! `let`: names for parts, which are expanded where they are used.
//!
//! A definition is kept as the range of its tokens. Where its name is used, those tokens are parsed again as what is wanted
//! there, so that the same `let` serves wherever it fits; every expansion counts its nodes against the rule's limit.

use super::{Parsed, Parser, Refused, is_reserved};
use crate::{
    ast::Cond,
    diagnostic::{Code, Diagnostic},
    source::Span,
    token::Kind,
};

/// A definition.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    name: String,
    span: Span,
    /// Its tokens.
    start: usize,
    end: usize,
    /// Whether it is a comparison of amounts, which `with` takes.
    comparison: bool,
    used: bool,
}

impl<'s> Parser<'s> {
    /// Parses the definitions at the head of a file.
    pub(super) fn parse_definitions(&mut self) {
        self.later = self.definition_names();
        while self.word() == Some("let") {
            let start = self.at;
            if self.parse_definition().is_err() {
                self.at = self.at.max(start + 1);
                while !matches!(self.kind(), Kind::End | Kind::Word("let" | "rule")) {
                    self.advance();
                }
            }
            self.nodes = 0;
        }
        self.later.clear();
    }

    /// The names that the file defines, whatever else is wrong with it.
    fn definition_names(&self) -> Vec<&'s str> {
        let heads = self.tokens.windows(3).filter(|window| {
            matches!(window, [head, _, equals] if head.kind == Kind::Word("let") && equals.kind == Kind::Mark('='))
        });
        heads
            .filter_map(|window| match window.get(1).map(|token| &token.kind) {
                Some(Kind::Word(name)) => Some(*name),
                Some(_) | None => None,
            })
            .collect()
    }

    fn parse_definition(&mut self) -> Parsed<()> {
        self.advance();
        let span = self.span();
        let Some(name) = self.word() else {
            return self.expected("a name after `let`");
        };
        if is_reserved(name) || name.contains('.') {
            let message = format!("`{name}` cannot be the name of a `let`");
            let diagnostic = Diagnostic::error(
                Code::ReservedWord,
                span,
                message,
                "expected a word without dots that the language does not use",
            );
            return self.refuse(diagnostic.help("name it otherwise"));
        }
        if let Some(first) = self.lets.iter().find(|definition| definition.name == name) {
            let diagnostic = Diagnostic::error(
                Code::Duplicate,
                span,
                format!("`{name}` is defined twice"),
                "the second time",
            )
            .also(first.span, "the first time");
            return self.refuse(diagnostic.help("name one of them otherwise"));
        }
        self.advance();
        self.expect_mark('=', "after the name")?;
        self.defining = Some(name);
        let start = self.at;
        let computes = matches!(
            self.kind_ahead(1),
            Kind::Compare(_) | Kind::Mark('+' | '-' | '*' | '/')
        );
        let parsed = match self.kind() {
            Kind::Number(_) | Kind::Duration(_) if !computes => self.parse_value().map(|_| false),
            Kind::Mark('[') | Kind::Word("true" | "false") => self.parse_value().map(|_| false),
            Kind::Word(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Text(_)
            | Kind::Mark(_)
            | Kind::Compare(_)
            | Kind::Bad
            | Kind::End => self.parse_definition_condition(),
        };
        // Below, it is not a definition that stands further down, whatever is wrong with it.
        self.later.retain(|later| *later != name);
        self.defining = None;
        let comparison = parsed?;
        self.lets.push(Definition {
            name: name.to_owned(),
            span,
            start,
            end: self.at,
            comparison,
            used: false,
        });
        Ok(())
    }

    /// A condition, a set, or what can be compared with: `count(a)` alone is an amount. Returns whether it is a comparison.
    fn parse_definition_condition(&mut self) -> Parsed<bool> {
        if self.starts_comparison() && !self.is_root() {
            let start = self.at;
            self.parse_amount()?;
            if !matches!(self.kind(), Kind::Compare(_)) {
                return Ok(false);
            }
            self.at = start;
        }
        self.parse_condition()
            .map(|condition| matches!(condition, Cond::Compare { .. }))
    }

    /// Whether the word at hand stands for a comparison of amounts.
    pub(super) fn is_comparison_let(&self) -> bool {
        self.word().is_some_and(|word| {
            self.lets
                .iter()
                .any(|definition| definition.name == word && definition.comparison)
        })
    }

    /// The names of the definitions so far.
    pub(super) fn let_names(&self) -> Vec<String> {
        self.lets
            .iter()
            .map(|definition| definition.name.clone())
            .collect()
    }

    /// Whether the word at hand is defined.
    pub(super) fn is_defined(&self) -> bool {
        self.word()
            .is_some_and(|word| self.lets.iter().any(|definition| definition.name == word))
    }

    pub(super) fn defines(&self, word: &str) -> bool {
        self.lets.iter().any(|definition| definition.name == word)
    }

    /// Refuses a word that is only defined further down, or by the definition in which it stands.
    pub(super) fn refuse_later(&mut self) -> Parsed<()> {
        let Some(word) = self.word().filter(|word| self.later.contains(word)) else {
            return Ok(());
        };
        if self.defining == Some(word) {
            let diagnostic = Diagnostic::error(
                Code::LetOrder,
                self.span(),
                format!("`{word}` is used in its own definition"),
                "this would be the `let` itself",
            );
            return self.refuse(diagnostic.help(format!(
                "write `\"{word}\"` if the text is meant, or name the `let` otherwise"
            )));
        }
        let diagnostic = Diagnostic::error(
            Code::LetOrder,
            self.span(),
            format!("`{word}` is used before it is defined"),
            "its `let` stands further down",
        );
        self.refuse(diagnostic.help(format!("move `let {word} = ...` above this line")))
    }

    /// Parses what the word at hand stands for as `what`, and goes on behind the word.
    pub(super) fn expand<T>(&mut self, what: &str, parse: fn(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let word = self.word().unwrap_or_default();
        self.expand_word(word, what, parse)
    }

    /// The same of a word that may be only the beginning of the token at hand.
    pub(super) fn expand_word<T>(
        &mut self,
        word: &str,
        what: &str,
        parse: fn(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let (span, back) = (self.span(), self.at + 1);
        let Some(definition) = self
            .lets
            .iter_mut()
            .find(|definition| definition.name == word)
        else {
            return Err(Refused);
        };
        definition.used = true;
        let (start, end, defined) = (definition.start, definition.end, definition.span);
        let reported = self.diagnostics.len();
        self.at = start;
        let parsed = self.nested(parse);
        let is_whole = self.at == end;
        self.at = back;
        if parsed.is_ok() && is_whole {
            return parsed;
        }
        let limit = |diagnostic: &Diagnostic| {
            matches!(diagnostic.code, Code::NestingTooDeep | Code::RuleTooLarge)
        };
        if self.diagnostics.iter().skip(reported).any(limit) {
            return Err(Refused);
        }
        self.diagnostics.truncate(reported);
        let diagnostic = Diagnostic::error(
            Code::LetKind,
            span,
            format!("`{word}` is not {what}"),
            format!("expected {what}"),
        )
        .also(defined, "it is defined here");
        self.refuse(diagnostic.help(format!(
            "define it as {what}, or quote it if the text is meant: `\"{word}\"`"
        )))
    }

    /// Warns of definitions that nothing uses.
    pub(super) fn warn_unused(&mut self) {
        let unused: Vec<Definition> = self
            .lets
            .iter()
            .filter(|definition| !definition.used)
            .cloned()
            .collect();
        for definition in unused {
            let message = format!("nothing uses `{}`", definition.name);
            self.report(
                Diagnostic::warning(Code::UnusedLet, definition.span, message, "defined here")
                    .help("remove it"),
            );
        }
    }
}
