//! `betrace test`.

use std::{
    io,
    path::{Path, PathBuf},
};

use betrace_dsl::Source;
use serde::Serialize;

use super::{
    console::Console,
    exit::{Chain, Exit, Failure, Outcome},
    packs,
    target::Format,
};
use crate::sandbox::{PackCompiler, Sandbox, SandboxLimits};

mod cases;
mod file;
mod mistake;
mod run;
mod spans;

pub use cases::{CaseTrace, cases};
use run::{Broken, Runner};

/// Run rule tests (*.test.toml).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A test file names rules, and cases of spans with the verdicts that they must get:

  rules = [\"hipaa.btr\"]

  [[case]]
  name = \"PHI read with no audit record\"
  expect = { hipaa-phi-audit = \"violated\" }
  spans = [{ id = \"s1\", name = \"phi.access\", for = \"12ms\", attributes = { \"user.id\" = \"u7\" } }]

Exit status: 0 all pass, 1 a case fails, 2 a file cannot be read or compiled.

Examples:
  betrace test rules/
  betrace test hipaa.test.toml -o json")]
pub struct Args {
    /// Test files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// What came of all files, as JSON says it.
#[derive(Debug, Default, Serialize)]
struct Report {
    files: Vec<FileReport>,
    passed: usize,
    failed: usize,
    /// Files whose cases could not be run.
    broken: usize,
}

/// What came of one file.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// Its name, as it is shown.
    pub file: String,
    /// Why its cases could not be run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What came of each case, in order.
    pub cases: Vec<CaseReport>,
}

/// What came of one case.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// The line of its name, the first being 1.
    pub line: usize,
    /// Whether all was as expected.
    pub passed: bool,
    /// What was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// The text of a test file.
#[derive(Clone, Copy, Debug)]
pub struct TestText<'a> {
    /// What the text is called where it is shown.
    pub name: &'a str,
    /// Where it lies: the paths in it are relative to its folder.
    pub path: &'a Path,
    /// The text.
    pub text: &'a str,
    /// Rules that it tests beside those that it names, if any.
    pub rules: Option<Source<'a>>,
}

/// Runs the tests: a file that is wrong does not keep the others from running.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let files = packs::expand(&args.files, &[".test.toml"])?;
    // What is tested are the user's own rules, many small ones: a child for each would cost more than it guards.
    let sandbox =
        Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).map_err(Failure::usage)?;
    let mut report = Report::default();
    for path in &files {
        let file = test_file(path, &sandbox)?;
        report.broken += usize::from(!file.errors.is_empty());
        report.passed += file.cases.iter().filter(|case| case.passed).count();
        report.failed += file.cases.iter().filter(|case| !case.passed).count();
        match args.output {
            Format::Human => print(&file, console)?,
            Format::Ndjson => console.json_line(&file)?,
            Format::Json => {}
        }
        report.files.push(file);
    }
    match args.output {
        Format::Human => print_sum(&report, console)?,
        Format::Json => console.json(&report)?,
        Format::Ndjson => {}
    }
    Ok(match (report.broken, report.failed) {
        (0, 0) => Exit::Fine,
        (0, _) => Exit::Findings,
        (_, _) => Exit::Wrong,
    })
}

fn test_file(path: &Path, sandbox: &Sandbox) -> Result<FileReport, Failure> {
    let name = packs::name(path);
    let broken = |errors| FileReport {
        file: name.clone(),
        errors,
        cases: Vec::new(),
    };
    let bytes = match packs::read_file(path) {
        Ok(bytes) => bytes,
        Err(Failure::Error { error, .. }) => return Ok(broken(vec![Chain(&error).to_string()])),
        Err(gone @ Failure::ReaderGone) => return Err(gone),
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(broken(vec![format!("`{name}` is not text in UTF-8")]));
    };
    let test = TestText {
        name: &name,
        path,
        text: &text,
        rules: None,
    };
    Ok(test_text(&test, sandbox))
}

/// Runs the cases of a text.
pub fn test_text(test: &TestText<'_>, sandbox: &Sandbox) -> FileReport {
    let broken = |errors| FileReport {
        file: test.name.to_owned(),
        errors,
        cases: Vec::new(),
    };
    let (file, mistakes) = file::read(test.text, test.rules.is_some());
    let render = |mistakes: Vec<mistake::Mistake>| {
        let mistakes = mistakes
            .iter()
            .map(|mistake| mistake.render(test.name, test.text));
        mistakes.collect::<Vec<String>>()
    };
    if !mistakes.is_empty() {
        return broken(render(mistakes));
    }
    let results = match Runner::new(sandbox, test).run(&file) {
        Ok(results) => results,
        Err(Broken::Mistakes(mistakes)) => return broken(render(mistakes)),
        Err(Broken::Said(said)) => return broken(vec![said]),
    };
    let cases = file
        .cases
        .iter()
        .zip(results)
        .map(|(case, failures)| CaseReport {
            name: case.name.text.clone(),
            line: mistake::line_number(test.text, case.name.range.start),
            passed: failures.is_empty(),
            failures,
        });
    FileReport {
        file: test.name.to_owned(),
        errors: Vec::new(),
        cases: cases.collect(),
    }
}

fn print(file: &FileReport, console: &mut Console) -> io::Result<()> {
    let paint = console.paint();
    console.line(paint.bold(&file.file))?;
    for error in &file.errors {
        // The order of the two streams is kept.
        console.flush()?;
        console.error(error);
    }
    for case in &file.cases {
        let mark = if case.passed {
            paint.green("ok    ")
        } else {
            paint.red("FAILED")
        };
        console.line(format_args!("  {mark} {}", case.name))?;
        for line in case.failures.iter().flat_map(|failure| failure.lines()) {
            console.line(format_args!("         {line}"))?;
        }
    }
    Ok(())
}

fn print_sum(report: &Report, console: &mut Console) -> io::Result<()> {
    let Report {
        files: _,
        passed,
        failed,
        broken,
    } = report;
    let broken = match broken {
        0 => String::new(),
        1 => ", 1 file could not be run".to_owned(),
        files => format!(", {files} files could not be run"),
    };
    console.line(format_args!("{passed} passed, {failed} failed{broken}"))
}
