//! Lists of rows as records that are sorted by the keys of a field.

use wasm_encoder::BlockType;

use super::{
    super::{
        asm::Local,
        frame::{Base, Frame},
        tool::{Tool, keys::emit_low, sort::RECORD_BYTES},
    },
    Bench, List,
};
use crate::{
    ir::Field,
    reads::{Form, want},
};

/// How many keys a value has at most: one by its text, one by its value.
const KEYS_MAX: u32 = 2;

/// Rows, and the field that they are looked up by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'r> {
    pub(super) list: List,
    pub(super) field: &'r Field,
}

/// Makes sorted records of the sides, left and right, and returns where they begin and end.
pub(super) fn emit_records(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    sides: &[Side<'_>],
    by_value: bool,
) -> (Local, Local) {
    let [scratch, release, sort, put] =
        [Tool::Scratch, Tool::Release, Tool::Sort, Tool::PutKeys].map(|tool| bench.shop.tool(tool));
    let (records, end) = (frame.asm.i32(), frame.asm.i32());
    frame.asm.int(0);
    for side in sides {
        frame.asm.get(side.list.len).op().i32_add();
    }
    frame
        .asm
        .int(RECORD_BYTES * KEYS_MAX)
        .op()
        .i32_mul()
        .call(scratch.0);
    frame.asm.tee(records).set(end);
    for (number, side) in sides.iter().enumerate() {
        let row = frame.asm.i32();
        let each = frame.asm.begin_each(side.list.rows, side.list.len, row);
        frame.asm.get(end);
        emit_cell(frame, side.field, row, by_value);
        emit_low(&mut frame.asm, row, number as u32, 0);
        frame.asm.op().call(put.0);
        frame.asm.set(end);
        frame.asm.end_each(each);
    }
    frame.asm.get(end).op().call(release.0);
    frame.asm.get(records).get(end).op().call(sort.0);
    (records, end)
}

/// Leaves kind, bits and symbol of a field at a row: kind 0 where only texts count, 4 for the text of an intrinsic.
pub(super) fn emit_cell(frame: &mut Frame<'_>, field: &Field, row: Local, by_value: bool) {
    let symbol = Base::Values(want(field, Form::Symbol));
    if by_value && field.is_attribute() {
        let value = want(field, Form::Value);
        frame.u8(&Base::Kinds(value.clone()), row);
        frame.u64(&Base::Values(value), row);
    } else if by_value {
        frame.u32(&symbol, row);
        frame
            .asm
            .int(2)
            .op()
            .i32_ge_u()
            .if_(BlockType::Result(wasm_encoder::ValType::I32));
        frame.asm.op().i32_const(4).else_().i32_const(0).end();
        frame.asm.op().i64_const(0);
    } else {
        frame.asm.int(0).op().i64_const(0);
    }
    frame.u32(&symbol, row);
}
