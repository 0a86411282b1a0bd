//! `betrace holds`.

use clap::Subcommand;

use super::{
    console::Console,
    exit::{Exit, Outcome},
    table::Table,
    target::{Format, TargetArgs},
};
use crate::{
    api::wire::{AddHold, HoldView},
    clock::{Clock, SystemClock},
    time::{TimeArg, rfc3339},
};

/// Keep traces of a time whatever retention says, for as long as a hold lasts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A hold keeps every trace that starts in its range, with the traces that lie in the same blocks. It does
not bring back what retention took before it was made. A tenant that has a hold cannot be removed.

Examples:
  betrace holds add --from 2026-03-01 --to 2026-04-01
  betrace holds list
  betrace holds remove 1")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Make a hold, and print its number.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace holds add --from 2026-03-01 --to 2026-04-01
  betrace holds add --from 2026-03-01T08:00:00Z --to 1h --data ./betrace-data --tenant acme")]
pub struct AddArgs {
    /// Traces that start at this time or later,
    #[arg(long, value_name = "TIME")]
    from: TimeArg,
    /// and before this time.
    #[arg(long, value_name = "TIME")]
    to: TimeArg,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// List the holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace holds list
  betrace holds list -o json")]
pub struct ListArgs {
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Remove a hold: what it kept goes when it is old enough.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace holds remove 1
  betrace holds remove 1 --data ./betrace-data --tenant acme")]
pub struct RemoveArgs {
    /// The hold's number.
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    match &args.command {
        Command::Add(args) => add(args, console),
        Command::List(args) => list(args, console),
        Command::Remove(args) => {
            let target = args.target.open()?;
            let removed = target.operations().remove_hold(args.number)?;
            console.line(format_args!("{}  removed", removed.removed))?;
            Ok(Exit::Fine)
        }
    }
}

fn add(args: &AddArgs, console: &mut Console) -> Outcome {
    let now = SystemClock::new().unix_nanos();
    let request = AddHold {
        from: rfc3339(args.from.resolve(now)),
        to: rfc3339(args.to.resolve(now)),
    };
    let hold = args.target.open()?.operations().add_hold(&request)?;
    print(&[hold], args.output, console)
}

fn list(args: &ListArgs, console: &mut Console) -> Outcome {
    let holds = args.target.open()?.operations().holds()?;
    if holds.is_empty() && args.output == Format::Human {
        console.note("there are no holds; make one with `betrace holds add --from TIME --to TIME`");
    }
    print(&holds, args.output, console)
}

fn print(holds: &[HoldView], format: Format, console: &mut Console) -> Outcome {
    match format {
        Format::Human => {
            let mut table = Table::new(&["NUMBER", "FROM", "TO", "MADE", "BY"]);
            for hold in holds {
                table.row(vec![
                    hold.id.to_string(),
                    hold.from.clone(),
                    hold.to.clone(),
                    hold.created.clone(),
                    hold.by.clone(),
                ]);
            }
            table.print(console)?;
        }
        Format::Json => console.json(&holds)?,
        Format::Ndjson => holds.iter().try_for_each(|hold| console.json_line(hold))?,
    }
    Ok(Exit::Fine)
}
