//! A document as the editor has it.

use betrace_dsl::{Diagnostic, Source};
use lsp_types::{TextDocumentContentChangeEvent, Uri};

use super::position::Lines;

/// An open document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) lines: Lines,
    /// The editor's number of this text.
    pub(super) version: i32,
    /// What is wrong with it, once it was checked.
    diagnostics: Option<Vec<Diagnostic>>,
}

impl Document {
    pub(super) fn new(text: String, version: i32) -> Self {
        Self {
            lines: Lines::new(&text),
            text,
            version,
            diagnostics: None,
        }
    }

    /// Makes changes, in their order.
    pub(super) fn change(&mut self, changes: Vec<TextDocumentContentChangeEvent>, version: i32) {
        for change in changes {
            match change.range {
                Some(range) => {
                    let bytes = self.lines.bytes(&self.text, range);
                    self.text.replace_range(bytes, &change.text);
                }
                None => self.text = change.text,
            }
            self.lines = Lines::new(&self.text);
        }
        self.version = version;
        self.diagnostics = None;
    }

    /// Whether its diagnostics are still to be worked out.
    pub(super) fn is_unchecked(&self) -> bool {
        self.diagnostics.is_none()
    }

    /// Returns what is wrong with it.
    pub(super) fn diagnostics(&mut self, uri: &Uri) -> &[Diagnostic] {
        let text = &self.text;
        self.diagnostics.get_or_insert_with(|| {
            betrace_dsl::check(&Source {
                name: file_name(uri),
                text: text.as_bytes(),
            })
        })
    }
}

/// The last part of a URI: a rule without a name is named after it.
pub(super) fn file_name(uri: &Uri) -> &str {
    uri.as_str().rsplit('/').next().unwrap_or_default()
}
