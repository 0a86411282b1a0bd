//! What judging cost, by rule, and where rules failed.
//!
//! A rule's *batch* is what it must see of one block in one judging. A batch *failed* where a trace of it was left
//! without a verdict by the rule's own doing: incompleteness is none, and neither is a call that was stopped for time
//! on a machine that had too little of it.

use std::{ops::AddAssign, time::Duration};

use crate::verdict::Reason;

/// What calls cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Units of fuel.
    pub fuel: u64,
    /// Time on a processor.
    pub processor: Duration,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.processor = self.processor.saturating_add(other.processor);
    }
}

/// How a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFault {
    /// As the verdicts say.
    pub reason: Reason,
    /// For the rule's author.
    pub detail: String,
}

/// What one rule cost, and how it fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleCost {
    /// Of its calls. A call of several rules is shared out between them; one that failed is that rule's which failed.
    pub cost: Cost,
    /// Batches that were judged to the end.
    pub batches: u64,
    /// Of those, the ones that failed, by the number of the reason.
    failed: [u64; Reason::ALL.len()],
    /// How the last of them failed.
    pub fault: Option<BatchFault>,
}

impl RuleCost {
    /// Whether there is nothing to count.
    pub fn is_none(&self) -> bool {
        self.batches == 0 && self.cost == Cost::default()
    }

    /// Returns how many batches failed.
    pub fn failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Returns how many batches failed for a reason.
    pub fn failed_by(&self, reason: Reason) -> u64 {
        self.failed.get(reason as usize).copied().unwrap_or(0)
    }

    /// Counts a batch that was judged to the end.
    pub fn add_batch(&mut self, fault: Option<BatchFault>) {
        self.batches += 1;
        if let Some(fault) = fault {
            if let Some(failed) = self.failed.get_mut(fault.reason as usize) {
                *failed += 1;
            }
            self.fault = Some(fault);
        }
    }
}

/// What a judging cost, by the places of the rules in the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    rules: Vec<RuleCost>,
}

impl Costs {
    /// Returns the costs of each rule, in the order of the plan. May end early: what is not there cost nothing.
    pub fn rules(&self) -> &[RuleCost] {
        &self.rules
    }

    pub(super) fn make_room_for(&mut self, n_rules: usize) {
        if self.rules.len() < n_rules {
            self.rules.resize_with(n_rules, RuleCost::default);
        }
    }

    pub(super) fn rule_mut(&mut self, position: u32) -> Option<&mut RuleCost> {
        self.rules.get_mut(position as usize)
    }

    /// Shares a cost out between rules, without losing a unit of it.
    pub(super) fn share_out(&mut self, cost: Cost, rules: &[u32]) {
        let n_rules = rules.len() as u64;
        let nanos = u64::try_from(cost.processor.as_nanos()).unwrap_or(u64::MAX);
        for (number, position) in (0..n_rules).zip(rules) {
            let share = |of: u64| of / n_rules + u64::from(number < of % n_rules);
            let share = Cost {
                fuel: share(cost.fuel),
                processor: Duration::from_nanos(share(nanos)),
            };
            if let Some(rule) = self.rule_mut(*position) {
                rule.cost += share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_shared_out_to_the_last_unit() {
        let mut costs = Costs::default();
        costs.make_room_for(4);
        let cost = Cost {
            fuel: 11,
            processor: Duration::from_nanos(7),
        };
        costs.share_out(cost, &[0, 1, 3]);
        costs.share_out(cost, &[3]);
        let fuel: Vec<u64> = costs.rules().iter().map(|rule| rule.cost.fuel).collect();
        assert_eq!(fuel, [4, 4, 0, 14]);
        let nanos = costs.rules().iter().map(|rule| rule.cost.processor);
        assert_eq!(nanos.sum::<Duration>(), 2 * cost.processor);
        costs.share_out(cost, &[]);
    }

    #[test]
    fn batches_are_counted_and_the_last_fault_is_kept() {
        let mut rule = RuleCost::default();
        assert!(rule.is_none());
        let fault = |reason| BatchFault {
            reason,
            detail: String::new(),
        };
        rule.add_batch(None);
        rule.add_batch(Some(fault(Reason::Trapped)));
        rule.add_batch(Some(fault(Reason::OutOfFuel)));
        assert_eq!((rule.batches, rule.failed()), (3, 2));
        assert_eq!(rule.failed_by(Reason::Trapped), 1);
        assert_eq!(rule.fault, Some(fault(Reason::OutOfFuel)));
        assert!(!rule.is_none());
    }
}
