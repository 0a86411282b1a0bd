//! The `BeTrace` rule language: a text of rules becomes a WebAssembly component that holds them.
//!
//! | rung | module | from -> to |
//! |---|---|---|
//! | 1 | `lexer` | text -> tokens |
//! | 2 | `parser` | tokens -> `ast`, every node with its place |
//! | 3 | `check` | `ast` -> `ir`: names resolved, types known |
//! | 4 | `reads` | `ir` -> what each rule needs to see |
//! | 5 | `codegen` | `ir` and reads -> a core module |
//! | 6 | `component` | module -> component, with the contract in `wit/` |
//!
//! A rung takes one representation and returns the next, with diagnostics. The compiler does no input or output, reads no
//! clock, and gives the same bytes for the same source.
//!
//! ```
//! let source = betrace_dsl::Source { name: "phi.btr", text: b"trace.has(phi.access) and not trace.has(audit.log)" };
//! let (compiled, diagnostics) = betrace_dsl::compile(&source);
//! assert!(diagnostics.is_empty());
//! assert_eq!(compiled.unwrap().rules[0].id, "phi");
//! ```
//!
//! What it does not do: look names up in a store, or run rules.
#![forbid(unsafe_code)]

pub use component::wrap;
pub use diagnostic::{
    Code, Color, Diagnostic, Fix, Label, Page, Severity as DiagnosticSeverity, render,
};
pub use explain::{Explanation, Piece, Role, explain};
pub use format::format;
pub use ir::Severity;
pub use source::{Position, Source, Span};
pub use zone::tz_version;

use limits::{PACK_NAMES_MAX, SOURCE_BYTES_MAX};
use pattern::Tables;

mod ast;
mod check;
mod codegen;
mod component;
mod diagnostic;
pub mod editor;
mod explain;
mod format;
mod ir;
mod lexer;
pub mod limits;
#[cfg(feature = "oracle")]
pub mod oracle;
mod parser;
mod pattern;
mod reads;
pub mod reference;
mod sheet;
mod source;
mod suggest;
mod token;
mod zone;

/// A pack, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The bytes of the component.
    pub component: Vec<u8>,
    /// The rules in it, in the order of `describe`.
    pub rules: Vec<RuleHeader>,
}

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHeader {
    /// Its id.
    pub id: String,
    /// The name under which violations are reported.
    pub signal: String,
    /// How grave a violation is.
    pub severity: Severity,
    /// What must hold, in a sentence; may be empty.
    pub summary: String,
    /// The controls of standards that it gives evidence for.
    pub controls: Vec<String>,
    /// The span names that it speaks of.
    pub names: Vec<String>,
}

/// Compiles a source. There is a pack exactly if no diagnostic is an error.
pub fn compile(source: &Source<'_>) -> (Option<Compiled>, Vec<Diagnostic>) {
    let mut tables = Tables::default();
    let (front, mut diagnostics) = front(source, &mut tables);
    let Some((pack, spans)) = front else {
        return (None, diagnostics);
    };
    let reads = reads::pack_reads(&pack);
    let has_zone = pack.rules.iter().any(|rule| rule.zone.is_some());
    let tz = has_zone.then(tz_version);
    match codegen::emit(&pack, &reads, &mut tables) {
        Ok(module) => {
            #[expect(
                clippy::expect_used,
                reason = "a module that codegen emits has what the world asks for; the tests encode every construct"
            )]
            let component = component::encode(module, tz)
                .expect("codegen emits a module that fits the contract");
            let headers = pack
                .rules
                .into_iter()
                .zip(reads.rules)
                .map(|(rule, reads)| RuleHeader {
                    id: rule.id,
                    signal: rule.signal,
                    severity: rule.severity,
                    summary: rule.summary,
                    controls: rule.controls,
                    names: reads.names,
                });
            (
                Some(Compiled {
                    component,
                    rules: headers.collect(),
                }),
                diagnostics,
            )
        }
        Err(large) => {
            diagnostic::add(&mut diagnostics, too_large(&large, &spans));
            (None, diagnostics)
        }
    }
}

fn too_large(large: &codegen::TooLarge, spans: &[Span]) -> Diagnostic {
    match large {
        codegen::TooLarge::Names => {
            let message = format!("the file speaks of more than {PACK_NAMES_MAX} span names");
            Diagnostic::error(Code::PackTooLarge, Span::default(), message, "this file")
                .help("split it")
        }
        codegen::TooLarge::Rule(index) => Diagnostic::error(
            Code::RuleTooLarge,
            spans.get(*index).copied().unwrap_or_default(),
            "the rule's component would be larger than 4 MiB",
            "this rule",
        )
        .help("split it into several rules"),
    }
}

/// Says what is wrong with a source, without compiling it.
pub fn check(source: &Source<'_>) -> Vec<Diagnostic> {
    front(source, &mut Tables::default()).1
}

/// Text to IR, with the places of the rules; `tables` come to hold those of its patterns.
fn front(
    source: &Source<'_>,
    tables: &mut Tables,
) -> (Option<(ir::Pack, Vec<Span>)>, Vec<Diagnostic>) {
    let text = match read_text(source) {
        Ok(text) => text,
        Err(diagnostic) => return (None, vec![*diagnostic]),
    };
    let lexed = lexer::lex(text);
    let (file, mut parsed) = parser::parse(text, &lexed.tokens);
    let mut diagnostics = lexed.diagnostics;
    diagnostics.append(&mut parsed);
    let input = check::Input {
        file_name: source.name,
        text,
        header: &lexed.header,
    };
    let (pack, mut checked) = check::check(&file, input, tables);
    diagnostics.append(&mut checked);
    diagnostic::order(&mut diagnostics);
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    let spans = file.rules.iter().map(|rule| rule.span).collect();
    (
        pack.filter(|_| !failed).map(|pack| (pack, spans)),
        diagnostics,
    )
}

/// Bytes to text, within the limit of their number.
fn read_text<'a>(source: &Source<'a>) -> Result<&'a str, Box<Diagnostic>> {
    if source.text.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes; at most {SOURCE_BYTES_MAX} are read",
            source.text.len()
        );
        let diagnostic =
            Diagnostic::error(Code::SourceTooLarge, Span::default(), message, "this file")
                .help("split the rules over several files");
        return Err(Box::new(diagnostic));
    }
    std::str::from_utf8(source.text).map_err(|error| {
        let at = error.valid_up_to();
        let span = Span::new(at, at + error.error_len().unwrap_or(1));
        let diagnostic = Diagnostic::error(
            Code::NotText,
            span,
            "the file is not text in UTF-8",
            "this byte",
        );
        Box::new(diagnostic.help("save the file as UTF-8"))
    })
}
