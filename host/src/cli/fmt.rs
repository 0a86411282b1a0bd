//! `betrace fmt`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context;
use betrace_dsl::Source;
use similar::TextDiff;

use super::{
    console::Console,
    exit::{Chain, Exit, Failure, Outcome},
    packs, source,
    table::counted,
};

/// How many unchanged lines a difference shows around what changes.
const CONTEXT_LINES: usize = 3;

/// Lay out rules in the one way that all rules are laid out in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Files are rewritten in place, and those that changed are named. Comments stay where they are, and
the rules mean what they meant. A file that cannot be read as rules is left as it is: exit status 2.

Examples:
  betrace fmt rules/              rewrite the .btr files in and below the folder
  betrace fmt --check rules/      change nothing, show what would change, exit with 1 if anything
  betrace fmt - < rule.btr        print the layout of what is read")]
pub struct Args {
    /// Rule files (.btr), or folders of them; `-` for standard input, which is printed.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; show what would change, and exit with 1 if anything would.
    #[arg(long)]
    check: bool,
}

/// What came of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Laid {
    AsItWas,
    Otherwise,
    /// It cannot be read, and that was said.
    Refused,
}

/// Lays out the files, all of them.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let files = packs::expand(&args.files, &[".btr"])?;
    let (mut n_changed, mut n_refused) = (0, 0);
    for file in &files {
        let laid = match lay_out(file, args.check, console) {
            Ok(laid) => laid,
            Err(Failure::Error { error, .. }) => {
                console.error(Chain(&error));
                Laid::Refused
            }
            Err(failure @ Failure::ReaderGone) => return Err(failure),
        };
        match laid {
            Laid::AsItWas => {}
            Laid::Otherwise => n_changed += 1,
            Laid::Refused => n_refused += 1,
        }
    }
    let all = counted(files.len() as u64, "file");
    if args.check && n_changed > 0 {
        console.note(format_args!(
            "{n_changed} of {all} would be laid out otherwise; `betrace fmt` rewrites them"
        ));
    }
    if n_refused > 0 {
        console.note(format_args!(
            "errors in {n_refused} of {all}, left as they are"
        ));
        return Ok(Exit::Wrong);
    }
    Ok(if args.check && n_changed > 0 {
        Exit::Findings
    } else {
        Exit::Fine
    })
}

fn lay_out(file: &Path, only_check: bool, console: &mut Console) -> Result<Laid, Failure> {
    let text = packs::read_file(file)?;
    let name = packs::name(file);
    let rules = Source {
        name: &name,
        text: &text,
    };
    let formatted = match betrace_dsl::format(&rules) {
        Ok(formatted) => formatted,
        Err(diagnostics) => {
            source::print(&rules, &diagnostics, console);
            return Ok(Laid::Refused);
        }
    };
    let is_same = formatted.as_bytes() == text;
    if only_check && !is_same {
        // The formatter has found it to be UTF-8.
        write_difference(&name, &String::from_utf8_lossy(&text), &formatted, console)?;
    } else if packs::is_stdin(file) && !only_check {
        console.bytes(formatted.as_bytes())?;
    } else if !is_same {
        replace(file, formatted.as_bytes())
            .with_context(|| format!("failed to write `{name}`"))
            .map_err(Failure::usage)?;
        console.line(&name)?;
    }
    Ok(if is_same {
        Laid::AsItWas
    } else {
        Laid::Otherwise
    })
}

/// Prints a difference as `diff -u` does.
fn write_difference(
    name: &str,
    before: &str,
    after: &str,
    console: &mut Console,
) -> std::io::Result<()> {
    let paint = console.paint();
    let lines = TextDiff::from_lines(before, after);
    let difference = lines
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(name, &format!("{name} (laid out)"))
        .to_string();
    for line in difference.lines() {
        match line.chars().next() {
            Some('+') => console.line(paint.green(line))?,
            Some('-') => console.line(paint.red(line))?,
            Some('@') => console.line(paint.dim(line))?,
            Some(_) | None => console.line(line)?,
        }
    }
    Ok(())
}

/// Replaces a file by another with its name and permissions: who reads it meanwhile finds the one or the other, whole.
fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // A link stays a link.
    let file = fs::canonicalize(file)?;
    let folder = file.parent().context("it stands in no folder")?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.as_file()
        .set_permissions(fs::metadata(&file)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(())
}
