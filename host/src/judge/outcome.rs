//! What findings mean for one rule, and what incomplete traces change.

use crate::{
    rules::{InPack, PublishedRule},
    sandbox::{Batch, Findings, RuleDescription, Want, WantColumn, WantScope},
    trace::Facts,
    verdict::{Clause, Reason, RuleVerdicts, Verdict, Violation, WITNESSES_MAX},
};

use super::{costs::BatchFault, select::Selection, traces::TraceSet, view::View};

/// The verdicts of one rule on a block, as they come in.
pub(super) struct Outcome<'r> {
    /// Where the caller has the rule.
    pub(super) position: u32,
    rule: &'r PublishedRule,
    description: &'r RuleDescription,
    /// What must not be missing from a trace, as bits of [`Facts`].
    needs: u8,
    /// The traces that the rule must see; `None`: all of them.
    candidates: Option<TraceSet>,
    verdicts: RuleVerdicts,
    /// Whether the rule is quarantined, or its pack does not load: it is not called.
    is_held_back: bool,
    /// How the last call of the rule alone failed, for its author.
    detail: Option<String>,
    /// Whether a call of the rule alone had more of a processor than a call may take.
    overran: bool,
}

/// What a call found of one of its rules, on the traces of one of its blocks.
#[derive(Clone, Copy)]
pub(super) struct OneRule<'f> {
    findings: &'f Findings,
    facts: &'f [u8],
    /// The rule's place in the call.
    number: usize,
    /// The first trace and the first row of the block in the batch.
    first: (usize, u32),
}

impl<'f> OneRule<'f> {
    /// Of a call of one rule on one block.
    pub(super) fn of(findings: &'f Findings, batch: &'f Batch) -> Self {
        Self {
            findings,
            facts: &batch.facts,
            number: 0,
            first: (0, 0),
        }
    }

    /// Of the rule at a place of the call.
    pub(super) fn rule(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// Of the block that begins with this trace and row of the batch.
    pub(super) fn from(self, trace: usize, row: u32) -> Self {
        Self {
            first: (trace, row),
            ..self
        }
    }
}

impl<'r> Outcome<'r> {
    /// Begins with the verdicts of the traces that the rule need not see.
    pub(super) fn new(
        position: u32,
        rule: &'r PublishedRule,
        candidates: TraceSet,
        view: &View<'_>,
    ) -> Self {
        let description = rule.description();
        let n_traces = view.n_traces() as usize;
        let sees_all = candidates.len() == n_traces;
        Self {
            position,
            rule,
            description,
            needs: needs(description),
            candidates: (!sees_all).then_some(candidates),
            verdicts: unseen(rule, view),
            is_held_back: false,
            detail: None,
            overran: false,
        }
    }

    /// Returns where the rule is called, if its pack loads.
    pub(super) fn in_pack(&self) -> Option<&'r InPack> {
        self.rule.in_pack()
    }

    /// Whether the rule must see a trace.
    pub(super) fn must_see(&self, trace: u32) -> bool {
        let candidates = self.candidates.as_ref();
        candidates.is_none_or(|candidates| candidates.contains(trace))
    }

    /// Adds the traces that the rule must see.
    pub(super) fn add_candidates_to(&self, traces: &mut TraceSet, view: &View<'_>) {
        match &self.candidates {
            Some(candidates) => traces.add(candidates),
            None => *traces = TraceSet::all(view.n_traces()),
        }
    }

    /// Takes what a call found of the rule on the traces of a selection.
    pub(super) fn take(&mut self, found: &OneRule<'_>, selection: &Selection) {
        let n_traces = found.facts.len();
        let (first_trace, first_row) = found.first;
        let from = found.number * n_traces + first_trace;
        let verdicts = found.findings.verdicts.get(from..).unwrap_or_default();
        let facts = found.facts.get(first_trace..).unwrap_or_default();
        let mut violations = ViolationsOf::rule(found.number, first_trace, found.findings);
        let n_selected = selection.traces.len();
        let facts = facts.get(..n_selected).unwrap_or_default();
        if self.candidates.is_none() && facts.iter().all(|facts| *facts == 0) {
            // Nothing to doubt, of any trace.
            self.put_all(&selection.traces, verdicts);
            if violations.is_none_left() {
                return;
            }
            let violated = selection.traces.iter().zip(verdicts);
            for (&trace, _) in violated.filter(|(_, verdict)| **verdict == Verdict::Violated as u8)
            {
                self.violate(trace, violations.next(), selection, first_row);
            }
            return;
        }
        for ((&trace, &verdict), &facts) in selection.traces.iter().zip(verdicts).zip(facts) {
            let verdict = Verdict::from_number(verdict).unwrap_or(Verdict::Inconclusive);
            let violation = match verdict {
                Verdict::Violated => violations.next(),
                Verdict::NotApplicable | Verdict::Held | Verdict::Inconclusive => None,
            };
            // Whatever the guest says of a trace that the rule's own any-of rules out.
            if !self.must_see(trace) {
                continue;
            }
            let misses = facts & self.needs != 0 && !self.description.facts;
            if misses || verdict == Verdict::Inconclusive {
                self.put_inconclusive(trace, Reason::Incomplete);
                continue;
            }
            self.violate(trace, violation, selection, first_row);
            self.put(trace, verdict);
        }
    }

    /// Records the verdicts of traces, by their numbers.
    fn put_all(&mut self, traces: &[u32], verdicts: &[u8]) {
        let verdict = |number: u8| Verdict::from_number(number).unwrap_or(Verdict::Inconclusive);
        if traces.len() == self.verdicts.verdicts.len() {
            // Every trace of the block, in order.
            for (slot, &number) in self.verdicts.verdicts.iter_mut().zip(verdicts) {
                *slot = verdict(number);
            }
            return;
        }
        for (&trace, &number) in traces.iter().zip(verdicts) {
            self.put(trace, verdict(number));
        }
    }

    /// Keeps a violation, if there is one; `first_row` is the first row of the selection in the batch.
    fn violate(
        &mut self,
        trace: u32,
        violation: Option<(Clause, &[u32])>,
        selection: &Selection,
        first_row: u32,
    ) {
        if let Some((clause, witnesses)) = violation {
            let first = witnesses.iter().take(WITNESSES_MAX);
            let row = |at: &u32| selection.rows.get(at.checked_sub(first_row)?);
            self.verdicts.violations.push(Violation {
                trace,
                clause,
                witnesses: first.filter_map(row).collect(),
            });
        }
    }

    /// Records that the rule failed on these traces.
    pub(super) fn fail(&mut self, traces: &[u32], reason: Reason) {
        for &trace in traces {
            if self.must_see(trace) {
                self.put_inconclusive(trace, reason);
            }
        }
    }

    /// The rule was found out to be stateful: whatever it said of the traces that it must see counts for nothing.
    fn disown(&mut self) {
        self.verdicts.inconclusive.clear();
        self.verdicts.violations.clear();
        self.fail_all(Reason::Stateful);
    }

    /// Records that the rule is not called: nothing is known of the traces that it would have to see.
    pub(super) fn hold_back(&mut self) {
        self.is_held_back = true;
        self.fail_all(Reason::Quarantined);
    }

    /// Whether the rule was not called.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_held_back
    }

    /// Keeps how calls of the rule alone failed.
    pub(super) fn blame(&mut self, detail: Option<String>, overran: bool) {
        self.overran |= overran;
        self.detail = detail.or(self.detail.take());
    }

    /// Whether the rule left a trace without a verdict, for whatever reason but what the trace lacks.
    pub(super) fn has_failed(&self) -> bool {
        let mut reasons = self.verdicts.inconclusive.iter();
        reasons.any(|(_, reason)| *reason != Reason::Incomplete)
    }

    /// Returns how the rule failed, if it did by its own doing.
    pub(super) fn fault(&self) -> Option<BatchFault> {
        let is_own = |reason: Reason| match reason {
            Reason::OutOfFuel
            | Reason::MemoryLimit
            | Reason::Trapped
            | Reason::BadOutput
            | Reason::Stateful => true,
            // On a busy machine an innocent rule may be stopped for time, and the budget for repeating calls be spent
            // by that alone.
            Reason::DeadlineExceeded | Reason::Quarantined => self.overran,
            Reason::Incomplete => false,
        };
        let mut reasons = self.verdicts.inconclusive.iter();
        let (_, reason) = reasons.find(|(_, reason)| is_own(*reason))?;
        let reason = match reason {
            // The calls that spent the budget were stopped for time, or there would be another reason.
            Reason::Quarantined => Reason::DeadlineExceeded,
            Reason::Incomplete
            | Reason::OutOfFuel
            | Reason::DeadlineExceeded
            | Reason::MemoryLimit
            | Reason::Trapped
            | Reason::BadOutput
            | Reason::Stateful => *reason,
        };
        Some(BatchFault {
            reason,
            detail: self.detail.clone().unwrap_or_default(),
        })
    }

    /// Records that nothing is known of any trace that the rule must see.
    fn fail_all(&mut self, reason: Reason) {
        let n_traces = self.verdicts.verdicts.len() as u32;
        let traces: Vec<u32> = match &self.candidates {
            Some(candidates) => candidates.iter().collect(),
            None => (0..n_traces).collect(),
        };
        self.fail(&traces, reason);
    }

    fn put_inconclusive(&mut self, trace: u32, reason: Reason) {
        self.verdicts.inconclusive.push((trace, reason));
        self.put(trace, Verdict::Inconclusive);
    }

    fn put(&mut self, trace: u32, verdict: Verdict) {
        if let Some(slot) = self.verdicts.verdicts.get_mut(trace as usize) {
            *slot = verdict;
        }
    }

    /// Returns where the caller has the rule, and its verdicts.
    pub(super) fn into_verdicts(mut self) -> (u32, RuleVerdicts) {
        if self.rule.is_stateful() {
            self.disown();
        }
        // Batches come in order of trace; what is repeated after them does not.
        self.verdicts.inconclusive.sort_unstable();
        self.verdicts.violations.sort_by_key(|v| v.trace);
        (self.position, self.verdicts)
    }
}

/// Returns the verdicts of a rule that must see no trace of a block.
pub(super) fn unseen(rule: &PublishedRule, view: &View<'_>) -> RuleVerdicts {
    let mut verdicts = vec![rule.description().otherwise; view.n_traces() as usize];
    for trace in view.skipped() {
        if let Some(verdict) = verdicts.get_mut(trace as usize) {
            *verdict = Verdict::NotApplicable;
        }
    }
    RuleVerdicts {
        verdicts,
        inconclusive: Vec::new(),
        violations: Vec::new(),
    }
}

/// The violations of one rule of a call, in order of trace.
struct ViolationsOf<'f> {
    findings: &'f Findings,
    at: usize,
    number: u32,
}

impl<'f> ViolationsOf<'f> {
    /// From a trace of the batch on.
    fn rule(number: usize, first_trace: usize, findings: &'f Findings) -> Self {
        let number = number as u32;
        let rules = &findings.violation_rule;
        let of_rule = rules.partition_point(|rule| *rule < number);
        let end = rules.partition_point(|rule| *rule <= number);
        let traces = findings.violation_trace.get(of_rule..end);
        let before = |trace: &u32| (*trace as usize) < first_trace;
        let at = of_rule + traces.map_or(0, |traces| traces.partition_point(before));
        Self {
            findings,
            at,
            number,
        }
    }
}

impl ViolationsOf<'_> {
    fn is_none_left(&self) -> bool {
        self.findings.violation_rule.get(self.at) != Some(&self.number)
    }
}

impl<'f> Iterator for ViolationsOf<'f> {
    type Item = (Clause, &'f [u32]);

    fn next(&mut self) -> Option<Self::Item> {
        let findings = self.findings;
        if self.is_none_left() {
            return None;
        }
        let clause = Clause::from_number(*findings.clause.get(self.at)?)?;
        let before = self.at.checked_sub(1);
        let start = before.and_then(|before| findings.witness_ends.get(before));
        let end = findings.witness_ends.get(self.at)?;
        self.at += 1;
        let range = start.copied().unwrap_or(0) as usize..*end as usize;
        Some((clause, findings.witnesses.get(range)?))
    }
}

/// Returns which missing parts bear on a rule that does not answer for incomplete traces itself: missing
/// spans bear on every rule, the rest on those that read it.
fn needs(description: &RuleDescription) -> u8 {
    let spans = Facts::CUT | Facts::PARENTS_MISSING | Facts::FRAGMENT;
    let reads = description.reads.iter().map(may_miss);
    reads.fold(spans, |needs, bits| needs | bits)
}

fn may_miss(want: &Want) -> u8 {
    match &want.column {
        WantColumn::SpanName => 0,
        WantColumn::Text(column) => column.may_miss(),
        WantColumn::Fixed(column) => column.may_miss(),
        WantColumn::ElementValue => Facts::ATTRIBUTES_DROPPED,
        WantColumn::Attribute { scope, .. } => match scope {
            WantScope::Span | WantScope::Resource | WantScope::Scope | WantScope::Any => {
                Facts::ATTRIBUTES_DROPPED
            }
            WantScope::Event => Facts::ATTRIBUTES_DROPPED | Facts::EVENTS_DROPPED,
            WantScope::Link => Facts::ATTRIBUTES_DROPPED | Facts::LINKS_DROPPED,
        },
    }
}
