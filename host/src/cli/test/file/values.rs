//! Values of expected kinds, with a mistake where one is of another.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Mistake, Reader, Value, Word, closest};

impl<'a> Reader<'a> {
    /// Notes every key that is not known here.
    pub(in super::super) fn keys(&mut self, table: &DeTable<'a>, known: &[&str], of: &str) {
        let takes_attributes = known.contains(&"attributes");
        if takes_attributes {
            self.outside_attributes(table, known, of);
        }
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            // `outside_attributes` has told of it.
            if takes_attributes && table.get(name).is_some_and(|v| v.get_ref().is_table()) {
                continue;
            }
            let message = format!("`{name}` is not a key of {of}");
            let mut mistake = Mistake::new(key.span(), message);
            mistake = match closest(name, known.iter().copied()) {
                Some(meant) => mistake.mend(key.span(), meant),
                None => mistake.help(format!("the keys of {of} are {}", known.join(", "))),
            };
            self.mistakes.push(mistake);
        }
    }

    /// Reads a string.
    pub(in super::super) fn word(&mut self, value: &Value<'a>, what: &str) -> Option<Word> {
        let range = value.span();
        match value.get_ref() {
            DeValue::String(text) => Some(Word {
                text: text.to_string(),
                range,
            }),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {
                let written = self.text.get(range.clone()).unwrap_or_default();
                let message = format!("{what} is text, in quotes");
                let mistake =
                    Mistake::new(range.clone(), message).mend(range, format!("\"{written}\""));
                self.mistakes.push(mistake);
                None
            }
            DeValue::Array(_) | DeValue::Table(_) => {
                self.mistakes
                    .push(Mistake::new(range, format!("{what} is text, in quotes")));
                None
            }
        }
    }

    /// Reads a list of strings; one alone is taken for a list of one.
    pub(in super::super) fn words(&mut self, value: &Value<'a>, what: &str) -> Vec<Word> {
        match value.get_ref() {
            DeValue::Array(values) => values
                .iter()
                .filter_map(|value| self.word(value, what))
                .collect(),
            DeValue::String(_) => {
                let written = self.text.get(value.span()).unwrap_or_default();
                let mistake = Mistake::new(value.span(), format!("{what} is a list"))
                    .mend(value.span(), format!("[{written}]"));
                self.mistakes.push(mistake);
                Vec::new()
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                let message = format!("{what} is a list of texts, like [\"a\", \"b\"]");
                self.mistakes.push(Mistake::new(value.span(), message));
                Vec::new()
            }
        }
    }

    /// Reads a list of tables.
    pub(in super::super) fn tables<'v>(
        &mut self,
        value: &'v Value<'a>,
        what: &str,
        example: &str,
    ) -> Vec<(&'v DeTable<'a>, Range<usize>)> {
        let mut wrong = |range| {
            let message = format!("`{what}` is a list of tables");
            self.mistakes
                .push(Mistake::new(range, message).help(format!("write {example}")));
        };
        let DeValue::Array(values) = value.get_ref() else {
            wrong(value.span());
            return Vec::new();
        };
        let mut tables = Vec::new();
        for value in values {
            match value.get_ref().as_table() {
                Some(table) => tables.push((table, value.span())),
                None => wrong(value.span()),
            }
        }
        tables
    }

    /// Reads a table of rule ids. An id with a dot that is not quoted is a table in a table.
    pub(in super::super) fn entries<'v>(
        &mut self,
        value: &'v Value<'a>,
        what: &str,
    ) -> Vec<(Word, &'v Value<'a>)> {
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("`{what}` is a table of rule ids");
            let mistake =
                Mistake::new(value.span(), message).help(format!("write {what} = {{ RULE = … }}"));
            self.mistakes.push(mistake);
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in table {
            if value.get_ref().is_table() {
                self.unquoted(key.get_ref(), key.span(), value, "a rule id");
                continue;
            }
            let word = Word {
                text: key.get_ref().to_string(),
                range: key.span(),
            };
            entries.push((word, value));
        }
        entries
    }

    /// Notes that a key with dots was not quoted, which makes it a table in a table.
    pub(in super::super) fn unquoted(
        &mut self,
        first: &str,
        at: Range<usize>,
        value: &Value<'a>,
        what: &str,
    ) {
        let key = self.dotted(first, at, value);
        let quoted = key.quoted;
        let message = format!("{what} with dots is quoted, or TOML makes tables of it");
        let mistake = Mistake::new(key.range.clone(), message);
        let mistake = if key.in_one {
            mistake.mend(key.range, quoted)
        } else {
            let written = self.text.get(key.value).unwrap_or("…");
            mistake.help(format!("write {quoted} = {written}"))
        };
        self.mistakes.push(mistake);
    }

    /// Notes keys with dots that were not quoted and stand beside `attributes` in place of inside it.
    fn outside_attributes(&mut self, table: &DeTable<'a>, known: &[&str], of: &str) {
        for (first, value) in table {
            if known.contains(&first.get_ref().as_ref()) || !value.get_ref().is_table() {
                continue;
            }
            let key = self.dotted(first.get_ref(), first.span(), value);
            let message = format!(
                "`{}` is not a key of {of}: attributes stand under `attributes`, a key with dots quoted",
                first.get_ref()
            );
            let written = self.text.get(key.value.clone()).unwrap_or("…");
            let mended = format!("attributes = {{ {} = {written} }}", key.quoted);
            let mistake = Mistake::new(key.range.clone(), message);
            let mistake = if key.in_one && !table.contains_key("attributes") {
                mistake.mend(key.range.start..key.value.end, mended)
            } else {
                mistake.help(format!("write {mended}"))
            };
            self.mistakes.push(mistake);
        }
    }

    /// Follows the first way down from a key to a value: that is one dotted key, and one is enough to show.
    fn dotted(&self, first: &str, at: Range<usize>, value: &Value<'a>) -> Dotted {
        let mut path = vec![first.to_owned()];
        let mut last = at.clone();
        let mut value = value;
        while let Some((key, inner)) = value
            .get_ref()
            .as_table()
            .and_then(|table| table.iter().next())
        {
            path.push(key.get_ref().to_string());
            last = key.span();
            value = inner;
        }
        let between = self.text.get(at.start..last.end).unwrap_or_default();
        Dotted {
            quoted: format!("\"{}\"", path.join(".")),
            in_one: !between.is_empty() && !between.contains(['{', '=', '\n', ',', '[']),
            range: at.start..last.end.max(at.end),
            value: value.span(),
        }
    }
}

/// A key with dots that TOML took for a way through tables.
struct Dotted {
    /// As it should be.
    quoted: String,
    /// Whether it was written in one piece, and not as a table.
    in_one: bool,
    /// Where the key stands.
    range: Range<usize>,
    /// Where its value stands.
    value: Range<usize>,
}
