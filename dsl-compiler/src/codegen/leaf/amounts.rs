//! The quantities of a comparison: each once, in locals.

use std::collections::HashMap;

use super::{
    super::{
        asm::{Asm, Local},
        frame::{Base, Frame},
        number::{INT, NO_VALUE},
    },
    Bench, List, Trace,
    classes::emit_has_class,
    fold::emit_fold,
};
use crate::{
    ir::{Comparison, Fold, Quantity, Rule, SetId, Term, Whole},
    reads::{quantity_reads_alias, whole_want},
};

/// Of what a quantity is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Of the trace.
    Trace,
    /// Of the left span at hand too.
    Left,
}

/// A number: kind and bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub(super) kind: Local,
    pub(super) bits: Local,
}

/// What a comparison compares.
#[derive(Debug)]
pub(super) struct Amounts<'r> {
    pub(super) comparison: &'r Comparison,
    quantities: Vec<Amount<'r>>,
    /// The rows of its sets.
    pub(super) lists: HashMap<SetId, List>,
}

#[derive(Debug)]
struct Amount<'r> {
    quantity: &'r Quantity,
    value: Value,
    scope: Scope,
}

impl<'r> Amounts<'r> {
    pub(super) fn of(asm: &mut Asm, rule: &Rule, comparison: &'r Comparison) -> Self {
        let mut quantities: Vec<Amount<'r>> = Vec::new();
        for expr in [&comparison.left, &comparison.right] {
            expr.visit(&mut |quantity| {
                if quantities.iter().any(|amount| amount.quantity == quantity) {
                    return;
                }
                let scope = if quantity_reads_alias(rule, quantity) {
                    Scope::Left
                } else {
                    Scope::Trace
                };
                let value = Value {
                    kind: asm.i32(),
                    bits: asm.i64(),
                };
                quantities.push(Amount {
                    quantity,
                    value,
                    scope,
                });
            });
        }
        Self {
            comparison,
            quantities,
            lists: HashMap::new(),
        }
    }

    /// The sets that it reads, each once.
    pub(super) fn sets(&self) -> Vec<SetId> {
        let mut sets = Vec::new();
        for amount in &self.quantities {
            if let Some(set) = amount.quantity.set().filter(|set| !sets.contains(set)) {
                sets.push(set);
            }
        }
        sets
    }

    /// Where the value of a quantity is kept.
    pub(super) fn value(&self, quantity: &Quantity) -> Option<Value> {
        let found = self
            .quantities
            .iter()
            .find(|amount| amount.quantity == quantity);
        found.map(|amount| amount.value)
    }

    /// The groups of which one must make the comparison true: of which rows, by what, and where their size is kept.
    pub(super) fn groups(&self) -> Option<(List, &'r Term, Value)> {
        self.quantities
            .iter()
            .find_map(|amount| match amount.quantity {
                Quantity::Groups { set, key } => {
                    self.lists.get(set).map(|list| (*list, key, amount.value))
                }
                Quantity::Count(_) | Quantity::Fold { .. } | Quantity::Duration => None,
            })
    }

    /// Computes the quantities of that scope; the sizes of groups are set for one after another.
    pub(super) fn emit_values(
        &self,
        bench: &mut Bench<'_, '_, '_, '_>,
        frame: &mut Frame<'_>,
        trace: Trace,
        scope: Scope,
    ) {
        for amount in self
            .quantities
            .iter()
            .filter(|amount| amount.scope == scope)
        {
            let list = amount.quantity.set().and_then(|set| self.lists.get(&set));
            match (amount.quantity, list) {
                (Quantity::Count(_), Some(list)) => {
                    frame.asm.int(INT).set(amount.value.kind);
                    frame.asm.get(list.len).op().i64_extend_i32_u();
                    frame.asm.set(amount.value.bits);
                }
                (Quantity::Fold { fold, value, .. }, Some(list)) => {
                    emit_fold(bench, frame, *list, (*fold, value), amount.value);
                }
                (Quantity::Duration, _) => emit_duration(frame, trace, amount.value),
                (Quantity::Groups { .. } | Quantity::Count(_) | Quantity::Fold { .. }, _) => {}
            }
        }
    }

    /// Marks the spans that the quantities of that scope read, if `is_true` and `shown` are not 0. Those of groups are
    /// marked where the groups are.
    pub(super) fn emit_reads(
        &self,
        frame: &mut Frame<'_>,
        trace: Trace,
        scope: Scope,
        is_true: Local,
        shown: Local,
    ) {
        frame.asm.get(is_true).op().i32_const(0).i32_ne();
        frame.asm.get(shown).op().i32_const(0).i32_ne().i32_and();
        frame.asm.op().if_(wasm_encoder::BlockType::Empty);
        for amount in self
            .quantities
            .iter()
            .filter(|amount| amount.scope == scope)
        {
            let list = amount.quantity.set().and_then(|set| self.lists.get(&set));
            match (amount.quantity, list) {
                (Quantity::Count(_), Some(list)) => {
                    frame
                        .asm
                        .each(list.rows, list.len, |asm, row| asm.set_u8(shown, row, 1));
                }
                (Quantity::Fold { fold, value, .. }, Some(list)) => {
                    let row = frame.row;
                    let each = frame.asm.begin_each(list.rows, list.len, row);
                    if *fold == Fold::Distinct {
                        emit_has_class(frame, value);
                    } else {
                        frame.term(value);
                        frame.asm.op().drop();
                    }
                    frame.asm.if_(|asm| asm.set_u8(shown, row, 1));
                    frame.asm.end_each(each);
                }
                (Quantity::Duration, _) => {
                    frame.asm.get(shown).get(trace.first).op().i32_add();
                    frame.asm.int(1).get(trace.end).get(trace.first);
                    frame.asm.op().i32_sub().memory_fill(0);
                }
                (Quantity::Groups { .. } | Quantity::Count(_) | Quantity::Fold { .. }, _) => {}
            }
        }
        frame.asm.op().end();
    }
}

/// The latest end minus the earliest start, which is the first.
fn emit_duration(frame: &mut Frame<'_>, trace: Trace, value: Value) {
    let (start, end, latest) = (frame.asm.i64(), frame.asm.i64(), frame.asm.i64());
    let row = frame.row;
    frame.asm.int(NO_VALUE).set(value.kind);
    frame.asm.get(trace.first).get(trace.end).op().i32_lt_u();
    frame.asm.op().if_(wasm_encoder::BlockType::Empty);
    frame.u64(&Base::Values(whole_want(Whole::Start)), trace.first);
    frame.asm.set(start);
    frame.asm.get(trace.first).set(row);
    frame
        .asm
        .op()
        .block(wasm_encoder::BlockType::Empty)
        .loop_(wasm_encoder::BlockType::Empty);
    frame.asm.get(row).get(trace.end).op().i32_ge_u().br_if(1);
    frame.u64(&Base::Values(whole_want(Whole::End)), row);
    let asm = &mut frame.asm;
    asm.tee(end)
        .get(latest)
        .get(end)
        .get(latest)
        .op()
        .i64_gt_u()
        .select();
    asm.set(latest);
    asm.bump(row, 1);
    asm.op().br(0).end().end();
    asm.get(latest)
        .get(start)
        .op()
        .i64_sub()
        .call(frame.plan.runtime.numbers.of_unsigned.0);
    asm.set(value.bits).set(value.kind);
    asm.op().end();
}
