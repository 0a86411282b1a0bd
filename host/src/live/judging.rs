//! Listed blocks get their verdicts.
//!
//! The list of unjudged blocks in the catalog is the queue: what a crash leaves is taken up again by the same loop.
//! A block is judged by the rule set under which it was listed, and in the order of listing, so that a reopened trace
//! is judged after the block that it supersedes.

use std::{sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};

use super::{Chain, raise::raise};
use crate::{
    block::{BlockError, BlockId, Postings},
    clock::Clock,
    judge::{JudgeError, JudgeOptions, judge},
    rules::{PublishedRule, Registry, RulesError},
    sandbox::Sandbox,
    store::{Judgement, ListedBlock, Store, StoreError},
    telemetry::{RuleLabel, Telemetry},
    tenant::TenantId,
    verdict::{Reason, Verdict},
};

/// Judges blocks one after another. One thread owns it.
#[derive(Debug)]
pub struct Judging {
    store: Store,
    registry: Arc<Registry>,
    sandbox: Arc<Sandbox>,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
    /// When each block was first seen unjudged.
    waiting: HashMap<BlockId, Duration>,
    /// Blocks that cannot be read: named once, and left for whoever repairs the store.
    given_up: HashSet<BlockId>,
    /// Blocks for which the host had no rules or no sandbox: named once, and tried again.
    put_off: HashSet<BlockId>,
}

/// After how long a block that was put off is tried again, where nothing else comes to be judged.
pub(super) const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Why one block has no verdicts. The others go on.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error(transparent)]
    Block(#[from] BlockError),
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Unjudged {
    /// Whether the same may go well later: the machine was short of something, and the block is not damaged.
    fn passes(&self) -> bool {
        match self {
            Self::Judge(JudgeError::Sandbox { .. }) | Self::Rules(_) => true,
            Self::Judge(JudgeError::Block(_)) | Self::Block(_) | Self::Store(_) => false,
        }
    }
}

impl Judging {
    /// Starts over a store.
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        sandbox: Arc<Sandbox>,
        clock: Arc<dyn Clock>,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        let waiting = HashMap::new();
        let (given_up, put_off) = (HashSet::new(), HashSet::new());
        Self {
            store,
            registry,
            sandbox,
            clock,
            telemetry,
            waiting,
            given_up,
            put_off,
        }
    }

    /// Whether a block was put off, and is to be tried again.
    pub fn puts_off(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// Judges all that is listed and unjudged, unless it is told to stop between two blocks. Returns how many blocks
    /// that were.
    ///
    /// # Errors
    ///
    /// Where the verdicts cannot be stored.
    pub fn drain(&mut self, is_stopped: impl Fn() -> bool) -> Result<usize, StoreError> {
        let mut n_judged = 0;
        // A block is tried once a call, or one that is put off would be tried without end.
        let mut tried = HashSet::new();
        loop {
            let mut unjudged = self.store.unjudged();
            unjudged.retain(|listed| !self.given_up.contains(&listed.meta().id));
            let now = self.clock.monotonic();
            for listed in &unjudged {
                self.waiting.entry(listed.meta().id).or_insert(now);
            }
            self.telemetry.unjudged_blocks.set(unjudged.len() as i64);
            unjudged.retain(|listed| tried.insert(listed.meta().id));
            if unjudged.is_empty() {
                return Ok(n_judged);
            }
            for listed in &unjudged {
                if is_stopped() {
                    return Ok(n_judged);
                }
                n_judged += usize::from(self.judge_block(listed)?);
            }
        }
    }

    /// Whether the block has its verdicts afterwards.
    fn judge_block(&mut self, listed: &ListedBlock) -> Result<bool, StoreError> {
        let id = listed.meta().id;
        let (judgement, rules) = match self.verdicts_of(listed) {
            Ok(judged) => judged,
            Err(error) => {
                let is_told = self.put_off.contains(&id);
                if !is_told {
                    tracing::error!(block = %id, error = %Chain(&error), "a block cannot be judged");
                }
                if error.passes() {
                    self.put_off.insert(id);
                } else {
                    self.put_off.remove(&id);
                    self.given_up.insert(id);
                }
                return Ok(false);
            }
        };
        self.put_off.remove(&id);
        let changed = self.store.put_judged(std::slice::from_ref(&judgement))?;
        self.count(&judgement, &rules, listed.superseded());
        for signal in &changed {
            tracing::debug!(
                rule = %signal.rule, signal = signal.signal, severity = signal.severity.name(),
                trace = %signal.trace_id, status = signal.status.name(), "{}", signal.message
            );
        }
        if let Some(since) = self.waiting.remove(&id) {
            let waited = self.clock.monotonic().saturating_sub(since);
            self.telemetry.seal_to_verdict(waited.as_secs_f64());
        }
        Ok(true)
    }

    fn verdicts_of(
        &self,
        listed: &ListedBlock,
    ) -> Result<(Judgement, Vec<PublishedRule>), Unjudged> {
        let rule_set = self
            .registry
            .rule_set(&listed.meta().tenant, listed.rule_set())?;
        let rules = rule_set.rules().to_vec();
        let block = self.store.open_block(listed)?;
        let options = JudgeOptions {
            skip: Postings::clone(listed.superseded()),
        };
        let verdicts = judge(&self.sandbox, &rules, &block, &options)?;
        let mut judgement = Judgement::of(&block)?;
        for (rule, verdicts) in rules.iter().zip(verdicts) {
            for violation in &verdicts.violations {
                judgement.raised.push(raise(rule, &block, violation)?);
            }
            judgement
                .rules
                .push((rule.id.clone(), rule.version, verdicts));
        }
        Ok((judgement, rules))
    }

    fn count(&self, judgement: &Judgement, rules: &[PublishedRule], skip: &Postings) {
        for (rule, (_, _, verdicts)) in rules.iter().zip(&judgement.rules) {
            let label = label(&judgement.tenant, rule);
            for (verdict, n_traces) in Verdict::ALL
                .into_iter()
                .zip(verdicts.counts(skip.as_slice()))
            {
                if n_traces > 0 {
                    self.telemetry.judged(label, verdict, n_traces);
                }
            }
            for reason in Reason::ALL {
                let n_traces = verdicts
                    .inconclusive
                    .iter()
                    .filter(|(_, why)| *why == reason)
                    .count();
                if n_traces > 0 {
                    self.telemetry.inconclusive(label, reason, n_traces as u64);
                }
            }
            if !verdicts.violations.is_empty() {
                self.telemetry
                    .signalled(label, verdicts.violations.len() as u64);
            }
        }
    }
}

fn label<'a>(tenant: &'a TenantId, rule: &'a PublishedRule) -> RuleLabel<'a> {
    RuleLabel {
        tenant,
        rule: &rule.id,
        severity: rule.description().severity.name(),
    }
}
