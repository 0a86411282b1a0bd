//! The calls of one pack on one block, and what is done where they fail.
//!
//! A call of many rules and traces that fails says nothing of any of them. It is repeated rule by rule, then
//! by halves of the traces, until one rule fails on one trace alone: that is a verdict. What this may spend is
//! bounded for each rule, so that a rule that fails everywhere cannot hold up the others; the traces that the
//! budget does not reach are `inconclusive (quarantined)`.

use std::ops::Range;

use crate::{
    block::{Block, Postings},
    sandbox::{
        Batch, CallBudget, CallError, Findings, PackPre, RuleFault, Sandbox,
        limits::{RULES_PER_CALL_MAX, VERDICTS_PER_CALL_MAX},
    },
    verdict::Reason,
};

use super::{
    JudgeError,
    limits::{REPEAT_FUEL_CALLS, REPEAT_FUEL_PARTS, REPEAT_TIME_CALLS, TIME_TRIES},
    outcome::Outcome,
    project::{Projection, Symbols},
    select::{Selection, Selector},
};

/// What all calls of a pack on a block share.
pub(super) struct PackJudge<'a, 'b> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) pack: &'a PackPre,
    pub(super) block: &'b Block,
    pub(super) symbols: &'a mut Symbols<'b>,
}

impl PackJudge<'_, '_> {
    /// Judges every candidate of every rule; the outcomes are in order of the rules' places in the pack. Rules
    /// without a candidate in the block are not called.
    pub(super) fn judge(&mut self, outcomes: &mut [Outcome<'_>]) -> Result<(), JudgeError> {
        let mut outcomes: Vec<&mut Outcome<'_>> = outcomes
            .iter_mut()
            .filter(|outcome| !outcome.candidates().is_empty())
            .collect();
        if let [outcome] = outcomes.as_mut_slice() {
            let traces = outcome.candidates().clone();
            return self.judge_alone(outcome, traces.as_slice());
        }
        let mut union = Postings::default();
        for outcome in &outcomes {
            // Most often the first rule without any-of sees everything.
            if union.len() < self.block.meta().n_traces as usize {
                union = union.or(outcome.candidates());
            }
        }
        let failed = self.judge_together(&mut outcomes, union.as_slice())?;
        for (rules, traces) in failed {
            for outcome in outcomes.get_mut(rules).into_iter().flatten() {
                let candidates = outcome.candidates();
                let own = traces
                    .iter()
                    .copied()
                    .filter(|trace| candidates.contains(*trace));
                let own: Vec<u32> = own.collect();
                self.judge_alone(outcome, &own)?;
            }
        }
        Ok(())
    }

    /// Judges traces by several rules in common calls. Returns which rules failed together on which traces:
    /// that decides nothing, and is charged to none of them.
    fn judge_together(
        &mut self,
        outcomes: &mut [&mut Outcome<'_>],
        mut traces: &[u32],
    ) -> Result<Failed, JudgeError> {
        let mut failed = Vec::new();
        let rules: Vec<u32> = outcomes.iter().map(|outcome| outcome.index()).collect();
        let mut projection = Projection::new(self.pack, &rules, self.block, self.symbols)?;
        let selector = Selector::new(self.block, projection.row_filter()?)?;
        while let Some(selection) = selector.next(&mut traces) {
            let batch = projection.batch(&selection)?;
            let rules_max =
                (VERDICTS_PER_CALL_MAX / selection.traces.len()).clamp(1, RULES_PER_CALL_MAX);
            let mut first = 0;
            for (rules, outcomes) in rules.chunks(rules_max).zip(outcomes.chunks_mut(rules_max)) {
                match call(
                    self.sandbox,
                    self.pack,
                    rules,
                    &batch,
                    CallBudget::default(),
                )? {
                    Ok(findings) => {
                        for (number, outcome) in outcomes.iter_mut().enumerate() {
                            outcome.take(number, &findings, &selection, &batch.facts);
                        }
                    }
                    Err(_) => failed.push((first..first + rules.len(), selection.traces.clone())),
                }
                first += rules.len();
            }
        }
        Ok(failed)
    }

    /// Judges traces by one rule, which sees nothing that other rules asked for.
    fn judge_alone(
        &mut self,
        outcome: &mut Outcome<'_>,
        mut traces: &[u32],
    ) -> Result<(), JudgeError> {
        let rules = [outcome.index()];
        let projection = Projection::new(self.pack, &rules, self.block, self.symbols)?;
        let selector = Selector::new(self.block, projection.row_filter()?)?;
        let fuel_of_call = self.sandbox.limits().fuel(1, 0);
        let mut alone = Alone {
            sandbox: self.sandbox,
            pack: self.pack,
            projection,
            rules,
            budget: fuel_of_call.saturating_mul(REPEAT_FUEL_CALLS),
            fuel_of_call,
        };
        while let Some(selection) = selector.next(&mut traces) {
            alone.judge(outcome, &selection)?;
        }
        Ok(())
    }
}

/// Which rules, by their places, failed together on which traces.
type Failed = Vec<(Range<usize>, Vec<u32>)>;

/// Calls a pack; the outer error is the host's, the inner one the rule's.
fn call(
    sandbox: &Sandbox,
    pack: &PackPre,
    rules: &[u32],
    batch: &Batch,
    budget: CallBudget,
) -> Result<Result<Findings, RuleFault>, JudgeError> {
    match sandbox.call(pack, rules, batch, budget) {
        Ok(answer) => Ok(Ok(answer.findings)),
        Err(CallError::Fault(fault)) => Ok(Err(fault)),
        Err(CallError::Host { what }) => Err(JudgeError::Sandbox { what }),
    }
}

/// One rule of a pack on a block.
struct Alone<'a, 'b> {
    sandbox: &'a Sandbox,
    pack: &'a PackPre,
    projection: Projection<'a, 'b>,
    rules: [u32; 1],
    /// The fuel that failing calls may still cost.
    budget: u64,
    /// What a call has.
    fuel_of_call: u64,
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
        let batch = self.projection.batch(selection)?;
        let fault = match self.call(&batch, CallBudget::default())? {
            Ok(findings) => {
                outcome.take(0, &findings, selection, &batch.facts);
                return Ok(());
            }
            Err(fault) => fault,
        };
        let Some((left, right)) = selection.halves() else {
            return self.settle(outcome, selection, &batch, &fault);
        };
        drop(batch);
        self.judge(outcome, &left)?;
        self.judge(outcome, &right)
    }

    /// One rule failed on one trace alone: that is its verdict, unless only time was short.
    fn settle(
        &mut self,
        outcome: &mut Outcome<'_>,
        selection: &Selection,
        batch: &Batch,
        fault: &RuleFault,
    ) -> Result<(), JudgeError> {
        let mut reason = fault.kind;
        let mut tries = 1;
        while reason == Reason::DeadlineExceeded && tries < TIME_TRIES {
            let deadlines = 1 << tries;
            match self.call(batch, CallBudget { deadlines })? {
                Ok(findings) => {
                    outcome.take(0, &findings, selection, &batch.facts);
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
        let answer = call(self.sandbox, self.pack, &self.rules, batch, budget)?;
        if let Err(fault) = &answer {
            let spent = match fault.kind {
                // Its fuel says nothing of the time that it took.
                Reason::DeadlineExceeded => self.fuel_of_call.saturating_mul(REPEAT_TIME_CALLS),
                Reason::OutOfFuel
                | Reason::MemoryLimit
                | Reason::Trapped
                | Reason::BadOutput
                | Reason::Incomplete
                | Reason::Quarantined => {
                    fault.fuel_spent.max(self.fuel_of_call / REPEAT_FUEL_PARTS)
                }
            };
            self.budget = self.budget.saturating_sub(spent);
        }
        Ok(answer)
    }
}
