//! The second function of a rule: judges a trace with three values, and explains a violation.
//!
//! Each set is counted twice, as the spans that must belong to it and those that may; where spans are missing there may be
//! any number more. Each part of the condition is then false, unknown or true (`filter` says how that is written),
//! kept in a local, so that the witnesses can be read off: the spans of the sets that made it true.

use wasm_encoder::{BlockType, ValType::I32};

mod leaf;

use super::{
    asm::{Asm, Local},
    bound::unsigned_bound,
    filter::{MAY, MUST, TRUE, emit_not},
    frame::Plan,
    judge::{HELD, UNDECIDED, VIOLATED},
    leaf::Leaves,
    member::Members,
    module::{Builder, FuncId, Global},
    test::{emit_unsigned_test, unsigned_compare},
    tool::Shop,
};
use crate::{
    ir::{Amount, Body, Compare, Cond, Number, Order, Rule, SetId},
    limits::WITNESSES_MAX,
    reads::{SPANS_MISSING, Use, uses},
};
use leaf::{Marking, Marks, is_shown};

/// More spans than a trace can have.
const MANY: i64 = 1 << 40;

/// `position, trace, first row, end, facts that concern the rule -> verdict`
pub(super) fn declare(builder: &mut Builder) -> FuncId {
    builder.declare(&[I32; 5], &[I32])
}

/// What is known of a set.
#[derive(Debug, Clone, Copy)]
struct State {
    member: FuncId,
    /// At least and at most so many spans.
    least: Local,
    most: Local,
    /// Whether its spans are witnesses.
    active: Local,
}

/// A condition with the local that holds its three-valued answer.
#[derive(Debug)]
struct Weighed<'r> {
    condition: &'r Cond,
    answer: Local,
    operands: Vec<Weighed<'r>>,
    /// When its witnesses are marked.
    marking: Marking,
}

struct Weigh<'w> {
    asm: Asm,
    plan: &'w Plan<'w>,
    /// Of the sets that are counted.
    states: Vec<Option<State>>,
    leaves: &'w Leaves<'w>,
    first: Local,
    end: Local,
    facts: Local,
    marks: Option<Marks>,
}

pub(super) fn emit(
    shop: &mut Shop<'_, '_>,
    rule: &Rule,
    members: &Members,
    leaves: &Leaves<'_>,
) -> Asm {
    let [position, trace, first, end, facts] = [0, 1, 2, 3, 4].map(Asm::param);
    let mut asm = Asm::new(5);
    let [row, clause] = [(); 2].map(|()| asm.i32());
    let states = uses(rule)
        .into_iter()
        .enumerate()
        .map(|(set, asked)| {
            let member = members.of(set).filter(|_| asked != Use::Elsewhere)?;
            Some(State {
                member,
                least: asm.i64(),
                most: asm.i64(),
                active: asm.i32(),
            })
        })
        .collect();
    let marks = (!leaves.is_empty()).then(|| Marks::emit(&mut asm, shop, first, end));
    let plan = shop.plan;
    let mut weigh = Weigh {
        asm,
        plan,
        states,
        leaves,
        first,
        end,
        facts,
        marks,
    };
    weigh.asm.get(first).set(row);
    weigh.count(row, end, facts);
    weigh.decide(&rule.body, clause);
    // On the stack: whether the trace is violated, whatever is missing.
    weigh.asm.op().i32_eqz();
    weigh.asm.if_(|asm| {
        asm.get(facts).op().i32_eqz();
        asm.if_(|asm| {
            // `judge` has said that it is, of the same trace: rather no verdict than a wrong one.
            asm.op().unreachable();
        });
        asm.int(UNDECIDED).op().return_();
    });
    weigh.asm.get(first).set(row);
    weigh.witnesses(row, end, facts);
    let push = plan.runtime.push_violation;
    weigh
        .asm
        .get(position)
        .get(trace)
        .get(clause)
        .op()
        .call(push.0);
    weigh.asm.int(VIOLATED);
    debug_assert_ne!(HELD, VIOLATED);
    weigh.asm
}

impl Weigh<'_> {
    /// Counts each set over the rows.
    fn count(&mut self, row: Local, end: Local, facts: Local) {
        let member = self.asm.i32();
        self.asm
            .op()
            .block(BlockType::Empty)
            .loop_(BlockType::Empty);
        self.asm.get(row).get(end).op().i32_ge_u().br_if(1);
        for state in self.states.clone().into_iter().flatten() {
            self.asm.get(row).get(facts).op().call(state.member.0);
            self.asm.set(member);
            for (count, bit) in [(state.least, MUST), (state.most, MAY)] {
                self.asm
                    .get(count)
                    .get(member)
                    .int(bit)
                    .op()
                    .i32_and()
                    .i32_const(0)
                    .i32_ne()
                    .i64_extend_i32_u()
                    .i64_add();
                self.asm.set(count);
            }
        }
        self.asm.bump(row, 1);
        self.asm.op().br(0).end().end();
        let states: Vec<State> = self.states.iter().copied().flatten().collect();
        self.asm.get(facts).int(SPANS_MISSING).op().i32_and();
        self.asm.if_(|asm| {
            for state in states {
                asm.op().i64_const(MANY);
                asm.set(state.most);
            }
        });
    }

    /// Weighs the rule's conditions, marks the sets whose spans are witnesses, sets the clause, and leaves whether the trace
    /// must be violated.
    fn decide(&mut self, body: &Body, clause: Local) {
        match body {
            Body::Match { condition, .. } => {
                let weighed = self.weigh(condition, Marking::OfMatch);
                self.activate(&weighed);
                self.asm.get(weighed.answer).int(MUST).op().i32_and();
            }
            Body::Clauses {
                when,
                always,
                never,
            } => {
                let (always_broken, never_broken) = (self.asm.i32(), self.asm.i32());
                let when = self.weigh(when, Marking::Apart);
                // Whether the spans that made the rule apply are to show that it is broken.
                let unshown = self.asm.i32();
                if let Some(always) = always {
                    let always = self.weigh(always, Marking::OfAlways);
                    self.asm
                        .get(always.answer)
                        .int(MAY)
                        .op()
                        .i32_and()
                        .i32_eqz();
                    self.asm.tee(always_broken).set(unshown);
                    if is_shown(always.condition) {
                        self.asm.get(always_broken).op().if_(BlockType::Empty);
                        self.blame(&always, unshown);
                        self.asm.op().end();
                    }
                }
                if let Some(never) = never {
                    let never = self.weigh(never, Marking::OfNever);
                    self.asm
                        .get(never.answer)
                        .int(MUST)
                        .op()
                        .i32_and()
                        .i32_const(0)
                        .i32_ne();
                    self.asm.set(never_broken);
                    self.activate(&never);
                }
                self.asm.get(unshown).op().if_(BlockType::Empty);
                self.activate(&when);
                self.asm.op().end();
                // 1 `always`, 2 `never`; where both break, `never`.
                self.asm.get(never_broken).int(1).op().i32_add();
                self.asm.set(clause);
                self.asm
                    .get(when.answer)
                    .int(MUST)
                    .op()
                    .i32_and()
                    .i32_const(0)
                    .i32_ne();
                self.asm
                    .get(always_broken)
                    .get(never_broken)
                    .op()
                    .i32_or()
                    .i32_and();
            }
        }
    }

    /// Puts a condition's three-valued answer into a local, and those of its parts.
    fn weigh<'r>(&mut self, condition: &'r Cond, marking: Marking) -> Weighed<'r> {
        let marking = marking.of(condition);
        let answer = self.asm.i32();
        let mut operands = Vec::new();
        match condition {
            Cond::All(conditions) | Cond::Any(conditions) => {
                operands = conditions
                    .iter()
                    .map(|condition| self.weigh(condition, marking))
                    .collect();
                let is_all = matches!(condition, Cond::All(_));
                self.asm.int(if is_all { TRUE } else { 0 });
                for operand in &operands {
                    self.asm.get(operand.answer);
                    self.asm.join(is_all);
                }
            }
            Cond::Not(inner) => {
                let inner = self.weigh(inner, marking);
                self.asm.get(inner.answer);
                emit_not(&mut self.asm);
            }
            Cond::Exists(set) => self.weigh_comparison(
                Amount::Count(*set),
                Compare::Order(Order::Greater),
                Amount::Number(Number::Int(0)),
            ),
            Cond::Count { left, op, right } => self.weigh_comparison(*left, *op, *right),
            Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => self.weigh_leaf(condition, marking),
        }
        self.asm.set(answer);
        Weighed {
            condition,
            answer,
            operands,
            marking,
        }
    }

    /// Leaves the three-valued answer of a comparison of counts that lie between bounds.
    fn weigh_comparison(&mut self, left: Amount, op: Compare, right: Amount) {
        let order = |order| Compare::Order(order);
        match op {
            Compare::Equal => {
                // May be equal where neither is surely the lesser; must be where both are one and the same.
                self.bounds(left, order(Order::LessOrEqual), right);
                self.bounds(left, order(Order::GreaterOrEqual), right);
                self.asm.op().i32_and();
            }
            Compare::Unequal => {
                self.bounds(left, order(Order::Less), right);
                self.bounds(left, order(Order::Greater), right);
                self.asm.op().i32_or();
            }
            Compare::Order(_) => self.bounds(left, op, right),
        }
    }

    /// Leaves the three-valued answer of an ordering: it must be so if it is of the worst ends, and may be if of the best.
    fn bounds(&mut self, left: Amount, op: Compare, right: Amount) {
        let upward = matches!(op, Compare::Order(Order::Greater | Order::GreaterOrEqual));
        // For `>`: must with the least of the left and the most of the right.
        self.ends(left, op, right, upward);
        self.asm.int(MUST).op().i32_mul();
        self.ends(left, op, right, !upward);
        self.asm.op().i32_or();
        // What must be may be; the bits stay in the order of `filter`.
    }

    /// Leaves how one end of the left compares with the other end of the right.
    fn ends(&mut self, left: Amount, op: Compare, right: Amount, left_least: bool) {
        let end = |states: &[Option<State>], set: SetId, least: bool| {
            let state = states.get(set).copied().flatten();
            state.map(|state| if least { state.least } else { state.most })
        };
        match (left, right) {
            (Amount::Count(set), Amount::Number(number)) => {
                let Some(count) = end(&self.states, set, left_least) else {
                    return;
                };
                emit_unsigned_test(&mut self.asm, unsigned_bound(op, number), |asm| {
                    asm.get(count);
                });
            }
            (Amount::Number(number), Amount::Count(set)) => {
                let Some(count) = end(&self.states, set, !left_least) else {
                    return;
                };
                emit_unsigned_test(&mut self.asm, unsigned_bound(op.flipped(), number), |asm| {
                    asm.get(count);
                });
            }
            (Amount::Count(left), Amount::Count(right)) => {
                let (Some(left), Some(right)) = (
                    end(&self.states, left, left_least),
                    end(&self.states, right, !left_least),
                ) else {
                    return;
                };
                self.asm.get(left).get(right);
                unsigned_compare(&mut self.asm, op);
            }
            (Amount::Number(_), Amount::Number(_)) => {
                self.asm.int(0);
            }
        }
    }

    /// Marks the sets whose spans make a condition true, if it is.
    fn activate(&mut self, weighed: &Weighed<'_>) {
        let mut sets: Vec<SetId> = Vec::new();
        match weighed.condition {
            Cond::Not(_) => return,
            Cond::Exists(set) => sets.push(*set),
            Cond::Count { left, right, .. } => {
                for amount in [left, right] {
                    if let Amount::Count(set) = amount {
                        sets.push(*set);
                    }
                }
            }
            // Their functions mark witnesses; those of `every` and `no` show what is false.
            Cond::Relation(_) | Cond::Each(_) if is_shown(weighed.condition) => return,
            Cond::All(_)
            | Cond::Any(_)
            | Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => {}
        }
        self.asm
            .get(weighed.answer)
            .int(MUST)
            .op()
            .i32_and()
            .if_(BlockType::Empty);
        for set in sets {
            if let Some(state) = self.states.get(set).copied().flatten() {
                self.asm.int(1).set(state.active);
            }
        }
        self.mark_leaf(weighed);
        for operand in &weighed.operands {
            self.activate(operand);
        }
        self.asm.op().end();
    }

    /// Pushes the rows that belong to an active set, the first so many.
    fn witnesses(&mut self, row: Local, end: Local, facts: Local) {
        let limit = self.asm.i32();
        let push = self.plan.runtime.push_witness;
        self.asm.op().global_get(Global::WitnessesLen as u32);
        self.asm.int(WITNESSES_MAX).op().i32_add();
        self.asm.set(limit);
        self.asm
            .op()
            .block(BlockType::Empty)
            .loop_(BlockType::Empty);
        self.asm.get(row).get(end).op().i32_ge_u();
        self.asm.op().global_get(Global::WitnessesLen as u32);
        self.asm.get(limit).op().i32_ge_u().i32_or().br_if(1);
        match self.marks {
            Some(marks) => self.asm.u8_at(marks.base, row),
            None => self.asm.int(0),
        };
        for state in self.states.clone().into_iter().flatten() {
            self.asm.get(state.active).op().if_(BlockType::Result(I32));
            self.asm
                .get(row)
                .get(facts)
                .op()
                .call(state.member.0)
                .i32_const(MUST as i32)
                .i32_and();
            self.asm.op().else_().i32_const(0).end().i32_or();
        }
        self.asm.if_(|asm| {
            asm.get(row).op().call(push.0);
        });
        self.asm.bump(row, 1);
        self.asm.op().br(0).end().end();
    }
}
