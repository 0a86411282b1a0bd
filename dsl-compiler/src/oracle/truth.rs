//! Three values, for what is known of an incomplete trace.

/// False, unknown or true, in this order, so that `and` is the least and `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    pub(super) fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    pub(super) fn between(must: bool, may: bool) -> Self {
        match (must, may) {
            (true, _) => Self::True,
            (false, true) => Self::Unknown,
            (false, false) => Self::False,
        }
    }

    /// Of what is known.
    pub(super) fn of(truth: bool) -> Self {
        Self::between(truth, truth)
    }

    /// Of a conjunction.
    pub(super) fn all(truths: impl Iterator<Item = Self>) -> Self {
        truths.min().unwrap_or(Self::True)
    }

    /// Of a disjunction.
    pub(super) fn any(truths: impl Iterator<Item = Self>) -> Self {
        truths.max().unwrap_or(Self::False)
    }
}
