//! What judging a block does to the coverage: its own verdicts come in, and those of the rows whose place
//! it took go out of the cells that they are in.
//!
//! INVARIANT: a cell (rule, version, hour) counts the verdicts, of that version of that rule, on the
//! traces of judged blocks whose T lies in that hour, without the traces that were superseded by a
//! block that is judged, or were superseded already when their block was.

use std::collections::BTreeMap;

use super::judged::JudgedBlock;
use crate::{
    rule_id::{RuleId, RuleVersion},
    verdict::Verdict,
};

/// How many more, or fewer, there are of each verdict, in order of the verdicts' numbers.
pub(super) type Counts = [i64; 4];

/// The changes of a tenant's coverage.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CoverageChange {
    pub(super) cells: BTreeMap<(RuleId, RuleVersion, u64), Counts>,
}

impl CoverageChange {
    /// Counts the verdicts on a block that becomes judged.
    pub(super) fn add_block(&mut self, judged: &JudgedBlock) {
        let uncounted = judged.uncounted.as_slice();
        for outcome in &judged.rules {
            // A cell is found once per hour and not once per trace.
            let mut of_hour = vec![Counts::default(); judged.hours.distinct.len()];
            let rows = judged.hours.of_trace.iter().zip(&outcome.verdicts);
            for ((hour, verdict), trace) in rows.zip(0u32..) {
                if uncounted.is_empty() || uncounted.binary_search(&trace).is_err() {
                    count(of_hour.get_mut(*hour as usize), *verdict, 1);
                }
            }
            for (hour, counts) in judged.hours.distinct.iter().zip(of_hour) {
                let cell = self.cell(&outcome.rule, outcome.version, *hour);
                for (to, n) in cell.iter_mut().zip(counts) {
                    *to += n;
                }
            }
        }
        self.cells.retain(|_, counts| *counts != Counts::default());
    }

    /// Takes out the verdicts on a trace of a judged block whose place was taken.
    pub(super) fn take_out(&mut self, judged: &JudgedBlock, trace: u32) {
        if judged.uncounted.contains(trace) {
            return;
        }
        let hours = &judged.hours;
        let hour = hours
            .of_trace
            .get(trace as usize)
            .and_then(|hour| hours.distinct.get(*hour as usize));
        let Some(hour) = hour else {
            return;
        };
        for outcome in &judged.rules {
            if let Some(verdict) = outcome.verdicts.get(trace as usize) {
                let cell = self.cell(&outcome.rule, outcome.version, *hour);
                count(Some(cell), *verdict, -1);
            }
        }
    }

    fn cell(&mut self, rule: &RuleId, version: RuleVersion, hour: u64) -> &mut Counts {
        self.cells.entry((rule.clone(), version, hour)).or_default()
    }
}

fn count(counts: Option<&mut Counts>, verdict: Verdict, by: i64) {
    if let Some(n) = counts.and_then(|counts| counts.get_mut(verdict as usize)) {
        *n += by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        block::Postings,
        store::judged::{Hours, RuleOutcome},
        verdict::Verdict::{Held, Inconclusive, NotApplicable, Violated},
    };

    fn judged(hours: &[u64], uncounted: &[u32], verdicts: &[Verdict]) -> JudgedBlock {
        JudgedBlock {
            hours: Hours::of(hours),
            uncounted: Postings::new(uncounted.to_vec()),
            rules: vec![RuleOutcome {
                rule: RuleId::try_new("r").unwrap(),
                version: RuleVersion(1),
                verdicts: verdicts.to_vec(),
                inconclusive: Vec::new(),
            }],
        }
    }

    fn cells(change: &CoverageChange) -> Vec<(u64, Counts)> {
        let cells = change.cells.iter();
        cells
            .map(|((_, _, hour), counts)| (*hour, *counts))
            .collect()
    }

    #[test]
    fn verdicts_are_counted_by_hour_without_superseded_traces() {
        let mut change = CoverageChange::default();
        let verdicts = [NotApplicable, Violated, Held, Inconclusive, Held];
        change.add_block(&judged(&[5, 5, 6, 6, 7], &[4], &verdicts));
        assert_eq!(cells(&change), [(5, [1, 0, 1, 0]), (6, [0, 1, 0, 1])]);
    }

    #[test]
    fn a_superseded_trace_goes_out_of_its_own_hour_once_and_only_if_it_was_in() {
        let mut change = CoverageChange::default();
        let block = judged(&[5, 6], &[0], &[Violated, Held]);
        change.take_out(&block, 0);
        change.take_out(&block, 9);
        assert_eq!(cells(&change), []);
        change.take_out(&block, 1);
        assert_eq!(cells(&change), [(6, [0, -1, 0, 0])]);
    }
}
