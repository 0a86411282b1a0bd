//! `trace:root`: the root that starts first.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{asm::Asm, frame::Base, relation::NO_PARENT},
    Bench,
};
use crate::{
    ir::Filter,
    reads::{SPANS_MISSING, parent_want},
};

/// Unlike other conditions it answers with three values where something is missing: where all spans are there, it is
/// as true as its filter.
pub(super) fn emit(bench: &Bench<'_, '_, '_, '_>, filter: &Filter) -> Asm {
    let (mut frame, trace) = bench.begin_frame();
    let (row, answer) = (frame.row, frame.asm.i32());
    frame.asm.get(trace.facts).int(SPANS_MISSING).op().i32_and();
    frame.asm.if_(|asm| {
        asm.int(1).op().return_();
    });
    frame.asm.get(trace.first).set(row);
    frame
        .asm
        .op()
        .block(BlockType::Empty)
        .loop_(BlockType::Empty);
    frame.asm.get(row).get(trace.end).op().i32_ge_u().br_if(1);
    frame.u32(&Base::Values(parent_want()), row);
    frame.asm.int(NO_PARENT).op().i32_eq().if_(BlockType::Empty);
    frame
        .asm
        .get(trace.facts)
        .op()
        .i32_eqz()
        .if_(BlockType::Result(I32));
    frame.filter(filter);
    frame.asm.op().else_();
    frame.weigh_filter(filter, trace.facts);
    frame.asm.op().end();
    frame.asm.set(answer);
    frame.asm.get(trace.marks);
    frame.asm.if_(|asm| asm.set_u8(trace.marks, row, 1));
    frame.asm.get(answer).op().return_().end();
    frame.asm.bump(row, 1);
    frame.asm.op().br(0).end().end();
    frame.asm.int(0);
    frame.asm
}
