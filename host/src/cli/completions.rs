//! `betrace completions`.

use clap_complete::Shell;

use super::{
    console::Console,
    exit::{Exit, Outcome},
};

/// Print the completions of a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace completions bash > ~/.local/share/bash-completion/completions/betrace
  betrace completions zsh > ~/.zfunc/_betrace
  betrace completions fish > ~/.config/fish/completions/betrace.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "betrace", &mut script);
    console.bytes(&script)?;
    Ok(Exit::Fine)
}
