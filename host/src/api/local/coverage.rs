//! How the verdicts add up.

use super::{ApiError, Local};
use crate::{
    api::wire::{CoverageView, RuleCoverage},
    store::CoverageCell,
};

impl Local {
    pub(super) fn sum_coverage(&self) -> Result<Vec<RuleCoverage>, ApiError> {
        let cells = self.rooms.store.coverage(&self.tenant, None)?;
        // In order of the rules.
        let by_rule = cells.chunk_by(|a, b| a.rule == b.rule);
        Ok(by_rule
            .filter_map(|cells| {
                Some(RuleCoverage {
                    rule: cells.first()?.rule.to_string(),
                    coverage: sum(cells),
                })
            })
            .collect())
    }
}

/// Adds up the cells of one rule. With neither held nor violated traces there is no coverage.
pub(super) fn sum(cells: &[CoverageCell]) -> CoverageView {
    let mut counts = [0_u64; 4];
    for cell in cells {
        for (sum, traces) in counts.iter_mut().zip(cell.traces) {
            *sum += traces;
        }
    }
    let [not_applicable, held, violated, inconclusive] = counts;
    let judged = held + violated;
    CoverageView {
        held,
        violated,
        not_applicable,
        inconclusive,
        coverage: (judged > 0).then(|| held as f64 / judged as f64),
    }
}
