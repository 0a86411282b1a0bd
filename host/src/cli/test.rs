//! `betrace test`.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use betrace_dsl::Source;
use serde::Serialize;

use super::{
    console::{Console, Paint},
    exit::{Chain, Exit, Failure, Outcome},
    packs,
    source::DenyArgs,
    spans::{self as shown, SpanView},
    table::one_line,
    target::Format,
};
use crate::sandbox::{PackCompiler, Sandbox, SandboxLimits};

mod cases;
mod compare;
mod file;
mod junit;
mod mistake;
mod run;
mod spans;
mod trace;

pub use cases::{CaseTrace, cases};
pub(super) use run::seal;
use run::{Broken, CaseResult, Runner};

/// Run rule tests (*.test.toml).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A test file names rules, and cases of spans with the verdicts that they must get:

  rules = [\"hipaa.btr\"]

  [[case]]
  name = \"PHI read with no audit record\"
  expect = { hipaa-phi-audit = \"violated\" }
  spans = [{ id = \"s1\", name = \"phi.access\", for = \"12ms\", attributes = { \"user.id\" = \"u7\" } }]

Of a case that fails the trace is shown, its spans marked where they are witnesses or should be.

Exit status: 0 all pass; 1 a case fails; 2 a file cannot be read or compiled, or there are no cases.

Examples:
  betrace test rules/
  betrace test rules/ --filter \"no audit\"
  betrace test rules/ --junit results.xml
  betrace test hipaa.test.toml -o json")]
pub struct Args {
    /// Test files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run only the cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the results to this file too, as `JUnit` XML.
    #[arg(
        long,
        value_name = "FILE",
        help = "Write the results to this file too, as JUnit XML"
    )]
    junit: Option<PathBuf>,
    #[command(flatten)]
    deny: DenyArgs,
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
    /// The trace of a case that failed: its spans, depth first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<SpanView>,
}

impl CaseReport {
    /// Returns what was not as expected, and the trace, line by line and without colour.
    fn explained(&self) -> Vec<String> {
        self.lines(Paint::PLAIN)
    }

    fn lines(&self, paint: Paint) -> Vec<String> {
        let failures = self.failures.iter().flat_map(|failure| failure.lines());
        let mut lines: Vec<String> = failures.map(str::to_owned).collect();
        lines.extend(shown::lines(&self.trace, paint));
        lines
    }
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
        let file = test_file(path, args, &sandbox)?;
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
    if let Some(path) = &args.junit {
        junit::write(&report, path)?;
    }
    match args.output {
        Format::Human => print_sum(&report, console)?,
        Format::Json => console.json(&report)?,
        Format::Ndjson => {}
    }
    if report.broken + report.passed + report.failed == 0 {
        let filter = args.filter.as_deref().unwrap_or_default();
        return Err(Failure::wrong(anyhow!(
            "no case has `{filter}` in its name"
        )));
    }
    Ok(match (report.broken, report.failed) {
        (0, 0) => Exit::Fine,
        (0, _) => Exit::Findings,
        (_, _) => Exit::Wrong,
    })
}

fn test_file(path: &Path, args: &Args, sandbox: &Sandbox) -> Result<FileReport, Failure> {
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
    let chosen = Chosen {
        filter: args.filter.as_deref(),
        deny: args.deny,
    };
    Ok(test_chosen(&test, chosen, sandbox))
}

/// Which cases are run, and what is asked of their rules.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen<'a> {
    filter: Option<&'a str>,
    deny: DenyArgs,
}

/// Runs the cases of a text.
pub fn test_text(test: &TestText<'_>, sandbox: &Sandbox) -> FileReport {
    test_chosen(test, Chosen::default(), sandbox)
}

fn test_chosen(test: &TestText<'_>, chosen: Chosen<'_>, sandbox: &Sandbox) -> FileReport {
    let broken = |errors| FileReport {
        file: test.name.to_owned(),
        errors,
        cases: Vec::new(),
    };
    let (mut file, mistakes) = file::read(test.text, test.rules.is_some());
    let render = |mistakes: Vec<mistake::Mistake>| {
        let mistakes = mistakes
            .iter()
            .map(|mistake| mistake.render(test.name, test.text));
        mistakes.collect::<Vec<String>>()
    };
    if !mistakes.is_empty() {
        return broken(render(mistakes));
    }
    if let Some(filter) = chosen.filter {
        file.cases.retain(|case| case.name.text.contains(filter));
    }
    let results = match Runner::new(sandbox, test, chosen.deny).run(&file) {
        Ok(results) => results,
        Err(Broken::Mistakes(mistakes)) => return broken(render(mistakes)),
        Err(Broken::Said(said)) => return broken(vec![said]),
    };
    let cases = file
        .cases
        .iter()
        .zip(results)
        .map(|(case, CaseResult { failures, trace })| CaseReport {
            name: case.name.text.clone(),
            line: mistake::line_number(test.text, case.name.range.start),
            passed: failures.is_empty(),
            failures,
            trace,
        });
    FileReport {
        file: test.name.to_owned(),
        errors: Vec::new(),
        cases: cases.collect(),
    }
}

fn print(file: &FileReport, console: &mut Console) -> io::Result<()> {
    // Of whose cases none were chosen.
    if file.errors.is_empty() && file.cases.is_empty() {
        return Ok(());
    }
    let paint = console.paint();
    console.line(paint.bold(&file.file))?;
    for error in &file.errors {
        // The order of the two streams is kept.
        console.flush()?;
        // What the compiler says has heads of its own.
        if error.starts_with("error[") || error.starts_with("warning[") {
            console.note(error);
        } else {
            console.error(error);
        }
    }
    for case in &file.cases {
        let mark = if case.passed {
            paint.green("ok    ")
        } else {
            paint.red("FAILED")
        };
        console.line(format_args!(
            "  {mark} {}{}",
            one_line(&case.name),
            at(file, case)
        ))?;
        for line in case.lines(paint) {
            console.line(format_args!("         {line}"))?;
        }
    }
    Ok(())
}

/// Says where a case stands that failed.
fn at(file: &FileReport, case: &CaseReport) -> String {
    if case.passed {
        return String::new();
    }
    format!(" ({}:{})", file.file, case.line)
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
