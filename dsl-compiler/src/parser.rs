//! Tokens to tree, by recursive descent.
//!
//! A function that meets something wrong reports it and returns `Err(Refused)`; the nearest clause or rule boundary
//! catches that and goes on behind it, so that one mistake is one diagnostic and one run reports them all.

use std::collections::HashMap;

use crate::{
    ast::{Cond, File},
    diagnostic::{self, Code, Diagnostic},
    limits::{NESTING_MAX, RULE_NODES_MAX},
    source::Span,
    token::{Kind, Token},
};

mod aggregate;
mod amount;
mod arithmetic;
mod condition;
mod definition;
mod filter;
mod joining;
mod operand;
mod operator;
mod property;
pub(crate) use property::severity;
mod relation;
#[cfg(test)]
pub(crate) use relation::RELATIONS;
pub(crate) use relation::relation_kind;
mod rule;
mod set;
mod side;
mod value;

/// A mistake was reported; the caller need not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused;

pub(crate) type Parsed<T> = Result<T, Refused>;

/// Parses a file.
pub(crate) fn parse<'s>(text: &'s str, tokens: &'s [Token<'s>]) -> (File, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        tokens,
        at: 0,
        depth: 0,
        nodes: 0,
        diagnostics: Vec::new(),
        lets: Vec::new(),
        later: Vec::new(),
        defining: None,
        aliases: Vec::new(),
        behind: pair_parentheses(tokens),
    };
    let file = parser.parse_file();
    (file, parser.diagnostics)
}

/// Words that name no span when they stand alone.
const RESERVED: [&str; 22] = [
    "and",
    "or",
    "not",
    "when",
    "always",
    "never",
    "match",
    "rule",
    "let",
    "every",
    "no",
    "any",
    "as",
    "within",
    "in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "exists",
    "true",
    "false",
];

/// Whether a word cannot name a span unquoted.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word) || relation_kind(word).is_some()
}

/// All words that mean something to the parser, for the test of the reference.
#[cfg(test)]
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    RESERVED
        .into_iter()
        .chain(RELATIONS.map(|(name, _)| name))
        .chain(operator::OPERATORS)
        .chain(property::PROPERTIES)
}

struct Parser<'s> {
    text: &'s str,
    tokens: &'s [Token<'s>],
    at: usize,
    depth: u32,
    nodes: usize,
    diagnostics: Vec<Diagnostic>,
    lets: Vec<definition::Definition>,
    /// Names that are defined further down.
    later: Vec<&'s str>,
    /// The name whose definition is parsed.
    defining: Option<&'s str>,
    /// The names that `as` gives, where they are seen.
    aliases: Vec<String>,
    /// For each opening parenthesis, the token behind what closes it, or one that shows that nothing does.
    behind: HashMap<usize, usize>,
}

/// Finds what closes each parenthesis, once for all: whoever asks at each of them anew takes the square of the time.
///
/// No condition holds a brace, a `let` or a `rule`, so nothing behind one closes what was opened before it.
fn pair_parentheses(tokens: &[Token<'_>]) -> HashMap<usize, usize> {
    let mut behind = HashMap::new();
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('(') => open.push(at),
            Kind::Mark(')') => {
                if let Some(start) = open.pop() {
                    behind.insert(start, at + 1);
                }
            }
            Kind::Mark('{' | '}') | Kind::Word("let" | "rule") | Kind::End => {
                behind.extend(open.drain(..).map(|start| (start, at)));
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad => {}
        }
    }
    behind
}

/// What stands after the last token.
const END: Kind<'static> = Kind::End;

impl<'s> Parser<'s> {
    fn kind(&self) -> &'s Kind<'s> {
        self.kind_ahead(0)
    }

    fn kind_ahead(&self, ahead: usize) -> &'s Kind<'s> {
        self.tokens
            .get(self.at + ahead)
            .map_or(&END, |token| &token.kind)
    }

    fn span(&self) -> Span {
        self.span_ahead(0)
    }

    fn span_ahead(&self, ahead: usize) -> Span {
        let end = Span::new(self.text.len(), self.text.len());
        self.tokens
            .get(self.at + ahead)
            .map_or(end, |token| token.span)
    }

    /// The place of the token just read.
    fn last_span(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .map_or(Span::default(), |token| token.span)
    }

    /// Whether the token `ahead` follows the one before it without a blank.
    fn is_joined(&self, ahead: usize) -> bool {
        ahead > 0 && self.span_ahead(ahead - 1).end == self.span_ahead(ahead).start
    }

    fn source(&self, span: Span) -> &'s str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    fn word(&self) -> Option<&'s str> {
        self.word_ahead(0)
    }

    fn word_ahead(&self, ahead: usize) -> Option<&'s str> {
        if let Kind::Word(word) = self.kind_ahead(ahead) {
            Some(word)
        } else {
            None
        }
    }

    /// What stands behind the parenthesis that opens here.
    fn kind_behind(&self) -> &'s Kind<'s> {
        let at = self.behind.get(&self.at).copied();
        at.and_then(|at| self.tokens.get(at))
            .map_or(&END, |token| &token.kind)
    }

    fn is_mark(&self, mark: char) -> bool {
        self.is_mark_ahead(0, mark)
    }

    fn is_mark_ahead(&self, ahead: usize, mark: char) -> bool {
        *self.kind_ahead(ahead) == Kind::Mark(mark)
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn eat_mark(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    /// Reads `mark`, or reports that it is missing after `after`.
    fn expect_mark(&mut self, mark: char, after: &str) -> Parsed<()> {
        if self.eat_mark(mark) {
            return Ok(());
        }
        self.expected(&format!("`{mark}` {after}"))
    }

    /// Reports that something else was expected here.
    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let found = self.kind();
        if *found == Kind::Bad {
            return Err(Refused);
        }
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            self.span(),
            format!("expected {what}, found {}", found.describe()),
            format!("expected {what}"),
        );
        self.refuse(diagnostic)
    }

    fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Parsed<T> {
        self.report(diagnostic);
        Err(Refused)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        diagnostic::add(&mut self.diagnostics, diagnostic);
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= NESTING_MAX {
            let message = format!("parentheses and `not` nest deeper than {NESTING_MAX}");
            return self.refuse(Diagnostic::error(
                Code::NestingTooDeep,
                self.span(),
                message,
                "too deep here",
            ));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Counts a comparison or selector.
    fn count_node(&mut self) -> Parsed<()> {
        self.nodes += 1;
        if self.nodes <= RULE_NODES_MAX {
            return Ok(());
        }
        let message = format!("the rule has more than {RULE_NODES_MAX} comparisons and selectors");
        self.refuse(
            Diagnostic::error(
                Code::RuleTooLarge,
                self.span(),
                message,
                "too many from here",
            )
            .help("split it into several rules"),
        )
    }

    /// Parses what stands between braces as a condition.
    fn parse_block(&mut self, after: &str) -> Parsed<Cond> {
        self.expect_mark('{', after)?;
        let condition = self.parse_condition()?;
        self.expect_end_of_condition(Some('}'))?;
        self.advance();
        Ok(condition)
    }
}
