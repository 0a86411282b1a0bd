//! A mistake in a test file: where it is, what is wrong, and the line as it should be.

use std::{fmt::Write, ops::Range};

/// How far a word may be from another to be taken for it.
const TYPO_DISTANCE_MAX: usize = 2;

/// A mistake, by its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    range: Range<usize>,
    message: String,
    mend: Option<(Range<usize>, String)>,
    help: Option<String>,
}

impl Mistake {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            mend: None,
            help: None,
        }
    }

    /// Says what to write in place of a part of the text: its line is shown mended.
    pub(super) fn mend(mut self, range: Range<usize>, replacement: impl Into<String>) -> Self {
        self.mend = Some((range, replacement.into()));
        self
    }

    /// Says what to do where no single line says it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the mistake with its place, its line, and the mended line.
    pub(super) fn render(&self, file: &str, text: &str) -> String {
        let line = line_of(text, self.range.start);
        let number = line_number(text, line.start);
        let width = number.to_string().len();
        let shown = text.get(line.clone()).unwrap_or_default();
        let lead = text.get(line.start..self.range.start).unwrap_or_default();
        let marked = text
            .get(self.range.start..self.range.end.min(line.end))
            .unwrap_or_default();
        let column = lead.chars().count();
        let marks = "^".repeat(marked.chars().count().max(1));
        // Tabs stay, so that the marks stand under what they mark.
        let blank: String = lead
            .chars()
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let mut out = format!(
            "{}\n{:width$}--> {file}:{number}:{}\n{:width$} |\n{number} | {shown}\n{:width$} | {blank}{marks}",
            self.message,
            "",
            column + 1,
            "",
            "",
        );
        if let Some(help) = &self.help {
            // Writing to a `String` cannot fail.
            let _infallible = write!(out, "\n{:width$} = help: {help}", "");
        }
        if let Some((range, replacement)) = &self.mend {
            let line = line_of(text, range.start);
            let head = text.get(line.start..range.start).unwrap_or_default();
            let tail = text.get(range.end..line.end).unwrap_or_default();
            let mended = format!("{head}{replacement}{tail}");
            let _infallible = write!(
                out,
                "\n{:width$} = help: write\n{:width$}       {}",
                "",
                "",
                mended.trim()
            );
        }
        out
    }
}

/// Returns the number of the line that holds a byte; the first is 1.
pub(super) fn line_number(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Returns the line that holds a byte, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let at = at.min(text.len());
    let head = text.get(..at).unwrap_or_default();
    let start = head.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.find('\n').map_or(text.len(), |newline| at + newline);
    let end = if text
        .get(start..end)
        .is_some_and(|line| line.ends_with('\r'))
    {
        end - 1
    } else {
        end
    };
    start..end
}

/// Returns the known word that was probably meant.
pub(super) fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (distance(word, known), known))
        .filter(|(distance, known)| *distance <= TYPO_DISTANCE_MAX && *distance < known.len())
        .min()
        .map(|(_, known)| known)
}

/// Counts the letters to insert, delete or replace to come from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let pairs = row.iter().zip(row.iter().skip(1)).zip(&b);
        for ((diagonal, above), to) in pairs {
            let left = next.last().copied().unwrap_or(0);
            let replaced = diagonal + usize::from(from != *to);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_shows_its_line_and_the_mended_line() {
        let text = "a = 1\n  { nme = \"x\" },\nb = 2\n";
        let at = text.find("nme").unwrap();
        let mistake =
            Mistake::new(at..at + 3, "`nme` is not a key of a span").mend(at..at + 3, "name");
        assert_eq!(
            mistake.render("t.test.toml", text),
            "`nme` is not a key of a span
 --> t.test.toml:2:5
  |
2 |   { nme = \"x\" },
  |     ^^^
  = help: write
        { name = \"x\" },"
        );
    }

    #[test]
    fn a_typo_is_two_letters_away_at_most() {
        let known = ["name", "parent", "at", "for"];
        assert_eq!(closest("nmae", known), Some("name"));
        assert_eq!(closest("parnt", known), Some("parent"));
        assert_eq!(closest("zzzz", known), None);
        assert_eq!(closest("x", known), None);
    }
}
