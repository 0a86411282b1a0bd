//! Relations between spans: by looking at every pair.

use super::{View, trace::Span, tree, truth::Truth};
use crate::ir::{Each, Quantifier, Relation, RelationKind, SetId};

impl View<'_> {
    /// The pairs of a relation, of spans that surely belong.
    pub(super) fn pairs(&self, relation: &Relation) -> Vec<(usize, usize)> {
        let partners = |left: usize| {
            let partners = self.surely(relation.right, Some(left)).into_iter();
            partners
                .filter(move |right| {
                    left != *right && self.stand(left, *right, relation).unwrap_or(false)
                })
                .map(move |right| (left, right))
        };
        let lefts = self.surely(relation.left, None);
        lefts.into_iter().flat_map(partners).collect()
    }

    /// Whether two spans stand in the relation; `None` where there are no such spans.
    fn stand(&self, left: usize, right: usize, relation: &Relation) -> Option<bool> {
        let (x, y) = (self.trace.spans.get(left)?, self.trace.spans.get(right)?);
        let parent = |row: usize| self.parents.get(row).copied().flatten();
        let is_ancestor = |of: usize, row: usize| tree::ancestors(&self.parents, of).contains(&row);
        let related = match relation.kind {
            RelationKind::Before => x.end <= y.start,
            RelationKind::After => y.end <= x.start,
            RelationKind::StartsBefore => x.start < y.start,
            RelationKind::StartsAfter => x.start > y.start,
            RelationKind::Overlaps => x.start <= y.end && y.start <= x.end,
            RelationKind::Under => is_ancestor(left, right),
            RelationKind::Over => is_ancestor(right, left),
            RelationKind::ChildOf => parent(left) == Some(right),
            RelationKind::ParentOf => parent(right) == Some(left),
            RelationKind::SiblingOf => parent(left).is_some() && parent(left) == parent(right),
            RelationKind::With => true,
        };
        let is_near = relation.within.is_none_or(|within| gap_ns(x, y) <= within);
        Some(related && is_near)
    }

    /// The left spans without a partner.
    pub(super) fn alone(&self, relation: &Relation) -> Vec<usize> {
        let pairs = self.pairs(relation);
        let mut lefts = self.surely(relation.left, None);
        lefts.retain(|left| !pairs.iter().any(|(paired, _)| paired == left));
        lefts
    }

    pub(super) fn relation(&self, relation: &Relation, incomplete: bool) -> Truth {
        let found = !self.pairs(relation).is_empty();
        match relation.quantifier {
            Quantifier::Some => Truth::between(found, incomplete),
            Quantifier::No => Truth::between(found, incomplete).not(),
            Quantifier::Every if incomplete => Truth::Unknown,
            Quantifier::Every => Truth::of(self.alone(relation).is_empty()),
        }
    }

    /// The left spans for which a comparison is true, and those for which it is not.
    pub(super) fn split(&self, each: &Each) -> (Vec<usize>, Vec<usize>) {
        let lefts = self.surely(each.left, None).into_iter();
        lefts.partition(|left| self.holds(&each.comparison, Some(*left)))
    }

    pub(super) fn each(&self, each: &Each, incomplete: bool) -> Truth {
        let (with, without) = self.split(each);
        let found = !with.is_empty() && (!incomplete || each.comparison.is_lasting());
        match each.quantifier {
            Quantifier::Some => Truth::between(found, incomplete),
            Quantifier::No => Truth::between(found, incomplete).not(),
            Quantifier::Every if incomplete => Truth::Unknown,
            Quantifier::Every => Truth::of(without.is_empty()),
        }
    }

    /// The spans that have a place in a row of spans, one of each set, each before the next.
    pub(super) fn chain(&self, sets: &[SetId]) -> Vec<usize> {
        let is_before = |x: usize, y: usize| {
            let (one, other) = (self.trace.spans.get(x), self.trace.spans.get(y));
            let ends_in_time = |(x, y): (&Span, &Span)| x.end <= y.start;
            x != y && one.zip(other).is_some_and(ends_in_time)
        };
        let mut places: Vec<Vec<usize>> = sets.iter().map(|set| self.surely(*set, None)).collect();
        // Forth: what has a predecessor. Back: what has a successor among those.
        for at in 1..places.len() {
            let before = places.get(at - 1).cloned().unwrap_or_default();
            if let Some(here) = places.get_mut(at) {
                here.retain(|row| before.iter().any(|other| is_before(*other, *row)));
            }
        }
        for at in (1..places.len()).rev() {
            let after = places.get(at).cloned().unwrap_or_default();
            if let Some(here) = places.get_mut(at - 1) {
                here.retain(|row| after.iter().any(|other| is_before(*row, *other)));
            }
        }
        places.concat()
    }
}

/// How far the start of the later-starting span lies behind the end of the other, in ns.
fn gap_ns(x: &Span, y: &Span) -> u64 {
    if x.start <= y.start {
        y.start.saturating_sub(x.end)
    } else {
        x.start.saturating_sub(y.end)
    }
}
