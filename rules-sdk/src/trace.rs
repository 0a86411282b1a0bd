//! A trace, as a rule sees it.

use crate::{
    column::{Numbers, View},
    span::Span,
};

/// One trace of a batch. Copies are free: it is a view.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    pub(crate) of: &'a Of<'a>,
}

/// Which rows of which columns a trace is.
#[derive(Debug)]
pub(crate) struct Of<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) facts: Facts,
}

impl<'a> Trace<'a> {
    /// Returns the spans of a name, which the rule declares in `spans`, in order of start.
    #[inline]
    pub fn named(self, name: &'static str) -> Named<'a> {
        let number = self.view().number_of(name).unwrap_or(0);
        Named {
            trace: self,
            // 0 is the number of a name that is not declared.
            at: if number == 0 {
                self.of.to
            } else {
                self.of.from
            },
            number,
        }
    }

    /// Whether there is a span of a name, which the rule declares in `spans`.
    #[inline]
    pub fn has(self, name: &'static str) -> bool {
        self.named(name).next().is_some()
    }

    /// Returns the spans that the rule declares, or all of the trace where it declares none or says `all_spans`, in order
    /// of start.
    #[inline]
    pub fn spans(self) -> Spans<'a> {
        Spans {
            trace: self,
            at: self.of.from,
            sees_all: self.view().rule.all_spans,
        }
    }

    /// Returns what is known to be missing of the trace. A rule that asks declares `facts`; what any other says of an
    /// incomplete trace the host makes inconclusive, where it reads what is missing.
    pub fn facts(self) -> Facts {
        self.of.facts
    }

    #[inline]
    pub(crate) fn view(self) -> &'a View<'a> {
        self.of.view
    }

    #[inline]
    pub(crate) fn span(self, row: u32) -> Option<Span<'a>> {
        (self.of.from..self.of.to)
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
        let to = self.trace.of.to;
        while self.at < to {
            let at = self.at as usize;
            let (step, found) = match self.trace.view().declared {
                Numbers::Bytes(cells) => find(cells.get(at..)?, self.number as u8),
                Numbers::Words(cells) => (1, (*cells.get(at)? == self.number).then_some(0)),
            };
            let Some(found) = found else {
                self.at += step;
                continue;
            };
            let row = self.at + found;
            // What is found may be of the next trace.
            self.at = row + 1;
            return (row < to).then_some(Span {
                trace: self.trace,
                row,
            });
        }
        None
    }
}

/// Looks at eight cells at once for a number, or at one where there are fewer; returns how many it looked at, and the first
/// place among them.
#[inline]
fn find(cells: &[u8], number: u8) -> (u32, Option<u32>) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let Some(chunk) = cells.first_chunk::<8>() else {
        return (1, (cells.first() == Some(&number)).then_some(0));
    };
    // A byte that is the number becomes 0, and of the bytes that are 0 the first has its high bit set here, and none before.
    let differing = u64::from_le_bytes(*chunk) ^ (u64::from(number) * ONES);
    let zeros = differing.wrapping_sub(ONES) & !differing & HIGHS;
    (8, (zeros != 0).then(|| zeros.trailing_zeros() / 8))
}

/// The spans of a trace that a rule may see.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    trace: Trace<'a>,
    at: u32,
    sees_all: bool,
}

impl<'a> Iterator for Spans<'a> {
    type Item = Span<'a>;

    #[inline]
    fn next(&mut self) -> Option<Span<'a>> {
        let view = self.trace.view();
        while self.at < self.trace.of.to {
            let row = self.at;
            self.at += 1;
            // Rows of other names are there or not, as the other rules of the call have it: a verdict must not hang on that.
            let number = || view.name_number(row);
            if self.sees_all || view.names.iter().any(|name| name.value == number()) {
                return Some(Span {
                    trace: self.trace,
                    row,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_first_of_eight_cells_is_found_whatever_stands_beside() {
        for place in 0..8 {
            for other in [0, 1, 2, 4, 127, 128, 254, 255] {
                let mut cells = [other; 9];
                assert_eq!(find(&cells, 3), (8, None));
                cells[place] = 3;
                assert_eq!(find(&cells, 3), (8, Some(place as u32)), "{other}");
                cells[7] = 3;
                assert_eq!(find(&cells, 3), (8, Some(place as u32)), "{other}");
            }
        }
        assert_eq!(find(&[3, 4], 3), (1, Some(0)));
        assert_eq!(find(&[4, 3], 3), (1, None));
        assert_eq!(find(&[], 3), (1, None));
    }
}
