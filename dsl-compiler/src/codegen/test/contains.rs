//! `contains`, which looks into strings and arrays.

use super::super::{
    asm::{Asm, Local},
    frame::{Base, Frame, Plan},
    module::Builder,
};
use crate::{
    ir::{Field, Test, Value},
    reads::{Distinct, Form, element, want},
};

/// The functions of `contains`: `row -> 0 or 1`. A string is searched; an array is walked, its elements compared as `==` does.
pub(in crate::codegen) fn define_contains(
    builder: &mut Builder,
    plan: &Plan<'_>,
    tests: &Distinct<Test>,
) {
    for test in &tests.items {
        let Test::Contains { field, value, .. } = test else {
            continue;
        };
        let row = Asm::param(0);
        let mut frame = Frame::new(Asm::new(1), plan, row);
        frame.text_predicate(test, field);
        if matches!(field, Field::Attribute { .. }) {
            let found = frame.asm.i32();
            frame.asm.set(found);
            emit_array(&mut frame, field, value, found);
            frame.asm.get(found);
        }
        builder.define(plan.contains(test), frame.asm.finish());
    }
}

/// Sets `found` if the field is an array with an element that equals the value.
fn emit_array(frame: &mut Frame<'_>, field: &Field, value: &Value, found: Local) {
    const ARRAY: u32 = 6;
    let range = frame.asm.i64();
    let (element_row, end, row) = (frame.asm.i32(), frame.asm.i32(), frame.row);
    frame.u8(&Base::Kinds(want(field, Form::Value)));
    frame
        .asm
        .int(ARRAY)
        .op()
        .i32_eq()
        .if_(wasm_encoder::BlockType::Empty);
    frame.u64(&Base::Values(want(field, Form::Value)));
    frame
        .asm
        .tee(range)
        .op()
        .i64_const(32)
        .i64_shr_u()
        .i32_wrap_i64();
    frame
        .asm
        .tee(element_row)
        .get(range)
        .op()
        .i32_wrap_i64()
        .i32_add();
    frame.asm.set(end);
    frame
        .asm
        .op()
        .block(wasm_encoder::BlockType::Empty)
        .loop_(wasm_encoder::BlockType::Empty);
    frame.asm.get(element_row).get(end).op().i32_ge_u().br_if(1);
    frame.row = element_row;
    frame.any_equal(std::slice::from_ref(value), element);
    frame.row = row;
    frame.asm.get(found).op().i32_or();
    frame.asm.set(found);
    frame.asm.bump(element_row, 1);
    frame.asm.op().br(0).end().end().end();
}
