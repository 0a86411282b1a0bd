//! A `*.test.toml` file: TOML whose places are kept, so that each mistake shows its line.
//!
//! Reading goes on after a mistake, and reports all that it can. What can only be told with the rules at hand
//! (an unknown rule id) is for `run`.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    mistake::{Mistake, closest},
    spans::{self, TestSpan},
};
use crate::{clock::UnixNanos, time::TimeArg, verdict::Verdict};

/// 2026-01-01T00:00:00Z, the zero of a case that names none.
const START_DEFAULT: UnixNanos = UnixNanos(1_767_225_600_000_000_000);

const FILE_KEYS: [&str; 3] = ["rules", "source", "case"];
const CASE_KEYS: [&str; 9] = [
    "name",
    "expect",
    "witnesses",
    "messages",
    "spans",
    "otlp",
    "source",
    "error",
    "start",
];

/// A word of the file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// A test file.
#[derive(Debug, Default)]
pub(super) struct TestFile {
    pub(super) rules: Vec<Word>,
    pub(super) source: Option<Word>,
    pub(super) cases: Vec<Case>,
}

/// A case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: Word,
    pub(super) expect: Vec<(Word, Verdict)>,
    pub(super) witnesses: Vec<(Word, Vec<Word>)>,
    pub(super) messages: Vec<(Word, Word)>,
    pub(super) input: Input,
    pub(super) source: Option<Word>,
    pub(super) error: Option<Word>,
}

/// The trace of a case.
#[derive(Debug)]
pub(super) enum Input {
    /// There is none: the case is about a compile error.
    None,
    /// Spelled out.
    Spans(Vec<TestSpan>),
    /// In a file of OTLP/JSON.
    Otlp(Word),
}

/// Reads TOML, and notes what is wrong with it.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) mistakes: Vec<Mistake>,
}

pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a test file, which may be given rules beside those that it names; with mistakes, what else it says is not to be
/// used.
pub(super) fn read(text: &str, has_rules: bool) -> (TestFile, Vec<Mistake>) {
    let mut reader = Reader {
        text,
        mistakes: Vec::new(),
    };
    let file = match DeTable::parse(text) {
        Ok(table) => reader.file(table.get_ref(), has_rules),
        Err(error) => {
            let range = error.span().unwrap_or_default();
            reader.mistakes.push(Mistake::new(range, error.message()));
            TestFile::default()
        }
    };
    (file, reader.mistakes)
}

impl<'a> Reader<'a> {
    fn file(&mut self, table: &DeTable<'a>, has_rules: bool) -> TestFile {
        self.keys(table, &FILE_KEYS, "a test file");
        let rules = table.get("rules").map(|rules| self.words(rules, "rules"));
        let source = table
            .get("source")
            .and_then(|value| self.word(value, "source"));
        let cases = match table.get("case") {
            None => {
                self.mistakes.push(
                    Mistake::new(0..0, "there are no cases in this file")
                        .help("begin each with [[case]]"),
                );
                Vec::new()
            }
            Some(cases) => self.tables(cases, "case", "[[case]]"),
        };
        let file = TestFile {
            rules: rules.unwrap_or_default(),
            source,
            cases: cases
                .into_iter()
                .filter_map(|case| self.case(case))
                .collect(),
        };
        let has_rules = has_rules || !file.rules.is_empty() || file.source.is_some();
        for case in &file.cases {
            if !has_rules && case.source.is_none() {
                let message = format!("the case `{}` has no rules", case.name.text);
                self.mistakes
                    .push(Mistake::new(case.name.range.clone(), message).help(
                        "name them at the head of the file: rules = [\"….btr\"], or give a source",
                    ));
            }
        }
        file
    }

    fn case(&mut self, case: (&DeTable<'a>, Range<usize>)) -> Option<Case> {
        let (table, range) = case;
        self.keys(table, &CASE_KEYS, "a case");
        let Some(name) = table.get("name") else {
            self.mistakes
                .push(Mistake::new(range, "a case needs a name").help("add name = \"…\""));
            return None;
        };
        let name = self.word(name, "name")?;
        let start = table
            .get("start")
            .map_or(Some(START_DEFAULT), |start| self.start(start))?;
        let error = table
            .get("error")
            .and_then(|error| self.word(error, "error"));
        let expect = table.get("expect").map(|expect| self.expect(expect));
        let witnesses = table
            .get("witnesses")
            .map(|witnesses| self.witnesses(witnesses));
        let messages = table
            .get("messages")
            .map(|messages| self.messages(messages));
        let input = self.input(table, start, &name)?;
        if expect.is_none() && error.is_none() {
            self.mistakes.push(
                Mistake::new(name.range.clone(), format!("the case `{}` expects nothing", name.text))
                    .help("add expect = { RULE = \"violated\" }, or error = \"…\" for a source that must not compile"),
            );
        }
        if let (Some(error), Input::Spans(_) | Input::Otlp(_)) = (&error, &input) {
            self.mistakes.push(Mistake::new(
                error.range.clone(),
                "a source that must not compile judges no spans: leave out `error` or the spans",
            ));
        }
        if let (None, Input::None) = (&error, &input) {
            self.mistakes.push(
                Mistake::new(
                    name.range.clone(),
                    format!("the case `{}` has no spans", name.text),
                )
                .help("add spans = [{ name = \"…\" }]"),
            );
        }
        let case = Case {
            source: table
                .get("source")
                .and_then(|source| self.word(source, "source")),
            name,
            expect: expect.unwrap_or_default(),
            witnesses: witnesses.unwrap_or_default(),
            messages: messages.unwrap_or_default(),
            input,
            error,
        };
        self.check_witnesses(&case);
        Some(case)
    }

    fn input(&mut self, table: &DeTable<'a>, start: UnixNanos, name: &Word) -> Option<Input> {
        match (table.get("spans"), table.get("otlp")) {
            (None, None) => Some(Input::None),
            (Some(spans), None) => {
                let spans = self.tables(spans, "spans", "spans = [{ name = \"…\" }]");
                Some(Input::Spans(spans::read(self, spans, start)))
            }
            (None, Some(otlp)) => Some(Input::Otlp(self.word(otlp, "otlp")?)),
            (Some(_), Some(otlp)) => {
                let message = format!("the case `{}` has both spans and otlp", name.text);
                self.mistakes
                    .push(Mistake::new(otlp.span(), message).help("leave one of them out"));
                None
            }
        }
    }

    fn start(&mut self, value: &Value<'a>) -> Option<UnixNanos> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(at) => at.to_string(),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => String::new(),
        };
        match text.parse() {
            Ok(TimeArg::At(at)) => Some(at),
            Ok(TimeArg::Ago(_)) | Err(_) => {
                self.mistakes.push(
                    Mistake::new(value.span(), "`start` is a time, with its zone")
                        .mend(value.span(), "\"2026-03-01T19:30:00Z\""),
                );
                None
            }
        }
    }

    fn expect(&mut self, value: &Value<'a>) -> Vec<(Word, Verdict)> {
        let mut expect = Vec::new();
        for (rule, verdict) in self.entries(value, "expect") {
            let Some(word) = self.word(verdict, "a verdict") else {
                continue;
            };
            let names = Verdict::ALL.map(Verdict::name);
            let mut verdicts = Verdict::ALL.into_iter();
            if let Some(verdict) = verdicts.find(|verdict| verdict.name() == word.text) {
                expect.push((rule, verdict));
                continue;
            }
            let message = format!(
                "`{}` is not a verdict: they are {}",
                word.text,
                names.join(", ")
            );
            let mut mistake = Mistake::new(word.range.clone(), message);
            if let Some(meant) = closest(&word.text, names) {
                mistake = mistake.mend(word.range, format!("\"{meant}\""));
            }
            self.mistakes.push(mistake);
        }
        expect
    }

    fn witnesses(&mut self, value: &Value<'a>) -> Vec<(Word, Vec<Word>)> {
        let entries = self.entries(value, "witnesses");
        entries
            .into_iter()
            .map(|(rule, spans)| (rule, self.words(spans, "witnesses")))
            .collect()
    }

    fn messages(&mut self, value: &Value<'a>) -> Vec<(Word, Word)> {
        let entries = self.entries(value, "messages");
        entries
            .into_iter()
            .filter_map(|(rule, message)| Some((rule, self.word(message, "a message")?)))
            .collect()
    }

    fn check_witnesses(&mut self, case: &Case) {
        let Input::Spans(spans) = &case.input else {
            return;
        };
        for witness in case.witnesses.iter().flat_map(|(_, witnesses)| witnesses) {
            let ids = || spans.iter().map(|span| span.id.as_str());
            if ids().any(|id| id == witness.text) {
                continue;
            }
            let message = format!("no span of this case has the id `{}`", witness.text);
            let mut mistake = Mistake::new(witness.range.clone(), message);
            if let Some(meant) = closest(&witness.text, ids()) {
                mistake = mistake.mend(witness.range.clone(), format!("\"{meant}\""));
            }
            self.mistakes.push(mistake);
        }
    }
}

mod values;
