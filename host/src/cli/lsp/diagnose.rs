//! Diagnostics of the compiler as those of the protocol, and their fixes as actions.

use std::collections::HashMap;

use betrace_dsl as dsl;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, Location, NumberOrString, Range, TextEdit, Uri, WorkspaceEdit,
};

use super::document::Document;

/// Returns what is wrong with a document.
pub(super) fn diagnostics(uri: &Uri, document: &mut Document) -> Vec<Diagnostic> {
    let found = document.diagnostics(uri).to_vec();
    found
        .iter()
        .map(|diagnostic| convert(uri, document, diagnostic))
        .collect()
}

/// Returns the fixes of what is wrong in a range.
pub(super) fn actions(
    uri: &Uri,
    document: &mut Document,
    range: Range,
) -> Vec<CodeActionOrCommand> {
    let asked = document.lines.bytes(&document.text, range);
    let found = document.diagnostics(uri).to_vec();
    let touches =
        |span: dsl::Span| span.start as usize <= asked.end && asked.start <= span.end as usize;
    found
        .iter()
        .filter_map(|diagnostic| diagnostic.fix.as_ref().map(|fix| (diagnostic, fix)))
        .filter(|(diagnostic, fix)| touches(diagnostic.primary.span) || touches(fix.span))
        .map(|(diagnostic, fix)| {
            CodeActionOrCommand::CodeAction(action(uri, document, diagnostic, fix))
        })
        .collect()
}

fn action(
    uri: &Uri,
    document: &Document,
    diagnostic: &dsl::Diagnostic,
    fix: &dsl::Fix,
) -> CodeAction {
    let edit = TextEdit {
        range: document.lines.range(&document.text, fix.span),
        new_text: fix.replacement.clone(),
    };
    #[expect(
        clippy::mutable_key_type,
        reason = "the protocol's type; the cell inside a Uri is not part of its hash"
    )]
    let changes = HashMap::from([(uri.clone(), vec![edit])]);
    CodeAction {
        title: format!("Write `{}`", fix.replacement),
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![convert(uri, document, diagnostic)]),
        edit: Some(WorkspaceEdit {
            changes: Some(changes),
            ..WorkspaceEdit::default()
        }),
        is_preferred: Some(true),
        ..CodeAction::default()
    }
}

fn convert(uri: &Uri, document: &Document, diagnostic: &dsl::Diagnostic) -> Diagnostic {
    let range = |span| document.lines.range(&document.text, span);
    let related = diagnostic
        .secondary
        .iter()
        .map(|label| DiagnosticRelatedInformation {
            location: Location {
                uri: uri.clone(),
                range: range(label.span),
            },
            message: label.text.clone(),
        });
    let related: Vec<_> = related.collect();
    Diagnostic {
        range: range(diagnostic.primary.span),
        severity: Some(match diagnostic.severity {
            dsl::DiagnosticSeverity::Error => DiagnosticSeverity::ERROR,
            dsl::DiagnosticSeverity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(diagnostic.code.as_str().to_owned())),
        source: Some("betrace".to_owned()),
        message: message(diagnostic),
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}

/// The message, what is said of the place, and what to write.
fn message(diagnostic: &dsl::Diagnostic) -> String {
    let mut message = diagnostic.message.clone();
    if !diagnostic.primary.text.is_empty() {
        message = message + "\n" + &diagnostic.primary.text;
    }
    if let Some(help) = &diagnostic.help {
        message = message + "\nhelp: " + help;
    }
    message
}
