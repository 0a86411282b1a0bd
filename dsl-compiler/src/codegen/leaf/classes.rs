//! Values that are the same make a class: what `distinct` counts and groups are.

use super::{
    super::{
        asm::Local,
        frame::Frame,
        number::INT,
        tool::{
            Tool,
            keys::{emit_class, emit_low},
            sort::RECORD_BYTES,
        },
    },
    Bench, List,
    keyed::emit_cell,
};
use crate::ir::Term;

/// The kind of a string.
const STRING: u32 = 4;

/// Makes records of the rows that have a class, sorted by it, and returns where they begin and end.
pub(super) fn emit_classes(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    list: List,
    key: &Term,
) -> (Local, Local) {
    let [scratch, release, put, classes] =
        [Tool::Scratch, Tool::Release, Tool::PutClass, Tool::Classes]
            .map(|tool| bench.shop.tool(tool));
    let [records, end, texts, texts_end] = [(); 4].map(|()| frame.asm.i32());
    for (records, end) in [(records, end), (texts, texts_end)] {
        frame
            .asm
            .get(list.len)
            .int(RECORD_BYTES)
            .op()
            .i32_mul()
            .call(scratch.0);
        frame.asm.tee(records).set(end);
    }
    let row = frame.row;
    let each = frame.asm.begin_each(list.rows, list.len, row);
    frame.asm.get(end).get(texts_end);
    emit_key(frame, key);
    emit_low(&mut frame.asm, row, 0, 0);
    frame.asm.op().call(put.0);
    frame.asm.set(texts_end).set(end);
    frame.asm.end_each(each);
    let asm = &mut frame.asm;
    asm.get(records)
        .get(end)
        .get(texts)
        .get(texts_end)
        .op()
        .call(classes.0);
    asm.get(texts).op().call(release.0);
    (records, end)
}

/// Leaves kind, bits and symbol of what the span at hand is grouped by.
fn emit_key(frame: &mut Frame<'_>, key: &Term) {
    match key {
        Term::Field(field) => {
            let row = frame.row_of(field);
            emit_cell(frame, field, row, true);
        }
        Term::Whole(whole) => {
            frame.asm.int(INT);
            frame.whole(*whole);
            frame.asm.int(0);
        }
    }
}

/// Leaves whether the span at hand belongs to a class.
pub(super) fn emit_has_class(frame: &mut Frame<'_>, key: &Term) {
    emit_key(frame, key);
    let asm = &mut frame.asm;
    let (kind, bits, tag) = (asm.i32(), asm.i64(), asm.i32());
    asm.op().drop();
    asm.set(bits).set(kind);
    emit_class(asm, kind, bits, tag);
    asm.get(kind).int(STRING).op().i32_eq();
    asm.get(tag).op().i32_or();
}
