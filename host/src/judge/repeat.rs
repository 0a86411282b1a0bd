//! What is done where a call fails.
//!
//! A call of many rules and traces that fails says nothing of any of them. It is repeated rule by rule and block by
//! block, then by halves of the traces, until one rule fails on one trace alone: that is a verdict. What this may
//! spend is bounded for each rule and block, so that a rule that fails everywhere cannot hold up the others; the
//! traces that the budget does not reach are `inconclusive (quarantined)`.

use crate::{
    sandbox::{Batch, CallBudget, Findings, PackPre, RuleFault},
    verdict::Reason,
};

use super::{
    JudgeError,
    limits::{REPEAT_FUEL_CALLS, REPEAT_FUEL_PARTS, REPEAT_TIME_CALLS, TIME_TRIES},
    meter::Meter,
    outcome::{OneRule, Outcome},
    plan::JudgePlan,
    project::Projection,
    select::{Part, Selection},
    stateful::Judged,
    view::View,
};

/// Judges by one rule what is selected of one block, after a call of more than that failed; or, where `failed` says
/// how, of just that.
pub(super) fn judge_alone(
    meter: &Meter<'_>,
    plan: &JudgePlan<'_>,
    views: &mut [View<'_>],
    part: &Part,
    outcome: &mut Outcome<'_>,
    failed: Option<&RuleFault>,
) -> Result<(), JudgeError> {
    // Whatever was called is in a pack.
    let Some(in_pack) = outcome.in_pack() else {
        return Ok(());
    };
    let fuel_of_call = meter.fuel_of_call();
    let rules = [in_pack.index()];
    let pack = in_pack.pack();
    let mut alone = Alone {
        meter,
        pack,
        projection: Projection::new(plan, pack, rules),
        views,
        view: part.view,
        rules,
        budget: fuel_of_call.saturating_mul(REPEAT_FUEL_CALLS),
        fuel_of_call,
        detail: None,
        overran: false,
    };
    let judged = if let Some(fault) = failed {
        alone.charge(fault);
        alone.take_apart(outcome, &part.selection, fault)
    } else {
        let own = part.selection.only(|trace| outcome.must_see(trace));
        alone.judge(outcome, &own)
    };
    outcome.blame(alone.detail, alone.overran);
    meter.charge(&[outcome.position]);
    judged
}

/// One rule of a pack on a block.
struct Alone<'a, 'b> {
    meter: &'a Meter<'a>,
    pack: &'a PackPre,
    projection: Projection<'a>,
    views: &'a mut [View<'b>],
    view: usize,
    rules: [u32; 1],
    /// The fuel that failing calls may still cost.
    budget: u64,
    /// What a call has.
    fuel_of_call: u64,
    /// How the last call failed, for the rule's author.
    detail: Option<String>,
    /// Whether a call had more of a processor than a call may take.
    overran: bool,
}

impl Alone<'_, '_> {
    /// Judges a batch, by halves where that fails.
    fn judge(
        &mut self,
        outcome: &mut Outcome<'_>,
        selection: &Selection,
    ) -> Result<(), JudgeError> {
        if self.budget == 0 {
            outcome.fail(&selection.traces, Reason::Quarantined);
            return Ok(());
        }
        let batch = self.batch(selection)?;
        match self.call(&batch, CallBudget::default())? {
            Ok(findings) => {
                let part = Part {
                    view: self.view,
                    selection: selection.clone(),
                };
                let judged = Judged {
                    meter: self.meter,
                    pack: self.pack,
                    rules: &self.rules,
                    projection: &self.projection,
                    parts: &[part],
                    batch: &batch,
                    findings: &findings,
                };
                judged.check_sample(self.views)?;
                outcome.take(&OneRule::of(&findings, &batch), selection);
                Ok(())
            }
            Err(fault) => {
                drop(batch);
                self.take_apart(outcome, selection, &fault)
            }
        }
    }

    /// The rule failed on a batch: its halves may tell of more.
    fn take_apart(
        &mut self,
        outcome: &mut Outcome<'_>,
        selection: &Selection,
        fault: &RuleFault,
    ) -> Result<(), JudgeError> {
        let Some((left, right)) = selection.halves() else {
            return self.settle(outcome, selection, fault);
        };
        self.judge(outcome, &left)?;
        self.judge(outcome, &right)
    }

    fn batch(&mut self, selection: &Selection) -> Result<Batch, JudgeError> {
        let part = Part {
            view: self.view,
            selection: selection.clone(),
        };
        let batch = self.projection.batch(self.views, &[part]);
        batch.map_err(|(_, error)| error.into())
    }

    /// One rule failed on one trace alone: that is its verdict, unless only time was short.
    fn settle(
        &mut self,
        outcome: &mut Outcome<'_>,
        selection: &Selection,
        fault: &RuleFault,
    ) -> Result<(), JudgeError> {
        let mut reason = fault.kind;
        let mut tries = 1;
        while reason == Reason::DeadlineExceeded && tries < TIME_TRIES {
            let deadlines = 1 << tries;
            let batch = self.batch(selection)?;
            let budget = CallBudget {
                deadlines,
                ..CallBudget::default()
            };
            match self.call(&batch, budget)? {
                Ok(findings) => {
                    outcome.take(&OneRule::of(&findings, &batch), selection);
                    return Ok(());
                }
                Err(fault) => reason = fault.kind,
            }
            tries += 1;
        }
        outcome.fail(&selection.traces, reason);
        Ok(())
    }

    fn call(
        &mut self,
        batch: &Batch,
        budget: CallBudget,
    ) -> Result<Result<Findings, RuleFault>, JudgeError> {
        let answer = self.meter.call(self.pack, &self.rules, batch, budget)?;
        if let Err(fault) = &answer {
            self.charge(fault);
        }
        Ok(answer)
    }

    fn charge(&mut self, fault: &RuleFault) {
        self.overran |= self.meter.overran();
        self.detail = Some(fault.detail.clone());
        let spent = match fault.kind {
            // Its fuel says nothing of the time that it took.
            Reason::DeadlineExceeded => self.fuel_of_call.saturating_mul(REPEAT_TIME_CALLS),
            Reason::OutOfFuel
            | Reason::MemoryLimit
            | Reason::Trapped
            | Reason::BadOutput
            | Reason::Incomplete
            | Reason::Quarantined
            | Reason::Stateful => fault.fuel_spent.max(self.fuel_of_call / REPEAT_FUEL_PARTS),
        };
        self.budget = self.budget.saturating_sub(spent);
    }
}
