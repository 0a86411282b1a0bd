//! Regular expressions.

use super::{Checked, Checker, Comparison};
use crate::{
    ast,
    diagnostic::{Code, Diagnostic},
    ir::Pattern,
    lexer::literal_offset,
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
        let (what, start, end) = match regex_syntax::parse(pattern) {
            Ok(_) => return Ok(Pattern(pattern.to_owned())),
            Err(regex_syntax::Error::Parse(error)) => {
                let at = error.span();
                (error.kind().to_string(), at.start.offset, at.end.offset)
            }
            Err(regex_syntax::Error::Translate(error)) => {
                let at = error.span();
                (error.kind().to_string(), at.start.offset, at.end.offset)
            }
            Err(error) => (error.to_string(), 0, pattern.len()),
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
}
