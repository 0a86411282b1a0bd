//! The words of the language as the lexer hands them on.

use crate::{
    ir::{Compare, Number},
    source::Span,
};

/// A token and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind<'s>,
    pub(crate) span: Span,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'s> {
    /// A bare word with its dots: `pii.access`, `and`, `us-east-1`.
    Word(&'s str),
    /// A string, its escapes undone.
    Text(String),
    /// A number.
    Number(Number),
    /// A duration in nanoseconds.
    Duration(i64),
    /// `==` and the like.
    Compare(Compare),
    /// One of `( ) { } [ ] , . : ~ + - * /`, and the `=` of a `let`.
    Mark(char),
    /// Something that was refused already: whoever meets it stops without another word.
    Bad,
    /// The end of the source.
    End,
}

impl Kind<'_> {
    /// Returns what a bare word or a string names; `None` of any other token.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Kind::Word(word) => Some(word),
            Kind::Text(text) => Some(text),
            Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => None,
        }
    }

    /// How a message speaks of the token.
    pub(crate) fn describe(&self) -> String {
        match self {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Text(text) => format!("the string \"{}\"", text.escape_debug()),
            Kind::Number(_) => "a number".to_owned(),
            Kind::Duration(_) => "a duration".to_owned(),
            Kind::Compare(op) => format!("`{}`", op.as_str()),
            Kind::Mark(mark) => format!("`{mark}`"),
            Kind::Bad => "something unreadable".to_owned(),
            Kind::End => "the end of the file".to_owned(),
        }
    }
}
