//! What could be written, as the protocol wants it.

use betrace_dsl::{
    editor::{Proposal, Proposed, complete},
    reference::{Topic, Word},
};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionItemLabelDetails, CompletionResponse,
    CompletionTextEdit, Documentation, MarkupContent, MarkupKind, Position, TextEdit,
};

use super::document::Document;

/// Returns what could stand at a place.
pub(super) fn completions(document: &Document, position: Position) -> CompletionResponse {
    let offset = document.lines.offset(&document.text, position);
    let (typed, proposals) = complete(&document.text, offset as u32);
    let range = document.lines.range(&document.text, typed);
    let items = proposals.into_iter().map(|proposal| {
        let (kind, word) = match proposal.what {
            Proposed::Word(word) => (kind(word.topic), Some(word)),
            Proposed::Let => (CompletionItemKind::VARIABLE, None),
            Proposed::SpanName => (CompletionItemKind::EVENT, None),
            Proposed::Key => (CompletionItemKind::FIELD, None),
        };
        CompletionItem {
            kind: Some(kind),
            label_details: Some(CompletionItemLabelDetails {
                detail: None,
                description: Some(
                    word.map_or_else(|| described(&proposal), |word| word.topic.name())
                        .to_owned(),
                ),
            }),
            documentation: word.map(|word| Documentation::MarkupContent(explain(word))),
            // What the author has named comes first.
            sort_text: Some(format!("{}{}", u8::from(word.is_some()), proposal.text)),
            filter_text: Some(proposal.text.clone()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                range,
                new_text: proposal.text.clone(),
            })),
            label: proposal.text,
            ..CompletionItem::default()
        }
    });
    CompletionResponse::Array(items.collect())
}

/// Says of a word what it means, with an example.
pub(super) fn explain(word: &Word) -> MarkupContent {
    MarkupContent {
        kind: MarkupKind::Markdown,
        value: format!(
            "`{}` ({})\n\n{}\n\n```betrace\n{}\n```",
            word.word,
            word.topic.name(),
            word.meaning,
            word.example
        ),
    }
}

fn described(proposal: &Proposal) -> &'static str {
    match proposal.what {
        Proposed::Word(word) => word.topic.name(),
        Proposed::Let => "let",
        Proposed::SpanName => "span of this file",
        Proposed::Key => "attribute of this file",
    }
}

fn kind(topic: Topic) -> CompletionItemKind {
    match topic {
        Topic::Property => CompletionItemKind::PROPERTY,
        Topic::Selector | Topic::Aggregate => CompletionItemKind::FUNCTION,
        Topic::OfTrace | Topic::OfSpan | Topic::Scope => CompletionItemKind::FIELD,
        Topic::Operator | Topic::Arithmetic => CompletionItemKind::OPERATOR,
        Topic::Severity | Topic::Status | Topic::Kind | Topic::Weekday => {
            CompletionItemKind::ENUM_MEMBER
        }
        Topic::Truth => CompletionItemKind::CONSTANT,
        Topic::Definition
        | Topic::Clause
        | Topic::Logic
        | Topic::Quantifier
        | Topic::Relation
        | Topic::Modifier => CompletionItemKind::KEYWORD,
    }
}
