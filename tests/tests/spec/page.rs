//! A page of the specification: its headings and fenced blocks, with their lines.
//!
//! Knows Markdown's fences and this specification's info strings; what the blocks say is for `main` to run.

use std::ops::Range;

/// What a fenced block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rules. `expected` are the diagnostics that they must get, in order: (severity, code).
    Rules {
        expected: Vec<(String, String)>,
        run: bool,
    },
    /// Cases.
    Cases,
    /// What a command or the compiler prints.
    Text,
    /// Anything else, which is for the reader alone.
    Other,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    /// The number of the line of its opening fence; the first line of the page is 1.
    pub(crate) line: usize,
    /// Its lines, by index into the page's.
    lines: Range<usize>,
    /// Counts headings: blocks of one section have the same.
    pub(crate) section: usize,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    lines: Vec<&'a str>,
    pub(crate) blocks: Vec<Block>,
    /// What is wrong with its form, by line.
    pub(crate) mistakes: Vec<(usize, String)>,
}

impl<'a> Page<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut page = Self {
            lines: Vec::new(),
            blocks: Vec::new(),
            mistakes: Vec::new(),
        };
        let mut section = 0;
        let mut open: Option<(Kind, usize)> = None;
        for (at, line) in lines.iter().enumerate() {
            match (&open, line.strip_prefix("```")) {
                (None, Some(info)) => match kind(info) {
                    Ok(kind) => open = Some((kind, at)),
                    Err(mistake) => {
                        page.mistakes.push((at + 1, mistake));
                        open = Some((Kind::Other, at));
                    }
                },
                (Some((kind, began)), Some("")) => {
                    page.blocks.push(Block {
                        kind: kind.clone(),
                        line: began + 1,
                        lines: began + 1..at,
                        section,
                    });
                    open = None;
                }
                (None, None) if line.starts_with('#') => section += 1,
                (None, None) | (Some(_), _) => {}
            }
        }
        if let Some((_, began)) = open {
            let mistake = "a block that is not closed".to_owned();
            page.mistakes.push((began + 1, mistake));
        }
        page.lines = lines;
        page
    }

    /// Returns the text of a block.
    pub(crate) fn text(&self, block: &Block) -> String {
        let lines = self.lines.get(block.lines.clone()).unwrap_or_default();
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// Returns the text of blocks with every other line of the page left blank, so that lines keep their numbers.
    pub(crate) fn text_in_place(&self, blocks: &[&Block]) -> String {
        let shown = |at: usize| blocks.iter().any(|block| block.lines.contains(&at));
        let lines = self.lines.iter().enumerate();
        lines
            .flat_map(|(at, line)| [if shown(at) { line } else { "" }, "\n"])
            .collect()
    }
}

/// Reads an info string: a language, and for `btr` what is to come of the rules.
fn kind(info: &str) -> Result<Kind, String> {
    let mut words = info.split_whitespace();
    let language = words.next().unwrap_or_default();
    match language {
        "btr" => {
            let mut expected = Vec::new();
            let mut run = true;
            for word in words {
                match word.split_once('=') {
                    Some((severity @ ("error" | "warning"), code)) => {
                        expected.push((severity.to_owned(), code.to_owned()));
                    }
                    None if word == "no-run" => run = false,
                    Some(_) | None => {
                        return Err(format!(
                            "`{word}` is not known after `btr`: there are error=CODE, warning=CODE and no-run"
                        ));
                    }
                }
            }
            Ok(Kind::Rules { expected, run })
        }
        "toml" => Ok(Kind::Cases),
        "text" => Ok(Kind::Text),
        "" | "sh" | "json" => Ok(Kind::Other),
        // A misspelt language would keep a block from being run.
        _ => Err(format!("blocks of `{language}` are not known")),
    }
}
