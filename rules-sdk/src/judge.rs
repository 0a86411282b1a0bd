//! From spans to a verdict.

use crate::{
    span::Span,
    verdict::{Clause, Verdict},
};

/// What every iterator of spans can say of them.
pub trait Judge<'a>: Iterator<Item = Span<'a>> + Sized {
    /// Says that something must hold of every span: those of which it does not are the witnesses. Without a span the rule
    /// does not apply.
    fn every(self, mut holds: impl FnMut(Span<'a>) -> bool) -> Verdict {
        let mut is_empty = true;
        let mut broken = Vec::new();
        for span in self {
            is_empty = false;
            if !holds(span) {
                broken.push(span);
            }
        }
        match (is_empty, broken.is_empty()) {
            (true, _) => Verdict::NotApplicable,
            (false, true) => Verdict::Held,
            (false, false) => Verdict::broken(Clause::Always, broken),
        }
    }

    /// Says that something must hold of no span: those of which it does are the witnesses. Without a span the rule does not
    /// apply.
    fn none(self, mut is_wrong: impl FnMut(Span<'a>) -> bool) -> Verdict {
        match self.every(|span| !is_wrong(span)) {
            Verdict::Violated(violation) => Verdict::Violated(crate::Violation {
                clause: Clause::Never,
                ..violation
            }),
            verdict @ (Verdict::NotApplicable | Verdict::Held | Verdict::Undecided) => verdict,
        }
    }
}

impl<'a, I: Iterator<Item = Span<'a>>> Judge<'a> for I {}
