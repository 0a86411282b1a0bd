//! Rules of a call that failed, each asked of each block alone, and who is charged with the call.

use crate::sandbox::RuleFault;

use super::{
    super::{JudgeError, outcome::Outcome, repeat::judge_alone, select::Part},
    Group, Seeing, of_view,
};

impl Group<'_, '_> {
    /// A call failed: each rule is asked of each block alone.
    pub(super) fn judge_one_by_one(
        &mut self,
        seeing: &[Seeing],
        parts: &[Part],
        fault: &RuleFault,
    ) -> Result<(), JudgeError> {
        let cost_of_call = self.meter.take_open();
        let judged = self.judge_each(seeing, parts, fault);
        // Whoever failed of them is to blame for the first call too; nobody, and all are.
        let mut failed = positions(
            self.outcomes_of(seeing, parts)
                .filter(|outcome| outcome.has_failed()),
        );
        if failed.is_empty() {
            failed = self.positions(seeing, parts);
        }
        self.meter.open(cost_of_call);
        self.meter.charge(&failed);
        judged
    }

    fn judge_each(
        &mut self,
        seeing: &[Seeing],
        parts: &[Part],
        fault: &RuleFault,
    ) -> Result<(), JudgeError> {
        for part in parts {
            let seeing = of_view(seeing, part.view);
            let was_alone = parts.len() == 1 && seeing.len() == 1;
            for one in seeing {
                let outcomes = self.outcomes.get_mut(part.view);
                let Some(outcome) = outcomes.and_then(|outcomes| outcomes.get_mut(one.outcome))
                else {
                    continue;
                };
                let failed = was_alone.then_some(fault);
                match judge_alone(
                    self.meter,
                    self.plan,
                    &mut self.views,
                    part,
                    outcome,
                    failed,
                ) {
                    Ok(()) => {}
                    Err(JudgeError::Block(error)) => {
                        self.give_up(part.view, error);
                        break;
                    }
                    Err(error @ (JudgeError::Sandbox { .. } | JudgeError::GivenUp)) => {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the places in the plan of the rules that see something of these parts, each once.
    pub(super) fn positions(&self, seeing: &[Seeing], parts: &[Part]) -> Vec<u32> {
        positions(self.outcomes_of(seeing, parts))
    }

    fn outcomes_of<'s>(
        &'s self,
        seeing: &'s [Seeing],
        parts: &'s [Part],
    ) -> impl Iterator<Item = &'s Outcome<'s>> {
        parts.iter().flat_map(|part| {
            let outcomes = self.outcomes.get(part.view);
            let of_part = of_view(seeing, part.view).iter();
            of_part.filter_map(move |one| outcomes?.get(one.outcome))
        })
    }
}

fn positions<'o>(outcomes: impl Iterator<Item = &'o Outcome<'o>>) -> Vec<u32> {
    let mut positions: Vec<u32> = outcomes.map(|outcome| outcome.position).collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}
