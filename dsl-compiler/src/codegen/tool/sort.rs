//! Records in order of key, tag and row, and rows looked up by a column.
//!
//! Records are made in order of row, and sorting keeps that order, so that only keys and tags are sorted by.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::asm::{Asm, Local, at},
    Shop, Tool,
};

pub(in crate::codegen) const RECORD_BYTES: u32 = 16;
/// So many records are sorted by insertion.
const INSERTED_MAX: u32 = 32;
/// Where in a record its tag lies, and how many bytes its key has, the lowest first.
const TAG_BYTE: u32 = 15;
const KEY_BYTES: u32 = 8;
/// A u32 for each value of a byte.
const COUNTS_BYTES: u32 = 4 * 256;

pub(super) fn emit_at_least() -> Asm {
    let [rows, len, column] = [0, 1, 2].map(Asm::param);
    let value = Asm::param(3);
    let mut asm = Asm::new(4);
    let (index, half, row) = (asm.i32(), asm.i32(), asm.i32());
    asm.while_(
        |asm| {
            asm.get(len);
            asm.op().i32_const(0).i32_ne();
        },
        |asm| {
            asm.get(len).int(1).op().i32_shr_u();
            asm.tee(half).get(index).op().i32_add();
            asm.set(row);
            asm.u32_at(rows, row).set(row);
            asm.u64_at(column, row).get(value).op().i64_lt_u();
            asm.op().if_(BlockType::Empty);
            asm.bump(half, 1);
            asm.get(index).get(half).op().i32_add();
            asm.set(index);
            asm.get(len).get(half).op().i32_sub();
            asm.set(len);
            asm.op().else_();
            asm.get(half).set(len);
            asm.op().end();
        },
    );
    asm.get(index);
    asm
}

/// Copies a record.
fn emit_copy(asm: &mut Asm, to: Local, from: Local) {
    asm.get(to).get(from);
    asm.op().v128_load(at(0)).v128_store(at(0));
}

/// Few records by insertion; many by one byte of their keys after another, the tag first and the highest byte last, those
/// that are the same in all left out. Both keep the order of records whose keys and tags are equal.
pub(super) fn emit_sort(shop: &mut Shop<'_, '_>) -> Asm {
    let (scratch, release) = (shop.tool(Tool::Scratch), shop.tool(Tool::Release));
    let (records, end) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    let [bytes, differences, counts, from, to, byte] = [(); 6].map(|()| asm.i32());
    asm.get(end).get(records).op().i32_sub();
    asm.tee(bytes)
        .int(INSERTED_MAX * RECORD_BYTES)
        .op()
        .i32_le_u();
    asm.if_(|asm| {
        emit_insert(asm, records, end);
        asm.op().return_();
    });
    asm.int(RECORD_BYTES).op().call(scratch.0);
    asm.set(differences);
    emit_differences(&mut asm, (records, end), differences);
    asm.int(COUNTS_BYTES).op().call(scratch.0);
    asm.set(counts);
    asm.get(bytes).op().call(scratch.0);
    asm.set(to);
    asm.get(records).set(from);
    asm.int(TAG_BYTE).set(byte);
    asm.while_(
        |asm| {
            asm.get(byte).int(KEY_BYTES).op().i32_ne();
        },
        |asm| {
            asm.u8_at(differences, byte);
            asm.if_(|asm| {
                emit_pass(asm, (from, to), (bytes, counts), byte);
                asm.get(from).get(to).set(from);
                asm.set(to);
            });
            asm.int(0).get(byte).int(1).op().i32_add();
            asm.get(byte).int(TAG_BYTE).op().i32_eq().select();
            asm.set(byte);
        },
    );
    asm.get(from).get(records).op().i32_ne();
    asm.if_(|asm| {
        asm.get(records).get(from).get(bytes).op().memory_copy(0, 0);
    });
    asm.get(differences).op().call(release.0);
    asm
}

/// Stores a record of the bits in which the records differ from the first.
fn emit_differences(asm: &mut Asm, (records, end): (Local, Local), differences: Local) {
    let record = asm.i32();
    for half in [0, 8] {
        let bits = asm.i64();
        asm.get(records).set(record);
        asm.while_(
            |asm| {
                asm.get(record).get(end).op().i32_lt_u();
            },
            |asm| {
                asm.get(record).op().i64_load(at(half));
                asm.get(records).op().i64_load(at(half)).i64_xor();
                asm.get(bits).op().i64_or();
                asm.set(bits);
                asm.bump(record, RECORD_BYTES);
            },
        );
        asm.get(differences).get(bits).op().i64_store(at(half));
    }
}

/// Moves the records to where they stand in the order of a byte: as many of each value are counted, then placed.
fn emit_pass(
    asm: &mut Asm,
    (from, to): (Local, Local),
    (bytes, counts): (Local, Local),
    byte: Local,
) {
    let [record, end, count, place, next] = [(); 5].map(|()| asm.i32());
    asm.get(counts).int(0).int(COUNTS_BYTES).op().memory_fill(0);
    asm.get(from).get(bytes).op().i32_add();
    asm.set(end);
    let count_of = |asm: &mut Asm| {
        asm.u8_at(record, byte).int(2).op().i32_shl();
        asm.get(counts).op().i32_add();
        asm.tee(count);
    };
    asm.get(from).set(record);
    asm.while_(
        |asm| {
            asm.get(record).get(end).op().i32_lt_u();
        },
        |asm| {
            count_of(asm);
            asm.get(count).op().i32_load(at(0));
            asm.int(RECORD_BYTES).op().i32_add().i32_store(at(0));
            asm.bump(record, RECORD_BYTES);
        },
    );
    asm.get(to).set(place);
    asm.get(counts).set(count);
    asm.while_(
        |asm| {
            asm.get(count).get(counts).op().i32_sub();
            asm.int(COUNTS_BYTES).op().i32_lt_u();
        },
        |asm| {
            asm.get(place).get(count).op().i32_load(at(0)).i32_add();
            asm.set(next);
            asm.get(count).get(place).op().i32_store(at(0));
            asm.get(next).set(place);
            asm.bump(count, 4);
        },
    );
    asm.get(from).set(record);
    asm.while_(
        |asm| {
            asm.get(record).get(end).op().i32_lt_u();
        },
        |asm| {
            count_of(asm);
            asm.op().i32_load(at(0));
            asm.set(place);
            emit_copy(asm, place, record);
            asm.get(count)
                .get(place)
                .int(RECORD_BYTES)
                .op()
                .i32_add()
                .i32_store(at(0));
            asm.bump(record, RECORD_BYTES);
        },
    );
}

/// Sorts by insertion.
fn emit_insert(asm: &mut Asm, records: Local, end: Local) {
    let (item, hole, before) = (asm.i32(), asm.i32(), asm.i32());
    let (high, low) = (asm.i64(), asm.i64());
    asm.get(records).set(item);
    asm.while_(
        |asm| {
            asm.bump(item, RECORD_BYTES);
            asm.get(item).get(end).op().i32_lt_u();
        },
        |asm| {
            asm.get(item).op().i64_load(at(0));
            asm.set(high);
            asm.get(item).op().i64_load(at(8));
            asm.set(low);
            asm.get(item).set(hole);
            asm.while_(
                |asm| {
                    asm.get(hole).get(records).op().i32_gt_u();
                    asm.op().if_(BlockType::Result(I32));
                    asm.get(hole).int(RECORD_BYTES).op().i32_sub();
                    asm.tee(before).op().i64_load(at(0));
                    asm.get(high).op().i64_gt_u();
                    asm.get(before).op().i64_load(at(0));
                    asm.get(high).op().i64_eq();
                    asm.get(before).op().i64_load(at(8));
                    asm.get(low).op().i64_gt_u().i32_and().i32_or();
                    asm.op().else_().i32_const(0).end();
                },
                |asm| {
                    emit_copy(asm, hole, before);
                    asm.get(before).set(hole);
                },
            );
            asm.get(hole).get(high).op().i64_store(at(0));
            asm.get(hole).get(low).op().i64_store(at(8));
        },
    );
}
