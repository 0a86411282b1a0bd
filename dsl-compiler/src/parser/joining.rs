//! What joins conditions and filters, and what may stand behind one.

use super::{Parsed, Parser, is_reserved, relation};
use crate::{
    diagnostic::{Code, Diagnostic},
    suggest::suggest,
    token::Kind,
};

impl Parser<'_> {
    /// Parses `item op item op ...`, where `item` may be alone.
    pub(super) fn parse_chain<T>(
        &mut self,
        word: &'static str,
        item: fn(&mut Self) -> Parsed<T>,
        join: fn(Vec<T>) -> T,
    ) -> Parsed<T> {
        let first = item(self)?;
        if !self.is_joining(word) {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.eat_joining(word) {
            items.push(item(self)?);
        }
        Ok(join(items))
    }

    /// Whether `and` or `or` stands here, or is meant by `AND` or `OR`.
    fn is_joining(&self, word: &str) -> bool {
        self.word().is_some_and(|found| {
            found == word || (found.eq_ignore_ascii_case(word) && self.begins_operand(1))
        })
    }

    fn eat_joining(&mut self, word: &'static str) -> bool {
        if !self.is_joining(word) {
            return false;
        }
        self.report_case(word);
        self.advance();
        true
    }

    /// Reads `not`, or `NOT` where it is meant.
    pub(super) fn eat_not(&mut self) -> bool {
        let means = self
            .word()
            .is_some_and(|word| word == "not" || (word == "NOT" && self.begins_operand(1)));
        if means {
            self.report_case("not");
            self.advance();
        }
        means
    }

    /// Whether the token `ahead` can follow `and`, `or` and `not`, and no name.
    fn begins_operand(&self, ahead: usize) -> bool {
        match self.kind_ahead(ahead) {
            Kind::Word(word) => {
                !is_reserved(word) || matches!(*word, "not" | "every" | "no" | "any" | "exists")
            }
            Kind::Text(_) | Kind::Number(_) | Kind::Duration(_) | Kind::Mark('(' | '~') => true,
            Kind::Mark(_) | Kind::Compare(_) | Kind::Bad | Kind::End => false,
        }
    }

    /// Reports a word of the language in capitals.
    fn report_case(&mut self, meant: &'static str) {
        let span = self.span();
        let Some(found) = self.word().filter(|found| *found != meant) else {
            return;
        };
        let diagnostic = Diagnostic::error(
            Code::ForeignOperator,
            span,
            format!("`{found}` is not an operator of this language"),
            format!("write `{meant}`"),
        );
        self.report(diagnostic.fix(span, meant));
    }

    /// Refuses a word behind a condition.
    fn refuse_word_behind<T>(&mut self, word: &str, close: Option<char>) -> Parsed<T> {
        let end = close.map_or("the end of the rule".to_owned(), |mark| format!("`{mark}`"));
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            self.span(),
            format!("expected `and`, `or` or {end}, found `{word}`"),
            format!("expected `and`, `or` or {end}"),
        );
        let before = self.source(self.last_span());
        let help = match before.to_ascii_lowercase().as_str() {
            "all" | "each" | "forall" => Some(format!("write `every {word} ...` for each of them")),
            "some" | "any" | "exists" => Some(format!(
                "leave out `{before}`: a set or relation asks for one"
            )),
            "none" => Some(format!("write `not {word}`, or `no {word} before ...`")),
            _ => None,
        };
        if let Some(help) = help {
            return self.refuse(diagnostic.help(help));
        }
        let near = suggest(word, &["and", "or", "then", "within"])
            .or_else(|| relation::near_relation(word));
        self.refuse(match near {
            Some(near) => diagnostic
                .help(format!("did you mean `{near}`?"))
                .fix(self.span(), near),
            None => diagnostic,
        })
    }

    /// Checks that a condition ends here: with `close`, or with the file.
    pub(super) fn expect_end_of_condition(&mut self, close: Option<char>) -> Parsed<()> {
        let ends = close.map_or(*self.kind() == Kind::End, |mark| self.is_mark(mark));
        if ends {
            return Ok(());
        }
        match self.kind() {
            Kind::Mark('+' | '-' | '*' | '/') => {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    "nothing is computed of a set of spans",
                    "expected `and` or `or`",
                )
                .help("count them: `count(a) - count(b) > 3`; a name with other characters than letters, digits, `_`, `-` and `.` is quoted");
                self.refuse(diagnostic)
            }
            Kind::Compare(_) => {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    "a condition has one comparison",
                    "a second comparison",
                )
                .help("join two comparisons with `and`: `count(a) > 1 and count(a) < 5`");
                self.refuse(diagnostic)
            }
            Kind::Word(word) if relation::continues(word) => {
                let diagnostic = Diagnostic::error(
                    Code::Syntax,
                    self.span(),
                    format!("`{word}` stands between sets of spans, and this is a condition"),
                    "expected `and` or `or`",
                )
                .help("a side of a relation is a set of spans, or several as `(a or b)`; join conditions with `and`");
                self.refuse(diagnostic)
            }
            Kind::Word(word) => self.refuse_word_behind(word, close),
            Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => match close {
                Some(mark) => self.expected(&format!("`and`, `or` or `{mark}`")),
                None => self.expected("`and`, `or` or the end of the rule"),
            },
        }
    }
}
