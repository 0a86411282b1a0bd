//! Whose blocks are judged next, and in which lane.
//!
//! Each tenant has a budget of processor time: a share of a processor, saved up to a burst, and charged with all that
//! judging its blocks takes. While other tenants are there, one that is over its budget is in the slow lane, a thread of
//! low priority, and stays there until it is even and has nothing left to be judged: so a tenant whose rules burn all they
//! can never comes back as long as they do. So does, for a while, one whose group took so long on a fast thread that
//! it was given up. A tenant that is alone has a fast thread for as long as it likes.
//!
//! A tenant has one group under way at most, in whichever lane: its blocks are judged in the order of listing. Of several
//! tenants the one with most of its budget left comes first, of equals the one that waits longest.
//!
//! Knows the time only as it is told, and nothing of threads.

use std::time::Duration;

use hashbrown::HashMap;

use super::limits::FairnessLimits;
use crate::tenant::TenantId;

/// Where a group is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// For tenants within their budgets.
    Fast,
    /// For the others.
    Slow,
}

/// A tenant that has blocks to be judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<'a> {
    pub(super) tenant: &'a TenantId,
    /// When the oldest of its blocks was listed.
    pub(super) since: Duration,
}

/// What a group took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    pub(super) processor: Duration,
    /// What of a processor its tenant may have, in percent.
    pub(super) share_percent: i64,
    /// Whether all of it takes more than was allowed.
    pub(super) overspent: bool,
}

/// The budgets of the tenants that were there lately.
#[derive(Debug)]
pub(super) struct Schedule {
    limits: FairnessLimits,
    tenants: HashMap<TenantId, Account>,
    /// When budgets were refilled.
    refilled: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    /// Nanoseconds of a processor; below zero what it owes.
    left_ns: i64,
    lane: Lane,
    /// Until when it is slow whatever is left.
    slow_until: Duration,
    /// When it last had something to be judged.
    seen: Duration,
    is_waiting: bool,
    is_under_way: bool,
}

impl Schedule {
    pub(super) fn new(limits: FairnessLimits) -> Self {
        Self {
            limits,
            tenants: HashMap::default(),
            refilled: Duration::ZERO,
        }
    }

    /// Hears what waits at the moment. Returns the tenants that changed their lane, and whether they are slow now.
    pub(super) fn look(&mut self, now: Duration, waiting: &[Waiting<'_>]) -> Vec<(TenantId, bool)> {
        self.refill(now);
        let burst = nanos(self.limits.burst);
        for account in self.tenants.values_mut() {
            account.is_waiting = false;
        }
        for of in waiting {
            let account = self.tenants.entry(of.tenant.clone()).or_insert(Account {
                left_ns: burst,
                lane: Lane::Fast,
                slow_until: Duration::ZERO,
                seen: now,
                is_waiting: true,
                is_under_way: false,
            });
            account.is_waiting = true;
            account.seen = now;
        }
        let n_active = self.n_active(now);
        let mut changed = Vec::new();
        for (tenant, account) in &mut self.tenants {
            let others = n_active > usize::from(account.is_active(now, self.limits.active_for));
            let lane = account.lane_now(now, others);
            if lane != account.lane {
                account.lane = lane;
                changed.push((tenant.clone(), lane == Lane::Slow));
            }
        }
        let active_for = self.limits.active_for;
        self.tenants.retain(|_, account| {
            account.is_active(now, active_for)
                || account.left_ns < burst
                || account.lane == Lane::Slow
        });
        changed
    }

    /// Returns who is judged next in a lane.
    pub(super) fn next<'a>(&self, lane: Lane, waiting: &[Waiting<'a>]) -> Option<&'a TenantId> {
        let may = waiting.iter().filter_map(|of| {
            let account = self.tenants.get(of.tenant)?;
            (account.lane == lane && !account.is_under_way).then_some((account.left_ns, of))
        });
        // The most left, then the longest wait.
        let first = may.min_by_key(|(left, of)| (left.saturating_neg(), of.since));
        first.map(|(_, of)| of.tenant)
    }

    /// Returns what a group may take in a lane; none where it takes what it takes.
    pub(super) fn allowance(&self, lane: Lane, now: Duration) -> Option<Duration> {
        match lane {
            Lane::Fast => (self.n_active(now) > 1).then_some(self.limits.fast_group_max),
            Lane::Slow => None,
        }
    }

    /// Notes that a group of a tenant is under way.
    pub(super) fn begin(&mut self, tenant: &TenantId, now: Duration) {
        if let Some(account) = self.tenants.get_mut(tenant) {
            account.is_under_way = true;
            account.seen = now;
        }
    }

    /// Charges a tenant with what its group took.
    pub(super) fn end(&mut self, tenant: &TenantId, took: Took, now: Duration) {
        let Took {
            processor,
            share_percent,
            overspent,
        } = took;
        self.refill(now);
        let (debt_max, overspent_for) = (self.limits.debt_max, self.limits.overspent_for);
        let Some(account) = self.tenants.get_mut(tenant) else {
            return;
        };
        account.is_under_way = false;
        account.seen = now;
        // All budgets are refilled alike: who may take more is charged with less.
        let usual = i64::from(self.limits.share_percent);
        let charge = nanos(processor).saturating_mul(usual) / share_percent.max(1);
        let left = account.left_ns.saturating_sub(charge);
        account.left_ns = left.max(nanos(debt_max).saturating_neg());
        if overspent {
            account.slow_until = now.saturating_add(overspent_for);
        }
    }

    fn n_active(&self, now: Duration) -> usize {
        let active_for = self.limits.active_for;
        let accounts = self.tenants.values();
        accounts
            .filter(|account| account.is_active(now, active_for))
            .count()
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.refilled);
        self.refilled = self.refilled.max(now);
        let share = nanos(passed).saturating_mul(self.limits.share_percent.into()) / 100;
        let burst = nanos(self.limits.burst);
        for account in self.tenants.values_mut() {
            account.left_ns = account.left_ns.saturating_add(share).min(burst);
        }
    }
}

impl Account {
    fn is_active(&self, now: Duration, active_for: Duration) -> bool {
        let lately = now.saturating_sub(self.seen) < active_for;
        self.is_waiting || self.is_under_way || lately
    }

    /// Returns in which lane it is to be; `others` says whether there is anybody else.
    fn lane_now(&self, now: Duration, others: bool) -> Lane {
        let has_more = self.is_waiting || self.is_under_way;
        let is_over = match self.lane {
            Lane::Fast => self.left_ns < 0,
            Lane::Slow => self.left_ns < 0 || has_more,
        };
        if now < self.slow_until || (others && is_over) {
            Lane::Slow
        } else {
            Lane::Fast
        }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::limits::TENANT_SHARE_PERCENT, *};
    use crate::tenant::Limit;

    const MS: Duration = Duration::from_millis(1);
    const SEC: Duration = Duration::from_secs(1);

    /// The share of a tenant for whom none was set.
    const USUAL: i64 = TENANT_SHARE_PERCENT as i64;

    fn took(processor: Duration, share_percent: i64) -> Took {
        Took {
            processor,
            share_percent,
            overspent: false,
        }
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::try_new(name).unwrap()
    }

    /// A schedule, and tenants `a` and `b`.
    struct Two {
        schedule: Schedule,
        a: TenantId,
        b: TenantId,
    }

    impl Two {
        fn new() -> Self {
            Self {
                schedule: Schedule::new(FairnessLimits::default()),
                a: tenant("a"),
                b: tenant("b"),
            }
        }

        /// Who of those that wait is judged next: in the fast lane, in the slow lane.
        fn next(&mut self, now: Duration, waiting: &[&TenantId]) -> [Option<TenantId>; 2] {
            let waiting: Vec<Waiting<'_>> = (0..)
                .zip(waiting)
                .map(|(since, tenant)| Waiting {
                    tenant,
                    since: Duration::from_nanos(since),
                })
                .collect();
            self.schedule.look(now, &waiting);
            [Lane::Fast, Lane::Slow].map(|lane| self.schedule.next(lane, &waiting).cloned())
        }

        fn judge(&mut self, tenant: &TenantId, processor: Duration, now: Duration) {
            self.schedule.begin(tenant, now);
            self.schedule.end(tenant, took(processor, USUAL), now);
        }
    }

    #[test]
    fn who_may_take_more_is_slow_later_and_who_may_take_nothing_at_once() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        let shown = Limit::JudgePercent.default_value();
        assert_eq!(shown, Some(u64::from(TENANT_SHARE_PERCENT)));
        for (share, is_slow) in [(2 * USUAL, false), (USUAL, true), (0, true)] {
            two.next(SEC, &[&a, &b]);
            two.schedule.begin(&a, SEC);
            two.schedule.end(&a, took(1_500 * MS, share), SEC);
            let [_, slow] = two.next(SEC, &[&a, &b]);
            assert_eq!(slow.is_some(), is_slow, "{share} percent");
            two = Two::new();
        }
    }

    #[test]
    fn a_tenant_over_its_budget_is_slow_and_the_others_are_not() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        assert_eq!(
            two.next(SEC, &[&a, &b]),
            [Some(a.clone()), None],
            "the oldest"
        );
        two.judge(&a, 900 * MS, SEC);
        assert_eq!(
            two.next(SEC, &[&a, &b]),
            [Some(b.clone()), None],
            "most is left to b"
        );
        two.judge(&b, 950 * MS, SEC);
        assert_eq!(two.next(SEC, &[&b, &a]), [Some(a.clone()), None]);
        two.judge(&a, 101 * MS, SEC);
        assert_eq!(
            two.next(SEC, &[&a, &b]),
            [Some(b.clone()), Some(a.clone())],
            "a owes 1 ms"
        );
        // Even again, it stays until all of it is judged.
        assert_eq!(two.next(2 * SEC, &[&a, &b])[1], Some(a.clone()));
        assert_eq!(two.next(2 * SEC, &[&b])[1], None);
        two.judge(&b, 2 * SEC, 2 * SEC);
        assert_eq!(two.next(2 * SEC, &[&a, &b]), [Some(a), Some(b)]);
    }

    #[test]
    fn a_tenant_that_burns_all_it_can_never_comes_back_while_it_does() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        two.next(SEC, &[&a, &b]);
        two.judge(&a, 2 * SEC, SEC);
        // The slow lane gives it a tenth of a processor, less than its share, and its blocks are never all judged.
        for second in 2..600 {
            let now = second * SEC;
            assert_eq!(two.next(now, &[&a, &b]), [Some(b.clone()), Some(a.clone())]);
            two.judge(&a, 100 * MS, now);
        }
        // With nothing left, it does.
        two.next(600 * SEC, &[&b]);
        assert_eq!(two.next(601 * SEC, &[&a, &b])[1], None);
    }

    #[test]
    fn a_tenant_that_is_alone_is_never_slow_and_has_no_allowance() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        for second in 1..100 {
            assert_eq!(two.next(second * SEC, &[&a]), [Some(a.clone()), None]);
            assert_eq!(two.schedule.allowance(Lane::Fast, second * SEC), None);
            two.judge(&a, SEC, second * SEC);
        }
        // Another comes: what was taken counts.
        let now = 100 * SEC;
        assert_eq!(two.next(now, &[&a, &b]), [Some(b.clone()), Some(a.clone())]);
        let limits = FairnessLimits::default();
        assert_eq!(
            two.schedule.allowance(Lane::Fast, now),
            Some(limits.fast_group_max)
        );
        assert_eq!(two.schedule.allowance(Lane::Slow, now), None);
        two.judge(&b, MS, now);
        assert_eq!(two.next(now + 59 * SEC, &[&a])[1], Some(a.clone()));
        // The other has been away for long enough.
        assert_eq!(two.next(now + 60 * SEC, &[&a]), [Some(a), None]);
    }

    #[test]
    fn whose_group_was_given_up_is_slow_for_a_while() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        two.next(SEC, &[&a, &b]);
        two.schedule.begin(&a, SEC);
        assert_eq!(two.next(SEC, &[&a, &b]), [Some(b), None], "a is under way");
        let took = Took {
            overspent: true,
            ..took(250 * MS, USUAL)
        };
        two.schedule.end(&a, took, SEC);
        assert_eq!(two.next(SEC, &[&a]), [None, Some(a.clone())]);
        assert_eq!(two.next(60 * SEC, &[&a]), [None, Some(a.clone())]);
        assert_eq!(two.next(62 * SEC, &[&a]), [Some(a), None]);
    }

    #[test]
    fn what_is_owed_and_what_is_saved_have_an_end_and_who_went_is_forgotten() {
        let mut two = Two::new();
        let (a, b) = (two.a.clone(), two.b.clone());
        let limits = FairnessLimits::default();
        two.next(SEC, &[&a, &b]);
        two.judge(&a, 10_000 * SEC, SEC);
        let even = SEC + 4 * limits.debt_max;
        two.next(even.saturating_sub(SEC), &[&b]);
        assert!(two.schedule.tenants[&a].left_ns < 0);
        two.next(even, &[&b]);
        assert_eq!(two.schedule.tenants[&a].left_ns, 0);
        two.next(even + 60 * SEC, &[&b]);
        assert_eq!(two.schedule.tenants.get(&a).map(|a| a.left_ns), None);
        assert_eq!(two.schedule.tenants.len(), 1);
    }
}
