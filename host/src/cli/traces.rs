//! `betrace traces`.

use std::io;

use clap::{Subcommand, ValueEnum};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    table::Table,
    target::{Format, TargetArgs},
};
use crate::{
    api::{
        error::ApiError,
        wire::{TraceQuery, TraceSummary},
    },
    clock::{Clock, SystemClock},
    time::{TimeArg, rfc3339},
    trace::TraceId,
};

mod tree;

/// How many services of a trace a table names.
const SERVICES_SHOWN_MAX: usize = 3;

/// See stored traces, and open ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace traces show 5b8efff798038103d269b633813fc60c
  betrace traces show 5b8efff798038103d269b633813fc60c -o otlp-json | jq .
  betrace traces list --from 1h")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArgs),
    List(ListArgs),
}

/// Show one trace: its spans as a tree, and the verdicts on it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace traces show 5b8efff798038103d269b633813fc60c
  betrace traces show 5b8efff798038103d269b633813fc60c -o otlp-json > trace.json")]
pub struct ShowArgs {
    /// The trace's id, 32 hexadecimal digits.
    #[arg(value_name = "TRACE_ID")]
    id: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: ShowFormat,
    #[command(flatten)]
    target: TargetArgs,
}

/// How to print a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    #[default]
    Human,
    /// What is known of it, in one JSON document.
    Json,
    /// The trace as OTLP/JSON, as `import` reads it.
    OtlpJson,
}

/// List stored traces, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace traces list --from 1h
  betrace traces list --from 2026-03-01 --to 2026-03-02 --limit 500 -o ndjson")]
pub struct ListArgs {
    /// Only traces that start at this time or later.
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArg>,
    /// Only traces that start before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<TimeArg>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the subcommand.
pub fn run(args: Args, console: &mut Console) -> Outcome {
    match args.command {
        Command::Show(args) => show(&args, console),
        Command::List(args) => list(&args, console),
    }
}

fn show(args: &ShowArgs, console: &mut Console) -> Outcome {
    let id = TraceId::from_hex(&args.id).ok_or_else(|| {
        let unknown = Failure::from(ApiError::not_found("trace", &args.id));
        unknown.help("a trace's id is 32 hexadecimal digits; `betrace traces list` lists some")
    })?;
    let trace = args.target.open()?.operations().trace(id)?;
    match args.output {
        ShowFormat::Human => tree::print(&trace, console)?,
        ShowFormat::Json => console.json(&trace)?,
        ShowFormat::OtlpJson => console.json_line(&trace.otlp)?,
    }
    Ok(Exit::Fine)
}

fn list(args: &ListArgs, console: &mut Console) -> Outcome {
    let now = SystemClock::new().unix_nanos();
    let query = TraceQuery {
        from: args.from.map(|from| rfc3339(from.resolve(now))),
        to: args.to.map(|to| rfc3339(to.resolve(now))),
        limit: usize::try_from(args.limit).ok(),
    };
    let traces = args.target.open()?.operations().traces(&query)?.traces;
    match args.output {
        Format::Human if traces.is_empty() => console.note("no traces"),
        Format::Human => print_traces(&traces, console)?,
        Format::Json => console.json(&traces)?,
        Format::Ndjson => traces
            .iter()
            .try_for_each(|trace| console.json_line(trace))?,
    }
    Ok(Exit::Fine)
}

/// Names a few services: a trace may pass through dozens.
fn services(services: &[String]) -> String {
    let shown = services.iter().take(SERVICES_SHOWN_MAX);
    let mut text = shown.map(String::as_str).collect::<Vec<_>>().join(",");
    let more = services.len().saturating_sub(SERVICES_SHOWN_MAX);
    if more > 0 {
        text.push_str(" +");
        text.push_str(&more.to_string());
    }
    text
}

fn print_traces(traces: &[TraceSummary], console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&[
        "START", "TRACE", "DURATION", "SPANS", "ERRORS", "SERVICES", "NAME",
    ]);
    for trace in traces {
        table.row(vec![
            trace.start.clone(),
            trace.trace_id.clone(),
            format!("{:.1} ms", trace.duration_ns as f64 / 1e6),
            trace.n_spans.to_string(),
            trace.n_errors.to_string(),
            services(&trace.services),
            trace.name.clone(),
        ]);
    }
    table.print(console)
}
