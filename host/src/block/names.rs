//! Which traces have a span of which name.

use std::sync::OnceLock;

use super::Postings;

/// Returns the traces of each name that occurs, in order of the names' symbols.
///
/// `trace_ends` has the end of each trace's rows in `names`; symbols are below `n_symbols`.
pub(super) fn postings_by_name(
    names: &[u32],
    trace_ends: impl Iterator<Item = u32>,
    n_symbols: usize,
) -> Vec<(u32, Postings)> {
    const UNSEEN: u32 = u32::MAX;
    let mut slots = vec![UNSEEN; n_symbols];
    let mut found: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut start = 0;
    for (trace, end) in trace_ends.enumerate() {
        let trace = trace as u32;
        for &name in names.get(start..end as usize).unwrap_or_default() {
            let Some(slot) = slots.get_mut(name as usize) else {
                continue;
            };
            if *slot == UNSEEN {
                *slot = found.len() as u32;
                found.push((name, Vec::new()));
            }
            if let Some((_, traces)) = found.get_mut(*slot as usize)
                && traces.last() != Some(&trace)
            {
                traces.push(trace);
            }
        }
        start = end as usize;
    }
    found.sort_unstable_by_key(|(name, _)| *name);
    found
        .into_iter()
        .map(|(name, traces)| (name, Postings::new(traces)))
        .collect()
}

/// The names of a block's spans, and the traces of those that were asked for.
#[derive(Debug)]
pub(super) struct NamePostings {
    symbols: Vec<u32>,
    postings: Vec<OnceLock<Postings>>,
}

impl NamePostings {
    /// Takes the symbols of the names, ascending.
    pub(super) fn new(symbols: Vec<u32>) -> Self {
        Self {
            postings: symbols.iter().map(|_| OnceLock::new()).collect(),
            symbols,
        }
    }

    /// Returns the symbols of the names, ascending.
    pub(super) fn symbols(&self) -> &[u32] {
        &self.symbols
    }

    /// Returns the cell of a name; `None` where no span has it.
    pub(super) fn cell(&self, symbol: u32) -> Option<&OnceLock<Postings>> {
        let at = self.symbols.binary_search(&symbol).ok()?;
        self.postings.get(at)
    }
}

/// Returns the traces that have a span of one name.
///
/// A pass over the names takes some 5 us for 16,000 spans: as much as reading stored postings would.
pub(super) fn traces_with(names: &[u32], trace_ends: &[u32], symbol: u32) -> Postings {
    let mut start = 0;
    let has = |end: u32| {
        let names = names.get(start..end as usize).unwrap_or_default();
        start = end as usize;
        names.contains(&symbol)
    };
    let found = trace_ends.iter().copied().map(has).zip(0..);
    Postings::new(
        found
            .filter_map(|(has, trace)| has.then_some(trace))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_lists_its_traces_once() {
        let found = postings_by_name(&[3, 1, 3, 1, 1], [3, 3, 5].into_iter(), 4);
        let expected = [(1, vec![0, 2]), (3, vec![0])];
        assert_eq!(
            found,
            expected.map(|(name, traces)| (name, Postings::new(traces)))
        );
    }
}
