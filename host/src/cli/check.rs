//! `betrace check`.

use std::path::PathBuf;

use betrace_dsl::{Compiled, Diagnostic, DiagnosticSeverity, Label, Source, Span};
use serde::Serialize;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs, source,
    table::counted,
    target::Format,
};

/// Find the mistakes in rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Warnings are printed too, and leave the exit status at 0.

Examples:
  betrace check rules/*.btr
  betrace check rules/ -o json
  cat rule.btr | betrace check -")]
pub struct Args {
    /// Rule files (.btr), or folders of them; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// What is to be said of one file.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    rules: Vec<String>,
    diagnostics: Vec<Said>,
}

/// A diagnostic with its places as lines and columns, counted from 1.
#[derive(Debug, Serialize)]
struct Said {
    code: &'static str,
    severity: &'static str,
    message: String,
    #[serde(flatten)]
    primary: Place,
    secondary: Vec<Place>,
    help: Option<String>,
    fix: Option<Edit>,
}

#[derive(Debug, Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: String,
}

#[derive(Debug, Serialize)]
struct Edit {
    #[serde(flatten)]
    place: Place,
    replacement: String,
}

/// Checks the files, all of them.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let files = packs::expand(&args.files, &[".btr"])?;
    let mut all = Vec::with_capacity(files.len());
    let mut n_wrong = 0;
    let mut unread = None;
    for file in &files {
        let text = match packs::read_file(file) {
            Ok(text) => text,
            Err(failure) => {
                n_wrong += 1;
                report(&mut unread, failure, console);
                continue;
            }
        };
        let name = packs::name(file);
        let source = Source {
            name: &name,
            text: &text,
        };
        let (compiled, diagnostics) = betrace_dsl::compile(&source);
        n_wrong += usize::from(compiled.is_none());
        match args.output {
            Format::Human => {
                source::print(&source, &diagnostics, console);
                if let Some(Compiled { rules, .. }) = &compiled {
                    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
                    console.line(format_args!("{name}: {}", ids.join(", ")))?;
                }
            }
            Format::Json => all.push(said(&source, compiled.as_ref(), &diagnostics)),
            Format::Ndjson => console.json_line(&said(&source, compiled.as_ref(), &diagnostics))?,
        }
    }
    if args.output == Format::Json {
        console.json(&all)?;
    }
    if let Some(failure) = unread {
        return Err(failure);
    }
    if n_wrong > 0 && args.output == Format::Human {
        console.note(format_args!(
            "errors in {n_wrong} of {}",
            counted(files.len() as u64, "file")
        ));
    }
    Ok(if n_wrong > 0 { Exit::Wrong } else { Exit::Fine })
}

/// Keeps the last failure to end with, and prints those before it.
fn report(unread: &mut Option<Failure>, failure: Failure, console: &Console) {
    if let Some(Failure::Error { error, .. }) = unread.replace(failure) {
        console.error(super::exit::Chain(&error));
    }
}

fn said(source: &Source<'_>, compiled: Option<&Compiled>, diagnostics: &[Diagnostic]) -> Checked {
    Checked {
        file: source.name.to_owned(),
        rules: compiled.map_or_else(Vec::new, |compiled| {
            compiled.rules.iter().map(|rule| rule.id.clone()).collect()
        }),
        diagnostics: diagnostics
            .iter()
            .map(|diagnostic| Said {
                code: diagnostic.code.as_str(),
                severity: match diagnostic.severity {
                    DiagnosticSeverity::Error => "error",
                    DiagnosticSeverity::Warning => "warning",
                },
                message: diagnostic.message.clone(),
                primary: label(source, &diagnostic.primary),
                secondary: diagnostic
                    .secondary
                    .iter()
                    .map(|l| label(source, l))
                    .collect(),
                help: diagnostic.help.clone(),
                fix: diagnostic.fix.as_ref().map(|fix| Edit {
                    place: place(source, fix.span, String::new()),
                    replacement: fix.replacement.clone(),
                }),
            })
            .collect(),
    }
}

fn label(source: &Source<'_>, label: &Label) -> Place {
    place(source, label.span, label.text.clone())
}

fn place(source: &Source<'_>, span: Span, label: String) -> Place {
    let start = source.position(span.start);
    let end = source.position(span.end);
    Place {
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        label,
    }
}
