//! How often rules failed lately, and which of them have to be quarantined.
//!
//! Each rule that judges has a window of time that slides by a tenth of its length. It is kept in memory: a restart
//! forgets what led up to a quarantine, and not the quarantine. It is begun anew with each version and each quarantine,
//! so that a rule whose quarantine was lifted is judged by what it does from then on.

use std::{collections::VecDeque, time::Duration};

use hashbrown::HashMap;

use super::limits::QuarantineLimits;
use crate::{
    judge::{BatchFault, RuleCost},
    rule_id::{RuleId, RuleVersion},
    tenant::TenantId,
};

/// In how many parts a window slides.
const WINDOW_PARTS: u32 = 10;

/// What of its batches a rule was judged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) all: u64,
    pub(super) failed: u64,
}

/// The windows of the rules that judged within the length of one.
#[derive(Debug)]
pub(super) struct Faults {
    limits: QuarantineLimits,
    tenants: HashMap<TenantId, HashMap<RuleId, Window>>,
    /// The part of the time in which windows were last looked through for those that ended.
    cleared: u128,
}

#[derive(Debug)]
struct Window {
    version: RuleVersion,
    /// By the number of the part, ascending; at most [`WINDOW_PARTS`].
    parts: VecDeque<(u128, Batches)>,
    /// How it failed last.
    fault: Option<BatchFault>,
}

/// That a rule failed too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooOften {
    /// What its window held.
    pub(super) batches: Batches,
    /// How it failed last.
    pub(super) fault: BatchFault,
}

impl Faults {
    pub(super) fn new(limits: QuarantineLimits) -> Self {
        Self {
            limits,
            tenants: HashMap::default(),
            cleared: 0,
        }
    }

    /// Counts batches of a rule; says where too many failed.
    pub(super) fn count(
        &mut self,
        tenant: &TenantId,
        rule: &RuleId,
        version: RuleVersion,
        cost: &RuleCost,
        now: Duration,
    ) -> Option<TooOften> {
        let part = self.part(now);
        self.forget_what_ended(part);
        let of_tenant = self.tenants.entry_ref(tenant).or_default();
        let begun = || Window {
            version,
            parts: VecDeque::new(),
            fault: None,
        };
        let window = of_tenant.entry_ref(rule).or_insert_with(begun);
        if window.version != version {
            *window = begun();
        }
        window.fault = cost.fault.clone().or(window.fault.take());
        let batches = window.add(part, cost);
        let QuarantineLimits {
            failed_percent,
            batches_min,
            window: _,
        } = self.limits;
        let Batches { all, failed } = batches;
        let is_over = failed.saturating_mul(100) > all.saturating_mul(failed_percent);
        if all < batches_min || !is_over {
            return None;
        }
        let fault = of_tenant.remove(rule)?.fault?;
        Some(TooOften { batches, fault })
    }

    fn part(&self, now: Duration) -> u128 {
        let part = self.limits.window / WINDOW_PARTS;
        now.as_nanos() / part.as_nanos().max(1)
    }

    /// Forgets rules that did not judge for as long as a window is, so that no more are kept than judge.
    fn forget_what_ended(&mut self, part: u128) {
        if self.cleared == part {
            return;
        }
        self.cleared = part;
        self.tenants.retain(|_, rules| {
            rules.retain(|_, window| {
                let last = window.parts.back();
                last.is_some_and(|(last, _)| last + u128::from(WINDOW_PARTS) > part)
            });
            !rules.is_empty()
        });
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.tenants.values().map(HashMap::len).sum()
    }
}

impl Window {
    /// Returns the sum over the window.
    fn add(&mut self, part: u128, cost: &RuleCost) -> Batches {
        let batches = Batches {
            all: cost.batches,
            failed: cost.failed(),
        };
        match self.parts.back_mut() {
            Some((last, sum)) if *last == part => {
                sum.all += batches.all;
                sum.failed += batches.failed;
            }
            Some(_) | None => self.parts.push_back((part, batches)),
        }
        while let Some((first, _)) = self.parts.front()
            && first + u128::from(WINDOW_PARTS) <= part
        {
            self.parts.pop_front();
        }
        let parts = self.parts.iter();
        parts.fold(Batches::default(), |sum, (_, part)| Batches {
            all: sum.all.saturating_add(part.all),
            failed: sum.failed.saturating_add(part.failed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Reason;

    const MIN: Duration = Duration::from_mins(1);

    struct Rule(Faults, RuleId, TenantId);

    impl Rule {
        fn new() -> Self {
            let faults = Faults::new(QuarantineLimits::default());
            let rule = RuleId::try_new("r").unwrap();
            Self(faults, rule, TenantId::default_tenant())
        }

        /// Counts batches of version 1; says whether that is too much.
        fn count(&mut self, failed: u64, all: u64, now: Duration) -> bool {
            self.of_version(1, failed, all, now).is_some()
        }

        fn of_version(
            &mut self,
            version: u32,
            failed: u64,
            all: u64,
            now: Duration,
        ) -> Option<Batches> {
            let Self(faults, rule, tenant) = self;
            let mut cost = RuleCost::default();
            for batch in 0..all {
                cost.add_batch((batch < failed).then(|| BatchFault {
                    reason: Reason::Trapped,
                    detail: "it trapped".to_owned(),
                }));
            }
            let too_often = faults.count(tenant, rule, RuleVersion(version), &cost, now)?;
            assert_eq!(too_often.fault.detail, "it trapped");
            Some(too_often.batches)
        }
    }

    #[test]
    fn more_than_the_share_of_enough_batches_is_too_much() {
        let mut rule = Rule::new();
        assert!(!rule.count(9, 9, MIN), "too few to say");
        assert!(!rule.count(0, 9, MIN), "a half is not more than a half");
        let over = Batches {
            all: 19,
            failed: 10,
        };
        assert_eq!(rule.of_version(1, 1, 1, MIN), Some(over));
        assert!(!rule.count(9, 9, MIN), "it is begun anew");
        assert!(rule.count(0, 1, MIN), "nine of ten, whichever comes last");
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut rule = Rule::new();
        assert!(!rule.count(9, 9, MIN));
        assert!(!rule.count(1, 1, 11 * MIN), "the nine are past");
        assert!(!rule.count(8, 8, 20 * MIN));
        assert!(rule.count(1, 1, 20 * MIN), "the one is not");
        // Many that went well hide those that fail only as long as they are in the window.
        assert!(!rule.count(0, 1_000, 30 * MIN));
        assert!(!rule.count(20, 20, 39 * MIN));
        assert!(rule.count(20, 20, 40 * MIN));
    }

    #[test]
    fn each_version_is_judged_by_what_it_does_itself() {
        let mut rule = Rule::new();
        assert!(!rule.count(9, 9, MIN));
        assert_eq!(rule.of_version(2, 9, 9, MIN), None);
        assert!(rule.of_version(2, 1, 1, MIN).is_some());
    }

    #[test]
    fn rules_that_judge_no_more_are_forgotten() {
        let mut rule = Rule::new();
        rule.count(1, 1, MIN);
        rule.1 = RuleId::try_new("other").unwrap();
        rule.count(1, 1, 5 * MIN);
        assert_eq!(rule.0.len(), 2);
        rule.count(1, 1, 12 * MIN);
        assert_eq!(rule.0.len(), 1);
        rule.1 = RuleId::try_new("third").unwrap();
        rule.count(1, 1, 30 * MIN);
        assert_eq!(rule.0.len(), 1);
    }
}
