//! What is said of a rule file, as JSON.
//!
//! Scripts and editors read this: fields are added, and none is renamed or taken away.

use betrace_dsl::{Compiled, Diagnostic, DiagnosticSeverity, Label, Source, Span};
use serde::Serialize;

/// What is to be said of one file.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    file: String,
    /// The ids of its rules; none where it does not compile.
    rules: Vec<String>,
    diagnostics: Vec<Said>,
}

#[derive(Debug, Serialize)]
struct Said {
    code: &'static str,
    severity: &'static str,
    message: String,
    file: String,
    #[serde(flatten)]
    primary: Place,
    /// Other places that explain it.
    secondary: Vec<Place>,
    help: Option<String>,
    fix: Option<Edit>,
}

/// A range: bytes counted from 0, lines and columns (of characters) from 1, the end being what follows the last character.
#[derive(Debug, Serialize)]
struct Range {
    start: u32,
    end: u32,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
struct Place {
    #[serde(flatten)]
    range: Range,
    label: String,
}

/// What to write in place of a range.
#[derive(Debug, Serialize)]
struct Edit {
    #[serde(flatten)]
    range: Range,
    replacement: String,
}

impl Checked {
    pub(super) fn new(
        source: &Source<'_>,
        compiled: Option<&Compiled>,
        diagnostics: &[Diagnostic],
    ) -> Self {
        let rules = compiled.map_or_else(Vec::new, |compiled| {
            compiled.rules.iter().map(|rule| rule.id.clone()).collect()
        });
        Self {
            file: source.name.to_owned(),
            rules,
            diagnostics: diagnostics
                .iter()
                .map(|said| Said::new(source, said))
                .collect(),
        }
    }
}

impl Said {
    fn new(source: &Source<'_>, diagnostic: &Diagnostic) -> Self {
        let Diagnostic {
            code,
            severity,
            message,
            primary,
            secondary,
            help,
            fix,
        } = diagnostic;
        Self {
            code: code.as_str(),
            severity: match severity {
                DiagnosticSeverity::Error => "error",
                DiagnosticSeverity::Warning => "warning",
            },
            message: message.clone(),
            file: source.name.to_owned(),
            primary: place(source, primary),
            secondary: secondary.iter().map(|label| place(source, label)).collect(),
            help: help.clone(),
            fix: fix.as_ref().map(|fix| Edit {
                range: range(source, fix.span),
                replacement: fix.replacement.clone(),
            }),
        }
    }
}

fn place(source: &Source<'_>, label: &Label) -> Place {
    Place {
        range: range(source, label.span),
        label: label.text.clone(),
    }
}

fn range(source: &Source<'_>, span: Span) -> Range {
    let (start, end) = (source.position(span.start), source.position(span.end));
    Range {
        start: span.start,
        end: span.end,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
