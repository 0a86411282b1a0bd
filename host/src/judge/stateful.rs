//! Looks for rules whose verdict on a trace hangs on the traces beside it.
//!
//! The contract forbids it, and replay would not equal live. An instance lives for one call, so a rule can carry
//! nothing from one call to the next; within a call it could. A sample of the calls that went well is therefore judged
//! again, trace by trace, and a rule that then says anything else is marked: from there on all that it says is
//! `inconclusive (stateful)`, of whatever tenant has the same bytes. The trial at load (`sandbox::trial`) finds out
//! most such rules before they are published; this finds those that wait for traces of a kind.
//!
//! The sample is one call in [`AGAIN_ONE_CALL_IN`] of each pack, of [`AGAIN_TRACES_MAX`] traces of it, more of the first.
//! Which traces those are moves on with each sample, and no guest can tell that it is asked again. A pack that spends more alone than
//! in company makes its calls dearer by a thirtieth at most.

use crate::{
    sandbox::{Batch, CallBudget, Findings, PackPre, said_of},
    verdict::Reason,
};

use super::{
    JudgeError,
    limits::{AGAIN_FIRST_TRACES_MAX, AGAIN_ONE_CALL_IN, AGAIN_TRACES_MAX},
    meter::Meter,
    project::Projection,
    select::Part,
    view::View,
};

/// A call that went well.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) meter: &'a Meter<'a>,
    pub(super) pack: &'a PackPre,
    /// As positions in the pack, ascending.
    pub(super) rules: &'a [u32],
    pub(super) projection: &'a Projection<'a>,
    pub(super) parts: &'a [Part],
    pub(super) batch: &'a Batch,
    pub(super) findings: &'a Findings,
}

impl Judged<'_> {
    /// Judges some of the traces again, each alone, if it is the call's turn; marks the rules that answer differently.
    ///
    /// # Errors
    ///
    /// Where the host has no instance. A block that cannot be read was read before.
    pub(super) fn check_sample(&self, views: &mut [View<'_>]) -> Result<(), JudgeError> {
        let n_traces = self.batch.traces as usize;
        if n_traces < 2 {
            return Ok(());
        }
        let Some(sample) = self.pack.is_sampled(AGAIN_ONE_CALL_IN) else {
            return Ok(());
        };
        let n_again = if sample == 0 {
            AGAIN_FIRST_TRACES_MAX
        } else {
            AGAIN_TRACES_MAX
        };
        let step = n_traces.div_ceil(n_again);
        let first = usize::try_from(sample).unwrap_or(0) % step;
        for trace in (first..n_traces).step_by(step) {
            self.check_trace(views, trace)?;
        }
        Ok(())
    }

    fn check_trace(&self, views: &mut [View<'_>], trace: usize) -> Result<(), JudgeError> {
        let Some(alone) = self.part_of(trace) else {
            return Ok(());
        };
        let Ok(batch) = self.projection.batch(views, &[alone]) else {
            return Ok(());
        };
        let budget = CallBudget::default();
        let answer = match self.meter.call(self.pack, self.rules, &batch, budget)? {
            Ok(findings) => Some(findings),
            // It says nothing of the rule that the machine was busy.
            Err(fault) if fault.kind == Reason::DeadlineExceeded => return Ok(()),
            Err(_) => None,
        };
        for (number, rule) in self.rules.iter().enumerate() {
            if self.pack.is_stateful(*rule) {
                continue;
            }
            let before = said_of(self.findings, self.batch, number, trace);
            let same = match &answer {
                Some(alone) => said_of(alone, &batch, number, 0) == before,
                // Whose doing it is that the call fails, each of them must show alone.
                None => self.passes_alone(views, *rule, trace)?,
            };
            if !same {
                self.pack.mark_stateful(*rule);
                let rule = self.pack.rules().get(*rule as usize).map(|rule| &rule.id);
                tracing::warn!(
                    rule = rule.map(tracing::field::display), pack = %self.pack.digest(),
                    "a rule's verdict on a trace hangs on the traces beside it; from here on it is inconclusive"
                );
            }
        }
        Ok(())
    }

    /// Whether a rule bears a trace that it bore among others, where all rules together did not.
    fn passes_alone(
        &self,
        views: &mut [View<'_>],
        rule: u32,
        trace: usize,
    ) -> Result<bool, JudgeError> {
        let projection = self.projection.of_rules(self.pack, [rule]);
        let batch = self
            .part_of(trace)
            .and_then(|part| projection.batch(views, &[part]).ok());
        let Some(batch) = batch else {
            return Ok(true);
        };
        match self
            .meter
            .call(self.pack, &[rule], &batch, CallBudget::default())?
        {
            Ok(_) => Ok(true),
            Err(fault) => Ok(fault.kind == Reason::DeadlineExceeded),
        }
    }

    /// Returns the trace at a place of the batch as a part of its own.
    fn part_of(&self, trace: usize) -> Option<Part> {
        let mut first = 0;
        for part in self.parts {
            let n_traces = part.selection.traces.len();
            if let Some(at) = trace.checked_sub(first).filter(|at| *at < n_traces) {
                return Some(Part {
                    view: part.view,
                    selection: part.selection.nth(at)?,
                });
            }
            first += n_traces;
        }
        None
    }
}
