//! A source as the formatter and editors see it: tokens with the comments before them, and how wide they are.
//!
//! It has no tree, so it serves while a source is being written, and says of a place only what its neighbours tell.
//!
//! The lexer keeps no comments, and needs not: between two tokens there is nothing else but blanks.

use std::ops::Range;

use crate::{
    parser::is_reserved,
    token::{Kind, Token},
};

/// A comment, with its slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment<'s> {
    pub(crate) text: &'s str,
    /// Whether it stands behind a token, on its line.
    pub(crate) is_trailing: bool,
    /// Whether there is a blank line above it.
    pub(crate) is_apart: bool,
}

/// A token and what stands before it.
#[derive(Debug)]
pub(crate) struct Piece<'s> {
    pub(crate) kind: &'s Kind<'s>,
    /// As it is written.
    pub(crate) text: &'s str,
    pub(crate) comments: Vec<Comment<'s>>,
    /// Whether there is a blank line above it, below its comments.
    pub(crate) is_apart: bool,
    /// Whether nothing stands between it and the token before.
    is_joined: bool,
}

/// The pieces of a source; the last is its end.
#[derive(Debug)]
pub(crate) struct Sheet<'s> {
    pieces: Vec<Piece<'s>>,
    /// In which column each token ends if all stand on one line.
    ends: Vec<usize>,
    /// How many comments stand before the end of each token.
    n_comments: Vec<usize>,
    /// Whether a blank stands before each token where it follows the one before on its line.
    blanks: Vec<bool>,
}

impl<'s> Sheet<'s> {
    pub(crate) fn new(text: &'s str, tokens: &'s [Token<'s>]) -> Self {
        let mut sheet = Self {
            pieces: Vec::with_capacity(tokens.len()),
            ends: Vec::with_capacity(tokens.len()),
            n_comments: Vec::with_capacity(tokens.len()),
            blanks: Vec::with_capacity(tokens.len()),
        };
        let mut from = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        for token in tokens {
            let (start, end) = (token.span.start as usize, token.span.end as usize);
            let gap = text.get(from..start).unwrap_or_default();
            let (comments, is_apart) = read_gap(gap, !sheet.pieces.is_empty());
            sheet.pieces.push(Piece {
                kind: &token.kind,
                text: text.get(start..end).unwrap_or_default(),
                comments,
                is_apart,
                is_joined: gap.is_empty(),
            });
            from = end;
        }
        let mut in_labels = false;
        let (mut column, mut n_comments) = (0, 0);
        for (at, piece) in sheet.pieces.iter().enumerate() {
            if sheet.is_mark(at, '{') {
                in_labels = sheet.opens_labels(at);
            } else if sheet.is_mark(at, '}') {
                in_labels = false;
            }
            let blank = at > 0 && sheet.wants_blank(at, in_labels);
            column += usize::from(blank) + piece.text.chars().count();
            n_comments += piece.comments.len();
            sheet.blanks.push(blank);
            sheet.ends.push(column);
            sheet.n_comments.push(n_comments);
        }
        sheet
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Piece<'s>> {
        self.pieces.get(at)
    }

    /// The place of the end of the source.
    pub(crate) fn end(&self) -> usize {
        self.pieces.len().saturating_sub(1)
    }

    pub(crate) fn comments(&self) -> impl Iterator<Item = &'s str> {
        self.pieces
            .iter()
            .flat_map(|piece| &piece.comments)
            .map(|comment| comment.text)
    }

    /// Whether a blank stands between a token and the one before on the same line.
    pub(crate) fn blank_before(&self, at: usize) -> bool {
        self.blanks.get(at).copied().unwrap_or_default()
    }

    /// How many columns tokens take on one line, without a blank before them.
    pub(crate) fn width(&self, range: &Range<usize>) -> usize {
        let end_of = |at: usize| self.ends.get(at).copied().unwrap_or_default();
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return 0;
        };
        let before = range.start.checked_sub(1).map_or(0, end_of);
        let blank = usize::from(self.blank_before(range.start));
        end_of(last).saturating_sub(before + blank)
    }

    /// Whether no comment stands between these tokens.
    pub(crate) fn is_plain(&self, range: &Range<usize>) -> bool {
        let n_until = |at: usize| self.n_comments.get(at).copied().unwrap_or_default();
        range.end <= range.start + 1 || n_until(range.start) == n_until(range.end - 1)
    }

    pub(crate) fn is_mark(&self, at: usize, mark: char) -> bool {
        self.get(at)
            .is_some_and(|piece| *piece.kind == Kind::Mark(mark))
    }

    /// The word at a place, unless it is what a `.` or `:` speaks of.
    pub(crate) fn word(&self, at: usize) -> Option<&'s str> {
        let before = at.checked_sub(1);
        if before.is_some_and(|before| self.is_mark(before, '.') || self.is_mark(before, ':')) {
            return None;
        }
        match self.get(at)?.kind {
            Kind::Word(word) => Some(word),
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => None,
        }
    }

    /// Whether something is complete with this token, so that what follows joins it to something or begins anew.
    pub(crate) fn ends_operand(&self, at: usize) -> bool {
        match self.get(at).map(|piece| piece.kind) {
            Some(Kind::Text(_) | Kind::Number(_) | Kind::Duration(_) | Kind::Mark(')' | ']')) => {
                true
            }
            Some(Kind::Word(word)) => self.word(at).is_none() || !is_word_of_the_language(word),
            Some(Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End) | None => false,
        }
    }

    /// Whether an opening parenthesis belongs to the word before it: `count(`, `.where(`.
    pub(crate) fn is_call(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.get(before));
        self.is_mark(at, '(')
            && before.is_some_and(
                |before| matches!(before.kind, Kind::Word(word) if !is_word_of_the_language(word)),
            )
    }

    /// Where a definition ends: an operand is complete, and what follows does not go on with it.
    pub(crate) fn definition_end(&self, start: usize) -> usize {
        let mut depth = 0_usize;
        for at in start..self.end() {
            if depth == 0 && at > start && self.ends_operand(at - 1) && self.begins_anew(at) {
                return at;
            }
            if self.is_mark(at, '(') || self.is_mark(at, '[') {
                depth += 1;
            } else if self.is_mark(at, ')') || self.is_mark(at, ']') {
                depth = depth.saturating_sub(1);
            }
        }
        self.end()
    }

    /// Whether a token behind a complete operand belongs to something else.
    fn begins_anew(&self, at: usize) -> bool {
        match self.get(at).map(|piece| piece.kind) {
            Some(Kind::Text(_) | Kind::Number(_) | Kind::Duration(_) | Kind::Mark('~' | '[')) => {
                true
            }
            Some(Kind::Mark('(')) => !self.is_call(at),
            Some(Kind::Word("not")) => self.word(at + 1) != Some("in"),
            Some(Kind::Word(word)) => !goes_on(word),
            Some(Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End) | None => false,
        }
    }

    fn opens_labels(&self, at: usize) -> bool {
        let before = |n: usize| {
            at.checked_sub(n)
                .and_then(|at| self.get(at))
                .map(|piece| piece.kind)
        };
        match before(1) {
            Some(Kind::Mark(':')) => before(2) == Some(&Kind::Word("labels")),
            word => word == Some(&Kind::Word("labels")),
        }
    }

    fn wants_blank(&self, at: usize, in_labels: bool) -> bool {
        let (Some(piece), Some(before)) = (self.get(at), self.get(at - 1)) else {
            return false;
        };
        match (before.kind, piece.kind) {
            (Kind::Mark('{'), _) | (_, Kind::Mark('}')) => true,
            (Kind::Mark('(' | '[' | '~'), _) | (_, Kind::Mark(')' | ']' | ',')) => false,
            (Kind::Mark(':'), _) if in_labels => true,
            (_, Kind::Mark(':')) if in_labels => false,
            // `.where(` is read the same wherever it stands; other dots and colons the parser tells apart.
            (_, Kind::Mark('.')) | (Kind::Mark('.'), _) if self.is_where(at) => false,
            (_, Kind::Mark('.' | ':')) | (Kind::Mark('.' | ':'), _) => !piece.is_joined,
            (Kind::Mark('-' | '+'), _) if !self.is_binary(at - 1) => !piece.is_joined,
            (_, Kind::Mark('(')) => !self.is_call(at),
            _ => true,
        }
    }

    /// Whether the dot at or before a place is that of a `.where(`.
    fn is_where(&self, at: usize) -> bool {
        let dot = if self.is_mark(at, '.') { at } else { at - 1 };
        let is_where = self
            .get(dot + 1)
            .is_some_and(|piece| *piece.kind == Kind::Word("where"));
        is_where && self.is_mark(dot + 2, '(')
    }

    /// Whether a sign stands between two numbers.
    fn is_binary(&self, at: usize) -> bool {
        at.checked_sub(1)
            .is_some_and(|before| self.ends_operand(before))
    }
}

/// Whether a word joins, begins or compares, and so is no name before `(`.
fn is_word_of_the_language(word: &str) -> bool {
    (is_reserved(word) && !matches!(word, "any" | "true" | "false"))
        || matches!(word, "contains_i" | "by" | "then")
}

/// Whether a word joins what follows it to an operand before it.
fn goes_on(word: &str) -> bool {
    let begins = matches!(
        word,
        "let" | "rule" | "when" | "always" | "never" | "match" | "every" | "no" | "not" | "exists"
    );
    is_word_of_the_language(word) && !begins
}

/// Reads the comments between two tokens, and whether a blank line ends them.
fn read_gap(gap: &str, follows_token: bool) -> (Vec<Comment<'_>>, bool) {
    let mut comments = Vec::new();
    let mut is_apart = false;
    let n_lines = gap.split('\n').count();
    for (n, line) in gap.split('\n').enumerate() {
        let text = line.trim();
        if text.starts_with("//") {
            comments.push(Comment {
                text,
                is_trailing: n == 0 && follows_token,
                is_apart,
            });
            is_apart = false;
        } else {
            // The first line belongs to the token before, and the last to the token behind.
            is_apart |= n > 0 && n + 1 < n_lines;
        }
    }
    (comments, is_apart)
}
