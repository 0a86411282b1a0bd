//! Rule text on its way to a component, with what the compiler has to say about it on stderr.

use betrace_dsl::{Color, Compiled, Diagnostic, Source, render};
use clap::ValueEnum;

use super::{console::Console, table::counted};

/// What is refused besides errors.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct DenyArgs {
    /// Refuse rules that the compiler warns of, as if they were wrong: exit status 2.
    #[arg(long, value_enum, value_name = "warnings", hide_possible_values = true)]
    deny: Option<Deny>,
}

/// What can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deny {
    Warnings,
}

impl DenyArgs {
    /// Whether a source that compiles is refused all the same.
    pub(super) fn refuses(self, diagnostics: &[Diagnostic]) -> bool {
        match self.deny {
            Some(Deny::Warnings) => !diagnostics.is_empty(),
            None => false,
        }
    }
}

/// Compiles a rule file; `None` where it has mistakes, or is refused, which has then been printed.
pub(super) fn compile(
    name: &str,
    text: &[u8],
    deny: DenyArgs,
    console: &Console,
) -> Option<Vec<u8>> {
    let source = Source { name, text };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    print(&source, &diagnostics, console);
    let Compiled {
        component,
        rules: _,
    } = compiled?;
    if deny.refuses(&diagnostics) {
        console.error(refused(name, diagnostics.len()));
        return None;
    }
    Some(component)
}

/// Says that warnings keep a source from being used.
pub(super) fn refused(name: &str, n_warnings: usize) -> String {
    let warnings = counted(n_warnings as u64, "warning");
    format!("`{name}` has {warnings}, and --deny warnings refuses them")
}

/// Prints diagnostics on stderr.
pub(super) fn print(source: &Source<'_>, diagnostics: &[Diagnostic], console: &Console) {
    if diagnostics.is_empty() {
        return;
    }
    let color = if console.paint_err().is_on() {
        Color::Ansi
    } else {
        Color::Plain
    };
    console.note(render(diagnostics, source, color).trim_end());
}
