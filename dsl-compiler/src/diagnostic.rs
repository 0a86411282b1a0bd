//! What the compiler has to say about a source: data, which `render` turns into text and the CLI into JSON.

pub use code::Code;
pub use page::Page;
pub use render::{Color, render};

use crate::{limits::DIAGNOSTICS_MAX, source::Span};

mod code;
mod page;
mod render;

/// Whether a diagnostic keeps the source from compiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The source does not compile.
    Error,
    /// The source compiles, and probably does not mean what its author meant.
    Warning,
}

/// A place in the source and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// A replacement that mends the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What to replace.
    pub span: Span,
    /// What to write there.
    pub replacement: String,
}

/// One mistake, or one doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of mistake.
    pub code: Code,
    /// Whether it keeps the source from compiling.
    pub severity: Severity,
    /// What is wrong, in the author's words.
    pub message: String,
    /// Where.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
    /// The same as an edit, where it is sure to be meant.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    pub(crate) fn error(
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label {
                span,
                text: label.into(),
            },
            secondary: Vec::new(),
            help: None,
            fix: None,
        }
    }

    pub(crate) fn warning(
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message, label)
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers an edit.
    pub(crate) fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix {
            span,
            replacement: replacement.into(),
        });
        self
    }

    /// Points at another place.
    pub(crate) fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Whether this keeps the source from compiling.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Adds a diagnostic to those of a run, of which there are at most `DIAGNOSTICS_MAX`; an error takes the place of a warning.
pub(crate) fn add(diagnostics: &mut Vec<Diagnostic>, diagnostic: Diagnostic) {
    if diagnostics.len() < DIAGNOSTICS_MAX {
        diagnostics.push(diagnostic);
    } else if diagnostic.is_error()
        && let Some(warning) = diagnostics.iter_mut().rev().find(|other| !other.is_error())
    {
        *warning = diagnostic;
    }
}

/// Puts diagnostics in order of place, and leaves `DIAGNOSTICS_MAX` of them, errors before warnings.
pub(crate) fn order(diagnostics: &mut Vec<Diagnostic>) {
    let by_place = |diagnostic: &Diagnostic| (diagnostic.primary.span, diagnostic.severity);
    diagnostics.sort_by_key(by_place);
    // A definition is parsed wherever it is used, and a mistake in it is still one.
    diagnostics.dedup();
    if diagnostics.len() > DIAGNOSTICS_MAX {
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
        diagnostics.truncate(DIAGNOSTICS_MAX);
        diagnostics.sort_by_key(by_place);
    }
}
