//! `betrace bench`: what judging, replay and ingest cost on this machine, over traces that it makes.
//!
//! | file | what it owns |
//! |---|---|
//! | `traces` | the traces, and the requests that carry them |
//! | `made` | the store that is measured |
//! | `question`, `native` | the rules, and the same questions in native code |
//! | `ingest`, `judge`, `replay`, `grow` | a part of the bench each |
//! | `own` | the user's rules over the user's store |
//! | `measure` | times, and the table |
//!
//! Nothing is judged here but by [`crate::judge`]: native code is what it is measured against, and has to agree.

mod grow;
mod ingest;
mod judge;
mod made;
mod measure;
mod native;
mod own;
mod question;
mod replay;
mod traces;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    interrupt::Interrupt,
    table::counted,
    target::Format,
};
use crate::{
    api::otlp_json::otlp_json,
    clock::{Clock, SystemClock},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    time::DurationArg,
};

use made::{Made, Parameters, disk_bytes, open_or_make};
use measure::{Row, Unit, print};
use traces::{REQUEST_SPANS, TraceMaker};

/// Measure what judging, replay and ingest cost on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Makes the same traces in every run (12 spans a trace, 8 attributes a span) and measures over them.
Judging and replay are compared with native code that answers the same questions over the same
decoded columns: RATIO is how many times as much processor time the sandboxed rules take. Where the
two disagree about a verdict the command fails. A million traces take about half a gigabyte of disk.

Examples:
  betrace bench
  betrace bench --traces 10000000 --data /tmp/bench --only replay
  betrace bench --only judge,replay --threads 1 -o json
  betrace bench --only grow --traces 1000000
  betrace bench --data ./betrace-data --rules a.btr b.btr")]
pub struct Args {
    /// How many traces the store is made of.
    #[arg(long, value_name = "N", default_value = "20000")]
    traces: NonZeroU64,
    /// Where the store is kept for further runs; without it, it is temporary.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only these parts; without it, all but `grow`.
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// Replay the rules of these files over the store of --data, whatever made it, and measure nothing else.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        requires = "data",
        conflicts_with_all = ["traces", "only", "export"]
    )]
    rules: Vec<PathBuf>,
    /// Threads beside one; without it, as many as there are cores.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How long each figure is measured at least; it is the median of three runs or more.
    #[arg(long, value_name = "DURATION", default_value = "300ms")]
    run_for: DurationArg,
    /// Also write the traces of the store to a file, one a line, as `betrace import` reads them.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// How to print the figures.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests to durable, judged by ten rules, compacted.
    Ingest,
    /// What the store takes of the disk.
    Disk,
    /// One to a thousand rules over blocks in memory.
    Judge,
    /// Rules over the store.
    Replay,
    /// How costs grow with the store and with the trace.
    Grow,
}

impl Part {
    /// Those that are measured unless others are asked for.
    const USUAL: [Self; 4] = [Self::Ingest, Self::Disk, Self::Judge, Self::Replay];
}

/// What the parts work with.
struct Bench<'a> {
    console: &'a Console,
    clock: &'a dyn Clock,
    sandbox: Arc<Sandbox>,
    interrupt: Interrupt,
    threads: usize,
    at_least: Duration,
}

impl Bench<'_> {
    /// One thread, and all.
    fn thread_counts(&self) -> Vec<usize> {
        let mut counts = vec![1, self.threads];
        counts.dedup();
        counts
    }
}

/// What is reported.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    cores: usize,
    figures: Vec<Row>,
}

/// Measures, and prints.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let clock = SystemClock::new();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // The rules are the bench's own: nothing is to be kept apart from them.
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default());
    let sandbox = sandbox.map_err(|error| Failure::usage(anyhow::Error::new(error)))?;
    let bench = Bench {
        interrupt: Interrupt::listen(console, "what is measured by then is printed"),
        console: &*console,
        clock: &clock,
        sandbox: Arc::new(sandbox),
        threads: args.threads.map_or(cores, NonZeroUsize::get),
        at_least: args.run_for.0,
    };
    let mut figures = Vec::new();
    let parts = if args.only.is_empty() {
        &Part::USUAL[..]
    } else {
        &args.only
    };
    match &args.data {
        Some(dir) if !args.rules.is_empty() => own::run(&bench, dir, &args.rules, &mut figures)?,
        Some(_) | None => measure(&bench, args, parts, &mut figures)?,
    }
    let interrupted = bench.interrupt.asked();
    match args.output {
        Format::Human => print(&figures, console)?,
        Format::Json => console.json(&Report {
            version: env!("CARGO_PKG_VERSION"),
            cores,
            figures,
        })?,
        Format::Ndjson => figures.iter().try_for_each(|row| console.json_line(row))?,
    }
    Ok(if interrupted {
        Exit::Interrupted
    } else {
        Exit::Fine
    })
}

fn measure(
    bench: &Bench<'_>,
    args: &Args,
    parts: &[Part],
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let parameters = Parameters::new(args.traces, REQUEST_SPANS);
    let needs_store = |part: &Part| matches!(part, Part::Disk | Part::Replay);
    let asked = parts.iter().any(needs_store) || args.data.is_some();
    // Held until the end: a temporary store goes with it.
    let mut folder = None;
    let mut made = None;
    if asked {
        let dir = if let Some(dir) = &args.data {
            dir.clone()
        } else {
            let temporary = tempfile::tempdir().map_err(judge::own_failure)?;
            folder.insert(temporary).path().join("store")
        };
        made = make(bench, &dir, parameters)?;
    }
    if let Some(file) = &args.export {
        export(bench, parameters, file)?;
    }
    for part in parts {
        if bench.interrupt.asked() {
            break;
        }
        match (part, &made) {
            (Part::Ingest, _) => ingest::run(bench, parameters.traces, rows)?,
            (Part::Disk, Some(made)) => rows.push(disk(made)?),
            (Part::Judge, _) => judge::run(bench, parameters.traces, rows)?,
            (Part::Replay, Some(made)) => replay::run(bench, made, rows)?,
            (Part::Grow, _) => grow::run(bench, parameters.spans(), rows)?,
            // The store was not made: only an interrupt leads here.
            (Part::Disk | Part::Replay, None) => {}
        }
    }
    drop(made);
    drop(folder);
    Ok(())
}

fn make(bench: &Bench<'_>, dir: &Path, parameters: Parameters) -> Result<Option<Made>, Failure> {
    let bar = bench
        .console
        .progress_count("make", "traces", Some(parameters.traces));
    let made = open_or_make(dir, parameters, bench.threads, &bar, &bench.interrupt);
    bar.finish_and_clear();
    let made = made?;
    if let Some(made) = &made
        && made.is_fresh
    {
        bench.console.note(format_args!(
            "made {} of {} each",
            counted(parameters.traces, "trace"),
            counted(u64::from(parameters.spans_per_trace), "span"),
        ));
    }
    Ok(made)
}

fn disk(made: &Made) -> Result<Row, Failure> {
    let case = replay::case("disk", "all files of the store".to_owned(), &[], 1, made);
    let each = disk_bytes(&made.dir)? as f64 / made.parameters.spans() as f64;
    Ok(case.figure(Unit::BytesPerSpan, each, 1))
}

/// Writes the traces of the store as OTLP/JSON, one a line.
fn export(bench: &Bench<'_>, parameters: Parameters, path: &Path) -> Result<(), Failure> {
    let maker = TraceMaker::new(parameters.spans_per_trace);
    let bar = bench
        .console
        .progress_count("export", "traces", Some(parameters.traces));
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for number in 0..parameters.traces {
            if bench.interrupt.asked() {
                break;
            }
            serde_json::to_writer(&mut file, &otlp_json(&maker.sealed(number).spans))?;
            file.write_all(b"\n")?;
            bar.inc(1);
        }
        file.flush()
    };
    let written = write().with_context(|| format!("failed to write `{}`", path.display()));
    bar.finish_and_clear();
    written.map_err(Failure::usage)
}
