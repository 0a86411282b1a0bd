//! A group of blocks to what is to be recorded of them. Records nothing, so that any thread may do it.

use std::{sync::Arc, time::Duration};

use super::raise::raise;
use crate::{
    block::{Block, BlockError},
    clock::thread_processor_time,
    judge::{Allowance, BlockToJudge, Costs, JudgeError, JudgePlan, judge_within},
    rules::{PublishedRule, Registry, RuleSet, RulesError},
    sandbox::Sandbox,
    store::{Judgement, ListedBlock, Store, StoreError, is_of_disk},
    telemetry::spans,
    verdict::RuleVerdicts,
};

/// What groups are judged with.
#[derive(Clone, Debug)]
pub(super) struct Judges {
    pub(super) store: Store,
    pub(super) registry: Arc<Registry>,
    pub(super) sandbox: Arc<Sandbox>,
}

/// Why blocks have no verdicts. Others go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unjudged {
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
    /// Whether the same may go well later: the machine was short of something, or the disk failed, and the block is
    /// not known to be damaged.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Judge(JudgeError::Sandbox { .. } | JudgeError::GivenUp) | Self::Rules(_) => true,
            Self::Judge(JudgeError::Block(error)) | Self::Block(error) => is_of_disk(error),
            Self::Store(error) => error.is_of_disk(),
        }
    }
}

/// What came of a group.
#[derive(Debug)]
pub(super) struct Judged {
    /// Blocks that cannot be opened, and why.
    pub(super) unopened: Vec<(ListedBlock, Unjudged)>,
    /// The others.
    pub(super) blocks: Vec<ListedBlock>,
    /// Of each of them what is to be recorded, or why it has no verdicts; or why none of them has.
    pub(super) judgements: Result<Vec<Result<Judgement, Unjudged>>, Unjudged>,
    /// By what they are judged, where that is known.
    pub(super) rule_set: Option<Arc<RuleSet>>,
    /// What the rules cost.
    pub(super) costs: Costs,
    /// What all of it took of a processor.
    pub(super) processor: Duration,
}

impl Judged {
    /// Whether the allowance was spent.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.judgements, Err(Unjudged::Judge(JudgeError::GivenUp)))
    }
}

impl Judges {
    /// Judges blocks of one tenant that are judged by one rule set.
    pub(super) fn judge(&self, group: &[ListedBlock], allowance: Allowance<'_>) -> Judged {
        let tenant = group.first().map(|listed| &listed.meta().tenant);
        let _span = tenant.map(|tenant| spans::judge(tenant, group.len()).entered());
        let started = thread_processor_time();
        let mut judged = Judged {
            unopened: Vec::new(),
            blocks: Vec::with_capacity(group.len()),
            judgements: Ok(Vec::new()),
            rule_set: None,
            costs: Costs::default(),
            processor: Duration::ZERO,
        };
        let mut opened = Vec::with_capacity(group.len());
        for (listed, block) in group.iter().zip(self.store.open_blocks(group)) {
            match block {
                Ok(block) => {
                    judged.blocks.push(listed.clone());
                    opened.push(block);
                }
                Err(error) => judged.unopened.push((listed.clone(), error.into())),
            }
        }
        judged.judgements = self.judgements(&mut judged, &opened, allowance);
        judged.processor = thread_processor_time().saturating_sub(started);
        judged
    }

    fn judgements(
        &self,
        judged: &mut Judged,
        opened: &[Block],
        allowance: Allowance<'_>,
    ) -> Result<Vec<Result<Judgement, Unjudged>>, Unjudged> {
        let Some(first) = judged.blocks.first() else {
            return Ok(Vec::new());
        };
        let tenant = &first.meta().tenant;
        let rule_set = self.registry.rule_set(tenant, first.rule_set())?;
        let rules = judged.rule_set.insert(rule_set).rules();
        // Not to be had is put off, as rules are: no fault of the block.
        let quarantined = self.registry.quarantined(tenant);
        let quarantined = quarantined.map_err(RulesError::from)?;
        let plan = JudgePlan::new(rules).holding_back(|rule| quarantined.holds(rule));
        let each = judged.blocks.iter().zip(opened);
        let blocks: Vec<BlockToJudge<'_>> = each
            .map(|(listed, block)| BlockToJudge {
                block,
                skip: listed.superseded(),
                known: &[],
            })
            .collect();
        let verdicts = judge_within(&self.sandbox, &plan, &blocks, allowance, &mut judged.costs)?;
        let each = blocks.iter().zip(verdicts);
        Ok(each
            .map(|(of, verdicts)| judgement(rules, of, verdicts?.of_all(&plan, of)))
            .collect())
    }
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
