//! Text predicates: a function each, which looks at every distinct text of the batch at most once.
//!
//! The memo of a predicate has a byte for each text: 0 not looked at, 1 false, 2 true.

use wasm_encoder::ValType::I32;

use super::{
    asm::{Asm, Local, at},
    frame::Plan,
    module::{Builder, Global, MEMOS_BASE},
};
use crate::{
    ir::{Order, Pattern, Place, Test, Value},
    reads::Distinct,
};

/// A question about a text alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Predicate {
    /// It has this text there.
    Has(Place, String),
    /// It stands in this order to the text, by bytes.
    Is(Order, String),
    Matches(Pattern),
}

impl Predicate {
    /// The predicate that a test asks, if it asks one.
    pub(super) fn of(test: &Test) -> Option<Self> {
        match test {
            Test::Text { at, text, .. } => Some(Self::Has(*at, text.clone())),
            Test::Contains { text, .. } => Some(Self::Has(Place::Anywhere, text.clone())),
            Test::Order {
                op,
                value: Value::Text(text),
                ..
            } => Some(Self::Is(*op, text.clone())),
            Test::Matches { pattern, .. }
            | Test::ContainsFolded {
                string: pattern, ..
            } => Some(Self::Matches(pattern.clone())),
            Test::Exists(_)
            | Test::In { .. }
            | Test::Order { .. }
            | Test::TextFields { .. }
            | Test::Compute { .. }
            | Test::EqualFields { .. }
            | Test::OrderFields { .. }
            | Test::Whole { .. }
            | Test::WholePair { .. } => None,
        }
    }
}

pub(super) fn define(builder: &mut Builder, plan: &Plan<'_>, predicates: &Distinct<Predicate>) {
    for (index, predicate) in predicates.items.iter().enumerate() {
        let function = emit_predicate(builder, plan, predicate, MEMOS_BASE + 4 * index as u32);
        builder.define(plan.predicate(predicate), function.finish());
    }
}

/// `text number -> 0 or 1`
fn emit_predicate(builder: &mut Builder, plan: &Plan<'_>, predicate: &Predicate, slot: u32) -> Asm {
    let number = Asm::param(0);
    let mut asm = Asm::new(1);
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
    emit_text(&mut asm, number, start, len);
    match predicate {
        Predicate::Has(Place::Anywhere, needle) => {
            emit_find(builder, &mut asm, needle.as_bytes(), start, len);
        }
        Predicate::Has(place, needle) => emit_has_edge(
            builder,
            plan,
            &mut asm,
            (*place, needle.as_bytes()),
            start,
            len,
        ),
        Predicate::Is(order, text) => {
            let address = builder.text(text.as_bytes());
            asm.get(start)
                .get(len)
                .int(address)
                .int(text.len() as u32)
                .op()
                .call(plan.runtime.compare_bytes.0);
            emit_order(&mut asm, *order);
        }
        Predicate::Matches(_) => crate::later(),
    }
    asm.set(known);
    asm.get(memo)
        .get(known)
        .int(1)
        .op()
        .i32_add()
        .i32_store8(at(0));
    asm.get(known);
    asm
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

/// Leaves whether the text begins, or ends, with the needle.
fn emit_has_edge(
    builder: &mut Builder,
    plan: &Plan<'_>,
    asm: &mut Asm,
    (place, needle): (Place, &[u8]),
    start: Local,
    len: Local,
) {
    let (address, needle_len) = (builder.text(needle), needle.len() as u32);
    asm.get(len).int(needle_len).op().i32_lt_u();
    asm.if_else(
        I32,
        |asm| {
            asm.int(0);
        },
        |asm| {
            asm.get(start);
            if place == Place::End {
                asm.get(len).op().i32_add();
                asm.int(needle_len).op().i32_sub();
            }
            asm.int(needle_len)
                .int(address)
                .int(needle_len)
                .op()
                .call(plan.runtime.compare_bytes.0)
                .i32_eqz();
        },
    );
}

/// Leaves whether the needle stands somewhere in the text: Knuth, Morris and Pratt, so that no text makes it slow.
fn emit_find(builder: &mut Builder, asm: &mut Asm, needle: &[u8], start: Local, len: Local) {
    if needle.is_empty() {
        asm.int(1);
        return;
    }
    let address = builder.text(needle);
    let borders: Vec<u8> = borders(needle)
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let borders = builder.place(&borders);
    let (end, byte, matched, found) = (asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.get(start).get(len).op().i32_add();
    asm.set(end);
    asm.while_(
        |asm| {
            asm.get(start).get(end).op().i32_lt_u();
            asm.get(found).op().i32_eqz().i32_and();
        },
        |asm| {
            asm.get(start).op().i32_load8_u(at(0));
            asm.set(byte);
            // Falls back to the longest beginning of the needle that goes on with this byte.
            asm.while_(
                |asm| {
                    asm.get(matched).op().i32_load8_u(at(address));
                    asm.get(byte).op().i32_ne();
                    asm.get(matched).int(0).op().i32_ne().i32_and();
                },
                |asm| {
                    asm.get(matched).int(2).op().i32_shl().i32_load(at(borders));
                    asm.set(matched);
                },
            );
            asm.get(matched).get(matched).op().i32_load8_u(at(address));
            asm.get(byte).op().i32_eq().i32_add();
            asm.tee(matched);
            asm.int(needle.len() as u32).op().i32_eq();
            asm.set(found);
            asm.bump(start, 1);
        },
    );
    asm.get(found);
}

/// For each length k: the longest text that both begins and ends the first k bytes, and is not all of them.
fn borders(needle: &[u8]) -> Vec<u32> {
    let mut borders = vec![0_u32; needle.len().max(1)];
    let mut len = 0_usize;
    for index in 1..needle.len().saturating_sub(1) {
        let byte = needle.get(index);
        while len > 0 && needle.get(len) != byte {
            len = borders.get(len).copied().unwrap_or(0) as usize;
        }
        len += usize::from(needle.get(len) == byte);
        if let Some(border) = borders.get_mut(index + 1) {
            *border = len as u32;
        }
    }
    borders
}
