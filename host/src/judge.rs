//! From a block and rules to verdicts: the one place where verdicts come from.
//!
//! A verdict is a function of one trace and one rule. Which traces share a block, a batch or a call changes
//! no verdict: instances are fresh, a call that fails is repeated in smaller parts until one rule fails on
//! one trace alone, and only that is a verdict. Live judging and replay call the same function.
//!
//! | step | file |
//! |---|---|
//! | which traces each rule must see, by the block's postings and the rule's `any-of` | `candidates` |
//! | which rows of those, cut into batches | `select` |
//! | the columns that the rules read, as `wit/pack.wit` says | `project` |
//! | the calls, repeated where they fail | `repeat` |
//! | findings -> verdicts, and what incomplete traces change | `outcome` |
//! | what a violation says | `message` |
//!
//! Not here: what becomes of a verdict (`live`, `replay`), and which rules judge which block (`rules`).

mod candidates;
mod limits;
mod message;
mod outcome;
mod project;
mod repeat;
mod select;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{
    block::{Block, BlockError, Postings},
    rule_id::Digest,
    rules::PublishedRule,
    sandbox::Sandbox,
    verdict::RuleVerdicts,
};

use self::{candidates::Candidates, outcome::Outcome, project::Symbols, repeat::PackJudge};

pub use self::message::message;

/// What a caller may choose.
#[derive(Clone, Debug, Default)]
pub struct JudgeOptions {
    /// Traces that are not judged, since a newer block has them whole. Their verdict reads
    /// `NotApplicable` and is none: the caller leaves them out of every count.
    pub skip: Postings,
}

/// Which traces a rule is shown.
#[derive(Clone, Copy, Debug)]
enum Sees {
    /// Those that its any-of does not rule out.
    Candidates,
    /// All of them: to check that its any-of is sound.
    #[cfg(test)]
    Everything,
}

/// Why a block was not judged. Never a rule's doing.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The block cannot be read.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The sandbox has no instance.
    #[error("the sandbox failed: {what}")]
    Sandbox {
        /// How.
        what: String,
    },
}

/// Judges every trace of a block by every rule; returns the verdicts in the order of the rules.
///
/// Blocks for as long as the rules compute, each call within its deadline. A rule that misbehaves has
/// `inconclusive` verdicts with their reason.
///
/// # Errors
///
/// [`JudgeError`] where the host failed: nothing is to be recorded then, and the block judged again.
pub fn judge(
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    block: &Block,
    options: &JudgeOptions,
) -> Result<Vec<RuleVerdicts>, JudgeError> {
    judge_seeing(Sees::Candidates, sandbox, rules, block, options)
}

fn judge_seeing(
    sees: Sees,
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    block: &Block,
    options: &JudgeOptions,
) -> Result<Vec<RuleVerdicts>, JudgeError> {
    let candidates = Candidates::of(block, &options.skip, sees)?;
    let mut symbols = Symbols::of(block);
    let mut by_pack: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (position, rule) in rules.iter().enumerate() {
        by_pack
            .entry(rule.pack().digest())
            .or_default()
            .push(position);
    }
    let mut verdicts: Vec<Option<RuleVerdicts>> = vec![None; rules.len()];
    for positions in by_pack.into_values() {
        let mut outcomes = Vec::with_capacity(positions.len());
        for &position in &positions {
            let Some(rule) = rules.get(position) else {
                continue;
            };
            outcomes.push(Outcome::new(position, rule, &candidates)?);
        }
        // The contract has a call's rules ascend.
        outcomes.sort_by_key(Outcome::index);
        if let Some(first) = positions.first().and_then(|position| rules.get(*position)) {
            PackJudge {
                sandbox,
                pack: first.pack(),
                block,
                symbols: &mut symbols,
            }
            .judge(&mut outcomes)?;
        }
        for outcome in outcomes {
            let (position, judged) = outcome.into_verdicts();
            if let Some(slot) = verdicts.get_mut(position) {
                *slot = Some(judged);
            }
        }
    }
    Ok(verdicts.into_iter().flatten().collect())
}
