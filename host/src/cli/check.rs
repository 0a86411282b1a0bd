//! `betrace check`.

use std::path::{Path, PathBuf};

use betrace_dsl::{Compiled, Source};

use super::{
    console::Console,
    exit::{Chain, Exit, Failure, Outcome},
    packs,
    source::{self, DenyArgs},
    table::counted,
    target::Format,
};

mod explain;
mod mend;
mod said;

use said::Checked;

/// Find the mistakes in rules, and explain them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 the rules compile, though there may be warnings; 2 a file has errors or cannot be
read, or has warnings under --deny warnings. At most 20 mistakes of a file are shown, and then
how many more there are; JSON has them all.

-o json prints a list with an object for each file: file, rules (their ids), diagnostics. Each of
those has: code, severity (error or warning), message, file; its place: start and end (bytes from
0), line, column, end_line and end_column (characters from 1, the end being what follows), label;
secondary, a list of places that explain it; help, what to write, or null; fix, a place with a
replacement that is sure to be meant, or null. Fields may be added, and are never renamed.

Examples:
  betrace check rules/*.btr
  betrace check rules/ -o json
  betrace check rules/ --deny warnings
  betrace check --fix rules/
  betrace check --explain unequal-skips-missing
  betrace check --explain list
  cat rule.btr | betrace check -")]
pub struct Args {
    /// Rule files (.btr), or folders of them; `-` for standard input.
    #[arg(required_unless_present = "explain", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain a diagnostic by its code, with an example; without a code, list all codes.
    #[arg(
        long,
        value_name = "CODE",
        num_args = 0..=1,
        default_missing_value = explain::LIST,
        conflicts_with_all = ["files", "fix", "deny"]
    )]
    explain: Option<String>,
    /// Make the edits that are sure to be meant, where files have mistakes, and check again.
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    deny: DenyArgs,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// What came of the files.
#[derive(Debug, Default)]
struct Sum {
    /// For JSON.
    all: Vec<Checked>,
    n_wrong: usize,
    n_edits: usize,
}

/// Checks the files, all of them.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    if let Some(code) = &args.explain {
        return explain::run(code, args.output, console);
    }
    let files = packs::expand(&args.files, &[".btr"])?;
    if args.fix && files.iter().any(|file| packs::is_stdin(file)) {
        return Err(
            Failure::usage(anyhow::anyhow!("standard input cannot be mended in place"))
                .help("write it to a file, or read the fixes from `-o json`"),
        );
    }
    let mut sum = Sum::default();
    let mut unread = None;
    for file in &files {
        match check_file(file, args, &mut sum, console) {
            Ok(()) => {}
            Err(failure @ Failure::ReaderGone) => return Err(failure),
            Err(failure @ Failure::Error { .. }) => {
                sum.n_wrong += 1;
                report(&mut unread, failure, console);
            }
        }
    }
    if args.output == Format::Json {
        console.json(&sum.all)?;
    }
    if sum.n_edits > 0 {
        console.note(format_args!("{} made", counted(sum.n_edits as u64, "edit")));
    }
    if let Some(failure) = unread {
        return Err(failure);
    }
    if sum.n_wrong > 0 && args.output == Format::Human {
        console.note(format_args!(
            "errors in {} of {}",
            sum.n_wrong,
            counted(files.len() as u64, "file")
        ));
    }
    Ok(if sum.n_wrong > 0 {
        Exit::Wrong
    } else {
        Exit::Fine
    })
}

fn check_file(
    file: &Path,
    args: &Args,
    sum: &mut Sum,
    console: &mut Console,
) -> Result<(), Failure> {
    let mut text = packs::read_file(file)?;
    let name = packs::name(file);
    if args.fix {
        let (mended, n_edits) = mend::file(file, &name, text)?;
        text = mended;
        sum.n_edits += n_edits;
    }
    let source = Source {
        name: &name,
        text: &text,
    };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    let denied = compiled.is_some() && args.deny.refuses(&diagnostics);
    sum.n_wrong += usize::from(compiled.is_none() || denied);
    match args.output {
        Format::Human => {
            source::print(&source, &diagnostics, console);
            if denied {
                console.error(source::refused(&name, diagnostics.len()));
            }
            if let Some(Compiled { rules, .. }) = &compiled {
                let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
                console.line(format_args!("{name}: {}", ids.join(", ")))?;
            }
        }
        Format::Json => {
            let checked = Checked::new(&source, compiled.as_ref(), &diagnostics);
            sum.all.push(checked);
        }
        Format::Ndjson => {
            console.json_line(&Checked::new(&source, compiled.as_ref(), &diagnostics))?;
        }
    }
    Ok(())
}

/// Keeps the last failure to end with, and prints those before it.
fn report(unread: &mut Option<Failure>, failure: Failure, console: &Console) {
    if let Some(Failure::Error { error, .. }) = unread.replace(failure) {
        console.error(Chain(&error));
    }
}
