//! Text to tokens.
//!
//! The lexer never stops: what it cannot read becomes a diagnostic and a `Bad` token (or, for an operator of another
//! language, the token that was meant), so that one run reports all mistakes. It knows words, not grammar, with
//! one exception: `.where(` ends a dotted name.

mod escape;
mod number;

pub(crate) use escape::literal_offset;
use escape::{Escape, escape};
use number::{parse_duration, parse_number};

use crate::{
    diagnostic::{Code, Diagnostic},
    ir::{Compare, Order},
    source::Span,
    token::{Kind, Token},
};

/// What the lexer made of a source.
#[derive(Debug)]
pub(crate) struct Lexed<'s> {
    /// Always ends with `End`.
    pub(crate) tokens: Vec<Token<'s>>,
    /// The comments before the first token, without their slashes.
    pub(crate) header: Vec<(Span, &'s str)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Splits a source into tokens.
pub(crate) fn lex(text: &str) -> Lexed<'_> {
    let mut lexer = Lexer {
        text,
        at: 0,
        out: Lexed {
            tokens: Vec::new(),
            header: Vec::new(),
            diagnostics: Vec::new(),
        },
    };
    lexer.run();
    lexer.out
}

/// Whether a character changes the direction in which text is shown (Unicode TR9, and the "Trojan Source" paper).
pub(crate) fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

struct Lexer<'s> {
    text: &'s str,
    at: usize,
    out: Lexed<'s>,
}

fn is_segment(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl<'s> Lexer<'s> {
    fn run(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        while let Some(c) = self.rest().chars().next() {
            match c {
                ' ' | '\t' | '\r' | '\n' => self.at += 1,
                '/' if self.rest().starts_with("//") => self.lex_comment(),
                '"' => self.lex_string(),
                'a'..='z' | 'A'..='Z' | '_' => self.lex_word(),
                '0'..='9' => self.lex_number(),
                '-' if self.peek(1).is_some_and(|b| b.is_ascii_digit())
                    && !self.follows_value() =>
                {
                    self.lex_number();
                }
                _ => self.lex_mark(c),
            }
        }
        self.push(Kind::End, self.at);
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn slice(&self, start: usize) -> &'s str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind<'s>, start: usize) {
        self.out.tokens.push(Token {
            kind,
            span: Span::new(start, self.at),
        });
    }

    fn refuse(&mut self, diagnostic: Diagnostic) {
        self.out.diagnostics.push(diagnostic);
    }

    /// Whether the token before is a value, so that a minus subtracts.
    fn follows_value(&self) -> bool {
        match self.out.tokens.last().map(|token| &token.kind) {
            Some(Kind::Text(_) | Kind::Number(_) | Kind::Duration(_) | Kind::Mark(')')) => true,
            Some(Kind::Word(word)) => !crate::parser::is_reserved(word),
            Some(Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End) | None => false,
        }
    }

    /// Whether `let NAME` was read last, so that `=` gives it its meaning.
    fn follows_let(&self) -> bool {
        let mut last = self.out.tokens.iter().rev();
        matches!(last.next().map(|token| &token.kind), Some(Kind::Word(_)))
            && last
                .next()
                .is_some_and(|token| token.kind == Kind::Word("let"))
    }

    fn lex_comment(&mut self) {
        let start = self.at;
        self.skip_while(|byte| byte != b'\n');
        self.refuse_invisible(start);
        if self.out.tokens.is_empty() {
            let text = self.slice(start);
            self.out.header.push((
                Span::new(start, self.at),
                text.trim_start_matches('/').trim(),
            ));
        }
    }

    /// Refuses characters between `start` and here that make a line read differently from what it means.
    fn refuse_invisible(&mut self, start: usize) {
        let found = self
            .slice(start)
            .char_indices()
            .find(|(_, c)| is_bidirectional(*c) || (c.is_control() && !matches!(c, '\t' | '\r')));
        if let Some((offset, c)) = found {
            let span = Span::new(start + offset, start + offset + c.len_utf8());
            self.refuse(invisible(c, span));
        }
    }

    fn lex_string(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            let Some(c) = self.rest().chars().next().filter(|c| *c != '\n') else {
                let span = Span::new(start, self.at);
                self.refuse(
                    Diagnostic::error(
                        Code::UnterminatedString,
                        span,
                        "this string has no end",
                        "a string ends with `\"` on the line where it begins",
                    )
                    .help("add the closing `\"`; a new line inside a string is written `\n`"),
                );
                self.push(Kind::Bad, start);
                return;
            };
            self.at += c.len_utf8();
            match c {
                '"' => break,
                '\\' => self.lex_escape(&mut value),
                c => value.push(c),
            }
        }
        self.refuse_invisible(start);
        self.push(Kind::Text(value), start);
    }

    /// Reads what follows a backslash.
    fn lex_escape(&mut self, value: &mut String) {
        match escape(self.rest()) {
            Escape::Character(c, bytes) => {
                self.at += bytes;
                value.push(c);
            }
            Escape::Nothing => value.push('\\'),
            Escape::Bad => {
                let start = self.at - 1;
                self.at += "u{".len();
                let span = Span::new(start, self.at);
                self.refuse(
                    Diagnostic::error(
                        Code::BadEscape,
                        span,
                        "this escape names no character",
                        "expected `\\u{` with 1 to 6 hexadecimal digits and `}`",
                    )
                    .help("write `\\u{e9}` for é, or `\\\\u{` for the text itself"),
                );
            }
        }
    }

    /// Reads a dotted name; `.where(` ends it.
    fn lex_word(&mut self) {
        let start = self.at;
        self.skip_while(is_segment);
        while self.peek(0) == Some(b'.') && self.peek(1).is_some_and(is_segment) && !self.at_where()
        {
            self.at += 1;
            self.skip_while(is_segment);
        }
        let word = self.slice(start);
        self.push(Kind::Word(word), start);
    }

    fn at_where(&self) -> bool {
        self.rest()
            .strip_prefix(".where")
            .is_some_and(|rest| rest.trim_start().starts_with('('))
    }

    /// Reads a number or a duration.
    fn lex_number(&mut self) {
        let start = self.at;
        self.at += usize::from(self.peek(0) == Some(b'-'));
        self.skip_while(|byte| byte.is_ascii_digit());
        let mut whole = true;
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|b| b.is_ascii_digit()) {
            whole = false;
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if matches!(self.peek(0), Some(b'e' | b'E'))
            && self.peek(1 + sign).is_some_and(|b| b.is_ascii_digit())
        {
            whole = false;
            self.at += 1 + sign;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let digits = self.slice(start);
        let unit_start = self.at;
        self.skip_while(|byte| is_segment(byte) || byte == b'.');
        let unit = self.slice(unit_start);
        let span = Span::new(start, self.at);
        let lexed = if unit.is_empty() {
            parse_number(digits, whole, span)
        } else {
            parse_duration(digits, unit, span)
        };
        match lexed {
            Ok(kind) => self.push(kind, start),
            Err(diagnostic) => {
                self.refuse(*diagnostic);
                self.push(Kind::Bad, start);
            }
        }
    }

    fn lex_mark(&mut self, c: char) {
        let start = self.at;
        let rest = self.rest();
        let order = |order| Kind::Compare(Compare::Order(order));
        let known = [
            ("==", Kind::Compare(Compare::Equal)),
            ("!=", Kind::Compare(Compare::Unequal)),
            ("<=", order(Order::LessOrEqual)),
            (">=", order(Order::GreaterOrEqual)),
            ("<", order(Order::Less)),
            (">", order(Order::Greater)),
        ];
        let foreign = [
            ("&&", Kind::Word("and"), "and"),
            ("||", Kind::Word("or"), "or"),
            ("===", Kind::Compare(Compare::Equal), "=="),
            ("!==", Kind::Compare(Compare::Unequal), "!="),
            ("<>", Kind::Compare(Compare::Unequal), "!="),
            ("=~", Kind::Word("matches"), "matches"),
            ("!~", Kind::Word("matches"), "not (... matches ...)"),
            ("=>", order(Order::GreaterOrEqual), ">="),
            ("=<", order(Order::LessOrEqual), "<="),
            ("&", Kind::Word("and"), "and"),
            ("|", Kind::Word("or"), "or"),
        ];
        let known_kind = known.into_iter().find(|(text, _)| rest.starts_with(text));
        if let Some((text, kind, instead)) = foreign
            .into_iter()
            .find(|(text, ..)| rest.starts_with(text))
        {
            self.lex_foreign(text, kind, instead);
        } else if let Some((text, kind)) = known_kind {
            self.at += text.len();
            self.push(kind, start);
        } else if c == '!' {
            self.lex_foreign("!", Kind::Word("not"), "not");
        } else if c == '=' && self.follows_let() {
            self.at += 1;
            self.push(Kind::Mark('='), start);
        } else if c == '=' {
            self.lex_foreign("=", Kind::Compare(Compare::Equal), "==");
        } else if "(){}[],.:~+-*/".contains(c) {
            self.at += 1;
            self.push(Kind::Mark(c), start);
        } else {
            self.lex_unexpected(c);
        }
    }

    /// Refuses an operator of another language and goes on as if the right one stood there.
    fn lex_foreign(&mut self, text: &str, kind: Kind<'s>, instead: &str) {
        let start = self.at;
        self.at += text.len();
        let span = Span::new(start, self.at);
        self.refuse(
            Diagnostic::error(
                Code::ForeignOperator,
                span,
                format!("`{text}` is not an operator of this language"),
                format!("write `{instead}`"),
            )
            .fix(span, instead),
        );
        self.push(kind, start);
    }

    fn lex_unexpected(&mut self, c: char) {
        let start = self.at;
        self.at += c.len_utf8();
        let span = Span::new(start, self.at);
        let diagnostic = if is_bidirectional(c) || c.is_control() {
            invisible(c, span)
        } else {
            let refusal = Diagnostic::error(
                Code::UnexpectedCharacter,
                span,
                format!("`{c}` has no meaning here"),
                "unexpected character",
            );
            match c {
                '\'' | '`' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' => {
                    refusal.help("strings stand in double quotes: `\"like this\"`")
                }
                '#' => refusal.help("comments begin with `//`"),
                ';' => refusal.help("nothing separates the parts of a rule: leave it out"),
                c if c.is_alphabetic() => {
                    refusal.help("quote a name with other letters than a to z: `\"café.order\"`")
                }
                _ => refusal.help(
                    "quote a name with other characters than letters, digits, `_`, `-` and `.`",
                ),
            }
        };
        // A run of such characters is one mistake.
        while self
            .rest()
            .chars()
            .next()
            .is_some_and(|next| next == c || (!c.is_ascii() && !next.is_ascii()))
        {
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
        }
        self.refuse(diagnostic);
        self.push(Kind::Bad, start);
    }
}

fn invisible(c: char, span: Span) -> Diagnostic {
    let message = format!(
        "the character U+{:04X} does not show, and makes the source read differently from what it means",
        c as u32
    );
    Diagnostic::error(Code::InvisibleCharacter, span, message, "here").help(format!(
        "remove it, or write `\\u{{{:x}}}` in a string",
        c as u32
    ))
}
