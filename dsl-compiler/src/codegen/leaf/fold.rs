//! The values of many spans become one.

use wasm_encoder::{BlockType, ValType::F64};

use super::{
    super::{
        asm::Local,
        frame::Frame,
        number::{INT, NO_VALUE},
        tool::{Tool, sort::RECORD_BYTES},
    },
    Bench, List,
    amounts::Value,
    classes::emit_classes,
};
use crate::ir::{Fold, Term};

/// Sets the value of a fold.
pub(super) fn emit_fold(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    list: List,
    (fold, term): (Fold, &Term),
    value: Value,
) {
    match fold {
        Fold::Sum | Fold::Avg => emit_sum(bench, frame, list, (fold, term), value),
        Fold::Min => emit_extreme(frame, list, term, value, u32::MAX),
        Fold::Max => emit_extreme(frame, list, term, value, 1),
        Fold::Distinct => emit_distinct(bench, frame, list, term, value),
    }
}

/// Ints are summed in 128 bits, doubles in order of row.
fn emit_sum(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    list: List,
    (fold, term): (Fold, &Term),
    value: Value,
) {
    let (kind, bits, low, high) = (
        frame.asm.i32(),
        frame.asm.i64(),
        frame.asm.i64(),
        frame.asm.i64(),
    );
    let (total, doubles, count) = (frame.asm.local(F64), frame.asm.i32(), frame.asm.i32());
    frame.asm.op().i64_const(0);
    frame.asm.tee(low).set(high);
    frame.asm.op().f64_const(0.0.into());
    frame.asm.set(total);
    frame.asm.int(0).tee(doubles).set(count);
    let each = frame.asm.begin_each(list.rows, list.len, frame.row);
    frame.term(term);
    let asm = &mut frame.asm;
    asm.set(bits).tee(kind).op().if_(BlockType::Empty);
    asm.bump(count, 1);
    asm.get(kind).int(1).op().i32_and().if_(BlockType::Empty);
    asm.bump(doubles, 1);
    asm.get(total)
        .get(bits)
        .op()
        .f64_reinterpret_i64()
        .f64_add();
    asm.set(total);
    asm.op().else_();
    asm.get(low).get(bits).op().i64_add();
    asm.tee(low).get(bits).op().i64_lt_u().i64_extend_i32_u();
    asm.get(bits).op().i64_const(63).i64_shr_s().i64_add();
    asm.get(high).op().i64_add();
    asm.set(high);
    asm.op().end().end();
    asm.end_each(each);
    asm.get(low).get(high).get(total).get(doubles);
    let function = if fold == Fold::Avg {
        asm.get(count);
        bench.shop.tool(Tool::Mean)
    } else {
        bench.shop.tool(Tool::Total)
    };
    asm.op().call(function.0);
    asm.set(value.bits).set(value.kind);
}

/// Keeps a value that compares so with what was kept: -1 or 1. Of equal ones the first stays.
fn emit_extreme(frame: &mut Frame<'_>, list: List, term: &Term, value: Value, wanted: u32) {
    let (kind, bits): (Local, Local) = (frame.asm.i32(), frame.asm.i64());
    let compare = frame.plan.runtime.numbers.compare;
    frame.asm.int(NO_VALUE).set(value.kind);
    let each = frame.asm.begin_each(list.rows, list.len, frame.row);
    frame.term(term);
    let asm = &mut frame.asm;
    asm.set(bits).tee(kind).op().if_(BlockType::Empty);
    asm.get(value.kind).op().i32_eqz();
    asm.get(kind).get(bits).get(value.kind).get(value.bits);
    asm.op().call(compare.0);
    asm.int(wanted).op().i32_eq().i32_or();
    asm.if_(|asm| {
        asm.get(kind).set(value.kind);
        asm.get(bits).set(value.bits);
    });
    asm.op().end();
    asm.end_each(each);
}

/// Counts the classes: the records that differ from the one before.
fn emit_distinct(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    list: List,
    term: &Term,
    value: Value,
) {
    const TAG_SHIFT: i64 = 56;
    let release = bench.shop.tool(Tool::Release);
    let (records, end) = emit_classes(bench, frame, list, term);
    let asm = &mut frame.asm;
    let (record, key, tag, count) = (asm.i32(), asm.i64(), asm.i64(), asm.i64());
    let cell = super::super::asm::at;
    asm.op().i64_const(0);
    // No record has the tag 0.
    asm.tee(tag).set(count);
    asm.get(records).set(record);
    asm.while_(
        |asm| {
            asm.get(record).get(end).op().i32_lt_u();
        },
        |asm| {
            asm.get(record).op().i64_load(cell(0));
            asm.get(key).op().i64_ne();
            asm.get(record)
                .op()
                .i64_load(cell(8))
                .i64_const(TAG_SHIFT)
                .i64_shr_u();
            asm.get(tag).op().i64_ne().i32_or().i64_extend_i32_u();
            asm.get(count).op().i64_add();
            asm.set(count);
            asm.get(record).op().i64_load(cell(0));
            asm.set(key);
            asm.get(record)
                .op()
                .i64_load(cell(8))
                .i64_const(TAG_SHIFT)
                .i64_shr_u();
            asm.set(tag);
            asm.bump(record, RECORD_BYTES);
        },
    );
    asm.get(records).op().call(release.0);
    asm.int(INT).set(value.kind);
    asm.get(count).set(value.bits);
}
