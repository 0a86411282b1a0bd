//! The one place where the judge calls packs, and what the calls cost.
//!
//! A caller that cannot wait for ever gives an allowance. Once it is spent no further call is made, and the call that
//! would spend it is cut short: the judging is given up, and nothing of it counts as a verdict. Whoever asks again with
//! more gets the verdicts that it would have got.

use std::{
    cell::{Cell, RefCell},
    fmt,
    time::Duration,
};

use crate::{
    clock::thread_processor_time,
    sandbox::{Batch, CallBudget, CallError, Findings, PackPre, RuleFault, Sandbox},
    verdict::Reason,
};

use super::{
    JudgeError,
    costs::{BatchFault, Cost, Costs},
    limits::{FUEL_PER_CALL_MIN, FUEL_PER_MS},
};

/// How far a judging may go.
#[derive(Clone, Copy)]
pub struct Allowance<'a> {
    /// The processor time that it may take; none: as much as it takes.
    pub processor: Option<Duration>,
    /// Asked before each call: whether to give up.
    pub is_stopped: &'a dyn Fn() -> bool,
    /// See [`CallBudget::give_way`].
    pub give_way: Option<fn()>,
}

impl Allowance<'_> {
    /// As far as it takes.
    pub const NO_END: Allowance<'static> = Allowance {
        processor: None,
        is_stopped: &|| false,
        give_way: None,
    };
}

impl fmt::Debug for Allowance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowance")
            .field("processor", &self.processor)
            .field("give_way", &self.give_way)
            .finish_non_exhaustive()
    }
}

/// Calls packs, and counts.
pub(super) struct Meter<'a> {
    sandbox: &'a Sandbox,
    allowance: Allowance<'a>,
    started: Duration,
    /// Of calls that no rule is charged with yet.
    open: Cell<Cost>,
    /// Whether the last call was stopped for time, and had more of a processor than a call may take.
    overran: Cell<bool>,
    costs: RefCell<Costs>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, allowance: Allowance<'a>, n_rules: usize) -> Self {
        let mut costs = Costs::default();
        costs.make_room_for(n_rules);
        Self {
            sandbox,
            allowance,
            started: thread_processor_time(),
            open: Cell::default(),
            overran: Cell::default(),
            costs: RefCell::new(costs),
        }
    }

    /// Returns the fuel that a call of one rule has, whatever the allowance.
    pub(super) fn fuel_of_call(&self) -> u64 {
        self.sandbox.limits().fuel(1, 0)
    }

    /// Calls a pack; a rule that misbehaves is no error.
    pub(super) fn call(
        &self,
        pack: &PackPre,
        rules: &[u32],
        batch: &Batch,
        budget: CallBudget,
    ) -> Result<Result<Findings, RuleFault>, JudgeError> {
        let before = thread_processor_time();
        let limits = self.sandbox.limits();
        let n_spans = batch.trace_ends.last().map_or(0, |end| *end as usize);
        let fuel = limits.fuel(rules.len(), n_spans);
        let fuel_max = self.left(before)?;
        let budget = CallBudget {
            fuel_max,
            give_way: self.allowance.give_way,
            ..budget
        };
        let answer = self.sandbox.call(pack, rules, batch, budget);
        let processor = thread_processor_time().saturating_sub(before);
        let (fuel_spent, answer) = match answer {
            Ok(answer) => (answer.fuel_spent, Ok(answer.findings)),
            Err(CallError::Fault(fault)) => (fault.fuel_spent, Err(fault)),
            Err(CallError::Host { what }) => return Err(JudgeError::Sandbox { what }),
        };
        self.open(Cost {
            fuel: fuel_spent,
            processor,
        });
        let ran_short = answer.as_ref().is_err_and(|fault| is_of_budget(fault.kind));
        if ran_short && fuel_max < fuel {
            return Err(JudgeError::GivenUp);
        }
        let is_late = |fault: &RuleFault| fault.kind == Reason::DeadlineExceeded;
        // What a deadline counts is partly time that passes, which a busy machine has less of. This is not.
        let overran = answer.as_ref().is_err_and(is_late) && processor >= limits.deadline(fuel);
        self.overran.set(overran);
        Ok(answer)
    }

    /// Whether the last call had more of a processor than a call may take.
    pub(super) fn overran(&self) -> bool {
        self.overran.get()
    }

    /// Charges what was called since the last time to rules, by their places in the plan.
    pub(super) fn charge(&self, rules: &[u32]) {
        let cost = self.take_open();
        self.costs.borrow_mut().share_out(cost, rules);
    }

    /// Counts a batch that a rule was judged on to the end.
    pub(super) fn add_batch(&self, rule: u32, fault: Option<BatchFault>) {
        if let Some(rule) = self.costs.borrow_mut().rule_mut(rule) {
            rule.add_batch(fault);
        }
    }

    /// Returns all that was counted.
    pub(super) fn into_costs(self) -> Costs {
        self.costs.into_inner()
    }

    /// Takes what was called since the last time, to be charged later.
    pub(super) fn take_open(&self) -> Cost {
        self.open.take()
    }

    /// Gives back what was taken.
    pub(super) fn open(&self, cost: Cost) {
        let mut open = self.open.get();
        open += cost;
        self.open.set(open);
    }

    /// Returns the fuel that the allowance has left for a call.
    fn left(&self, now: Duration) -> Result<u64, JudgeError> {
        if (self.allowance.is_stopped)() {
            return Err(JudgeError::GivenUp);
        }
        let Some(processor) = self.allowance.processor else {
            return Ok(u64::MAX);
        };
        let left = processor.checked_sub(now.saturating_sub(self.started));
        let left = left.ok_or(JudgeError::GivenUp)?;
        let fuel = left.as_nanos().saturating_mul(u128::from(FUEL_PER_MS)) / 1_000_000;
        Ok(u64::try_from(fuel)
            .unwrap_or(u64::MAX)
            .max(FUEL_PER_CALL_MIN))
    }
}

/// Whether a call that failed so might not have, had it had more of its budget.
fn is_of_budget(kind: Reason) -> bool {
    match kind {
        Reason::OutOfFuel | Reason::DeadlineExceeded => true,
        Reason::MemoryLimit
        | Reason::Trapped
        | Reason::BadOutput
        | Reason::Stateful
        | Reason::Incomplete
        | Reason::Quarantined => false,
    }
}
