//! Which traces a rule must see: its `any-of` against the block's postings.
//!
//! `any-of` is a conjunction of groups of names. A complete trace that lacks a span of every name of some
//! group has the verdict `otherwise`, unjudged. An incomplete trace is always judged: what is missing of it
//! might be that span.

use crate::block::{Block, BlockError, Postings};

use super::Sees;

/// The traces of a block, as far as candidates are concerned.
pub(super) struct Candidates<'b> {
    block: &'b Block,
    n_traces: u32,
    incomplete: Postings,
    skip: &'b Postings,
    sees: Sees,
}

impl<'b> Candidates<'b> {
    pub(super) fn of(block: &'b Block, skip: &'b Postings, sees: Sees) -> Result<Self, BlockError> {
        let meta = block.meta();
        let incomplete = if meta.incomplete == 0 {
            Postings::default()
        } else {
            let facts = block.facts()?.iter().enumerate();
            let incomplete = facts.filter(|(_, facts)| **facts != 0);
            Postings::new(incomplete.map(|(trace, _)| trace as u32).collect())
        };
        Ok(Self {
            block,
            n_traces: meta.n_traces,
            incomplete,
            skip,
            sees,
        })
    }

    /// Returns how many traces the block has.
    pub(super) fn n_traces(&self) -> u32 {
        self.n_traces
    }

    /// Returns the traces that are not judged at all.
    pub(super) fn skip(&self) -> &Postings {
        self.skip
    }

    /// Returns the traces that a rule with these groups must see.
    pub(super) fn find(&self, any_of: &[Vec<String>]) -> Result<Postings, BlockError> {
        let mut found: Option<Postings> = None;
        let groups = match self.sees {
            Sees::Candidates => any_of,
            #[cfg(test)]
            Sees::Everything => &[],
        };
        for group in groups {
            let mut of_group = Postings::default();
            for name in group {
                if let Some(named) = self.block.name_postings(name)? {
                    of_group = of_group.or(named);
                }
            }
            found = Some(match found {
                Some(before) => before.and(&of_group),
                None => of_group,
            });
        }
        let found = match found {
            Some(found) => found.or(&self.incomplete),
            None => Postings::all(self.n_traces),
        };
        if self.skip.is_empty() {
            return Ok(found);
        }
        let judged = found.iter().filter(|trace| !self.skip.contains(*trace));
        Ok(Postings::new(judged.collect()))
    }
}
