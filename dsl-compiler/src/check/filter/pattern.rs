//! Regular expressions.

use super::{Checked, Checker, Comparison};
use crate::{
    ast,
    diagnostic::{Code, Diagnostic},
    ir::Pattern,
    lexer::literal_offset,
    limits::{PACK_TABLES_BYTES_MAX, PATTERN_TABLE_BYTES_MAX},
    pattern::PatternError,
    source::Span,
};

impl Checker<'_> {
    /// The pattern on the right of `matches`.
    pub(super) fn check_matches(&mut self, comparison: Comparison<'_>) -> Checked<Pattern> {
        match &comparison.right.value {
            ast::Value::Text(pattern) => self.check_pattern(pattern, comparison.right.span),
            ast::Value::Number(_)
            | ast::Value::Duration(_)
            | ast::Value::Bool(_)
            | ast::Value::Word(_)
            | ast::Value::Operand(_)
            | ast::Value::List(_) => self.refuse_pattern(comparison),
        }
    }

    /// Refuses what is no literal where a pattern is made of it.
    pub(super) fn refuse_pattern<T>(&mut self, comparison: Comparison<'_>) -> Checked<T> {
        let (right, op) = (comparison.right.span, comparison.op.value);
        let (word, text) = (op.as_str(), self.source(right));
        let diagnostic = Diagnostic::error(
            Code::WrongType,
            right,
            format!("`{word}` takes a text in quotes"),
            "known only when the rule runs, or no text",
        );
        self.refuse(diagnostic.help(if op == ast::Op::Matches {
            format!("write the pattern itself: `{word} \"...\"`")
        } else {
            format!("write `\"{text}\"` for the text itself, or `contains {text}` for the same letters in the same case")
        }))
    }

    /// A regular expression that stands at `span` as a string.
    pub(in crate::check) fn check_pattern(
        &mut self,
        pattern: &str,
        span: Span,
    ) -> Checked<Pattern> {
        let (what, start, end) = match self.patterns.compile(pattern) {
            Ok(_) => return Ok(Pattern(pattern.to_owned())),
            Err(PatternError::Syntax {
                start,
                end,
                message,
            }) => (message, start, end),
            Err(error @ (PatternError::TooLarge | PatternError::TooMany)) => {
                return self.refuse_large_pattern(&error, span);
            }
        };
        let literal = self.source(span);
        let place = Span {
            start: span.start + literal_offset(&literal, start),
            end: span.start + literal_offset(&literal, end.max(start + 1)),
        };
        let diagnostic = Diagnostic::error(
            Code::BadPattern,
            place,
            format!("this is not a regular expression: {what}"),
            "at this place of the pattern",
        );
        self.refuse(
            diagnostic.help("a character that means something in patterns is written with a backslash before it, as `\\.` or `\\(`"),
        )
    }

    fn refuse_large_pattern<T>(&mut self, error: &PatternError, span: Span) -> Checked<T> {
        let message = if *error == PatternError::TooMany {
            format!(
                "the patterns of the file take more than {} MiB of tables together",
                PACK_TABLES_BYTES_MAX >> 20
            )
        } else {
            format!(
                "the pattern needs a table of more than {} MiB, or too much to make one",
                PATTERN_TABLE_BYTES_MAX >> 20
            )
        };
        let diagnostic = Diagnostic::error(Code::PatternTooLarge, span, message, "this pattern");
        self.refuse(diagnostic.help(
            r"write what is meant in ASCII, `[0-9]` for `\d` and `[A-Za-z0-9_]` for `\w`, which know the digits and letters of all scripts; and counts like `{1,64}` as `+`",
        ))
    }
}
