//! Values of expected kinds, with a mistake where one is of another.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Mistake, Reader, Value, Word, closest};

impl<'a> Reader<'a> {
    /// Notes every key that is not known here.
    pub(in super::super) fn keys(&mut self, table: &DeTable<'a>, known: &[&str], of: &str) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
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
        // Follows the first way down to a value: that is one dotted key, and one is enough to show.
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
        let quoted = format!("\"{}\"", path.join("."));
        let message = format!("{what} with dots is quoted, or TOML makes tables of it");
        let between = self.text.get(at.start..last.end).unwrap_or_default();
        let mut mistake = Mistake::new(at.start..last.end.max(at.end), message);
        let dotted = !between.is_empty() && !between.contains(['{', '=', '\n', ',', '[']);
        mistake = if dotted {
            mistake.mend(at.start..last.end, quoted)
        } else {
            let written = self.text.get(value.span()).unwrap_or("…");
            mistake.help(format!("write {quoted} = {written}"))
        };
        self.mistakes.push(mistake);
    }
}
