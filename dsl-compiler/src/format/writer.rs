//! Tokens and comments to lines: where a line begins, and what a comment does to it.

use std::ops::Range;

use super::{COLUMNS_MAX, INDENT_COLUMNS};
use crate::sheet::Sheet;

/// What comes before a token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Before {
    Nothing,
    Blank,
    /// A new line.
    Line {
        indent: usize,
        apart: Apart,
    },
}

impl Before {
    /// A new line, without a blank line above it.
    pub(super) fn line(indent: usize) -> Self {
        Self::Line {
            indent,
            apart: Apart::Never,
        }
    }
}

/// Whether a blank line stands above a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apart {
    /// Never; above a comment before it, where its author left one.
    Never,
    /// Where its author left one.
    AsWritten,
    /// Always, above its comments or below them.
    Always,
}

/// The lines so far.
pub(super) struct Writer<'a, 's> {
    pub(super) sheet: &'a Sheet<'s>,
    out: String,
    column: usize,
    /// The indent of the line at hand.
    indent: usize,
    /// Whether nothing stands yet between what was opened last, or the beginning of the file, and here.
    is_opened: bool,
}

impl<'a, 's> Writer<'a, 's> {
    pub(super) fn new(sheet: &'a Sheet<'s>) -> Self {
        Self {
            sheet,
            out: String::new(),
            column: 0,
            indent: 0,
            is_opened: true,
        }
    }

    pub(super) fn finish(mut self) -> String {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }

    /// Whether tokens fit on the line at hand, with `n_columns` more behind them.
    pub(super) fn fits(&self, range: &Range<usize>, n_columns: usize) -> bool {
        self.sheet.is_plain(range)
            && self.column + self.sheet.width(range) + n_columns <= COLUMNS_MAX
    }

    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn indent(&self) -> usize {
        self.indent
    }

    /// Goes to where a token stands, past its comments. `indent` is that of comments on lines of their own, and of a
    /// token that a comment pushes to the next line.
    pub(super) fn lead(&mut self, at: usize, before: Before, indent: usize) {
        let Some(piece) = self.sheet.get(at) else {
            return;
        };
        let apart = match before {
            Before::Nothing | Before::Blank => Apart::Never,
            Before::Line { indent: _, apart } => apart,
        };
        let is_apart_somewhere =
            piece.is_apart || piece.comments.iter().any(|comment| comment.is_apart);
        let mut owes_apart = apart == Apart::Always && !is_apart_somewhere;
        for comment in &piece.comments {
            if comment.is_trailing {
                self.text(" ");
            } else {
                self.new_line(indent, comment.is_apart || owes_apart);
                owes_apart = false;
            }
            self.text(comment.text);
        }
        match before {
            Before::Nothing | Before::Blank if !piece.comments.is_empty() => {
                self.new_line(indent, false);
            }
            Before::Nothing => {}
            Before::Blank => self.text(" "),
            Before::Line { indent, apart } => {
                self.new_line(
                    indent,
                    owes_apart || (piece.is_apart && apart != Apart::Never),
                );
            }
        }
    }

    /// Writes a token.
    pub(super) fn token(&mut self, at: usize) {
        if let Some(piece) = self.sheet.get(at) {
            self.text(piece.text);
            self.is_opened = matches!(piece.text, "{" | "(" | "[");
        }
    }

    /// Writes what closes a group, on a line of its own.
    pub(super) fn close(&mut self, at: usize, indent: usize) {
        self.lead(at, Before::line(indent), inside(indent));
        self.token(at);
    }

    /// Writes a token behind the one before it, on its line unless a comment stands between.
    pub(super) fn next(&mut self, at: usize, indent: usize) {
        let before = if self.sheet.blank_before(at) {
            Before::Blank
        } else {
            Before::Nothing
        };
        self.lead(at, before, indent);
        self.token(at);
    }

    /// Writes tokens on one line, the first where the line stands.
    pub(super) fn row(&mut self, range: Range<usize>, indent: usize) {
        self.token(range.start);
        for at in range.skip(1) {
            self.next(at, indent);
        }
    }

    /// Writes the comments behind the last token.
    pub(super) fn write_end(&mut self, at: usize) {
        for comment in self.sheet.get(at).iter().flat_map(|end| &end.comments) {
            if comment.is_trailing {
                self.text(" ");
            } else {
                self.new_line(0, comment.is_apart);
            }
            self.text(comment.text);
        }
    }

    /// Goes to a column, or at least one further.
    pub(super) fn pad(&mut self, column: usize) {
        let n_blanks = column.saturating_sub(self.column).max(1);
        self.text(&" ".repeat(n_blanks));
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
        self.is_opened = false;
    }

    fn new_line(&mut self, indent: usize, is_apart: bool) {
        if self.out.is_empty() {
            return;
        }
        self.out.push('\n');
        if is_apart && !self.is_opened {
            self.out.push('\n');
        }
        self.out.push_str(&" ".repeat(indent));
        self.column = indent;
        self.indent = indent;
        self.is_opened = false;
    }
}

/// One step further in.
pub(super) fn inside(indent: usize) -> usize {
    indent + INDENT_COLUMNS
}
