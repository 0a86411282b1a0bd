//! Rule text on its way to a component, with what the compiler has to say about it on stderr.

use betrace_dsl::{Color, Compiled, Diagnostic, Source, render};

use super::console::Console;

/// Compiles a rule file; `None` where it has mistakes, which have then been printed.
pub(super) fn compile(name: &str, text: &[u8], console: &Console) -> Option<Vec<u8>> {
    let source = Source { name, text };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    print(&source, &diagnostics, console);
    compiled.map(
        |Compiled {
             component,
             rules: _,
         }| component,
    )
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
