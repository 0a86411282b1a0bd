//! Regular expressions: from a pattern to a table that says, byte by byte, whether it matches somewhere in a text.
//!
//! ```text
//! pattern --regex-syntax--> syntax, \b made ASCII --regex-automata--> automaton --minimize--> Table
//! ```
//!
//! Syntax and meaning are those of the `regex` crate on texts in UTF-8, Unicode included, but for the boundaries of
//! words, which are those of ASCII: an automaton of bytes cannot look at the letters around it. The table is as small
//! as a table for the pattern can be, and the same for the same pattern. What runs it is `codegen::text`.

use std::collections::HashMap;

use regex_automata::{
    Anchored,
    dfa::{Automaton, StartKind, dense},
    nfa::thompson::{self, WhichCaptures},
    util::{alphabet::Unit, primitives::StateID, start},
};
use regex_syntax::hir::{Dot, Hir, HirKind, Look, Repetition};

use crate::limits::{
    PACK_AUTOMATON_BYTES_MAX, PACK_TABLES_BYTES_MAX, PATTERN_AUTOMATON_BYTES_MAX,
    PATTERN_TABLE_BYTES_MAX,
};

mod minimize;
mod table;

pub(crate) use table::Table;

/// The tables of the patterns of a pack, each made once.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    by_pattern: HashMap<String, Result<Table, PatternError>>,
    /// What has been built for them; a pattern that was refused counts as what it may take.
    automaton_bytes: usize,
    table_bytes: usize,
}

impl Tables {
    /// Makes the table of a pattern, or finds it.
    pub(crate) fn compile(&mut self, pattern: &str) -> Result<&Table, PatternError> {
        if !self.by_pattern.contains_key(pattern) {
            let compiled = self.build(pattern);
            self.by_pattern.insert(pattern.to_owned(), compiled);
        }
        let compiled = self.by_pattern.get(pattern);
        compiled.map_or(Err(PatternError::TooLarge), |compiled| {
            compiled.as_ref().map_err(Clone::clone)
        })
    }

    /// The table of a pattern that was compiled.
    pub(crate) fn get(&self, pattern: &str) -> Option<&Table> {
        self.by_pattern.get(pattern)?.as_ref().ok()
    }

    fn build(&mut self, pattern: &str) -> Result<Table, PatternError> {
        if self.automaton_bytes > PACK_AUTOMATON_BYTES_MAX {
            return Err(PatternError::TooMany);
        }
        let compiled = compile(pattern);
        let bytes = compiled.as_ref().map(|(_, bytes)| *bytes);
        self.automaton_bytes += bytes.unwrap_or(PATTERN_AUTOMATON_BYTES_MAX);
        let (table, _) = compiled?;
        self.table_bytes += table.size_bytes();
        if self.table_bytes > PACK_TABLES_BYTES_MAX {
            return Err(PatternError::TooMany);
        }
        Ok(table)
    }
}

/// Why a pattern has no table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatternError {
    /// It is no regular expression, for this reason at these bytes of it.
    Syntax {
        start: usize,
        end: usize,
        message: String,
    },
    /// Its table would be larger than `limits` says.
    TooLarge,
    /// Those of the pack would together.
    TooMany,
}

/// Returns the table of a pattern, and the bytes that the automaton for it took.
fn compile(pattern: &str) -> Result<(Table, usize), PatternError> {
    let syntax = regex_syntax::parse(pattern).map_err(|error| syntax_error(pattern, &error))?;
    let (syntax, between_letters) = for_a_search(&syntax);
    let automaton = automaton(&syntax, between_letters).ok_or(PatternError::TooLarge)?;
    let table = read_off(&automaton).and_then(|raw| minimize::minimize(&raw));
    table
        .filter(|table| table.size_bytes() <= PATTERN_TABLE_BYTES_MAX)
        .map(|table| (table, automaton.memory_usage()))
        .ok_or(PatternError::TooLarge)
}

fn syntax_error(pattern: &str, error: &regex_syntax::Error) -> PatternError {
    let (message, start, end) = match error {
        regex_syntax::Error::Parse(error) => {
            let at = error.span();
            (error.kind().to_string(), at.start.offset, at.end.offset)
        }
        regex_syntax::Error::Translate(error) => {
            let at = error.span();
            (error.kind().to_string(), at.start.offset, at.end.offset)
        }
        error => (error.to_string(), 0, pattern.len()),
    };
    PatternError::Syntax {
        start,
        end,
        message,
    }
}

/// Makes the boundaries of words those of ASCII, and repetitions stop as soon as they may: that there is a match is all
/// that is asked, and what could follow it needs no states. Also returns whether one of them can hold between the bytes of a
/// letter, where no match may begin.
fn for_a_search(syntax: &Hir) -> (Hir, bool) {
    let mut between_letters = false;
    let rewritten = match syntax.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => syntax.clone(),
        HirKind::Look(look) => {
            let look = ascii(*look);
            between_letters = matches!(
                look,
                Look::WordAsciiNegate | Look::WordStartHalfAscii | Look::WordEndHalfAscii
            );
            Hir::look(look)
        }
        HirKind::Repetition(repetition) => {
            let sub = for_a_search(&repetition.sub);
            between_letters = sub.1;
            Hir::repetition(Repetition {
                min: repetition.min,
                max: repetition.max,
                greedy: false,
                sub: Box::new(sub.0),
            })
        }
        // Where a group begins and ends is not asked.
        HirKind::Capture(capture) => return for_a_search(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            let parts: Vec<_> = parts.iter().map(for_a_search).collect();
            between_letters = parts.iter().any(|part| part.1);
            let parts = parts.into_iter().map(|part| part.0).collect();
            if matches!(syntax.kind(), HirKind::Concat(_)) {
                Hir::concat(parts)
            } else {
                Hir::alternation(parts)
            }
        }
    };
    (rewritten, between_letters)
}

fn ascii(look: Look) -> Look {
    match look {
        Look::WordUnicode => Look::WordAscii,
        Look::WordUnicodeNegate => Look::WordAsciiNegate,
        Look::WordStartUnicode => Look::WordStartAscii,
        Look::WordEndUnicode => Look::WordEndAscii,
        Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
        Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
        Look::Start
        | Look::End
        | Look::StartLF
        | Look::EndLF
        | Look::StartCRLF
        | Look::EndCRLF
        | Look::WordAscii
        | Look::WordAsciiNegate
        | Look::WordStartAscii
        | Look::WordEndAscii
        | Look::WordStartHalfAscii
        | Look::WordEndHalfAscii => look,
    }
}

/// Builds the automaton that looks for a match from each letter on; `None` where it would be too large.
fn automaton(syntax: &Hir, between_letters: bool) -> Option<dense::DFA<Vec<u32>>> {
    // The prefix of a search skips bytes; skipping letters takes more states, so only where it matters.
    let (start, prefixed) = if between_letters {
        let any = Repetition {
            min: 0,
            max: None,
            greedy: false,
            sub: Box::new(Hir::dot(Dot::AnyChar)),
        };
        let prefixed = Hir::concat(vec![Hir::repetition(any), syntax.clone()]);
        (StartKind::Anchored, Some(prefixed))
    } else {
        (StartKind::Unanchored, None)
    };
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .which_captures(WhichCaptures::None)
                .nfa_size_limit(Some(PATTERN_AUTOMATON_BYTES_MAX)),
        )
        .build_from_hir(prefixed.as_ref().unwrap_or(syntax))
        .ok()?;
    let config = dense::Config::new()
        .accelerate(false)
        .start_kind(start)
        .dfa_size_limit(Some(PATTERN_AUTOMATON_BYTES_MAX))
        .determinize_size_limit(Some(PATTERN_AUTOMATON_BYTES_MAX));
    dense::Builder::new()
        .configure(config)
        .build_from_nfa(&nfa)
        .ok()
}

/// An automaton as plain numbers. State 0 never matches, state 1 has matched; both lead to themselves.
#[derive(Debug)]
struct Raw {
    /// For each byte its class; bytes of a class lead to the same states.
    classes: [u8; 256],
    classes_len: usize,
    /// A row for each state, a cell for each class.
    next: Vec<u32>,
    /// Whether a text that ends in the state matches.
    accepts: Vec<bool>,
    start: u32,
}

const DEAD: u32 = 0;
const MATCHED: u32 = 1;

/// Walks the states that texts can lead to. `None` if one gives up, which no pattern without Unicode boundaries has.
fn read_off(automaton: &dense::DFA<Vec<u32>>) -> Option<Raw> {
    let anchored = match automaton.start_kind() {
        StartKind::Anchored => Anchored::Yes,
        StartKind::Unanchored | StartKind::Both => Anchored::No,
    };
    let first = automaton
        .start_state(&start::Config::new().anchored(anchored))
        .ok()?;
    let byte_classes = automaton.byte_classes();
    let representatives: Vec<u8> = byte_classes
        .representatives(0..=255)
        .filter_map(Unit::as_u8)
        .collect();
    let classes_len = representatives.len();
    let mut raw = Raw {
        classes: std::array::from_fn(|byte| byte_classes.get(byte as u8)),
        classes_len,
        next: [vec![DEAD; classes_len], vec![MATCHED; classes_len]].concat(),
        accepts: vec![false, true],
        start: DEAD,
    };
    // By position in the automaton: the number here, 0 where there is none yet.
    let mut numbers: Vec<u32> = Vec::new();
    let mut found: Vec<StateID> = Vec::new();
    let mut number = |state: StateID, found: &mut Vec<StateID>| {
        if automaton.is_dead_state(state) {
            return Some(DEAD);
        }
        if automaton.is_match_state(state) {
            return Some(MATCHED);
        }
        if automaton.is_quit_state(state) {
            return None;
        }
        let position = state.as_usize() >> automaton.stride2();
        if numbers.len() <= position {
            numbers.resize(position + 1, 0);
        }
        let slot = numbers.get_mut(position)?;
        if *slot == 0 {
            found.push(state);
            *slot = found.len() as u32 + MATCHED;
        }
        Some(*slot)
    };
    raw.start = number(first, &mut found)?;
    let mut at = 0;
    while let Some(&state) = found.get(at) {
        at += 1;
        for &byte in &representatives {
            let next = number(automaton.next_state(state, byte), &mut found)?;
            raw.next.push(next);
        }
        let end = automaton.next_eoi_state(state);
        raw.accepts.push(automaton.is_match_state(end));
    }
    Some(raw)
}

#[cfg(test)]
mod tests;
