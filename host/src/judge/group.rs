//! Blocks that are judged together, so that calls are full though each block has little that a rule reads.

mod alone;

use crate::{
    block::BlockError,
    sandbox::{Batch, CallBudget, Sandbox},
    verdict::RuleVerdicts,
};

use super::{
    BlockToJudge, JudgeError, candidates,
    costs::Costs,
    meter::{Allowance, Meter},
    outcome::{OneRule, Outcome, unseen},
    plan::{Called, Cluster, JudgePlan},
    project::{Literals, Projection},
    select::{Part, batches, select},
    stateful::Judged,
    traces::TraceSet,
    view::View,
};

/// What the rules say of one block.
#[derive(Debug)]
pub struct BlockVerdicts {
    /// Of those rules that had a trace of the block to see: where the caller has the rule, ascending, and its
    /// verdicts. Every other rule says `otherwise` of every trace.
    pub seen: Vec<(u32, RuleVerdicts)>,
}

impl BlockVerdicts {
    /// Returns the verdicts of every rule, in the order of the plan.
    pub fn of_all(self, plan: &JudgePlan<'_>, block: &BlockToJudge<'_>) -> Vec<RuleVerdicts> {
        let view = View::new(block);
        let mut seen = self.seen.into_iter().peekable();
        let rules = (0..).zip(plan.rules());
        rules
            .map(
                |(position, rule)| match seen.next_if(|(of, _)| *of == position) {
                    Some((_, verdicts)) => verdicts,
                    None => unseen(rule, &view),
                },
            )
            .collect()
    }
}

/// Blocks on their way to their verdicts.
struct Group<'a, 'b> {
    meter: &'a Meter<'a>,
    plan: &'a JudgePlan<'a>,
    views: Vec<View<'b>>,
    /// By block: of the rules that have something to see there, ascending.
    outcomes: Vec<Vec<Outcome<'a>>>,
    /// By block why it cannot be read, if it cannot.
    unreadable: Vec<Option<BlockError>>,
}

/// That a rule of a cluster has something to see in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seeing {
    cluster: u32,
    view: usize,
    /// The rule's place in its pack.
    index: u32,
    /// Its place among the outcomes of the block.
    outcome: usize,
}

/// Judges blocks; returns of each the verdicts, or why it cannot be read.
///
/// # Errors
///
/// [`JudgeError::Sandbox`] where the host failed: nothing is to be recorded then.
pub fn judge_blocks(
    sandbox: &Sandbox,
    plan: &JudgePlan<'_>,
    blocks: &[BlockToJudge<'_>],
) -> Result<Vec<Result<BlockVerdicts, BlockError>>, JudgeError> {
    judge_within(
        sandbox,
        plan,
        blocks,
        Allowance::NO_END,
        &mut Costs::default(),
    )
}

/// Judges as [`judge_blocks`] does, as far as it is allowed to, and says in `costs` what it cost, also where it fails.
///
/// # Errors
///
/// As [`judge_blocks`], and [`JudgeError::GivenUp`] where the allowance is spent.
pub fn judge_within(
    sandbox: &Sandbox,
    plan: &JudgePlan<'_>,
    blocks: &[BlockToJudge<'_>],
    allowance: Allowance<'_>,
    costs: &mut Costs,
) -> Result<Vec<Result<BlockVerdicts, BlockError>>, JudgeError> {
    let meter = Meter::new(sandbox, allowance, plan.rules().len());
    let judged = judge_metered(plan, blocks, &meter);
    *costs = meter.into_costs();
    judged
}

fn judge_metered(
    plan: &JudgePlan<'_>,
    blocks: &[BlockToJudge<'_>],
    meter: &Meter<'_>,
) -> Result<Vec<Result<BlockVerdicts, BlockError>>, JudgeError> {
    let mut group = Group {
        meter,
        plan,
        views: blocks.iter().map(View::new).collect(),
        outcomes: blocks.iter().map(|_| Vec::new()).collect(),
        unreadable: blocks.iter().map(|_| None).collect(),
    };
    let mut seeing = group.begin();
    // By cluster, then block, then place in the pack.
    seeing.sort_unstable();
    let of_clusters = seeing.chunk_by(|a, b| a.cluster == b.cluster);
    let of_clusters: Vec<Reader<'_>> = of_clusters.filter_map(|of| group.reader(of)).collect();
    for alike in of_clusters.chunk_by(Reader::sees_as) {
        group.judge_alike(alike)?;
    }
    Ok(group.finish())
}

/// A cluster that has something to see.
struct Reader<'s> {
    cluster: &'s Cluster<'s>,
    seeing: &'s [Seeing],
    /// By block, the traces that some rule of it must see.
    traces: Vec<(usize, TraceSet)>,
}

impl Reader<'_> {
    /// Whether another cluster sees the same rows.
    fn sees_as(&self, other: &Self) -> bool {
        self.cluster.names == other.cluster.names && self.traces == other.traces
    }

    /// Returns the rules, by their places in the pack, that see something of these parts.
    fn rules_of(&self, parts: &[Part]) -> Vec<u32> {
        let seeing = parts
            .iter()
            .flat_map(|part| of_view(self.seeing, part.view));
        let mut rules: Vec<u32> = seeing.map(|seeing| seeing.index).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// A call to be made.
struct Asking<'s> {
    reader: &'s Reader<'s>,
    /// By their places in the pack, ascending.
    rules: Vec<u32>,
    projection: Projection<'s>,
}

impl<'a> Group<'a, '_> {
    /// Begins the outcome of each rule that has something to see.
    fn begin(&mut self) -> Vec<Seeing> {
        let plan = self.plan;
        let mut seeing = Vec::new();
        let blocks = self.views.iter().zip(&mut self.outcomes);
        for (view, ((of_view, outcomes), unreadable)) in
            blocks.zip(&mut self.unreadable).enumerate()
        {
            let found = match candidates::find(plan, of_view) {
                Ok(found) => found,
                Err(error) => {
                    *unreadable = Some(error);
                    continue;
                }
            };
            for (position, traces) in found {
                let Some((rule, called)) = plan.rule(position) else {
                    continue;
                };
                let mut outcome = Outcome::new(position, rule, traces, of_view);
                match called {
                    None => outcome.hold_back(),
                    // What a stateful rule says is not worth a call.
                    Some(_) if rule.is_stateful() => {}
                    Some(Called { cluster, index }) => seeing.push(Seeing {
                        cluster,
                        view,
                        index,
                        outcome: outcomes.len(),
                    }),
                }
                outcomes.push(outcome);
            }
        }
        seeing
    }

    /// Finds what a cluster sees; `seeing` is all of it.
    fn reader<'s>(&self, seeing: &'s [Seeing]) -> Option<Reader<'s>>
    where
        'a: 's,
    {
        let cluster = seeing.first()?.cluster as usize;
        let mut traces = Vec::new();
        for of_view in seeing.chunk_by(|a, b| a.view == b.view) {
            let number = of_view.first()?.view;
            let (view, outcomes) = (self.views.get(number)?, self.outcomes.get(number)?);
            let mut of_all = TraceSet::none(view.n_traces());
            for seeing in of_view {
                outcomes
                    .get(seeing.outcome)?
                    .add_candidates_to(&mut of_all, view);
            }
            traces.push((number, of_all));
        }
        Some(Reader {
            cluster: self.plan.clusters.get(cluster)?,
            seeing,
            traces,
        })
    }

    /// Judges by clusters that see the same rows: what is selected is selected once.
    fn judge_alike(&mut self, alike: &[Reader<'_>]) -> Result<(), JudgeError> {
        let Some(first) = alike.first() else {
            return Ok(());
        };
        let mut parts = Vec::new();
        for (number, traces) in &first.traces {
            let Some(view) = self.views.get(*number) else {
                continue;
            };
            match select(self.plan, first.cluster.names.as_deref(), view, traces) {
                Ok(selection) => parts.push(Part {
                    view: *number,
                    selection,
                }),
                Err(error) => self.give_up(*number, error),
            }
        }
        for batch in batches(parts) {
            self.judge_batch(alike, batch)?;
        }
        Ok(())
    }

    /// Shows one batch to all clusters that ask for the same of it.
    fn judge_batch(
        &mut self,
        alike: &[Reader<'_>],
        mut parts: Vec<Part>,
    ) -> Result<(), JudgeError> {
        let plan = self.plan;
        let asking = alike.iter().map(|reader| {
            let rules = reader.rules_of(&parts);
            let projection = Projection::new(plan, reader.cluster.pack, rules.iter().copied());
            Asking {
                reader,
                rules,
                projection,
            }
        });
        let asking: Vec<Asking<'_>> = asking.collect();
        let same = |a: &Asking<'_>, b: &Asking<'_>| a.projection.is_shown_as(&b.projection);
        for of_batch in asking.chunk_by(same) {
            let Some(first) = of_batch.first() else {
                continue;
            };
            let literals = Literals::of(of_batch.iter().map(|asking| &asking.projection));
            let mut batch = loop {
                parts.retain(|part| self.is_readable(part.view));
                if parts.is_empty() {
                    return Ok(());
                }
                let projection = &first.projection;
                match projection.batch_with(&mut self.views, &parts, &literals) {
                    Ok(batch) => break batch,
                    Err((view, error)) => self.give_up(view, error),
                }
            };
            let symbols = std::mem::take(&mut batch.literals);
            for (number, asking) in of_batch.iter().enumerate() {
                batch.literals = literals.of_pack(number, &symbols);
                self.ask(asking, &batch, &parts)?;
            }
        }
        Ok(())
    }

    fn ask(
        &mut self,
        asking: &Asking<'_>,
        batch: &Batch,
        parts: &[Part],
    ) -> Result<(), JudgeError> {
        let Asking {
            reader,
            rules,
            projection,
        } = asking;
        let budget = CallBudget::default();
        let positions = self.positions(reader.seeing, parts);
        let answer = self.meter.call(reader.cluster.pack, rules, batch, budget);
        if answer.is_err() {
            self.meter.charge(&positions);
        }
        match answer? {
            Ok(findings) => {
                let judged = Judged {
                    meter: self.meter,
                    pack: reader.cluster.pack,
                    rules,
                    projection,
                    parts,
                    batch,
                    findings: &findings,
                };
                let checked = judged.check_sample(&mut self.views);
                self.meter.charge(&positions);
                checked?;
                let found = OneRule::of(&findings, batch);
                let (mut first_trace, mut first_row) = (0, 0);
                for part in parts {
                    let found = found.from(first_trace, first_row);
                    for seeing in of_view(reader.seeing, part.view) {
                        let outcomes = self.outcomes.get_mut(part.view);
                        let outcome = outcomes.and_then(|of| of.get_mut(seeing.outcome));
                        let number = rules.binary_search(&seeing.index);
                        if let (Ok(number), Some(outcome)) = (number, outcome) {
                            outcome.take(&found.rule(number), &part.selection);
                        }
                    }
                    first_trace += part.selection.traces.len();
                    first_row += part.selection.rows.len() as u32;
                }
                Ok(())
            }
            Err(fault) => self.judge_one_by_one(reader.seeing, parts, &fault),
        }
    }

    fn is_readable(&self, view: usize) -> bool {
        self.unreadable.get(view).is_some_and(Option::is_none)
    }

    fn give_up(&mut self, view: usize, error: BlockError) {
        if let Some(slot) = self.unreadable.get_mut(view) {
            slot.get_or_insert(error);
        }
    }

    /// Counts the batches of the blocks that are judged to the end, and returns the verdicts.
    fn finish(self) -> Vec<Result<BlockVerdicts, BlockError>> {
        let blocks = self.outcomes.into_iter().zip(self.unreadable);
        blocks
            .map(|(outcomes, unreadable)| match unreadable {
                Some(error) => Err(error),
                None => Ok(BlockVerdicts {
                    seen: outcomes
                        .into_iter()
                        .map(|outcome| finished(outcome, self.meter))
                        .collect(),
                }),
            })
            .collect()
    }
}

fn finished(outcome: Outcome<'_>, meter: &Meter<'_>) -> (u32, RuleVerdicts) {
    if !outcome.is_held_back() {
        meter.add_batch(outcome.position, outcome.fault());
    }
    outcome.into_verdicts()
}

/// Returns what rules see of one block; `seeing` is in order of the blocks.
fn of_view(seeing: &[Seeing], view: usize) -> &[Seeing] {
    let start = seeing.partition_point(|seeing| seeing.view < view);
    let end = seeing.partition_point(|seeing| seeing.view <= view);
    seeing.get(start..end).unwrap_or_default()
}
