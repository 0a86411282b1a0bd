//! The command line: one file per command, each with its `Args` and a `run`.
//!
//! What holds for all of them: data goes to stdout and everything else to stderr; colour and progress bars
//! appear on a terminal only; the exit status is one of [`exit::Exit`]; times are RFC 3339 or ages. A command
//! that speaks to a server and one that opens a store run the same code over one set of operations.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use crate::sandbox::{COMPILE_PACK_ARG, compile_child};

use console::{ColourChoice, Console};
use exit::{Chain, Exit, Failure, Outcome};

pub mod bench;
pub mod build;
pub mod check;
pub mod client;
pub mod compile;
pub mod completions;
pub mod console;
pub mod demo;
pub mod doctor;
pub mod exit;
pub mod explain;
pub mod fmt;
pub mod holds;
pub mod import;
pub mod inspect;
mod interrupt;
pub mod keys;
mod logs;
pub mod lsp;
pub mod new;
pub(crate) mod oci;
mod packs;
pub mod pull;
pub mod push;
pub mod replay;
pub mod rules;
pub mod serve;
pub mod sign;
pub mod signals;
mod source;
pub mod spans;
pub mod table;
pub mod target;
pub mod tenants;
pub mod test;
pub mod traces;

/// `betrace`, as it is called.
#[derive(Debug, Parser)]
#[command(
    name = "betrace",
    version,
    about = "Checks that OpenTelemetry traces behave as rules say they must, live and over all of history",
    after_help = EXAMPLES,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    #[arg(
        long,
        alias = "color",
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true,
        help = "When to colour what people read: auto, always or never"
    )]
    colour: ColourChoice,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  betrace demo                                    see it work, in under a minute
  betrace serve --data ./betrace-data             take in OTLP on 4317 and 4318, answer on 4320
  betrace check rules/*.btr                       find the mistakes in rules
  betrace new --lang rust my-rules                begin rules in Rust; `betrace build my-rules` makes a component
  betrace rules apply rules/                      publish rules to the running server
  betrace replay hipaa.btr --from 30d             try a rule on stored history
  betrace explain hipaa.btr TRACE_ID              see why a trace has its verdict
  betrace signals watch                           see violations as they happen

Exit status: 0 fine, 1 findings (failing tests; violations under --fail-on violated),
2 a rule or an input is wrong, 3 usage or configuration, 4 inconclusive, 5 server unreachable.
BETRACE_SERVER and BETRACE_TOKEN stand in for --server and --token.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Import(import::Args),
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Fmt(fmt::Args),
    Compile(compile::Args),
    Inspect(inspect::Args),
    Keys(keys::Args),
    Sign(sign::SignArgs),
    Verify(sign::VerifyArgs),
    Push(push::Args),
    Pull(pull::Args),
    Test(test::Args),
    Explain(explain::Args),
    Replay(replay::Args),
    Rules(rules::Args),
    Signals(signals::Args),
    Traces(traces::Args),
    Holds(holds::Args),
    Tenants(tenants::Args),
    Doctor(doctor::Args),
    Bench(bench::Args),
    Lsp(lsp::Args),
    Completions(completions::Args),
}

/// Runs `betrace` with these arguments, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // Not a command: what the sandbox runs this binary for, which must come before everything else.
    if args.get(1).is_some_and(|arg| arg == COMPILE_PACK_ARG) {
        return compile_child();
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let mut console = Console::new(cli.colour);
    let outcome = run(cli.command, &mut console).and_then(|exit| {
        console.flush()?;
        Ok(exit)
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(Failure::ReaderGone) => Exit::Fine.into(),
        Err(Failure::Error { exit, error, help }) => {
            // What was found before the failure is kept; that it cannot be written adds nothing.
            let _unread = console.flush();
            console.error(Chain(&error));
            if let Some(help) = help {
                console.note(format_args!("{} {help}", console.paint_err().bold("help:")));
            }
            exit.into()
        }
    }
}

fn run(command: Command, console: &mut Console) -> Outcome {
    match command {
        Command::Demo(args) => demo::run(args, console),
        Command::Serve(args) => serve::run(args, console),
        Command::Import(args) => import::run(&args, console),
        Command::New(args) => new::run(&args, console),
        Command::Build(args) => build::run(&args, console),
        Command::Check(args) => check::run(&args, console),
        Command::Fmt(args) => fmt::run(&args, console),
        Command::Compile(args) => compile::run(&args, console),
        Command::Inspect(args) => inspect::run(&args, console),
        Command::Keys(args) => keys::run(&args, console),
        Command::Sign(args) => sign::sign(&args, console),
        Command::Verify(args) => sign::verify(&args, console),
        Command::Push(args) => push::run(&args, console),
        Command::Pull(args) => pull::run(&args, console),
        Command::Test(args) => test::run(&args, console),
        Command::Explain(args) => explain::run(&args, console),
        Command::Replay(args) => replay::run(&args, console),
        Command::Rules(args) => rules::run(args, console),
        Command::Signals(args) => signals::run(args, console),
        Command::Traces(args) => traces::run(args, console),
        Command::Holds(args) => holds::run(&args, console),
        Command::Tenants(args) => tenants::run(args, console),
        Command::Doctor(args) => doctor::run(&args, console),
        Command::Bench(args) => bench::run(&args, console),
        Command::Lsp(args) => lsp::run(&args, console),
        Command::Completions(args) => completions::run(&args, console),
    }
}

/// Prints what clap has to say, with our exit statuses: 3 for a wrong command line where clap says 2.
fn usage(error: &clap::Error) -> Exit {
    // Nothing can be done about a stdout or stderr that is gone.
    let _unread = error.print();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "clap's list of errors grows; only these two are not errors"
    )]
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Fine,
        _ => Exit::Usage,
    }
}

/// The whole command, for completions and for the test that reads every page of help.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_command_is_well_formed_and_has_an_example() {
        let mut command = super::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            for command in std::iter::once(sub).chain(sub.get_subcommands()) {
                let help = command.get_after_help().map(ToString::to_string);
                let has = help.is_some_and(|help| help.contains("betrace "));
                let name = command.get_name();
                let ours = sub.get_name() != "help" && name != "help" && !sub.is_hide_set();
                assert!(has || !ours, "{} {name} has no example", sub.get_name());
            }
        }
    }
}
