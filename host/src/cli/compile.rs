//! `betrace compile`.

use std::{fs, io::IsTerminal, path::PathBuf};

use anyhow::{Context, anyhow};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs,
    source::{self, DenyArgs},
};

/// Compile a rule file to a WebAssembly component.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same source gives the same bytes. `-o -` writes to stdout, unless that is a terminal.

Examples:
  betrace compile hipaa.btr -o hipaa.wasm
  betrace compile hipaa.btr -o - | sha256sum")]
pub struct Args {
    /// The rule file (.btr); `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write the component.
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
    #[command(flatten)]
    deny: DenyArgs,
}

/// Compiles the file. Nothing is written where it has mistakes.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let text = packs::read_file(&args.file)?;
    let name = packs::name(&args.file);
    if text.starts_with(b"\0asm") {
        return Err(Failure::wrong(anyhow!("`{name}` is compiled already"))
            .help("look into it with `betrace inspect`"));
    }
    packs::check_ending(&args.file, &[".btr"])?;
    let to_stdout = packs::is_stdin(&args.output);
    if to_stdout && std::io::stdout().is_terminal() {
        return Err(
            Failure::usage(anyhow!("a component is no text for a terminal"))
                .help("write it to a file with -o OUT.wasm"),
        );
    }
    let Some(component) = source::compile(&name, &text, args.deny, console) else {
        return Ok(Exit::Wrong);
    };
    if to_stdout {
        console.bytes(&component)?;
    } else {
        fs::write(&args.output, &component)
            .with_context(|| format!("failed to write `{}`", args.output.display()))
            .map_err(Failure::usage)?;
    }
    Ok(Exit::Fine)
}
