//! One block as all rules see it: what is worked out once and shared between them.

use std::cell::OnceCell;

use hashbrown::HashMap;

use crate::{
    block::{Block, BlockError, NONE, Postings},
    sandbox::{Column, Want},
};

use super::{
    BlockToJudge,
    plan::JudgePlan,
    project::{Symbols, Tree},
    traces::TraceSet,
};

/// What rules ask of one block, kept for the next rule.
pub(super) struct View<'b> {
    pub(super) block: &'b Block,
    pub(super) symbols: Symbols<'b>,
    /// Columns of all spans of the block that several calls are shown.
    pub(super) columns: HashMap<Want, Column, foldhash::fast::FixedState>,
    n_traces: u32,
    /// Traces that are not judged.
    skip: Option<TraceSet>,
    known: &'b [Option<Postings>],
    /// By name of the plan its symbol in the block, [`NONE`] where no span has it.
    names: OnceCell<Vec<u32>>,
    rows: OnceCell<RowsByName>,
    tree: OnceCell<Tree>,
}

/// The rows of each name that some rule speaks of.
#[derive(Debug, Default)]
pub(super) struct RowsByName {
    /// By name of the plan, where in `found` it is; [`NONE`] where no span has it.
    slots: Vec<u32>,
    found: Vec<Vec<u32>>,
}

impl RowsByName {
    /// Returns the rows of a name, ascending.
    pub(super) fn of(&self, name: u32) -> &[u32] {
        let slot = self.slots.get(name as usize).copied().unwrap_or(NONE);
        self.found.get(slot as usize).map_or(&[], Vec::as_slice)
    }
}

impl<'b> View<'b> {
    pub(super) fn new(of: &BlockToJudge<'b>) -> Self {
        let BlockToJudge { block, skip, known } = *of;
        let n_traces = block.meta().n_traces;
        Self {
            block,
            symbols: Symbols::of(block),
            columns: HashMap::default(),
            n_traces,
            skip: (!skip.is_empty()).then(|| TraceSet::of(skip, n_traces)),
            known,
            names: OnceCell::new(),
            rows: OnceCell::new(),
            tree: OnceCell::new(),
        }
    }

    pub(super) fn n_traces(&self) -> u32 {
        self.n_traces
    }

    /// Returns the traces that are not judged.
    pub(super) fn skipped(&self) -> impl Iterator<Item = u32> + '_ {
        self.skip.iter().flat_map(TraceSet::iter)
    }

    /// Returns the traces that are judged.
    pub(super) fn judged(&self) -> TraceSet {
        let mut judged = TraceSet::all(self.n_traces);
        self.without_skipped(&mut judged);
        judged
    }

    /// Returns the traces of which something is known to be missing; `None` where there are none.
    pub(super) fn incomplete(&self) -> Result<Option<TraceSet>, BlockError> {
        if self.block.meta().incomplete == 0 {
            return Ok(None);
        }
        let mut incomplete = TraceSet::none(self.n_traces);
        let facts = (0..).zip(self.block.facts()?);
        for (trace, _) in facts.filter(|(_, facts)| **facts != 0) {
            incomplete.insert(trace);
        }
        Ok(Some(incomplete))
    }

    /// Leaves out what is not judged.
    pub(super) fn without_skipped(&self, traces: &mut TraceSet) {
        if let Some(skip) = &self.skip {
            traces.remove(skip);
        }
    }

    /// Returns which traces have a span of a name, where whoever hands in the block knows.
    pub(super) fn known(&self, name: u32) -> Option<&Postings> {
        self.known.get(name as usize)?.as_ref()
    }

    /// Returns by name of the plan its symbol in the block, [`NONE`] where no span has it.
    pub(super) fn names(&self, plan: &JudgePlan<'_>) -> Result<&[u32], BlockError> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let mut symbols = vec![NONE; plan.n_names()];
        let of_block = self.block.distinct_names()?;
        let mut put = |name: u32, symbol| {
            if let Some(slot) = symbols.get_mut(name as usize) {
                *slot = symbol;
            }
        };
        // From whichever side there are fewer.
        if plan.n_names() < of_block.len() {
            for (text, name) in plan.names() {
                if let Some(symbol) = self.block.name_symbol(text)? {
                    put(name, symbol);
                }
            }
        } else {
            for &symbol in of_block {
                if let Some(name) = plan.name(self.block.name_text(symbol)?) {
                    put(name, symbol);
                }
            }
        }
        Ok(self.names.get_or_init(|| symbols))
    }

    /// Returns the rows of each name of the plan: one pass over the block for all rules.
    pub(super) fn rows_by_name(&self, plan: &JudgePlan<'_>) -> Result<&RowsByName, BlockError> {
        if let Some(rows) = self.rows.get() {
            return Ok(rows);
        }
        let symbols = self.names(plan)?;
        let mut rows = RowsByName {
            slots: vec![NONE; symbols.len()],
            found: Vec::new(),
        };
        for (slot, _) in rows
            .slots
            .iter_mut()
            .zip(symbols)
            .filter(|(_, of)| **of != NONE)
        {
            *slot = rows.found.len() as u32;
            rows.found.push(Vec::new());
        }
        let slots = symbols.iter().copied().zip(rows.slots.iter().copied());
        let by_symbol = by_symbol(slots, NONE);
        for (row, &name) in (0..).zip(self.block.names()?) {
            let slot = by_symbol.get(name as usize).copied().unwrap_or(NONE);
            if let Some(of_name) = rows.found.get_mut(slot as usize) {
                of_name.push(row);
            }
        }
        Ok(self.rows.get_or_init(|| rows))
    }

    pub(super) fn tree(&self) -> Result<&Tree, BlockError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = Tree::of(self.block)?;
        Ok(self.tree.get_or_init(|| tree))
    }
}

/// Returns by symbol what stands beside it, `blank` beside none; [`NONE`] is no symbol. Names have low symbols.
pub(super) fn by_symbol<T: Copy>(pairs: impl Iterator<Item = (u32, T)>, blank: T) -> Vec<T> {
    let mut by_symbol = Vec::new();
    for (symbol, value) in pairs.filter(|(symbol, _)| *symbol != NONE) {
        let symbol = symbol as usize;
        if by_symbol.len() <= symbol {
            by_symbol.resize(symbol + 1, blank);
        }
        if let Some(slot) = by_symbol.get_mut(symbol) {
            *slot = value;
        }
    }
    by_symbol
}
