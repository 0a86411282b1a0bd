//! Rule text on its way to a component, with what the compiler has to say about it on stderr.

use super::console::Console;

/// Compiles a rule file; `None` where it has mistakes, which have then been printed.
pub(super) fn compile(name: &str, _text: &[u8], console: &Console) -> Option<Vec<u8>> {
    console.error(format_args!("this build cannot compile `{name}`"));
    None
}
