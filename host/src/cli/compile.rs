//! `betrace compile`: a rule file, or the core module that another compiler made of rules, to a component.

use std::{fs, io::IsTerminal, path::PathBuf};

use anyhow::{Context, anyhow};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs,
    source::{self, DenyArgs},
    target::one_shot_sandbox,
};

/// How every file of WebAssembly begins, a core module by its version and a component by its.
const WASM: &[u8] = b"\0asm";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Compile a rule file, or wrap a module of another language, to a WebAssembly component.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The same source gives the same bytes. `-o -` writes to stdout, unless that is a terminal.

A core module of another language is wrapped, if it exports what the contract asks for and imports
nothing; wit/README.md says how to make one. What a server would not load is not written.

Examples:
  betrace compile hipaa.btr -o hipaa.wasm
  betrace compile hipaa.btr -o - | sha256sum
  betrace compile rule.core.wasm -o rule.wasm")]
pub struct Args {
    /// The rule file (.btr), or a core module (.wasm); `-` for standard input.
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
    let to_stdout = packs::is_stdin(&args.output);
    if to_stdout && std::io::stdout().is_terminal() {
        return Err(
            Failure::usage(anyhow!("a component is no text for a terminal"))
                .help("write it to a file with -o OUT.wasm"),
        );
    }
    let component = if text.starts_with(WASM) {
        wrap(&name, text)?
    } else {
        packs::check_ending(&args.file, &[".btr"])?;
        match source::compile(&name, &text, args.deny, console) {
            Some(component) => component,
            None => return Ok(Exit::Wrong),
        }
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

/// Wraps a core module, and loads what comes of it as a server would.
fn wrap(name: &str, module: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if !module.starts_with(CORE_MODULE) {
        return Err(Failure::wrong(anyhow!("`{name}` is compiled already"))
            .help("look into it with `betrace inspect`"));
    }
    let component = betrace_dsl::wrap(module)
        .map_err(|error| anyhow!("`{name}` is no module of rules: {error}"))
        .map_err(|error| {
            Failure::wrong(error)
                .help("it exports the functions of betrace:rules/pack, cabi_realloc and memory, and imports nothing")
        })?;
    one_shot_sandbox()?
        .load(&component)
        .with_context(|| format!("what was made of `{name}` would not be loaded"))
        .map_err(Failure::wrong)?;
    Ok(component)
}
