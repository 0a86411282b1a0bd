//! The tree that the spans of a trace make: section 5 of the language.

use super::trace::Span;

/// The parent of each span, as a position in the trace.
///
/// Of the spans that share an id, the server or consumer one, else the first, is the parent of the children, and the first
/// of the others is its parent. A span that names itself is a root.
pub(super) fn parents(spans: &[Span]) -> Vec<Option<usize>> {
    let mut parents: Vec<Option<usize>> = (0..spans.len())
        .map(|row| first_parent(spans, row))
        .collect();
    // Walk up from each span in turn, and cut what leads back into the walk.
    for from in 0..spans.len() {
        let (mut way, mut at) = (vec![from], from);
        while let Some(parent) = parents.get(at).copied().flatten() {
            if way.contains(&parent) {
                if let Some(slot) = parents.get_mut(at) {
                    *slot = None;
                }
                break;
            }
            way.push(parent);
            at = parent;
        }
    }
    parents
}

fn first_parent(spans: &[Span], row: usize) -> Option<usize> {
    let span = spans.get(row)?;
    let mut halves = spans.iter().enumerate();
    let other = halves.find(|(other, half)| *other != row && half.id == span.id);
    if let Some((other, _)) = other
        && elected(spans, &span.id) == Some(row)
    {
        return Some(other);
    }
    let parent = span.parent_id.as_ref()?;
    if *parent == span.id {
        return None;
    }
    elected(spans, parent)
}

/// Which of the spans of an id is the parent of its children.
fn elected(spans: &[Span], id: &str) -> Option<usize> {
    const SERVER: u8 = 2;
    const CONSUMER: u8 = 5;
    let holders = || spans.iter().enumerate().filter(|(_, span)| span.id == id);
    holders()
        .find(|(_, span)| matches!(span.kind, SERVER | CONSUMER))
        .or_else(|| holders().next())
        .map(|(row, _)| row)
}

/// How many spans have this one as their parent.
pub(super) fn children(parents: &[Option<usize>], row: usize) -> usize {
    parents
        .iter()
        .filter(|parent| **parent == Some(row))
        .count()
}

/// The ancestors of a span, from its parent up.
pub(super) fn ancestors(parents: &[Option<usize>], row: usize) -> Vec<usize> {
    let mut ancestors = Vec::new();
    let mut at = row;
    while let Some(parent) = parents.get(at).copied().flatten() {
        ancestors.push(parent);
        at = parent;
    }
    ancestors
}

/// The ns of a span that no child covers, looked at between any two times at which something begins or ends.
pub(super) fn self_duration(spans: &[Span], parents: &[Option<usize>], row: usize) -> u64 {
    let Some(span) = spans.get(row) else {
        return 0;
    };
    let children: Vec<&Span> = spans
        .iter()
        .zip(parents)
        .filter(|(_, parent)| **parent == Some(row))
        .map(|(child, _)| child)
        .collect();
    let mut times: Vec<u64> = children
        .iter()
        .flat_map(|child| [child.start, child.end])
        .map(|time| time.clamp(span.start, span.end))
        .chain([span.start, span.end])
        .collect();
    times.sort_unstable();
    let gaps = times.iter().zip(times.iter().skip(1));
    gaps.filter(|(from, to)| {
        !children
            .iter()
            .any(|child| child.start <= **from && **to <= child.end)
    })
    .map(|(from, to)| to - from)
    .sum()
}
