//! Listed blocks get their verdicts.
//!
//! The list of unjudged blocks in the catalog is the queue: what a crash leaves is taken up again by the same loop.
//! A block is judged by the rule set under which it was listed, and in the order of listing, so that a reopened trace
//! is judged after the block that it supersedes.

use std::{sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};

use super::{Chain, raise::raise};
use crate::{
    block::{Block, BlockError, BlockId, Postings},
    clock::Clock,
    judge::{BlockToJudge, JudgeError, JudgePlan, judge_blocks},
    rules::{PublishedRule, Registry, RuleSet, RulesError},
    sandbox::Sandbox,
    store::{Judgement, ListedBlock, Store, StoreError},
    telemetry::{RuleLabel, Telemetry},
    tenant::TenantId,
    verdict::{Reason, RuleVerdicts, Verdict},
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

/// How many blocks are judged together where so many wait. Live blocks are small: calls are then full.
const GROUP_BLOCKS_MAX: usize = 16;

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
            Self::Judge(JudgeError::Sandbox { .. } | JudgeError::GivenUp) | Self::Rules(_) => true,
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
            self.forget_unlisted(&unjudged);
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
            for group in groups(&unjudged) {
                if is_stopped() {
                    return Ok(n_judged);
                }
                n_judged += self.judge_group(group)?;
            }
        }
    }

    /// Forgets what was noted of blocks that are not listed any more, since their tenant was removed.
    fn forget_unlisted(&mut self, unjudged: &[ListedBlock]) {
        if self.put_off.is_empty() && self.given_up.is_empty() && self.waiting.is_empty() {
            return;
        }
        let listed: HashSet<BlockId> = unjudged.iter().map(|block| block.meta().id).collect();
        self.put_off.retain(|id| listed.contains(id));
        self.given_up.retain(|id| listed.contains(id));
        self.waiting.retain(|id, _| listed.contains(id));
    }

    /// Judges blocks of one tenant that are judged by one rule set. Returns how many have their verdicts afterwards.
    fn judge_group(&mut self, group: &[ListedBlock]) -> Result<usize, StoreError> {
        let mut opened = Vec::with_capacity(group.len());
        for (listed, block) in group.iter().zip(self.store.open_blocks(group)) {
            match block {
                Ok(block) => opened.push((listed, block)),
                Err(error) => self.cannot_judge(listed, &error.into()),
            }
        }
        let Some((first, _)) = opened.first() else {
            return Ok(0);
        };
        let judged = self
            .registry
            .rule_set(&first.meta().tenant, first.rule_set())
            .map_err(Unjudged::from)
            .and_then(|rule_set| Ok((self.verdicts_of(&opened, &rule_set)?, rule_set)));
        let (judged, rule_set) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                for (listed, _) in &opened {
                    self.cannot_judge(listed, &error);
                }
                return Ok(0);
            }
        };
        let mut n_judged = 0;
        for ((listed, _), judgement) in opened.iter().zip(judged) {
            match judgement {
                Ok(judgement) => {
                    self.put(listed, &judgement, rule_set.rules())?;
                    n_judged += 1;
                }
                Err(error) => self.cannot_judge(listed, &error),
            }
        }
        Ok(n_judged)
    }

    fn cannot_judge(&mut self, listed: &ListedBlock, error: &Unjudged) {
        let id = listed.meta().id;
        if !self.put_off.contains(&id) {
            tracing::error!(block = %id, error = %Chain(error), "a block cannot be judged");
        }
        if error.passes() {
            self.put_off.insert(id);
        } else {
            self.put_off.remove(&id);
            self.given_up.insert(id);
        }
    }

    fn put(
        &mut self,
        listed: &ListedBlock,
        judgement: &Judgement,
        rules: &[PublishedRule],
    ) -> Result<(), StoreError> {
        let id = listed.meta().id;
        self.put_off.remove(&id);
        let changed = match self.store.put_judged(std::slice::from_ref(judgement)) {
            // Its tenant was removed while it was judged.
            Err(StoreError::UnknownBlock { .. }) => return Ok(()),
            put => put?,
        };
        self.count(judgement, rules, listed.superseded());
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
        Ok(())
    }

    /// Returns the judgement of each block, or why it has none.
    fn verdicts_of(
        &self,
        opened: &[(&ListedBlock, Block)],
        rule_set: &RuleSet,
    ) -> Result<Vec<Result<Judgement, Unjudged>>, JudgeError> {
        let blocks: Vec<BlockToJudge<'_>> = opened
            .iter()
            .map(|(listed, block)| BlockToJudge {
                block,
                skip: listed.superseded(),
                known: &[],
            })
            .collect();
        let plan = JudgePlan::new(rule_set.rules());
        let judged = judge_blocks(&self.sandbox, &plan, &blocks)?;
        let each = blocks.iter().zip(judged);
        Ok(each
            .map(|(of, verdicts)| judgement(rule_set.rules(), of, verdicts?.of_all(&plan, of)))
            .collect())
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

/// Cuts blocks, in their order, into groups that are judged together.
fn groups(blocks: &[ListedBlock]) -> impl Iterator<Item = &[ListedBlock]> {
    let alike = |a: &ListedBlock, b: &ListedBlock| {
        (&a.meta().tenant, a.rule_set()) == (&b.meta().tenant, b.rule_set())
    };
    blocks
        .chunk_by(alike)
        .flat_map(|blocks| blocks.chunks(GROUP_BLOCKS_MAX))
}

/// Puts together what is recorded of a block.
fn judgement(
    rules: &[PublishedRule],
    of: &BlockToJudge<'_>,
    verdicts: Vec<RuleVerdicts>,
) -> Result<Judgement, Unjudged> {
    let mut judgement = Judgement::of(of.block)?;
    for (rule, verdicts) in rules.iter().zip(verdicts) {
        let raised = raise(rule, of.block, &verdicts.violations)?;
        judgement.raised.extend(raised);
        judgement
            .rules
            .push((rule.id.clone(), rule.version, verdicts));
    }
    Ok(judgement)
}

fn label<'a>(tenant: &'a TenantId, rule: &'a PublishedRule) -> RuleLabel<'a> {
    RuleLabel {
        mode: rule.mode,
        tenant,
        rule: &rule.id,
        severity: rule.description().severity.name(),
    }
}
