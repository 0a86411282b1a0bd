//! What findings mean for one rule, and what incomplete traces change.

use crate::{
    block::{BlockError, Postings},
    rules::PublishedRule,
    sandbox::{Findings, RuleDescription, Want, WantColumn, WantScope},
    trace::Facts,
    verdict::{Clause, Reason, RuleVerdicts, Verdict, Violation, WITNESSES_MAX},
};

use super::{candidates::Candidates, select::Selection};

/// The verdicts of one rule on a block, as they come in.
pub(super) struct Outcome<'r> {
    /// Where the caller has the rule.
    position: usize,
    rule: &'r PublishedRule,
    description: &'r RuleDescription,
    /// What must not be missing from a trace, as bits of [`Facts`].
    needs: u8,
    candidates: Postings,
    verdicts: RuleVerdicts,
}

impl<'r> Outcome<'r> {
    /// Begins with the verdicts of the traces that the rule need not see.
    pub(super) fn new(
        position: usize,
        rule: &'r PublishedRule,
        candidates: &Candidates<'_>,
    ) -> Result<Self, BlockError> {
        let description = rule.description();
        let found = candidates.find(&description.any_of)?;
        let mut verdicts = vec![description.otherwise; candidates.n_traces() as usize];
        for trace in candidates.skip().iter() {
            if let Some(verdict) = verdicts.get_mut(trace as usize) {
                *verdict = Verdict::NotApplicable;
            }
        }
        Ok(Self {
            position,
            rule,
            description,
            needs: needs(description),
            candidates: found,
            verdicts: RuleVerdicts {
                verdicts,
                inconclusive: Vec::new(),
                violations: Vec::new(),
            },
        })
    }

    /// Returns where in its pack the rule is.
    pub(super) fn index(&self) -> u32 {
        self.rule.index()
    }

    /// Returns the traces that the rule must see.
    pub(super) fn candidates(&self) -> &Postings {
        &self.candidates
    }

    /// Takes the findings of a call in which the rule was number `number`. `facts` are those of the
    /// selection's traces.
    pub(super) fn take(
        &mut self,
        number: usize,
        findings: &Findings,
        selection: &Selection,
        facts: &[u8],
    ) {
        let n_traces = selection.traces.len();
        let found = findings
            .verdicts
            .get(number * n_traces..(number + 1) * n_traces)
            .unwrap_or_default();
        let mut violations = ViolationsOf::rule(number, findings);
        let sees_all = self.candidates.len() == self.verdicts.verdicts.len();
        for ((&trace, &verdict), &facts) in selection.traces.iter().zip(found).zip(facts) {
            let verdict = Verdict::from_number(verdict).unwrap_or(Verdict::Inconclusive);
            let violation = match verdict {
                Verdict::Violated => violations.next(),
                Verdict::NotApplicable | Verdict::Held | Verdict::Inconclusive => None,
            };
            // Whatever the guest says of a trace that the rule's own any-of rules out.
            if !sees_all && !self.candidates.contains(trace) {
                continue;
            }
            let misses = facts & self.needs != 0 && !self.description.facts;
            if misses || verdict == Verdict::Inconclusive {
                self.put_inconclusive(trace, Reason::Incomplete);
                continue;
            }
            if let Some((clause, witnesses)) = violation {
                let first = witnesses.iter().take(WITNESSES_MAX);
                self.verdicts.violations.push(Violation {
                    trace,
                    clause,
                    witnesses: first.filter_map(|at| selection.rows.get(*at)).collect(),
                });
            }
            self.put(trace, verdict);
        }
    }

    /// Records that the rule failed on these traces.
    pub(super) fn fail(&mut self, traces: &[u32], reason: Reason) {
        for &trace in traces {
            if self.candidates.contains(trace) {
                self.put_inconclusive(trace, reason);
            }
        }
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
    pub(super) fn into_verdicts(mut self) -> (usize, RuleVerdicts) {
        // Batches come in order of trace; what is repeated after them does not.
        self.verdicts.inconclusive.sort_unstable();
        self.verdicts.violations.sort_by_key(|v| v.trace);
        (self.position, self.verdicts)
    }
}

/// The violations of one rule of a call, in order of trace.
struct ViolationsOf<'f> {
    findings: &'f Findings,
    at: usize,
    number: u32,
}

impl<'f> ViolationsOf<'f> {
    fn rule(number: usize, findings: &'f Findings) -> Self {
        let number = number as u32;
        let at = findings
            .violation_rule
            .partition_point(|rule| *rule < number);
        Self {
            findings,
            at,
            number,
        }
    }
}

impl<'f> Iterator for ViolationsOf<'f> {
    type Item = (Clause, &'f [u32]);

    fn next(&mut self) -> Option<Self::Item> {
        let findings = self.findings;
        if findings.violation_rule.get(self.at) != Some(&self.number) {
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
