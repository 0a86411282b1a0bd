//! What a rule says of a trace.

use crate::{span::Span, trace::Trace};

/// What a rule says of one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The trace holds nothing that the rule speaks of.
    NotApplicable,
    /// What must hold does.
    Held,
    /// It does not.
    Violated(Violation),
    /// It cannot be told, since part of the trace is missing: only of a rule that declares `facts`, on an incomplete
    /// trace. Anywhere else the host takes it for a fault.
    Undecided,
}

/// A violation and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(crate) clause: Clause,
    /// Rows of the batch, ascending.
    pub(crate) witnesses: Vec<u32>,
}

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// Something was found that should not be: of [`Verdict::violated`].
    Match,
    /// What should always be was not there: of [`every`](crate::Judge::every).
    Always,
    /// What should never be was there: of [`none`](crate::Judge::none).
    Never,
}

impl Verdict {
    /// Returns a violation that these spans prove; the host keeps the first 100 of them.
    pub fn violated<'a>(witnesses: impl IntoIterator<Item = Span<'a>>) -> Self {
        Self::broken(Clause::Match, witnesses)
    }

    /// Returns a violation of a clause that these spans prove.
    pub fn broken<'a>(clause: Clause, witnesses: impl IntoIterator<Item = Span<'a>>) -> Self {
        let mut witnesses: Vec<u32> = witnesses.into_iter().map(Span::row).collect();
        if !witnesses.is_sorted_by(|a, b| a < b) {
            witnesses.sort_unstable();
            witnesses.dedup();
        }
        Self::Violated(Violation { clause, witnesses })
    }

    /// Says that a violation stays one, whatever comes to light that is missing of the trace, and that anything else may
    /// not: of a trace that misses what the rule reads, anything else becomes `Undecided`. For a rule that declares `facts`.
    #[must_use]
    pub fn lasting(self, trace: Trace<'_>) -> Self {
        let misses = trace.of.facts.0 & trace.view().needs != 0;
        match self {
            violated @ Self::Violated(_) => violated,
            Self::NotApplicable | Self::Held | Self::Undecided if misses => Self::Undecided,
            other @ (Self::NotApplicable | Self::Held | Self::Undecided) => other,
        }
    }

    /// Returns a violation by these spans, and `Held` where there are none.
    pub fn held_unless<'a>(witnesses: impl IntoIterator<Item = Span<'a>>) -> Self {
        let mut witnesses = witnesses.into_iter();
        match witnesses.next() {
            Some(first) => Self::violated(std::iter::once(first).chain(witnesses)),
            None => Self::Held,
        }
    }
}
