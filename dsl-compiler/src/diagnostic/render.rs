//! Diagnostics as text for people: where, the source line with the place underlined, what to write.

use std::fmt::Write as _;

use super::{Diagnostic, Label, Severity};
use crate::{limits::DIAGNOSTICS_SHOWN_MAX, source::Source};

/// Whether text carries colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Plain,
    /// With ANSI escapes, for a terminal.
    Ansi,
}

/// How many columns of a line are shown around what is underlined.
const LINE_CHARS_MAX: usize = 160;

/// Returns the diagnostics as text, at most 20 of them and then a count; empty where there are none.
///
/// ```text
/// error[duration-without-unit]: `span:duration` is compared with a plain number
///   --> slow.btr:2:30
///   |
/// 2 |   .where(span:duration > 250)
///   |                          ^^^ this number has no unit
///   = help: write `250ms`
/// ```
pub fn render(diagnostics: &[Diagnostic], source: &Source<'_>, color: Color) -> String {
    let mut out = String::new();
    let shown = shown(diagnostics);
    for diagnostic in &shown {
        write_one(&mut out, diagnostic, source, color);
        out.push('\n');
    }
    let hidden = diagnostics.len() - shown.len();
    if hidden > 0 {
        let _ = writeln!(out, "... and {hidden} more");
    }
    out
}

/// The diagnostics that are shown, in the order of their places: no warning takes the place of an error.
fn shown(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let errors = diagnostics.iter().filter(|one| one.is_error()).count();
    let mut warnings_left = DIAGNOSTICS_SHOWN_MAX.saturating_sub(errors);
    let shown = diagnostics.iter().filter(|one| {
        let fits = one.is_error() || warnings_left > 0;
        warnings_left = warnings_left.saturating_sub(usize::from(!one.is_error()));
        fits
    });
    shown.take(DIAGNOSTICS_SHOWN_MAX).collect()
}

fn write_one(out: &mut String, diagnostic: &Diagnostic, source: &Source<'_>, color: Color) {
    let (word, tint) = match diagnostic.severity {
        Severity::Error => ("error", "31"),
        Severity::Warning => ("warning", "33"),
    };
    let head = paint(
        color,
        &format!("1;{tint}"),
        &format!("{word}[{}]", diagnostic.code.as_str()),
    );
    let _ = writeln!(out, "{head}: {}", paint(color, "1", &diagnostic.message));

    let mut labels: Vec<(&Label, char)> = vec![(&diagnostic.primary, '^')];
    labels.extend(diagnostic.secondary.iter().map(|label| (label, '-')));
    let width = labels
        .iter()
        .map(|(label, _)| source.position(label.span.start).line)
        .max()
        .unwrap_or(1)
        .to_string()
        .len();
    for (index, (label, mark)) in labels.iter().enumerate() {
        let at = source.position(label.span.start);
        let arrow = if index == 0 { "-->" } else { ":::" };
        let _ = writeln!(
            out,
            "{:width$}{} {}:{}:{}",
            "",
            paint(color, "34", arrow),
            source.name,
            at.line,
            at.column
        );
        write_line(out, label, *mark, source, (width, color, tint));
    }
    if let Some(help) = &diagnostic.help {
        for (index, line) in help.lines().enumerate() {
            let lead = if index == 0 { "= help:" } else { "       " };
            let _ = writeln!(out, "{:width$} {} {line}", "", paint(color, "36", lead));
        }
    }
}

/// Writes the source line of a label with the place underlined.
fn write_line(
    out: &mut String,
    label: &Label,
    mark: char,
    source: &Source<'_>,
    (width, color, tint): (usize, Color, &str),
) {
    let at = source.position(label.span.start);
    let start = label.span.start as usize;
    let before = source.text.get(..start).unwrap_or(source.text);
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let line_end = source
        .text
        .iter()
        .skip(start)
        .position(|byte| *byte == b'\n')
        .map_or(source.text.len(), |n| start + n);
    let part = |from: usize, to: usize| {
        visible(source.text.get(from..to.min(line_end)).unwrap_or_default())
    };
    let (head, place) = (
        part(line_start, start),
        part(start, label.span.end as usize),
    );
    let tail = part((label.span.end as usize).clamp(start, line_end), line_end);
    let skipped = head.chars().count().saturating_sub(LINE_CHARS_MAX / 2);
    let head: String = if skipped > 0 {
        std::iter::once('…')
            .chain(head.chars().skip(skipped + 1))
            .collect()
    } else {
        head
    };
    let room = LINE_CHARS_MAX.saturating_sub(head.chars().count());
    let rest: String = format!("{place}{tail}").chars().take(room).collect();

    let bar = paint(color, "34", "|");
    let _ = writeln!(out, "{:width$} {bar}", "");
    let _ = writeln!(
        out,
        "{} {bar} {head}{rest}",
        paint(color, "34", &format!("{:>width$}", at.line))
    );
    let under: String =
        std::iter::repeat_n(mark, place.chars().count().clamp(1, room.max(1))).collect();
    let indent: String = std::iter::repeat_n(' ', head.chars().count()).collect();
    let under = paint(color, if mark == '^' { tint } else { "34" }, &under);
    let _ = writeln!(
        out,
        "{}",
        format!("{:width$} {bar} {indent}{under} {}", "", label.text).trim_end()
    );
}

/// Bytes of a line as they can be shown: control and bidirectional characters would change how the line reads.
fn visible(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || crate::lexer::is_bidirectional(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn paint(color: Color, style: &str, text: &str) -> String {
    match color {
        Color::Plain => text.to_owned(),
        Color::Ansi => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::{Color, Source, check};

    #[test]
    fn no_warning_takes_the_place_of_an_error() {
        let rule = |n| format!("rule r{n} {{ match {{ a.where(k != {n}) }} }}\n");
        let text =
            (0..25).map(rule).collect::<String>() + "rule bad { match { a.where(k < foo) } }";
        let source = Source {
            name: "x.btr",
            text: text.as_bytes(),
        };
        let rendered = render(&check(&source), &source, Color::Plain);
        assert_eq!(rendered.matches("error[bare-word-ordered]").count(), 1);
        assert_eq!(rendered.matches("warning[").count(), 19);
        assert!(rendered.ends_with("... and 6 more\n"), "{rendered}");
    }
}
