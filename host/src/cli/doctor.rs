//! `betrace doctor`.

use std::{
    io,
    panic::{self, Location, PanicHookInfo},
    path::{Path, PathBuf},
    sync::Arc,
};

use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    table::{Table, counted, one_line},
    target::{Format, is_store, one_shot_sandbox},
};
use crate::{
    rule_id::Digest,
    sandbox::Sandbox,
    store::{Attending, Counts, Examination, Finding, examine},
};

/// Look for damage in a store, without changing it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads every file whole: the checksums of the database's pages, of each block, verdict and signal,
whether what they name is there, and whether the packs of rules load. It needs the store for itself:
stop the server first, or look at a copy.

Exit status: 0 nothing is wrong; 2 something is damaged, or of another version; 3 the store is in
use, or there is none.

-o json prints an object: dir, ok, files (name, size_bytes, opens), counts (tenants, packs,
rule_versions, blocks, traces, spans, judged_blocks, signals, requests), findings (area, what, means,
what_to_do) and more_findings, how many were left out. -o ndjson prints the findings, one a line.

Examples:
  betrace doctor --data ./betrace-data
  betrace doctor --data ./betrace-data -o json
  betrace doctor --data /mnt/backup/betrace-data && echo the backup is good")]
pub struct Args {
    /// The store.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    dir: String,
    ok: bool,
    files: Vec<FileReport<'a>>,
    counts: CountReport,
    findings: Vec<FindingReport<'a>>,
    more_findings: u64,
}

#[derive(Debug, Serialize)]
struct FileReport<'a> {
    name: &'a str,
    size_bytes: u64,
    opens: bool,
}

#[derive(Debug, Serialize)]
struct CountReport {
    tenants: u64,
    packs: u64,
    rule_versions: u64,
    blocks: u64,
    traces: u64,
    spans: u64,
    judged_blocks: u64,
    signals: u64,
    requests: u64,
}

#[derive(Debug, Serialize)]
struct FindingReport<'a> {
    area: &'static str,
    what: &'a str,
    means: &'static str,
    what_to_do: &'static str,
}

/// Examines the store.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    is_store(&args.data)?;
    let mut attending = OnTerminal {
        bar: console.progress_bytes("doctor", Some(0)),
        sandbox: one_shot_sandbox()?,
    };
    let examined = quietly(|| examine(&args.data, &mut attending));
    attending.bar.finish_and_clear();
    let examination = examined.map_err(Failure::from)?;
    match args.output {
        Format::Human => print(&args.data, &examination, console)?,
        Format::Json => console.json(&report(&args.data, &examination))?,
        Format::Ndjson => examination
            .findings
            .listed
            .iter()
            .try_for_each(|finding| console.json_line(&of_finding(finding)))?,
    }
    Ok(if examination.findings.is_empty() {
        Exit::Fine
    } else {
        Exit::Wrong
    })
}

/// The database panics at some damage; the store makes findings of that, and the trace of it helps nobody who reads them.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let before: Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync> = panic::take_hook().into();
    let others = Arc::clone(&before);
    panic::set_hook(Box::new(move |info| {
        let of_database = |at: &Location<'_>| at.file().contains("/redb-");
        if !info.location().is_some_and(of_database) {
            others(info);
        }
    }));
    let done = run();
    panic::set_hook(Box::new(move |info| before(info)));
    done
}

/// Shows how far it is, and loads packs as a server would.
struct OnTerminal {
    bar: ProgressBar,
    sandbox: Sandbox,
}

impl Attending for OnTerminal {
    fn progress(&mut self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    fn pack(&mut self, _digest: Digest, pack: &[u8]) -> Option<String> {
        let loaded = self.sandbox.load_published(pack);
        loaded
            .err()
            .map(|error| format!("it does not load: {error}"))
    }
}

fn report<'a>(dir: &Path, examination: &'a Examination) -> Report<'a> {
    let Examination {
        files,
        counts,
        findings,
    } = examination;
    let Counts {
        tenants,
        packs,
        rule_versions,
        blocks,
        traces,
        spans,
        judged_blocks,
        signals,
        requests,
    } = *counts;
    let of_file = files.iter().map(|file| FileReport {
        name: &file.name,
        size_bytes: file.size_bytes,
        opens: file.opens,
    });
    Report {
        dir: dir.display().to_string(),
        ok: findings.is_empty(),
        files: of_file.collect(),
        counts: CountReport {
            tenants,
            packs,
            rule_versions,
            blocks,
            traces,
            spans,
            judged_blocks,
            signals,
            requests,
        },
        findings: findings.listed.iter().map(of_finding).collect(),
        more_findings: findings.n_more,
    }
}

fn of_finding(finding: &Finding) -> FindingReport<'_> {
    FindingReport {
        area: finding.area.name(),
        what: &finding.what,
        means: finding.area.means(),
        what_to_do: finding.area.remedy(),
    }
}

fn print(dir: &Path, examination: &Examination, console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["FILE", "BYTES", ""]);
    for file in &examination.files {
        let opens = if file.opens { "" } else { "cannot be read" };
        table.row(vec![
            file.name.clone(),
            file.size_bytes.to_string(),
            opens.to_owned(),
        ]);
    }
    table.print(console)?;
    let counts = &examination.counts;
    console.line(format_args!(
        "\n{}, {} with {} and {}, {}, {}, {} waiting\n",
        counted(counts.tenants, "tenant"),
        counted(counts.blocks, "block"),
        counted(counts.traces, "trace"),
        counted(counts.spans, "span"),
        counted(counts.signals, "signal"),
        counted(counts.rule_versions, "version") + " of rules",
        counted(counts.requests, "request"),
    ))?;
    let paint = console.paint();
    let findings = &examination.findings;
    if findings.is_empty() {
        return console
            .line(paint.green(format_args!("nothing is wrong with `{}`", dir.display())));
    }
    for finding in &findings.listed {
        let what = one_line(&finding.what);
        let area = finding.area;
        console.line(format_args!(
            "{} {what}",
            paint.red(format_args!("{}:", area.name()))
        ))?;
        console.line(format_args!("  means: {}", area.means()))?;
        console.line(format_args!("  to do: {}", area.remedy()))?;
    }
    let n = findings.listed.len() as u64 + findings.n_more;
    if findings.n_more > 0 {
        console.line(format_args!("... and {} more", findings.n_more))?;
    }
    console.line(format_args!(
        "\n{}; nothing was changed",
        counted(n, "finding")
    ))
}
