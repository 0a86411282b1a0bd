//! The condition of a rule, once the sets of a trace are known.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{
        asm::Asm,
        bound::unsigned_bound,
        test::{emit_unsigned_test, unsigned_compare},
    },
    HELD, Judge, NOT_APPLICABLE, State, VIOLATED,
};
use crate::ir::{Amount, Body, Cond, SetId};

impl Judge<'_, '_> {
    /// Leaves the verdict.
    pub(super) fn verdict(&mut self, body: &Body) {
        match body {
            Body::Match {
                situation,
                condition,
            } => {
                self.condition(condition);
                self.frame
                    .asm
                    .op()
                    .if_(BlockType::Result(I32))
                    .i32_const(VIOLATED as i32)
                    .else_();
                self.condition(situation);
                self.frame.asm.op().end();
                debug_assert_eq!(
                    (NOT_APPLICABLE, HELD),
                    (0, 1),
                    "the situation's truth is the verdict"
                );
            }
            Body::Clauses {
                when,
                always,
                never,
            } => {
                self.condition(when);
                self.frame
                    .asm
                    .op()
                    .if_(BlockType::Result(I32))
                    .i32_const(VIOLATED as i32)
                    .i32_const(HELD as i32);
                match always {
                    Some(always) => {
                        self.condition(always);
                        self.frame.asm.op().i32_eqz();
                    }
                    None => {
                        self.frame.asm.int(0);
                    }
                }
                if let Some(never) = never {
                    self.condition(never);
                    self.frame.asm.op().i32_or();
                }
                self.frame
                    .asm
                    .op()
                    .select()
                    .else_()
                    .i32_const(NOT_APPLICABLE as i32)
                    .end();
            }
        }
    }

    /// Leaves whether a condition is true, as 0 or 1.
    fn condition(&mut self, condition: &Cond) {
        match condition {
            Cond::All(all) => self.conditions(all, 1),
            Cond::Any(any) => self.conditions(any, 0),
            Cond::Not(inner) => {
                self.condition(inner);
                self.frame.asm.op().i32_eqz();
            }
            Cond::Exists(set) => self.exists(*set),
            Cond::Count { left, op, right } => match (*left, *right) {
                (Amount::Count(set), Amount::Number(number)) => emit_unsigned_test(
                    &mut self.frame.asm,
                    unsigned_bound(*op, number),
                    count(&self.states, set),
                ),
                (Amount::Number(number), Amount::Count(set)) => {
                    emit_unsigned_test(
                        &mut self.frame.asm,
                        unsigned_bound(op.flipped(), number),
                        count(&self.states, set),
                    );
                }
                (Amount::Count(left), Amount::Count(right)) => {
                    count(&self.states, left)(&mut self.frame.asm);
                    count(&self.states, right)(&mut self.frame.asm);
                    unsigned_compare(&mut self.frame.asm, *op);
                }
                (Amount::Number(_), Amount::Number(_)) => {
                    self.frame.asm.int(0);
                }
            },
            Cond::Compare(_)
            | Cond::Root(_)
            | Cond::Relation(_)
            | Cond::Each(_)
            | Cond::Chain(_) => self.leaf(condition),
        }
    }

    /// Calls the condition's function; nothing is missing, and no witnesses are asked for.
    fn leaf(&mut self, condition: &Cond) {
        let asm = &mut self.frame.asm;
        match self.leaves.get(condition) {
            Some(leaf) => {
                asm.get(self.first)
                    .get(self.end)
                    .int(0)
                    .int(0)
                    .op()
                    .call(leaf.function.0);
            }
            None => {
                asm.op().unreachable();
            }
        }
    }

    fn conditions(&mut self, conditions: &[Cond], of_nothing: u32) {
        let Some((last, before)) = conditions.split_last() else {
            self.frame.asm.int(of_nothing);
            return;
        };
        if before.is_empty() {
            return self.condition(last);
        }
        self.frame.asm.op().block(BlockType::Result(I32));
        for condition in before {
            self.frame.asm.int(1 - of_nothing);
            self.condition(condition);
            if of_nothing == 1 {
                self.frame.asm.op().i32_eqz();
            }
            self.frame.asm.op().br_if(0).drop();
        }
        self.condition(last);
        self.frame.asm.op().end();
    }

    fn exists(&mut self, set: SetId) {
        match self.states.get(set).copied() {
            Some(State::Count(local)) => {
                self.frame.asm.get(local).int(0).op().i32_ne();
            }
            Some(State::Found { mask, local }) => {
                if mask != 0 || local.is_none() {
                    self.frame
                        .asm
                        .get(self.seen)
                        .op()
                        .i64_const(mask as i64)
                        .i64_and()
                        .i64_const(0)
                        .i64_ne();
                }
                if let Some(local) = local {
                    self.frame.asm.get(local);
                    if mask != 0 {
                        self.frame.asm.op().i32_or();
                    }
                }
            }
            Some(State::Unasked) | None => {
                self.frame.asm.int(0);
            }
        }
    }
}

/// Leaves the count of a set.
fn count(states: &[State], set: SetId) -> impl FnOnce(&mut Asm) + use<> {
    let state = states.get(set).copied();
    move |asm| match state {
        Some(State::Count(local)) => {
            asm.get(local).op().i64_extend_i32_u();
        }
        Some(State::Found { .. } | State::Unasked) | None => {
            asm.op().i64_const(0);
        }
    }
}
