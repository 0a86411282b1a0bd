//! `betrace import`.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use indicatif::ProgressBar;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    console::Console,
    exit::{Chain, Exit, Failure, Outcome},
    interrupt::Interrupt,
    table::counted,
    target::{Format, Target, TargetArgs},
};
use crate::{
    clock::{Clock, SystemClock},
    ingest::file::{FileError, FileRequest, Reader},
    time::took,
};

mod to_server;
mod to_store;

/// How many refused requests are named, and as many of which spans are refused; the rest is counted.
const REFUSED_SHOWN_MAX: u64 = 20;

/// Store traces from files, and judge them by the published rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads OTLP/JSON lines, OTLP/JSON documents and OTLP protobuf, plain or as .gz or .zst, whatever the
name says. A line that is not OTLP, or a span of one that cannot be read, is named, counted and
skipped, and the exit status is then 2; the rest is kept. Importing a file twice stores nothing twice. Ctrl-C keeps what was read; the same
command then takes the rest.

Examples:
  betrace import traces.jsonl.zst --data ./betrace-data
  betrace import a.json b.pb.gz --server http://127.0.0.1:4320
  kubectl exec collector -- cat /out.jsonl | betrace import -")]
pub struct Args {
    /// Files; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to print the counts.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// What was imported.
#[derive(Debug, Default, Serialize)]
struct Report {
    requests: u64,
    spans: u64,
    traces: u64,
    /// Requests that cannot be read.
    requests_refused: u64,
    /// Requests of which spans were refused, and the others kept.
    #[serde(skip)]
    requests_refused_in_part: u64,
    /// Spans of these that cannot be read or used.
    spans_refused: u64,
    elapsed_ms: u64,
}

/// Where requests go.
trait Destination {
    /// Takes one request; may block while what came before is on its way.
    fn take(&mut self, request: FileRequest) -> Result<(), Failure>;
    /// Returns when everything that was taken is kept.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// Imports the files in order.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let clock = SystemClock::new();
    let interrupt = Interrupt::listen(
        console,
        "keeping what was read; Ctrl-C again ends without it",
    );
    // Opened for the first file that can be read: a mistyped name makes no store.
    let mut destination = None;
    let mut import = Import {
        console,
        report: Report::default(),
        traces: HashSet::new(),
        wrong: false,
        interrupt,
    };
    for file in &args.files {
        if import.interrupt.asked() {
            break;
        }
        let reader = match Reader::open(file) {
            Ok(reader) => reader,
            Err(error) => {
                import.refuse(error);
                continue;
            }
        };
        let into = match &mut destination {
            Some(destination) => destination,
            None => destination.insert(open(&args.target)?),
        };
        let bar = import
            .console
            .progress_bytes(&file.display().to_string(), reader.bytes_total());
        let imported = import.file(reader, into.as_mut(), &bar);
        bar.finish_and_clear();
        if let Err(stopped) = imported {
            // Why it cannot go on is known to whoever ends it.
            destination.take().map_or(Ok(()), Destination::finish)?;
            return Err(stopped);
        }
    }
    if let Some(destination) = destination {
        destination.finish()?;
    }
    let Import {
        console,
        mut report,
        traces,
        wrong,
        interrupt,
    } = import;
    report.traces = traces.len() as u64;
    report.elapsed_ms = u64::try_from(clock.monotonic().as_millis()).unwrap_or(u64::MAX);
    print(&report, args.output, console)?;
    if interrupt.asked() {
        console.note(
            "what was read is kept, and judged as far as it was read; \
             import the same files again for the rest",
        );
        return Ok(Exit::Interrupted);
    }
    Ok(if wrong || report.spans_refused > 0 {
        Exit::Wrong
    } else {
        Exit::Fine
    })
}

fn open(target: &TargetArgs) -> Result<Box<dyn Destination>, Failure> {
    Ok(match target.open_or_make()? {
        Target::Server(client) => Box::new(to_server::ToServer::start(&client)?),
        Target::Store(local) => Box::new(to_store::ToStore::start(&local)?),
    })
}

/// An import under way.
struct Import<'a> {
    console: &'a mut Console,
    report: Report,
    /// Hashes of the trace ids seen: 8 bytes each where the ids would be 16.
    traces: HashSet<u64>,
    wrong: bool,
    interrupt: Interrupt,
}

impl Import<'_> {
    fn file(
        &mut self,
        mut reader: Reader,
        destination: &mut dyn Destination,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        while let Some(request) = reader.next() {
            bar.set_position(reader.bytes_read());
            match request {
                Ok(request) => {
                    bar.suspend(|| self.count(&request, reader.file()));
                    bar.set_message(format!("{} spans", self.report.spans));
                    destination.take(request)?;
                }
                Err(error) => bar.suspend(|| self.refuse(error)),
            }
            if self.interrupt.asked() {
                break;
            }
        }
        Ok(())
    }

    fn count(&mut self, request: &FileRequest, file: &str) {
        self.report.requests += 1;
        self.report.spans += request.decoded.records.len() as u64;
        for record in &request.decoded.records {
            self.traces.insert(xxh3_64(&record.trace_id.0));
        }
        if let Some(rejection) = request.decoded.rejection() {
            self.report.spans_refused += request.decoded.n_rejected();
            self.report.requests_refused_in_part += 1;
            if self.report.requests_refused_in_part <= REFUSED_SHOWN_MAX {
                let place = request.place;
                self.console
                    .warn(format_args!("{file}, {place}: {rejection}"));
            }
        }
    }

    fn refuse(&mut self, error: FileError) {
        self.wrong = true;
        if matches!(error, FileError::Request { .. }) {
            self.report.requests_refused += 1;
            if self.report.requests_refused > REFUSED_SHOWN_MAX {
                return;
            }
        }
        self.console.error(Chain(&error.into()));
    }
}

fn print(report: &Report, format: Format, console: &mut Console) -> Result<(), Failure> {
    match format {
        Format::Json => console.json(report)?,
        Format::Ndjson => console.json_line(report)?,
        Format::Human => {
            let Report {
                requests,
                spans,
                traces,
                requests_refused,
                requests_refused_in_part,
                spans_refused,
                elapsed_ms,
            } = report;
            let hidden = requests_refused_in_part.saturating_sub(REFUSED_SHOWN_MAX);
            if hidden > 0 {
                console.note(format_args!(
                    "... and {hidden} more requests of which spans are refused"
                ));
            }
            let hidden = requests_refused.saturating_sub(REFUSED_SHOWN_MAX);
            if hidden > 0 {
                console.note(format_args!(
                    "... and {hidden} more requests that cannot be read"
                ));
            }
            let rate = spans * 1_000 / (*elapsed_ms).max(1);
            let elapsed = took(Duration::from_millis(*elapsed_ms));
            console.line(format_args!(
                "imported {}, {}, {} in {elapsed} ({rate} spans/s)",
                counted(*requests, "request"),
                counted(*spans, "span"),
                counted(*traces, "trace"),
            ))?;
            if *requests_refused > 0 || *spans_refused > 0 {
                console.line(format_args!(
                    "refused {} and {}",
                    counted(*requests_refused, "request"),
                    counted(*spans_refused, "span"),
                ))?;
            }
        }
    }
    Ok(())
}
