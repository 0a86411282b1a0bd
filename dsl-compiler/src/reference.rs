//! The words of the language, each with a sentence and an example: what editors show, and complete from.
//!
//! A test compiles every example, and holds the table to the word lists of the parser: a word that is added there and not
//! here fails it.

pub use words::WORDS;

mod words;

/// What a word is for, and so where it may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// `rule` and `let`, at the head of a line.
    Definition,
    /// What a rule says of itself, inside `rule { }`.
    Property,
    /// `when` and its like, inside `rule { }` or at the head of a line.
    Clause,
    /// Joins or negates, in conditions and filters.
    Logic,
    /// Selects spans, in a condition.
    Selector,
    /// Asks how many of the left side of a relation, in a condition.
    Quantifier,
    /// Between two sets of spans, in a condition.
    Relation,
    /// Belongs to a relation or a count.
    Modifier,
    /// Makes a number of spans, in a condition.
    Aggregate,
    /// `trace:duration` and its like, in a condition.
    OfTrace,
    /// `span:kind` and its like, in a filter.
    OfSpan,
    /// `resource.` and its like, in a filter before a key.
    Scope,
    /// Compares.
    Operator,
    /// Adds and so on.
    Arithmetic,
    /// `true` and `false`.
    Truth,
    /// After a signal's name.
    Severity,
    /// Against `span:status`.
    Status,
    /// Against `span:kind`.
    Kind,
    /// Against `timestamp.weekday`.
    Weekday,
}

impl Topic {
    /// What such a word is called, as `relation`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Property => "property of a rule",
            Self::Clause => "clause",
            Self::Logic => "logic",
            Self::Selector => "selector",
            Self::Quantifier => "quantifier",
            Self::Relation => "relation",
            Self::Modifier => "modifier",
            Self::Aggregate => "aggregate",
            Self::OfTrace => "of the trace",
            Self::OfSpan => "of the span",
            Self::Scope => "scope of a key",
            Self::Operator => "comparison",
            Self::Arithmetic => "arithmetic",
            Self::Truth => "value",
            Self::Severity => "severity",
            Self::Status => "status of a span",
            Self::Kind => "kind of span",
            Self::Weekday => "weekday",
        }
    }
}

/// A word and what is to be said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// As it is written; a scope ends with its dot.
    pub word: &'static str,
    /// What it is for.
    pub topic: Topic,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// A condition, a rule without braces, or, of what stands in `rule { }`, one line of it.
    pub example: &'static str,
}

/// Finds a word of the language.
pub fn look_up(word: &str) -> Option<&'static Word> {
    WORDS.iter().find(|entry| entry.word == word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Topic, WORDS, look_up};
    use crate::{Diagnostic, Source, check, parser};

    #[test]
    fn each_word_stands_once_and_is_a_sentence() {
        let mut seen = BTreeSet::new();
        for word in &WORDS {
            assert!(seen.insert(word.word), "{} stands twice", word.word);
            assert!(
                word.meaning.ends_with('.') && word.meaning.len() >= 10,
                "{}",
                word.word
            );
            let shown = word.word.trim_end_matches('.');
            assert!(
                word.example.contains(shown),
                "{}: {}",
                word.word,
                word.example
            );
            assert_eq!(look_up(word.word), Some(word));
        }
    }

    #[test]
    fn every_example_compiles() {
        for word in &WORDS {
            let is_inside = matches!(word.topic, Topic::Property | Topic::Severity);
            let text = if is_inside {
                format!("rule x {{ {} match {{ phi.access }} }}", word.example)
            } else if word.word == "match" {
                format!("rule x {{ {} }}", word.example)
            } else {
                word.example.to_owned()
            };
            let source = Source {
                name: "x.btr",
                text: text.as_bytes(),
            };
            let errors: Vec<Diagnostic> = check(&source)
                .into_iter()
                .filter(Diagnostic::is_error)
                .collect();
            assert!(errors.is_empty(), "{text}\n{errors:#?}");
        }
    }

    #[test]
    fn every_word_of_the_parser_is_here() {
        for word in parser::words() {
            assert!(look_up(word).is_some(), "`{word}` is not in the table");
        }
    }

    /// The compiler names all that could stand in the place of a wrong word.
    #[test]
    fn every_word_that_the_compiler_proposes_is_here() {
        for (text, before) in [
            ("any.where(span:zzz == 1)", "span:"),
            ("any.where(scope:zzz == 1)", "scope:"),
            ("any.where(timestamp.zzz == 1)", "timestamp."),
            ("any.where(span:kind == zzz)", ""),
            ("any.where(span:status == zzz)", ""),
            ("rule a { signal S (zzz) match { a } }", ""),
            ("rule a { zzz \"x\" match { a } }", ""),
            ("trace:zzz > 1", "trace:"),
        ] {
            let source = Source {
                name: "x.btr",
                text: text.as_bytes(),
            };
            let diagnostics = check(&source);
            let first = diagnostics.first().unwrap();
            let (_, words) = first.primary.text.split_once("one of ").unwrap();
            let words: Vec<&str> = words.split(", ").collect();
            assert!(words.len() > 1, "{words:?}");
            for word in words {
                assert!(
                    look_up(&format!("{before}{word}")).is_some(),
                    "{before}{word}"
                );
            }
        }
    }
}
