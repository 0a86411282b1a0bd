//! What of a request is refused while the rest is taken, and in which words a client is told.
//!
//! Of each reason it is counted how many spans there are, and of the first it is said where it stands and what is wrong:
//! so a message has a bounded length, however many spans are refused.

use std::fmt;

use super::limits::FAULT_BYTES_MAX;

/// Spans that were refused one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub spans: u64,
    /// Why.
    pub reason: RejectReason,
    /// Where the first stands, or the resource or scope that it is refused with.
    pub first: Place,
    /// What is wrong there, where the reason does not say it all; at most [`FAULT_BYTES_MAX`].
    pub what: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            spans,
            reason,
            first,
            what,
        } = self;
        let first_of = if *spans > 1 { "the first " } else { "" };
        write!(f, "{reason} ({spans}, {first_of}at {first}")?;
        if !what.is_empty() {
            write!(f, ": {what}")?;
        }
        f.write_str(")")
    }
}

/// Why a span is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// No trace could be told.
    TraceId,
    /// No span could be told.
    SpanId,
    /// It is neither absent nor an id.
    ParentSpanId,
    /// A text of it, of its resource or scope is not UTF-8.
    NotUtf8,
    /// Its values, or those of its resource or scope, are nested deeper than
    /// [`MESSAGE_DEPTH_MAX`](super::limits::MESSAGE_DEPTH_MAX).
    TooDeep,
    /// It, its resource or scope is otherwise not what the specification has.
    Unreadable,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TraceId => "trace id is not 16 bytes, or is all zero",
            Self::SpanId => "span id is not 8 bytes, or is all zero",
            Self::ParentSpanId => "parent span id is not 8 bytes",
            Self::NotUtf8 => "a text is not UTF-8",
            Self::TooDeep => "values are nested too deeply",
            Self::Unreadable => "it cannot be read",
        })
    }
}

/// Where in a request something stands, each number counted from 0; written as the JSON of OTLP has it:
/// `resourceSpans[0].scopeSpans[1].spans[7]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of the resources.
    pub resource: usize,
    /// Which scope of it; `None` where it is the resource itself.
    pub scope: Option<usize>,
    /// Which span of that; `None` where it is the scope itself.
    pub span: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resourceSpans[{}]", self.resource)?;
        if let Some(scope) = self.scope {
            write!(f, ".scopeSpans[{scope}]")?;
        }
        if let Some(span) = self.span {
            write!(f, ".spans[{span}]")?;
        }
        Ok(())
    }
}

/// What is wrong with a span, a resource or a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: RejectReason,
    /// What the reason does not say.
    pub(super) what: String,
}

/// Leaves out the middle of a text that is longer than [`FAULT_BYTES_MAX`]: where something is wrong stands at its
/// beginning, and what, at its end.
pub(super) fn shortened(text: String) -> String {
    const GAP: &str = " ... ";
    const HEAD_BYTES: usize = FAULT_BYTES_MAX / 2;
    const TAIL_BYTES: usize = FAULT_BYTES_MAX - HEAD_BYTES - GAP.len();
    if text.len() <= FAULT_BYTES_MAX {
        return text;
    }
    let (head, _) = text.split_at(text.floor_char_boundary(HEAD_BYTES));
    let (_, tail) = text.split_at(text.ceil_char_boundary(text.len() - TAIL_BYTES));
    [head, GAP, tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_client_is_shortened_between_its_characters() {
        for text in ["x".repeat(FAULT_BYTES_MAX), "\u{fc}".into(), String::new()] {
            assert_eq!(shortened(text.clone()), text);
        }
        for text in [
            "x".repeat(10_000),
            "\u{1f980}".repeat(1_000),
            "a\u{fc}".repeat(999),
        ] {
            let short = shortened(text.clone());
            assert!((FAULT_BYTES_MAX - 8..=FAULT_BYTES_MAX).contains(&short.len()));
            let (head, tail) = short.split_once(" ... ").unwrap();
            assert!(text.starts_with(head) && text.ends_with(tail));
        }
    }
}
