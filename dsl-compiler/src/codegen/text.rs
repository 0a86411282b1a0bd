//! Text predicates: a function each, which looks at every distinct text of the batch at most once.
//!
//! The memo of a predicate has a byte for each text: 0 not looked at, 1 false, 2 true.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    asm::{Asm, Local, at},
    frame::Plan,
    module::{Builder, Global, MEMOS_BASE},
    number::emit_number,
};
use crate::{
    ir::{Number, Order, Pattern, Place, Test, Value},
    pattern::Tables,
    reads::{Distinct, order_number},
};
use find::{emit_find, emit_has_edge};
use matcher::emit_match;

mod find;
mod matcher;

/// A question about a text alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Predicate {
    /// It has this text there.
    Has(Place, String),
    /// It stands in this order to the text, by bytes.
    Is(Order, String),
    /// It stands in this order to the number, if it is a decimal number; if not, to the text, if there is one.
    IsDecimal(Order, Number, Option<String>),
    Matches(Pattern),
}

impl Predicate {
    /// The predicate that a test asks, if it asks one.
    pub(super) fn of(test: &Test) -> Option<Self> {
        match test {
            Test::Text { at, text, .. } => Some(Self::Has(*at, text.clone())),
            Test::Contains { text, .. } => Some(Self::Has(Place::Anywhere, text.clone())),
            Test::Order { field, op, value } => {
                let text = match value {
                    Value::Text(text) => Some(text.clone()),
                    Value::Number(_) | Value::Bool(_) => None,
                };
                match order_number(value) {
                    // Of an attribute, the column of numbers has said so.
                    Some(number) if !field.is_attribute() => {
                        Some(Self::IsDecimal(*op, number, text))
                    }
                    _ => text.map(|text| Self::Is(*op, text)),
                }
            }
            Test::Matches { pattern, .. }
            | Test::ContainsFolded {
                string: pattern, ..
            } => Some(Self::Matches(pattern.clone())),
            Test::Exists(_)
            | Test::In { .. }
            | Test::TextFields { .. }
            | Test::Compute { .. }
            | Test::EqualFields { .. }
            | Test::OrderFields { .. }
            | Test::Whole { .. }
            | Test::WholePair { .. } => None,
        }
    }
}

pub(super) fn define(
    builder: &mut Builder,
    plan: &Plan<'_>,
    predicates: &Distinct<Predicate>,
    tables: &Tables,
) {
    for (index, predicate) in predicates.items.iter().enumerate() {
        let mut asm = Asm::new(1);
        emit_memo(
            &mut asm,
            plan,
            MEMOS_BASE + 4 * index as u32,
            |asm, start, len| {
                emit_answer(builder, asm, plan, predicate, tables, [start, len]);
            },
        );
        builder.define(plan.predicate(predicate), asm.finish());
    }
}

/// `text number -> 0 or 1`, which `answer` leaves of a text that was not looked at.
fn emit_memo(
    asm: &mut Asm,
    plan: &Plan<'_>,
    slot: u32,
    answer: impl FnOnce(&mut Asm, Local, Local),
) {
    let number = Asm::param(0);
    let (memo, known, start, len) = (asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.int(0).op().i32_load(at(slot));
    asm.tee(memo).op().i32_eqz();
    asm.if_(|asm| {
        asm.op()
            .global_get(Global::TextsLen as u32)
            .call(plan.runtime.alloc.0);
        asm.set(memo);
        asm.int(0).get(memo).op().i32_store(at(slot));
    });
    asm.get(memo).get(number).op().i32_add();
    asm.tee(memo).op().i32_load8_u(at(0));
    asm.tee(known);
    asm.if_(|asm| {
        asm.get(known).int(1).op().i32_sub().return_();
    });
    emit_text(asm, number, start, len);
    answer(asm, start, len);
    asm.set(known);
    asm.get(memo)
        .get(known)
        .int(1)
        .op()
        .i32_add()
        .i32_store8(at(0));
    asm.get(known);
}

/// Leaves what the predicate says of a text.
fn emit_answer(
    builder: &mut Builder,
    asm: &mut Asm,
    plan: &Plan<'_>,
    predicate: &Predicate,
    tables: &Tables,
    [start, len]: [Local; 2],
) {
    match predicate {
        Predicate::Has(Place::Anywhere, needle) => {
            emit_find(builder, asm, needle.as_bytes(), start, len);
        }
        Predicate::Has(place, needle) => {
            emit_has_edge(builder, plan, asm, (*place, needle.as_bytes()), start, len);
        }
        Predicate::Is(order, text) => emit_is(builder, asm, plan, (*order, text), [start, len]),
        Predicate::IsDecimal(order, number, text) => {
            let ordering = asm.i32();
            asm.get(Asm::param(0));
            asm.op().call(plan.runtime.decimals.of_text.0);
            emit_number(asm, *number);
            asm.op().call(plan.runtime.numbers.compare.0);
            // 2: it is no decimal number.
            asm.tee(ordering).int(2).op().i32_ne();
            asm.op().if_(BlockType::Result(I32));
            asm.get(ordering);
            emit_order(asm, *order);
            asm.op().else_();
            match text {
                Some(text) => emit_is(builder, asm, plan, (*order, text), [start, len]),
                None => {
                    asm.int(0);
                }
            }
            asm.op().end();
        }
        Predicate::Matches(pattern) => {
            let table = tables.get(&pattern.0);
            debug_assert!(
                table.is_some(),
                "`emit` has made the tables of all patterns"
            );
            if let Some(table) = table {
                emit_match(builder, asm, table, start, len);
            }
        }
    }
}

/// Leaves whether the text stands in this order to another, by bytes.
fn emit_is(
    builder: &mut Builder,
    asm: &mut Asm,
    plan: &Plan<'_>,
    (order, text): (Order, &str),
    [start, len]: [Local; 2],
) {
    let address = builder.text(text.as_bytes());
    asm.get(start).get(len);
    asm.int(address).int(text.len() as u32);
    asm.op().call(plan.runtime.compare_bytes.0);
    emit_order(asm, order);
}

/// Sets the address and length of a text by its number.
pub(super) fn emit_text(asm: &mut Asm, number: Local, start: Local, len: Local) {
    let ends = asm.i32();
    asm.op().global_get(Global::TextEnds as u32);
    asm.get(number).int(2).op().i32_shl().i32_add();
    asm.tee(ends).op().i32_load(at(0));
    // Text 0 stands for none, so that there is always an end before.
    asm.get(ends).int(4).op().i32_sub().i32_load(at(0));
    asm.tee(start).op().i32_sub();
    asm.set(len);
    asm.get(start)
        .op()
        .global_get(Global::Text as u32)
        .i32_add();
    asm.set(start);
}

/// Turns -1, 0, 1 (or 2, unordered) into whether that is the order asked for.
pub(super) fn emit_order(asm: &mut Asm, order: Order) {
    match order {
        Order::Less => asm.op().i32_const(-1).i32_eq(),
        Order::LessOrEqual => asm.op().i32_const(0).i32_le_s(),
        Order::Greater => asm.op().i32_const(1).i32_eq(),
        Order::GreaterOrEqual => asm.op().i32_const(2).i32_lt_u(),
    };
}
