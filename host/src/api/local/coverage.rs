//! How the verdicts add up.

use super::{ApiError, Local};
use crate::api::wire::{CoverageView, RuleCoverage};

impl Local {
    pub(super) fn sum_coverage(&self) -> Result<Vec<RuleCoverage>, ApiError> {
        let sums = self.rooms.store.coverage(&self.tenant, None)?;
        let each = sums.into_iter().map(|(rule, counts)| RuleCoverage {
            rule: rule.to_string(),
            coverage: view(counts),
        });
        Ok(each.collect())
    }
}

/// Shows how many traces of a rule have each verdict. With neither held nor violated ones there is no coverage.
pub(super) fn view(counts: [u64; 4]) -> CoverageView {
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
