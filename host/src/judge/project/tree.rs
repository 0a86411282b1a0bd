//! The tree around the spans of a block: worked out once, for all its rows.

use crate::block::{Block, BlockError, NONE};

/// By span row.
pub(in crate::judge) struct Tree {
    /// How many direct children.
    pub(super) children: Vec<u32>,
    /// How many ancestors.
    pub(super) depths: Vec<u32>,
    /// How many ns of the span none of its direct children covers.
    pub(super) self_durations: Vec<u64>,
}

impl Tree {
    pub(in crate::judge) fn of(block: &Block) -> Result<Self, BlockError> {
        let parents = block.parents()?;
        Ok(Self {
            children: children(parents),
            depths: depths(parents),
            self_durations: self_durations(parents, block.starts()?, block.ends()?),
        })
    }
}

fn children(parents: &[u32]) -> Vec<u32> {
    let mut children = vec![0; parents.len()];
    for parent in parents {
        if let Some(children) = children.get_mut(*parent as usize) {
            *children += 1;
        }
    }
    children
}

/// Parents need not come before their children, but no way up comes back to itself.
fn depths(parents: &[u32]) -> Vec<u32> {
    const UNKNOWN: u32 = u32::MAX;
    let mut depths = vec![UNKNOWN; parents.len()];
    let mut way_up = Vec::new();
    for row in 0..parents.len() {
        let mut at = row;
        let mut depth = loop {
            match depths.get(at) {
                Some(&UNKNOWN) => way_up.push(at),
                Some(known) => break known + 1,
                // Past a root.
                None => break 0,
            }
            at = parents.get(at).map_or(NONE, |parent| *parent) as usize;
        };
        for row in way_up.drain(..).rev() {
            if let Some(slot) = depths.get_mut(row) {
                *slot = depth;
            }
            depth += 1;
        }
    }
    depths
}

/// The rows of a trace are in order of start, so each span meets its children in order, and what they cover
/// together grows at its end only.
fn self_durations(parents: &[u32], starts: &[u64], ends: &[u64]) -> Vec<u64> {
    let spans = || starts.iter().zip(ends);
    let mut covered_to = starts.to_vec();
    let mut own: Vec<u64> = spans().map(|(start, end)| end - start).collect();
    for (parent, (start, end)) in parents.iter().zip(spans()) {
        let parent = *parent as usize;
        let (Some(parent_end), Some(covered_to), Some(own)) = (
            ends.get(parent),
            covered_to.get_mut(parent),
            own.get_mut(parent),
        ) else {
            continue;
        };
        let from = (*covered_to).max(*start);
        let to = (*end).min(*parent_end);
        if to > from {
            *own -= to - from;
            *covered_to = to;
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_ancestors_whatever_the_order_of_rows() {
        let parents = [NONE, 3, 1, 0, NONE];
        assert_eq!(depths(&parents), [0, 2, 3, 1, 0]);
        assert_eq!(children(&parents), [1, 1, 0, 1, 0]);
    }

    #[test]
    fn self_duration_is_what_no_child_covers() {
        // Two that overlap, one within another, one that outlives its parent, one before it.
        let parents = [NONE, 0, 0, 0, 0, NONE];
        let starts = [10, 5, 20, 25, 90, 0];
        let ends = [100, 12, 40, 50, 200, 7];
        let own = self_durations(&parents, &starts, &ends);
        assert_eq!(own[0], 90 - 2 - 30 - 10);
        assert_eq!(own[1..], [7, 20, 25, 110, 7]);
    }
}
