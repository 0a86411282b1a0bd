//! What could be written under the cursor.

use super::{Context, View, tokens};
use crate::{
    reference::{Topic, WORDS, Word},
    source::Span,
    token::Kind,
};

/// Something that could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The text, to stand in the place of what was typed.
    pub text: String,
    /// What it is.
    pub what: Proposed,
}

/// What a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposed {
    /// A word of the language.
    Word(&'static Word),
    /// A name that the source defines.
    Let,
    /// A name of spans that the source speaks of elsewhere.
    SpanName,
    /// An attribute that the source reads elsewhere.
    Key,
}

/// Returns what could stand at a byte of a source, and which bytes before it were typed for it already.
///
/// Only what cannot be meant is left out: editors narrow the rest by what was typed.
pub fn complete(text: &str, offset: u32) -> (Span, Vec<Proposal>) {
    let before = text.get(..offset as usize).unwrap_or_default();
    let is_typed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let typed = before.rsplit(|c| !is_typed(c)).next().unwrap_or_default();
    let start = before.len() - typed.len();
    let span = Span::new(start, before.len());
    let head = before.get(..start).unwrap_or_default();
    let tokens_before = tokens(head);
    let view = View::new(head, &tokens_before);
    if view.is_in_text_or_comment() {
        return (span, Vec::new());
    }
    let context = view.context(view.sheet.end());
    let mut proposals = words(context, typed);
    if typed.contains(':') || context == Context::Nothing {
        return (span, proposals);
    }
    // What stands behind the cursor counts too, but what is being typed does not.
    let all = text.get(..start).unwrap_or_default().to_owned()
        + " "
        + text.get(offset as usize..).unwrap_or_default();
    let outline = super::outline(&all);
    let named =
        |names: Vec<String>, what| names.into_iter().map(move |text| Proposal { text, what });
    let lets = outline.lets.into_iter().map(|named| named.name).collect();
    match context {
        Context::Head | Context::Condition => {
            proposals.extend(named(lets, Proposed::Let));
            proposals.extend(named(outline.span_names, Proposed::SpanName));
        }
        Context::Filter => {
            proposals.extend(named(lets, Proposed::Let));
            proposals.extend(named(outline.keys, Proposed::Key));
        }
        Context::Rule | Context::Severity | Context::Against(_) | Context::Nothing => {}
    }
    (span, proposals)
}

/// The words of the language that fit.
fn words(context: Context, typed: &str) -> Vec<Proposal> {
    // Behind a colon, only what has that beginning.
    let beginning = typed
        .rfind(':')
        .and_then(|colon| typed.get(..=colon))
        .unwrap_or_default();
    let fits = |word: &&Word| fits(word.topic, context) && word.word.starts_with(beginning);
    WORDS
        .iter()
        .filter(fits)
        .map(|word| Proposal {
            text: word.word.to_owned(),
            what: Proposed::Word(word),
        })
        .collect()
}

fn fits(topic: Topic, context: Context) -> bool {
    let in_condition = matches!(context, Context::Condition | Context::Head);
    let in_filter = context == Context::Filter;
    match topic {
        Topic::Definition => context == Context::Head,
        Topic::Property => context == Context::Rule,
        Topic::Clause => matches!(context, Context::Rule | Context::Head),
        Topic::Logic | Topic::Operator | Topic::Arithmetic | Topic::Truth => {
            in_condition || in_filter
        }
        Topic::Selector
        | Topic::Quantifier
        | Topic::Relation
        | Topic::Modifier
        | Topic::Aggregate
        | Topic::OfTrace => in_condition,
        Topic::OfSpan | Topic::Scope => in_filter,
        Topic::Severity => context == Context::Severity,
        Topic::Status | Topic::Kind | Topic::Weekday => context == Context::Against(topic),
    }
}

impl View<'_> {
    /// Whether the end of the source is inside a comment, or inside a string that has no end yet.
    fn is_in_text_or_comment(&self) -> bool {
        let end = self.sheet.end();
        let last_line = self.text.rsplit('\n').next().unwrap_or_default();
        let line_start = self.text.len() - last_line.len();
        let is_comment = self
            .sheet
            .get(end)
            .and_then(|end| end.comments.last())
            .is_some_and(|comment| {
                let is_on_line = |at: usize| at >= line_start;
                self.text.rfind(comment.text).is_some_and(is_on_line)
            });
        let is_open_text = end
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .is_some_and(|last| {
                last.kind == Kind::Bad
                    && last.span.end as usize == self.text.len()
                    && self.source(last.span).starts_with('"')
            });
        is_comment || is_open_text
    }
}
