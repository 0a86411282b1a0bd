//! Rules over stored history.

use std::thread;

use super::{ApiError, ErrorCode, Local, packs};
use crate::{
    api::{
        OnProgress,
        wire::{ReplayProgress, ReplayReport, ReplayRequest, ReplayedRule, ReplayedViolation},
    },
    judge::JudgeError,
    replay::{
        ReplayError, ReplayOptions, ReplayViolation, Replayed, Replaying, RuleReplay, replay,
    },
    rule_id::{RuleId, RuleVersion},
    rules::{PublishedRule, RulesError},
    telemetry::spans,
    time::rfc3339,
    verdict::Verdict,
};

/// How many cores replay takes of those that there are: live judging and ingest keep the others.
const CORES_SHARE: usize = 2;

impl Local {
    pub(super) fn replay_rules(
        &self,
        request: &ReplayRequest,
        progress: &mut OnProgress<'_>,
    ) -> Result<ReplayReport, ApiError> {
        let (from, to) = self.range(request.from.as_deref(), request.to.as_deref())?;
        let mut rules = self.asked_for(request)?;
        if request.beside_published {
            rules.extend(self.published_of(&rules)?);
        }
        let _span = spans::replay(&self.tenant, rules.len()).entered();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let serves = self.rooms.open.is_some();
        let options = ReplayOptions {
            from,
            to,
            threads: if serves {
                cores.div_ceil(CORES_SHARE)
            } else {
                cores
            },
        };
        let with = Replaying {
            store: &self.rooms.store,
            sandbox: &self.rooms.sandbox,
            clock: &*self.rooms.clock,
        };
        let replayed = replay(with, &self.tenant, &rules, options, &mut |how_far| {
            progress(ReplayProgress {
                traces: how_far.traces,
                traces_total: how_far.traces_total,
            })
        })?;
        Ok(report(replayed, &rules))
    }

    /// Returns the enabled versions of those rules that are not published themselves.
    fn published_of(&self, rules: &[PublishedRule]) -> Result<Vec<PublishedRule>, ApiError> {
        let live = self.rooms.registry.live(&self.tenant)?;
        let new = rules.iter().filter(|rule| rule.version == RuleVersion(0));
        Ok(new.filter_map(|rule| live.get(&rule.id).cloned()).collect())
    }

    /// Returns the published rules that are named, then those of the packs, each once.
    fn asked_for(&self, request: &ReplayRequest) -> Result<Vec<PublishedRule>, ApiError> {
        let mut rules: Vec<PublishedRule> = Vec::new();
        for id in &request.rules {
            let id = RuleId::try_new(id).ok_or_else(|| ApiError::not_found("rule", id))?;
            rules.push(self.rooms.registry.rule(&self.tenant, &id, None)?);
        }
        for pack in packs::read(&request.packs)? {
            let load = self.rooms.sandbox.load(&pack.bytes);
            let origin = pack.origin;
            let loaded = load.map_err(|source| RulesError::Load { origin, source })?;
            rules.extend(PublishedRule::all_of(&loaded));
        }
        if rules.is_empty() {
            return Err(ApiError::bad_request("no rules are named"));
        }
        let mut ids: Vec<&RuleId> = rules.iter().map(|rule| &rule.id).collect();
        ids.sort_unstable();
        for pair in ids.windows(2) {
            if let [first, second] = pair
                && first == second
            {
                return Err(ApiError::bad_request(format!(
                    "rule `{first}` is named twice"
                )));
            }
        }
        Ok(rules)
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::Judge(JudgeError::Sandbox { what }) => Self {
                cause: Some(what),
                ..Self::new(ErrorCode::Unavailable, "there is no room to judge just now")
            },
            ReplayError::Judge(error) => Self::internal("replay", &error),
        }
    }
}

fn report(replayed: Replayed, asked: &[PublishedRule]) -> ReplayReport {
    let Replayed {
        rules,
        traces,
        spans,
        elapsed,
        partial,
        unreadable,
    } = replayed;
    ReplayReport {
        rules: rules.into_iter().zip(asked).map(rule).collect(),
        traces,
        spans,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        partial,
        unreadable,
    }
}

fn rule((rule, asked): (RuleReplay, &PublishedRule)) -> ReplayedRule {
    let version = asked.version.0;
    ReplayedRule {
        id: rule.id.to_string(),
        version: (version > 0).then_some(version),
        held: rule.count(Verdict::Held),
        violated: rule.count(Verdict::Violated),
        not_applicable: rule.count(Verdict::NotApplicable),
        inconclusive: rule.count(Verdict::Inconclusive),
        first_violation: rule.first_violation.map(rfc3339),
        last_violation: rule.last_violation.map(rfc3339),
        violations: rule.violations.into_iter().map(violation).collect(),
    }
}

fn violation(violation: ReplayViolation) -> ReplayedViolation {
    ReplayedViolation {
        trace_id: violation.trace_id.to_string(),
        time: rfc3339(violation.time),
        clause: violation.clause.name().to_owned(),
        witnesses: violation
            .witnesses
            .iter()
            .map(ToString::to_string)
            .collect(),
        message: violation.message,
    }
}
