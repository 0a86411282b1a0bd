//! From a block and rules to verdicts: the one place where verdicts come from.
//!
//! A verdict is a function of one trace and one rule. Which traces share a block, a batch or a call changes
//! no verdict: instances are fresh, a call that fails is repeated in smaller parts until one rule fails on
//! one trace alone, and only that is a verdict. Live judging and replay call the same function.
//!
//! | step | file |
//! |---|---|
//! | what is known of the rules before any block: their names and calls | `plan` |
//! | what rules share of a block | `view`, `traces` |
//! | which traces each rule must see, by the block's names and the rule's `any-of` | `candidates` |
//! | which rows of those, put into batches | `select`, `rows` |
//! | the columns that the rules read, as `wit/pack.wit` says | `project` |
//! | the calls, for several blocks at once | `group` |
//! | the calls again where they fail | `repeat` |
//! | a sample of the calls again, trace by trace | `stateful` |
//! | what calls cost, and how far a caller lets them go | `meter`, `costs` |
//! | findings -> verdicts, and what incomplete traces change | `outcome` |
//! | what a violation says | `message` |
//!
//! Not here: what becomes of a verdict (`live`, `replay`), and which rules judge which block (`rules`).

mod candidates;
mod costs;
mod group;
mod limits;
mod message;
mod meter;
mod outcome;
mod plan;
mod project;
mod repeat;
mod rows;
mod select;
mod stateful;
#[cfg(test)]
mod tests;
mod traces;
mod view;

use crate::{
    block::{Block, BlockError, Postings},
    rules::PublishedRule,
    sandbox::Sandbox,
    verdict::RuleVerdicts,
};

pub use self::{
    costs::{BatchFault, Cost, Costs, RuleCost},
    group::{BlockVerdicts, judge_blocks, judge_within},
    message::{Messages, message},
    meter::Allowance,
    plan::JudgePlan,
};

/// What a caller may choose.
#[derive(Clone, Debug, Default)]
pub struct JudgeOptions {
    /// Traces that are not judged, since a newer block has them whole. Their verdict reads
    /// `NotApplicable` and is none: the caller leaves them out of every count.
    pub skip: Postings,
}

/// One of the blocks of a group.
#[derive(Clone, Copy, Debug)]
pub struct BlockToJudge<'b> {
    /// The block.
    pub block: &'b Block,
    /// As in [`JudgeOptions`].
    pub skip: &'b Postings,
    /// By the number of a name in [`JudgePlan::required_names`] the traces that have a span of that name, where the
    /// caller knows them. May be short, or empty.
    pub known: &'b [Option<Postings>],
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
    /// The caller's allowance is spent. With more the same block has its verdicts.
    #[error("judging it takes more than was allowed")]
    GivenUp,
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
    judge_by(&JudgePlan::new(rules), sandbox, block, options)
}

/// Judges as [`judge`] does, by rules that are made ready.
///
/// # Errors
///
/// As [`judge`].
pub fn judge_by(
    plan: &JudgePlan<'_>,
    sandbox: &Sandbox,
    block: &Block,
    options: &JudgeOptions,
) -> Result<Vec<RuleVerdicts>, JudgeError> {
    let block = BlockToJudge {
        block,
        skip: &options.skip,
        known: &[],
    };
    let mut judged = judge_blocks(sandbox, plan, &[block])?;
    let verdicts = judged.pop().transpose()?;
    Ok(verdicts.map_or_else(Vec::new, |verdicts| verdicts.of_all(plan, &block)))
}
