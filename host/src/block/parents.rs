//! Which span of a trace is the parent of which (the language's section 5).
//!
//! A parent that is not in the trace is none. Where spans share an id, the first server or consumer
//! among them, else the first of all, is the parent of the children, and the first of the others is
//! its parent. A span that names itself is a root. A cycle is cut where it closes, walking up from the
//! rows in their order.

use hashbrown::HashMap;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::trace::SpanId;

/// The parent of a span that has none in its trace.
pub(super) const NO_PARENT: u32 = u32::MAX;

/// What is asked of a span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kin {
    pub(super) span_id: SpanId,
    pub(super) parent_span_id: Option<SpanId>,
    /// A `SpanKind`, or another number.
    pub(super) kind: i32,
}

/// Finds parents, one trace after another.
#[derive(Debug, Default)]
pub(super) struct ParentFinder {
    by_id: HashMap<SpanId, Holders, foldhash::fast::FixedState>,
    parents: Vec<u32>,
    marks: Vec<u32>,
}

/// The spans that have an id.
#[derive(Clone, Copy, Debug)]
struct Holders {
    /// The parent of the children.
    elected: u32,
    /// The first of the others.
    other: u32,
    elected_serves: bool,
}

impl ParentFinder {
    /// Returns for each of the spans of a trace the index of its parent, [`NO_PARENT`] for none.
    pub(super) fn find(&mut self, spans: impl Iterator<Item = Kin> + Clone) -> &[u32] {
        self.by_id.clear();
        for (index, span) in spans.clone().enumerate() {
            self.hold(index as u32, span);
        }
        self.parents.clear();
        for (index, span) in spans.enumerate() {
            let parent = self.parent_of(index as u32, span);
            self.parents.push(parent);
        }
        // Parents mostly come before their children, and then there is no cycle.
        let climbs = |(index, &parent): (usize, &u32)| parent == NO_PARENT || parent < index as u32;
        if !self.parents.iter().enumerate().all(climbs) {
            cut_cycles(&mut self.parents, &mut self.marks);
        }
        &self.parents
    }

    fn hold(&mut self, index: u32, span: Kin) {
        let serves = span.kind == SpanKind::Server as i32 || span.kind == SpanKind::Consumer as i32;
        let first = Holders {
            elected: index,
            other: NO_PARENT,
            elected_serves: serves,
        };
        self.by_id
            .entry(span.span_id)
            .and_modify(|holders| {
                if serves && !holders.elected_serves {
                    // Whoever was elected came first of all the others.
                    *holders = Holders {
                        other: holders.elected,
                        ..first
                    };
                } else if holders.other == NO_PARENT {
                    holders.other = index;
                }
            })
            .or_insert(first);
    }

    fn parent_of(&self, index: u32, span: Kin) -> u32 {
        let own = self.by_id.get(&span.span_id);
        if let Some(own) = own.filter(|own| own.elected == index && own.other != NO_PARENT) {
            return own.other;
        }
        span.parent_span_id
            .filter(|parent| *parent != span.span_id)
            .and_then(|parent| self.by_id.get(&parent))
            .map_or(NO_PARENT, |holders| holders.elected)
    }
}

/// Makes the last span before a cycle closes a root. `marks` is scratch.
fn cut_cycles(parents: &mut [u32], marks: &mut Vec<u32>) {
    const UNSEEN: u32 = u32::MAX;
    marks.clear();
    marks.resize(parents.len(), UNSEEN);
    for from in 0..parents.len() {
        let mut at = from;
        while marks.get(at) == Some(&UNSEEN) {
            if let Some(mark) = marks.get_mut(at) {
                *mark = from as u32;
            }
            let Some(parent) = parents.get_mut(at) else {
                break;
            };
            // A mark of this very walk: the way up has come back to itself.
            if marks.get(*parent as usize) == Some(&(from as u32)) {
                *parent = NO_PARENT;
            }
            at = *parent as usize;
        }
    }
}

/// Whether following parents always ends.
pub(super) fn is_acyclic(parents: &[u32]) -> bool {
    let mut cut = parents.to_vec();
    cut_cycles(&mut cut, &mut Vec::new());
    cut == parents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parents(spans: &[(u8, u8, SpanKind)]) -> Vec<u32> {
        let spans = spans.iter().map(|&(id, parent, kind)| Kin {
            span_id: SpanId([id; 8]),
            parent_span_id: SpanId::from_bytes(&[parent; 8]),
            kind: kind as i32,
        });
        ParentFinder::default().find(spans).to_vec()
    }

    #[test]
    fn parents_follow_the_language() {
        use SpanKind::{Client, Internal, Server};
        const NONE: u32 = NO_PARENT;
        for (what, spans, expected) in [
            (
                "child before parent",
                vec![(2, 1, Internal), (1, 0, Internal)],
                vec![1, NONE],
            ),
            (
                "orphan",
                vec![(1, 9, Internal), (2, 1, Internal)],
                vec![NONE, 0],
            ),
            ("its own parent", vec![(1, 1, Internal)], vec![NONE]),
            (
                "client and server half share an id",
                vec![
                    (1, 0, Internal),
                    (2, 1, Client),
                    (2, 1, Server),
                    (3, 2, Internal),
                ],
                vec![NONE, 0, 1, 2],
            ),
            (
                "the server half starts first",
                vec![(2, 1, Server), (2, 1, Client), (1, 0, Internal)],
                vec![1, 2, NONE],
            ),
            (
                "neither half serves: the earlier is elected",
                vec![(2, 1, Client), (2, 1, Client), (1, 0, Internal)],
                vec![1, 2, NONE],
            ),
            (
                "the server half names the shared id",
                vec![(2, 0, Client), (2, 2, Server)],
                vec![NONE, 0],
            ),
            (
                "a cycle of two is cut where it closes",
                vec![(1, 2, Internal), (2, 1, Internal)],
                vec![1, NONE],
            ),
            (
                "a cycle reached from outside",
                vec![(3, 1, Internal), (1, 2, Internal), (2, 1, Internal)],
                vec![1, 2, NONE],
            ),
        ] {
            let found = parents(&spans);
            assert_eq!(found, expected, "{what}");
            assert!(is_acyclic(&found), "{what}");
        }
    }
}
