//! The answers to requests about one document.

use betrace_dsl::{
    Source,
    editor::{Found, Named, find, outline},
};
use lsp_types::{
    DocumentSymbol, DocumentSymbolResponse, GotoDefinitionResponse, Hover, HoverContents, Location,
    MarkupContent, MarkupKind, Position, Range, SymbolKind, TextEdit, Uri,
};

use super::{
    complete::explain,
    document::{Document, file_name},
};

/// Says what stands at a place.
pub(super) fn hover(document: &Document, position: Position) -> Option<Hover> {
    let offset = document.lines.offset(&document.text, position);
    let (span, found) = find(&document.text, offset as u32)?;
    let markup = match found {
        Found::Word(word) => explain(word),
        Found::Let(named) => {
            let range = named.span.start as usize..named.span.end as usize;
            let definition = document.text.get(range).unwrap_or_default();
            MarkupContent {
                kind: MarkupKind::Markdown,
                value: format!("```betrace\n{definition}\n```"),
            }
        }
    };
    Some(Hover {
        contents: HoverContents::Markup(markup),
        range: Some(document.lines.range(&document.text, span)),
    })
}

/// Returns where what stands at a place is defined.
pub(super) fn definition(
    uri: &Uri,
    document: &Document,
    position: Position,
) -> Option<GotoDefinitionResponse> {
    let offset = document.lines.offset(&document.text, position);
    let (_, found) = find(&document.text, offset as u32)?;
    let Found::Let(named) = found else {
        return None;
    };
    Some(GotoDefinitionResponse::Scalar(Location {
        uri: uri.clone(),
        range: document.lines.range(&document.text, named.name_span),
    }))
}

/// Returns the rules and definitions of a document, in their order.
pub(super) fn symbols(document: &Document) -> DocumentSymbolResponse {
    let outline = outline(&document.text);
    let lets = outline
        .lets
        .iter()
        .map(|named| symbol(document, named, SymbolKind::VARIABLE));
    let rules = outline
        .rules
        .iter()
        .map(|named| symbol(document, named, SymbolKind::FUNCTION));
    DocumentSymbolResponse::Nested(lets.chain(rules).collect())
}

#[expect(deprecated, reason = "the protocol's type has a field that is")]
fn symbol(document: &Document, named: &Named, kind: SymbolKind) -> DocumentSymbol {
    DocumentSymbol {
        name: named.name.clone(),
        detail: None,
        kind,
        tags: None,
        deprecated: None,
        range: document.lines.range(&document.text, named.span),
        selection_range: document.lines.range(&document.text, named.name_span),
        children: None,
    }
}

/// Returns the edits that lay a document out; none where it cannot be read, which its diagnostics say.
pub(super) fn formatting(uri: &Uri, document: &Document) -> Option<Vec<TextEdit>> {
    let source = Source {
        name: file_name(uri),
        text: document.text.as_bytes(),
    };
    let formatted = betrace_dsl::format(&source).ok()?;
    if formatted == document.text {
        return Some(Vec::new());
    }
    let end = document
        .lines
        .position(&document.text, document.text.len() as u32);
    Some(vec![TextEdit {
        range: Range {
            start: Position::default(),
            end,
        },
        new_text: formatted,
    }])
}
