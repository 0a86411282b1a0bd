//! Which traces of a block each rule must see: its `any-of` against the names that the block has.
//!
//! `any-of` is a conjunction of groups of names. A complete trace that lacks a span of every name of some
//! group has the verdict `otherwise`, unjudged. An incomplete trace is always judged: what is missing of it
//! might be that span.
//!
//! The names lead to the rules, not the rules to the names: a rule of whose names the block has none is not
//! looked at.

use crate::block::{BlockError, NONE};

use super::{plan::JudgePlan, traces::TraceSet, view::View};

/// The rules that must see some trace, ascending, and which they are.
pub(super) type Candidates = Vec<(u32, TraceSet)>;

/// Finds the candidates of every rule.
pub(super) fn find(plan: &JudgePlan<'_>, view: &View<'_>) -> Result<Candidates, BlockError> {
    let mut found: Candidates = Vec::new();
    for &rule in &plan.unconditional {
        found.push((rule, view.judged()));
    }
    let mut add = |rule: u32, mut traces: TraceSet| {
        view.without_skipped(&mut traces);
        if !traces.is_empty() {
            found.push((rule, traces));
        }
    };
    let mut names = Names::of(plan, view)?;
    if let Some(incomplete) = view.incomplete()? {
        for (rule, groups) in (0..).zip(&plan.any_of).filter(|(_, of)| !of.is_empty()) {
            let mut traces = names.all_of(groups)?;
            traces.add(&incomplete);
            add(rule, traces);
        }
    } else {
        for rule in names.rules(plan) {
            if let Some(groups) = plan.any_of.get(rule as usize) {
                add(rule, names.all_of(groups)?);
            }
        }
    }
    found.sort_unstable_by_key(|(rule, _)| *rule);
    Ok(found)
}

/// The traces of each name, each worked out once.
struct Names<'v, 'b> {
    view: &'v View<'b>,
    /// By name: whether some rule requires it and the block has it.
    has: Vec<bool>,
    /// By name, once it is asked for.
    traces: Vec<Option<TraceSet>>,
    plan: &'v JudgePlan<'v>,
}

impl<'v, 'b> Names<'v, 'b> {
    fn of(plan: &'v JudgePlan<'_>, view: &'v View<'b>) -> Result<Self, BlockError> {
        let n_names = plan.n_names() as u32;
        let mut has = Vec::with_capacity(n_names as usize);
        for name in 0..n_names {
            let is_required = plan.satisfied_by(name).next().is_some();
            has.push(match view.known(name) {
                _ if !is_required => false,
                Some(traces) => !traces.is_empty(),
                None => view.names(plan)?.get(name as usize) != Some(&NONE),
            });
        }
        Ok(Self {
            view,
            has,
            traces: vec![None; n_names as usize],
            plan,
        })
    }

    /// Returns the rules of whose every group the block has a name, ascending.
    fn rules(&self, plan: &JudgePlan<'_>) -> Vec<u32> {
        let present = (0..).zip(&self.has).filter(|(_, has)| **has);
        let mut satisfied: Vec<(u32, u32)> = present
            .flat_map(|(name, _)| plan.satisfied_by(name))
            .collect();
        satisfied.sort_unstable();
        satisfied.dedup();
        let by_rule = satisfied.chunk_by(|a, b| a.0 == b.0);
        by_rule
            .filter_map(|groups| {
                let (rule, _) = groups.first()?;
                let wanted = plan.any_of.get(*rule as usize)?;
                (groups.len() == wanted.len()).then_some(*rule)
            })
            .collect()
    }

    /// Returns the traces that have a span of some name of each group.
    fn all_of(&mut self, groups: &[Vec<u32>]) -> Result<TraceSet, BlockError> {
        let mut all: Option<TraceSet> = None;
        for group in groups {
            let mut any: Option<TraceSet> = None;
            for &name in group {
                if self.has.get(name as usize) != Some(&true) {
                    continue;
                }
                let traces = self.traces_of(name)?;
                match &mut any {
                    Some(any) => any.add(traces),
                    None => any = Some(traces.clone()),
                }
            }
            let any = any.unwrap_or_else(|| TraceSet::none(self.view.n_traces()));
            match &mut all {
                Some(all) => all.keep(&any),
                None => all = Some(any),
            }
        }
        Ok(all.unwrap_or_else(|| TraceSet::all(self.view.n_traces())))
    }

    fn traces_of(&mut self, name: u32) -> Result<&TraceSet, BlockError> {
        const NOWHERE: &TraceSet = &TraceSet::EMPTY;
        let Some(slot) = self.traces.get_mut(name as usize) else {
            return Ok(NOWHERE);
        };
        if slot.is_none() {
            *slot = Some(traces_of(self.plan, self.view, name)?);
        }
        Ok(slot.as_ref().unwrap_or(NOWHERE))
    }
}

fn traces_of(plan: &JudgePlan<'_>, view: &View<'_>, name: u32) -> Result<TraceSet, BlockError> {
    let n_traces = view.n_traces();
    if let Some(known) = view.known(name) {
        return Ok(TraceSet::of(known, n_traces));
    }
    let mut traces = TraceSet::none(n_traces);
    let ends = view.block.trace_ends()?;
    if plan.shares_rows() {
        let mut ends = (0..).zip(ends).peekable();
        for row in view.rows_by_name(plan)?.of(name) {
            while ends.next_if(|(_, end)| *end <= row).is_some() {}
            if let Some((trace, _)) = ends.peek() {
                traces.insert(*trace);
            }
        }
        return Ok(traces);
    }
    if let Some(postings) = view.block.name_postings(plan.name_text(name))? {
        return Ok(TraceSet::of(postings, n_traces));
    }
    Ok(traces)
}
