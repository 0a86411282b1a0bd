//! Conditions that have a function of their own: relations, comparisons of aggregates, chains, the trace's root.
//!
//! ```text
//! first row, end, facts, marks -> 0 or 1
//! ```
//!
//! It says whether the condition is true of what is there. Where `facts` is not 0, something is missing that concerns the
//! condition, and only spans that surely belong to a set count; `weigh` knows what is left of the answer. Where `marks` is
//! not 0, it is the address of a byte for each row, as if they began at row 0, and the function sets those of the
//! condition's witnesses, or, of `every` and `no`, of the spans that show that it is broken.
//!
//! Both `judge` and `weigh` call it, and only where the answer is needed. All its memory is scratch.

use std::collections::HashMap;

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    asm::{Asm, Local},
    filter::MUST,
    frame::{Base, Frame},
    member::Members,
    module::{FuncId, Global},
    tool::{Shop, Tool},
};
use crate::{
    ir::{Cond, Filter, Rule, Selector, SetId, SpanSet},
    reads::{condition_facts, declared_names, visit_conditions},
};

mod amounts;
mod chain;
mod classes;
mod compare;
mod fold;
mod join;
mod keyed;
mod matching;
mod relation;
mod root;

/// `first row, end, facts, marks`
const PARAMS: u32 = 4;

/// The function of a condition, and the bits of `facts` that concern it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) function: FuncId,
    pub(super) facts: u32,
}

/// The functions of a rule's conditions.
#[derive(Debug, Default)]
pub(super) struct Leaves<'r> {
    leaves: HashMap<&'r Cond, Leaf>,
}

impl Leaves<'_> {
    pub(super) fn get(&self, condition: &Cond) -> Option<Leaf> {
        self.leaves.get(condition).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }
}

/// Emits a function for each condition of the rule that has one. Leaves out nothing: `None` where one is too large.
pub(super) fn define<'r>(
    shop: &mut Shop<'_, '_>,
    rule: &'r Rule,
    members: &Members,
) -> Option<Leaves<'r>> {
    let mut conditions = Vec::new();
    visit_conditions(rule, &mut |condition| match condition {
        Cond::All(_) | Cond::Any(_) | Cond::Not(_) | Cond::Exists(_) | Cond::Count { .. } => {}
        Cond::Compare(_) | Cond::Root(_) | Cond::Relation(_) | Cond::Each(_) | Cond::Chain(_) => {
            conditions.push(condition);
        }
    });
    let mut bench = Bench {
        shop,
        rule,
        members,
        collectors: HashMap::new(),
    };
    let mut leaves = Leaves::default();
    for condition in conditions {
        if leaves.leaves.contains_key(condition) {
            continue;
        }
        let function = bench.shop.builder.declare(&[I32; PARAMS as usize], &[I32]);
        let asm = match condition {
            Cond::Relation(relation) => relation::emit(&mut bench, relation),
            Cond::Chain(sets) => chain::emit(&mut bench, sets),
            Cond::Root(filter) => root::emit(&bench, filter),
            Cond::Compare(comparison) => compare::emit(&mut bench, comparison),
            Cond::Each(each) => compare::emit_each(&mut bench, each),
            Cond::All(_) | Cond::Any(_) | Cond::Not(_) | Cond::Exists(_) | Cond::Count { .. } => {
                continue;
            }
        };
        if asm.locals_len() > super::LOCALS_MAX {
            return None;
        }
        bench.shop.builder.define(function, asm.finish());
        let facts = condition_facts(rule, condition);
        leaves.leaves.insert(condition, Leaf { function, facts });
    }
    Some(leaves)
}

/// Rows in memory: in order, u32 each.
#[derive(Debug, Clone, Copy)]
struct List {
    rows: Local,
    len: Local,
}

/// The parameters of a leaf.
#[derive(Debug, Clone, Copy)]
struct Trace {
    first: Local,
    end: Local,
    facts: Local,
    marks: Local,
    /// The left span of a join, where filters read it.
    alias: Local,
}

/// Where the functions of a rule's conditions are made.
#[derive(Debug)]
struct Bench<'s, 'b, 'p, 'r> {
    shop: &'s mut Shop<'b, 'p>,
    rule: &'r Rule,
    members: &'s Members,
    /// `first row, end, facts, room for rows -> length`: the rows that belong to a set.
    collectors: HashMap<SetId, FuncId>,
}

impl<'p> Bench<'_, '_, 'p, '_> {
    /// Begins a leaf.
    fn begin() -> (Asm, Trace) {
        let [first, end, facts, marks] = [0, 1, 2, 3].map(Asm::param);
        let mut asm = Asm::new(PARAMS);
        asm.op()
            .global_get(Global::ScratchBase as u32)
            .global_set(Global::ScratchTop as u32);
        let trace = Trace {
            first,
            end,
            facts,
            marks,
            alias: asm.i32(),
        };
        (asm, trace)
    }

    /// The same, reading columns at a row of its own.
    fn begin_frame(&self) -> (Frame<'p>, Trace) {
        let (mut asm, trace) = Self::begin();
        let row = asm.i32();
        let frame = Frame::with_alias(asm, self.shop.plan, self.rule, row, Some(trace.alias));
        (frame, trace)
    }

    /// Leaves scratch memory of so many bytes for each row of the trace.
    fn scratch_rows(&mut self, asm: &mut Asm, trace: Trace, bytes: u32) {
        let scratch = self.shop.tool(Tool::Scratch);
        asm.get(trace.end).get(trace.first).op().i32_sub();
        asm.int(bytes).op().i32_mul().call(scratch.0);
    }

    /// Makes a byte for each row of the trace, 0, that is read at the row.
    fn bytes(&mut self, asm: &mut Asm, trace: Trace) -> Local {
        let bytes = asm.i32();
        self.scratch_rows(asm, trace, 1);
        asm.tee(bytes).int(0);
        asm.get(trace.end)
            .get(trace.first)
            .op()
            .i32_sub()
            .memory_fill(0);
        asm.get(bytes).get(trace.first).op().i32_sub();
        asm.set(bytes);
        bytes
    }

    /// Gives back what lies behind a list.
    fn trim(&mut self, asm: &mut Asm, list: List) {
        let release = self.shop.tool(Tool::Release);
        asm.get(list.rows).get(list.len).int(2).op().i32_shl();
        // Scratch is aligned to 8.
        asm.op()
            .i32_add()
            .i32_const(7)
            .i32_add()
            .i32_const(!7)
            .i32_and()
            .call(release.0);
    }

    /// Lists the rows of a set that reads no left span.
    fn collect(&mut self, asm: &mut Asm, trace: Trace, set: SetId) -> List {
        let collector = self.collector(set);
        let list = List {
            rows: asm.i32(),
            len: asm.i32(),
        };
        self.scratch_rows(asm, trace, 4);
        asm.set(list.rows);
        asm.get(trace.first)
            .get(trace.end)
            .get(trace.facts)
            .get(list.rows);
        asm.op().call(collector.0);
        asm.set(list.len);
        self.trim(asm, list);
        list
    }

    fn collector(&mut self, id: SetId) -> FuncId {
        if let Some(collector) = self.collectors.get(&id) {
            return *collector;
        }
        let collector = self.shop.builder.declare(&[I32; PARAMS as usize], &[I32]);
        self.collectors.insert(id, collector);
        let [row, end, facts, rows] = [0, 1, 2, 3].map(Asm::param);
        let mut frame = Frame::new(Asm::new(PARAMS), self.shop.plan, self.rule, row);
        let len = frame.asm.i32();
        if let Some(set) = self.rule.sets.get(id) {
            if set
                .parts
                .iter()
                .any(|part| matches!(part.selector, Selector::Name(_)))
            {
                frame.preload(Base::Values(declared_names()));
            }
            frame.asm.get(facts).op().i32_eqz().if_(BlockType::Empty);
            emit_rows(&mut frame, end, List { rows, len }, |frame| {
                emit_in_set(frame, set);
            });
            frame.asm.op().else_();
            if let Some(member) = self.members.of(id) {
                emit_rows(&mut frame, end, List { rows, len }, |frame| {
                    frame.asm.get(row).get(facts).op().call(member.0);
                    frame.asm.int(MUST).op().i32_and();
                });
            }
            frame.asm.op().end();
        }
        frame.asm.get(len);
        self.shop.builder.define(collector, frame.asm.finish());
        collector
    }
}

/// Lists the rows, from the one at hand up to `end`, of which `belongs` leaves another number than 0.
fn emit_rows<'p>(
    frame: &mut Frame<'p>,
    end: Local,
    list: List,
    belongs: impl FnOnce(&mut Frame<'p>),
) {
    let row = frame.row;
    frame
        .asm
        .op()
        .block(BlockType::Empty)
        .loop_(BlockType::Empty);
    frame.asm.get(row).get(end).op().i32_ge_u().br_if(1);
    belongs(frame);
    frame.asm.if_(|asm| asm.push(list.rows, list.len, row));
    frame.asm.bump(row, 1);
    frame.asm.op().br(0).end().end();
}

/// Leaves whether the span at hand passes a filter: surely, where `facts` is not 0.
fn emit_passes(frame: &mut Frame<'_>, facts: Local, filter: &Filter) {
    frame
        .asm
        .get(facts)
        .op()
        .i32_eqz()
        .if_(BlockType::Result(I32));
    frame.filter(filter);
    frame.asm.op().else_();
    frame.weigh_filter(filter, facts);
    frame
        .asm
        .int(MUST)
        .op()
        .i32_and()
        .i32_const(0)
        .i32_ne()
        .end();
}

/// Leaves whether the span at hand belongs to a set of a complete trace.
fn emit_in_set(frame: &mut Frame<'_>, set: &SpanSet) {
    for (index, part) in set.parts.iter().enumerate() {
        emit_named(frame, &part.selector, |frame| frame.filter(&part.filter));
        if index > 0 {
            frame.asm.op().i32_or();
        }
    }
}

/// Leaves what `passes` leaves of a span that a selector names, 0 of any other.
fn emit_named<'p>(frame: &mut Frame<'p>, selector: &Selector, passes: impl FnOnce(&mut Frame<'p>)) {
    match selector {
        Selector::Name(name) => {
            let number = frame.plan.name_number(name);
            frame.name();
            frame
                .asm
                .int(number)
                .op()
                .i32_eq()
                .if_(BlockType::Result(I32));
            passes(frame);
            frame.asm.op().else_().i32_const(0).end();
        }
        Selector::Any => passes(frame),
    }
}
