//! `betrace check --explain`: the page of a code, or the list of them.

use std::{fmt::Write as _, io};

use anyhow::anyhow;
use betrace_dsl::{Code, Color, Source, check, render};
use serde::Serialize;

use crate::cli::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    table::Table,
    target::Format,
};

/// What asks for the list.
pub(super) const LIST: &str = "list";

/// A page, as JSON says it.
#[derive(Debug, Serialize)]
struct Page {
    code: &'static str,
    what: &'static str,
    why: Option<&'static str>,
    wrong: Option<&'static str>,
    right: Option<&'static str>,
}

impl Page {
    fn new(code: Code) -> Self {
        let page = code.page();
        Self {
            code: code.as_str(),
            what: code.explain().trim(),
            why: page.map(|page| page.why),
            wrong: page.and_then(|page| page.wrong),
            right: page.and_then(|page| page.right),
        }
    }
}

/// Prints the page of a code, or all codes with a line each.
pub(super) fn run(name: &str, output: Format, console: &mut Console) -> Outcome {
    if name == LIST {
        list(output, console)?;
        return Ok(Exit::Fine);
    }
    let Some(code) = Code::from_name(name) else {
        let failure = Failure::usage(anyhow!("there is no diagnostic `{name}`"));
        let mut help = Code::nearest(name).map_or_else(String::new, |code| {
            format!("did you mean `{}`?\n", code.as_str())
        });
        help.push_str("the codes are:");
        for code in sorted() {
            // Writing to a `String` cannot fail.
            let _infallible = write!(help, "\n  {}", code.as_str());
        }
        return Err(failure.help(help));
    };
    match output {
        Format::Human => print(code, console)?,
        Format::Json => console.json(&Page::new(code))?,
        Format::Ndjson => console.json_line(&Page::new(code))?,
    }
    Ok(Exit::Fine)
}

fn sorted() -> Vec<Code> {
    let mut codes = Code::ALL.to_vec();
    codes.sort_by_key(|code| code.as_str());
    codes
}

fn list(output: Format, console: &mut Console) -> io::Result<()> {
    let pages: Vec<Page> = sorted().into_iter().map(Page::new).collect();
    match output {
        Format::Human => {
            let mut table = Table::new(&["CODE", "WHAT IS WRONG"]);
            for page in &pages {
                table.row(vec![page.code.to_owned(), first_sentence(page.what)]);
            }
            table.print(console)
        }
        Format::Json => console.json(&pages),
        Format::Ndjson => pages.iter().try_for_each(|page| console.json_line(page)),
    }
}

/// Returns the first sentence of a text, up to a full stop or a colon before an example.
fn first_sentence(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let ends = [". ", ": `"];
    let end = ends.iter().filter_map(|end| line.find(end)).min();
    let sentence = line.get(..end.unwrap_or(line.len())).unwrap_or(line);
    sentence.trim_end_matches('.').to_owned()
}

fn print(code: Code, console: &mut Console) -> io::Result<()> {
    let page = Page::new(code);
    let paint = console.paint();
    console.line(paint.bold(page.code))?;
    console.line(format_args!("\n{}", page.what))?;
    if let Some(why) = page.why {
        console.line(format_args!("\n{why}"))?;
    }
    if let Some(wrong) = page.wrong {
        console.line(format_args!("\n{}\n", paint.bold("Wrong")))?;
        print_example(wrong, console)?;
        // What the compiler says of it is asked of the compiler.
        let source = Source {
            name: "wrong.btr",
            text: wrong.as_bytes(),
        };
        let color = if paint.is_on() {
            Color::Ansi
        } else {
            Color::Plain
        };
        let said = render(&check(&source), &source, color);
        console.line(format_args!("\n{}", said.trim_end()))?;
    }
    if let Some(right) = page.right {
        console.line(format_args!("\n{}\n", paint.bold("Right")))?;
        print_example(right, console)?;
    }
    Ok(())
}

fn print_example(text: &str, console: &mut Console) -> io::Result<()> {
    text.lines()
        .try_for_each(|line| console.line(format_args!("    {line}")))
}

#[cfg(test)]
mod tests {
    use super::first_sentence;

    #[test]
    fn a_line_of_the_list_is_the_first_sentence() {
        for (text, expected) in [
            (
                "A file without a rule: nothing in it says what must hold.",
                "A file without a rule: nothing in it says what must hold",
            ),
            (
                "An escape that names no character. Write six digits.",
                "An escape that names no character",
            ),
            (
                "A dotted word: `where(a == b.c)` could mean both.",
                "A dotted word",
            ),
        ] {
            assert_eq!(first_sentence(text), expected);
        }
    }
}
