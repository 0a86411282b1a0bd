//! A trace, as a rule sees it.

use crate::{bindings::exports::betrace::rules::pack::Values, column::View, span::Span};

/// One trace of a batch. Copies are free: it is a view.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) facts: Facts,
}

impl<'a> Trace<'a> {
    /// Returns the spans of a name, which the rule declares in `spans`, in order of start.
    #[inline]
    pub fn named(self, name: &str) -> Named<'a> {
        let number = self.view.number_of(name);
        Named {
            trace: self,
            at: self.from,
            number: number.unwrap_or(0),
        }
    }

    /// Whether there is a span of a name, which the rule declares in `spans`.
    #[inline]
    pub fn has(self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Returns the spans that the rule declares, or all of the trace where it declares none or says `all_spans`, in order
    /// of start.
    #[inline]
    pub fn spans(self) -> Spans<'a> {
        Spans {
            trace: self,
            at: self.from,
        }
    }

    /// Returns what is known to be missing of the trace. A rule that asks declares `facts`; what any other says of an
    /// incomplete trace the host makes inconclusive, where it reads what is missing.
    pub fn facts(self) -> Facts {
        self.facts
    }

    pub(crate) fn span(self, row: u32) -> Option<Span<'a>> {
        (self.from..self.to)
            .contains(&row)
            .then_some(Span { trace: self, row })
    }
}

/// What is known to be missing of a trace, as the bits of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub(crate) u8);

impl Facts {
    /// Nothing is missing.
    pub const COMPLETE: Self = Self(0);
    /// The trace was cut at a size limit.
    pub const CUT: Self = Self(1);
    /// Parents of spans are missing.
    pub const PARENTS_MISSING: Self = Self(2);
    /// Attributes were dropped.
    pub const ATTRIBUTES_DROPPED: Self = Self(4);
    /// Events were dropped.
    pub const EVENTS_DROPPED: Self = Self(8);
    /// Links were dropped.
    pub const LINKS_DROPPED: Self = Self(16);
    /// The earlier part of the trace is gone.
    pub const FRAGMENT: Self = Self(32);

    /// Whether nothing is missing.
    pub fn is_complete(self) -> bool {
        self.0 == 0
    }

    /// Whether spans are missing, of whatever kind.
    pub fn misses_spans(self) -> bool {
        self.0 & (Self::CUT.0 | Self::PARENTS_MISSING.0 | Self::FRAGMENT.0) != 0
    }

    /// Whether all that `other` says is missing is.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The spans of one name.
#[derive(Clone, Debug)]
pub struct Named<'a> {
    trace: Trace<'a>,
    at: u32,
    number: u16,
}

impl<'a> Iterator for Named<'a> {
    type Item = Span<'a>;

    #[inline]
    fn next(&mut self) -> Option<Span<'a>> {
        if self.number == 0 {
            return None;
        }
        let rows = self.at as usize..self.trace.to as usize;
        let found = match self.trace.view.declared? {
            Values::U8s(cells) => {
                // A pack of names that fit a byte.
                let number = self.number as u8;
                cells.get(rows)?.iter().position(|cell| *cell == number)
            }
            Values::U16s(cells) => {
                let number = self.number;
                cells.get(rows)?.iter().position(|cell| *cell == number)
            }
            Values::U32s(_) | Values::U64s(_) => None,
        };
        let Some(found) = found else {
            self.at = self.trace.to;
            return None;
        };
        let row = self.at + found as u32;
        self.at = row + 1;
        Some(Span {
            trace: self.trace,
            row,
        })
    }
}

/// The spans of a trace that a rule may see.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    trace: Trace<'a>,
    at: u32,
}

impl<'a> Iterator for Spans<'a> {
    type Item = Span<'a>;

    #[inline]
    fn next(&mut self) -> Option<Span<'a>> {
        let view = self.trace.view;
        while self.at < self.trace.to {
            let row = self.at;
            self.at += 1;
            // Rows of other names are there or not, as the other rules of the call have it: a verdict must not hang on that.
            if view.rule.all_spans || view.names.contains(&view.name_number(row)) {
                return Some(Span {
                    trace: self.trace,
                    row,
                });
            }
        }
        None
    }
}
