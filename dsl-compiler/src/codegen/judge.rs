//! The function of a rule: one pass over each trace, then the condition.
//!
//! ```text
//! for each trace:  incomplete?  -> weigh
//!                  for each row: seen |= 1 << name;  where name is one with a filter: found or counted if it passes
//!                  verdict of the condition;  violated? -> weigh, for the witnesses
//! ```

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    asm::{Asm, Local, at},
    frame::{Base, Frame, Plan},
    leaf::Leaves,
    module::{Builder, FuncId, Global},
};
mod condition;

use crate::{
    ir::{Filter, Rule, Selector, SetId, SpanSet},
    reads::{Form, Reads, Use, Want, uses},
};

/// Names whose numbers fit a 64-bit mask.
const MASK_NAMES_MAX: usize = 63;
/// How many bases are kept in locals; more would only be spilled.
const PRELOADED_MAX: usize = 24;

/// Verdicts, as in `wit/pack.wit`.
pub(super) const NOT_APPLICABLE: u32 = 0;
pub(super) const HELD: u32 = 1;
pub(super) const VIOLATED: u32 = 2;
pub(super) const UNDECIDED: u32 = 3;

/// `position among the rules asked for, address of the verdicts`
pub(super) fn declare(builder: &mut Builder) -> FuncId {
    builder.declare(&[I32, I32], &[])
}

/// What is known of a set after the pass.
#[derive(Debug, Clone, Copy)]
enum State {
    /// How many spans.
    Count(Local),
    /// Whether there are spans: one of these bits of `seen`, or the local if there is one.
    Found { mask: u64, local: Option<Local> },
    /// Nothing: the pass does not look for it.
    Unasked,
}

/// What is done with a row of some name.
#[derive(Debug, Clone, Copy)]
struct Step<'r> {
    filter: &'r Filter,
    set: SetId,
}

struct Judge<'p, 'r> {
    frame: Frame<'p>,
    states: Vec<State>,
    seen: Local,
    /// Rows of one name, and of all.
    by_name: BTreeMap<u32, Vec<Step<'r>>>,
    any: Vec<Step<'r>>,
    /// Counted sets of several parts: a span that is in two of them counts once.
    unions: Vec<(SetId, &'r SpanSet)>,
    /// The rows of the trace, which the functions of conditions are called with.
    first: Local,
    end: Local,
    leaves: &'r Leaves<'r>,
}

pub(super) fn emit(
    plan: &Plan<'_>,
    rule: &Rule,
    needs: &Reads,
    weigh: FuncId,
    leaves: &Leaves<'_>,
) -> Asm {
    let (position, verdicts) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    let [trace, row, first, end, facts, verdict] = [(); 6].map(|()| asm.i32());
    let mut frame = Frame::new(asm, plan, rule, row);
    preload(&mut frame, needs);
    let mut judge = Judge::new(frame, rule, leaves, (first, end));

    let asm = &mut judge.frame.asm;
    asm.op().block(BlockType::Empty).loop_(BlockType::Empty);
    asm.get(trace)
        .op()
        .global_get(Global::Traces as u32)
        .i32_ge_u()
        .br_if(1);
    asm.op().global_get(Global::TraceEnds as u32);
    asm.get(trace)
        .int(2)
        .op()
        .i32_shl()
        .i32_add()
        .i32_load(at(0));
    asm.set(end);
    asm.get(row).set(first);
    asm.op().global_get(Global::Facts as u32);
    asm.get(trace).op().i32_add().i32_load8_u(at(0));
    asm.int(needs.facts).op().i32_and();
    asm.tee(facts).op().i32_eqz().if_(BlockType::Empty);
    judge.pass();
    judge.verdict(&rule.body);
    let asm = &mut judge.frame.asm;
    asm.set(verdict);
    asm.op().end();
    // Violated, for its witnesses; or incomplete, for everything.
    asm.get(facts)
        .get(verdict)
        .int(VIOLATED)
        .op()
        .i32_eq()
        .i32_or();
    asm.if_(|asm| {
        asm.get(position)
            .get(trace)
            .get(first)
            .get(end)
            .get(facts)
            .op()
            .call(weigh.0);
        asm.set(verdict);
    });
    asm.get(verdicts).get(trace).op().i32_add();
    asm.get(verdict).op().i32_store8(at(0));
    asm.int(0).set(verdict);
    asm.get(end).set(row);
    asm.bump(trace, 1);
    asm.op().br(0).end().end();
    judge.frame.asm
}

/// Keeps the starts of the rule's columns, and its literals, in locals.
fn preload(frame: &mut Frame<'_>, needs: &Reads) {
    let mut bases = Vec::new();
    for want in &needs.wants {
        if matches!(want.form, Form::Number)
            || (want.form == Form::Value && want.what.ends_with("attribute"))
        {
            bases.push(Base::Kinds(Want::clone(want)));
        }
        bases.push(Base::Values(want.clone()));
    }
    bases.extend(
        needs
            .literals
            .iter()
            .map(|literal| Base::Literal(literal.clone())),
    );
    bases.truncate(PRELOADED_MAX);
    for base in bases {
        frame.preload(base);
    }
}

impl<'p, 'r> Judge<'p, 'r> {
    fn new(
        mut frame: Frame<'p>,
        rule: &'r Rule,
        leaves: &'r Leaves<'r>,
        (first, end): (Local, Local),
    ) -> Self {
        let seen = frame.asm.i64();
        let mut judge = Self {
            frame,
            states: Vec::new(),
            seen,
            by_name: BTreeMap::new(),
            any: Vec::new(),
            unions: Vec::new(),
            first,
            end,
            leaves,
        };
        for (id, (set, asked)) in rule.sets.iter().zip(uses(rule)).enumerate() {
            let state = match asked {
                Use::Counted => judge.plan_count(id, set),
                Use::Found => judge.plan_found(id, set),
                Use::Elsewhere => State::Unasked,
            };
            judge.states.push(state);
        }
        judge
    }

    fn plan_count(&mut self, id: SetId, set: &'r SpanSet) -> State {
        match set.parts.as_slice() {
            [part] => self.plan_step(
                &part.selector,
                Step {
                    filter: &part.filter,
                    set: id,
                },
            ),
            _ => self.unions.push((id, set)),
        }
        State::Count(self.frame.asm.i32())
    }

    fn plan_found(&mut self, id: SetId, set: &'r SpanSet) -> State {
        let (mut mask, mut local) = (0_u64, None);
        for part in &set.parts {
            match &part.selector {
                Selector::Name(name) if part.filter.is_trivial() && self.has_mask() => {
                    mask |= 1 << self.frame.plan.name_number(name).min(63);
                }
                selector @ (Selector::Name(_) | Selector::Any) => {
                    local = local.or_else(|| Some(self.frame.asm.i32()));
                    self.plan_step(
                        selector,
                        Step {
                            filter: &part.filter,
                            set: id,
                        },
                    );
                }
            }
        }
        State::Found { mask, local }
    }

    fn plan_step(&mut self, selector: &Selector, step: Step<'r>) {
        match selector {
            Selector::Name(name) => self
                .by_name
                .entry(self.frame.plan.name_number(name))
                .or_default()
                .push(step),
            Selector::Any => self.any.push(step),
        }
    }

    /// Whether name numbers fit the bits of `seen`.
    fn has_mask(&self) -> bool {
        self.frame.plan.reads.names.items.len() <= MASK_NAMES_MAX
    }

    /// Emits the pass over the rows, if it looks for anything.
    fn pass(&mut self) {
        if self
            .states
            .iter()
            .all(|state| matches!(state, State::Unasked))
        {
            return;
        }
        let end = self.end;
        self.frame.asm.op().i64_const(0);
        self.frame.asm.set(self.seen);
        for state in self.states.clone() {
            if let State::Count(local)
            | State::Found {
                local: Some(local), ..
            } = state
            {
                self.frame.asm.int(0).set(local);
            }
        }
        let row = self.frame.row;
        let name = self.frame.asm.i32();
        let reads_names = self
            .states
            .iter()
            .any(|state| matches!(state, State::Found { mask, .. } if *mask != 0));
        self.frame
            .asm
            .op()
            .block(BlockType::Empty)
            .loop_(BlockType::Empty);
        self.frame.asm.get(row).get(end).op().i32_ge_u().br_if(1);
        // A union of parts that are all `any` asks for no names, and has no column of them.
        let mut parts = self.unions.iter().flat_map(|(_, set)| &set.parts);
        let in_unions = parts.any(|part| matches!(part.selector, Selector::Name(_)));
        if reads_names || !self.by_name.is_empty() || in_unions {
            self.frame.name();
            self.frame.asm.set(name);
        }
        if reads_names {
            self.frame.asm.get(self.seen).op().i64_const(1);
            self.frame
                .asm
                .get(name)
                .op()
                .i64_extend_i32_u()
                .i64_shl()
                .i64_or();
            self.frame.asm.set(self.seen);
        }
        for (number, steps) in std::mem::take(&mut self.by_name) {
            self.frame
                .asm
                .get(name)
                .int(number)
                .op()
                .i32_eq()
                .if_(BlockType::Empty);
            self.steps(&steps);
            self.frame.asm.op().end();
        }
        let any = std::mem::take(&mut self.any);
        self.steps(&any);
        for (id, set) in std::mem::take(&mut self.unions) {
            self.count_union(id, set, name);
        }
        self.frame.asm.bump(row, 1);
        self.frame.asm.op().br(0).end().end();
    }

    fn steps(&mut self, steps: &[Step<'_>]) {
        for step in steps {
            let Some(state) = self.states.get(step.set).copied() else {
                continue;
            };
            match state {
                State::Count(local) => {
                    self.frame.asm.get(local);
                    self.frame.filter(step.filter);
                    self.frame.asm.op().i32_add();
                    self.frame.asm.set(local);
                }
                State::Unasked | State::Found { local: None, .. } => {}
                State::Found {
                    local: Some(local), ..
                } => {
                    // What was found needs no second span.
                    self.frame
                        .asm
                        .get(local)
                        .op()
                        .i32_eqz()
                        .if_(BlockType::Empty);
                    self.frame.filter(step.filter);
                    self.frame.asm.set(local);
                    self.frame.asm.op().end();
                }
            }
        }
    }

    /// Counts the row once if it is in any part of the set.
    fn count_union(&mut self, id: SetId, set: &SpanSet, name: Local) {
        let Some(State::Count(count)) = self.states.get(id).copied() else {
            return;
        };
        self.frame.asm.get(count);
        for (index, part) in set.parts.iter().enumerate() {
            match &part.selector {
                Selector::Name(text) => {
                    let number = self.frame.plan.name_number(text);
                    self.frame
                        .asm
                        .get(name)
                        .int(number)
                        .op()
                        .i32_eq()
                        .if_(BlockType::Result(I32));
                    self.frame.filter(&part.filter);
                    self.frame.asm.op().else_().i32_const(0).end();
                }
                Selector::Any => self.frame.filter(&part.filter),
            }
            if index > 0 {
                self.frame.asm.op().i32_or();
            }
        }
        self.frame.asm.op().i32_add();
        self.frame.asm.set(count);
    }
}
