//! The page of each code: why it is a mistake, an example that has it, and the same mended.
//!
//! The pages are one text for people, `pages.md`, cut up here; what the code is in a sentence stands at the code itself.

use super::Code;
use crate::suggest::suggest;

const PAGES: &str = include_str!("pages.md");

/// What there is to know of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// What the mistake is, and what to write instead; ends with a line break.
    pub what: &'static str,
    /// Why it is a mistake; may be of several lines.
    pub why: &'static str,
    /// A source with this diagnostic and no other, where one can be shown.
    pub wrong: Option<&'static str>,
    /// That source as it was meant.
    pub right: Option<&'static str>,
}

impl Code {
    /// Returns the code of a name as `as_str` gives it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// Returns the code that was probably meant by a name that is none.
    pub fn nearest(name: &str) -> Option<Self> {
        let names: Vec<&str> = Self::ALL.iter().map(|code| code.as_str()).collect();
        Self::from_name(suggest(name, &names)?)
    }

    /// Returns the code's page; `None` where nobody has written one yet.
    pub fn page(self) -> Option<Page> {
        let heading = format!("\n## {}\n", self.as_str());
        let (_, text) = PAGES.split_once(&heading)?;
        let text = text
            .split_once("\n## ")
            .map_or(text, |(page, _next)| page)
            .trim();
        let why = text.split_once("\n```").map_or(text, |(why, _)| why).trim();
        Some(Page {
            what: self.explain(),
            why,
            wrong: example(text, "wrong"),
            right: example(text, "right"),
        })
    }
}

/// Cuts a fenced example out of a page.
fn example(page: &'static str, kind: &str) -> Option<&'static str> {
    let (_, rest) = page.split_once(&format!("```{kind}\n"))?;
    Some(rest.split_once("\n```")?.0)
}
