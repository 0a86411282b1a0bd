//! Records of two u64 in order, and rows looked up by a column.

use super::{
    super::asm::{Asm, Local, at},
    Shop, Tool,
};

pub(in crate::codegen) const RECORD_BYTES: u32 = 16;
/// So many records are sorted by insertion, before runs are merged.
const RUN_RECORDS: u32 = 8;

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
            asm.op().if_(wasm_encoder::BlockType::Empty);
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

/// Leaves whether the record at `left` comes before the one at `right`.
fn emit_less(asm: &mut Asm, left: Local, right: Local) {
    let (x, y) = (asm.i64(), asm.i64());
    asm.get(left).op().i64_load(at(0));
    asm.tee(x);
    asm.get(right).op().i64_load(at(0));
    asm.tee(y).op().i64_lt_u();
    asm.get(left).op().i64_load(at(8));
    asm.get(right).op().i64_load(at(8)).i64_lt_u();
    asm.get(x).get(y).op().i64_eq().i32_and().i32_or();
}

/// Copies a record.
fn emit_copy(asm: &mut Asm, to: Local, from: Local) {
    asm.get(to).get(from);
    asm.op().v128_load(at(0)).v128_store(at(0));
}

/// The lesser of two numbers, neither of which is negative.
fn emit_min(asm: &mut Asm, left: Local, right: Local) {
    asm.get(left).get(right);
    asm.get(left).get(right).op().i32_lt_u().select();
}

/// Runs sorted by insertion, then merged, twice as long each time; runs that are in order already are only copied.
pub(super) fn emit_sort(shop: &mut Shop<'_, '_>) -> Asm {
    let (scratch, release) = (shop.tool(Tool::Scratch), shop.tool(Tool::Release));
    let (records, end) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    let [bytes, spare, from, to, width, low, middle, high, other] = [(); 9].map(|()| asm.i32());
    asm.get(end).get(records).op().i32_sub();
    asm.tee(bytes).op().call(scratch.0);
    asm.set(spare);
    emit_runs(&mut asm, records, end);
    asm.get(records).set(from);
    asm.get(spare).set(to);
    asm.int(RUN_RECORDS * RECORD_BYTES).set(width);
    asm.while_(
        |asm| {
            asm.get(width).get(bytes).op().i32_lt_u();
        },
        |asm| {
            asm.int(0).set(low);
            asm.while_(
                |asm| {
                    asm.get(low).get(bytes).op().i32_lt_u();
                },
                |asm| {
                    asm.get(low).get(width).op().i32_add();
                    asm.set(middle);
                    asm.get(middle).get(width).op().i32_add();
                    asm.set(high);
                    for edge in [middle, high] {
                        emit_min(asm, edge, bytes);
                        asm.set(edge);
                    }
                    emit_merge(asm, (from, to), (low, middle, high));
                    asm.get(high).set(low);
                },
            );
            asm.get(from).set(other);
            asm.get(to).set(from);
            asm.get(other).set(to);
            asm.get(width).int(1).op().i32_shl();
            asm.set(width);
        },
    );
    asm.get(from).get(records).op().i32_ne();
    asm.if_(|asm| {
        asm.get(records).get(from).get(bytes).op().memory_copy(0, 0);
    });
    asm.get(spare).op().call(release.0);
    asm
}

/// Sorts each run by insertion.
fn emit_runs(asm: &mut Asm, records: Local, end: Local) {
    let (run, run_end, item, hole, before) =
        (asm.i32(), asm.i32(), asm.i32(), asm.i32(), asm.i32());
    let (high, low) = (asm.i64(), asm.i64());
    asm.get(records).set(run);
    asm.while_(
        |asm| {
            asm.get(run).get(end).op().i32_lt_u();
        },
        |asm| {
            asm.get(run).int(RUN_RECORDS * RECORD_BYTES).op().i32_add();
            asm.set(run_end);
            emit_min(asm, run_end, end);
            asm.set(run_end);
            asm.get(run).set(item);
            asm.while_(
                |asm| {
                    asm.bump(item, RECORD_BYTES);
                    asm.get(item).get(run_end).op().i32_lt_u();
                },
                |asm| {
                    asm.get(item).op().i64_load(at(0));
                    asm.set(high);
                    asm.get(item).op().i64_load(at(8));
                    asm.set(low);
                    asm.get(item).set(hole);
                    asm.while_(
                        |asm| {
                            asm.get(hole).get(run).op().i32_gt_u();
                            asm.get(hole).int(RECORD_BYTES).op().i32_sub();
                            asm.set(before);
                            asm.op()
                                .if_(wasm_encoder::BlockType::Result(wasm_encoder::ValType::I32));
                            asm.get(high).get(before).op().i64_load(at(0)).i64_lt_u();
                            asm.get(high).get(before).op().i64_load(at(0)).i64_eq();
                            asm.get(low).get(before).op().i64_load(at(8)).i64_lt_u();
                            asm.op().i32_and().i32_or();
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
            asm.get(run_end).set(run);
        },
    );
}

/// Merges the records of `from` between `low`, `middle` and `high` into the same place of `to`.
fn emit_merge(
    asm: &mut Asm,
    (from, to): (Local, Local),
    (low, middle, high): (Local, Local, Local),
) {
    let [left, left_end, right, right_end, out, last] = [(); 6].map(|()| asm.i32());
    for (address, base, offset) in [
        (left, from, low),
        (left_end, from, middle),
        (right, from, middle),
        (right_end, from, high),
        (out, to, low),
    ] {
        asm.get(base).get(offset).op().i32_add();
        asm.set(address);
    }
    asm.get(left_end).int(RECORD_BYTES).op().i32_sub();
    asm.set(last);
    asm.get(right).get(right_end).op().i32_lt_u();
    asm.op()
        .if_(wasm_encoder::BlockType::Result(wasm_encoder::ValType::I32));
    emit_less(asm, right, last);
    asm.op().else_().i32_const(0).end();
    asm.op().if_(wasm_encoder::BlockType::Empty);
    asm.while_(
        |asm| {
            asm.get(left).get(left_end).op().i32_lt_u();
            asm.get(right).get(right_end).op().i32_lt_u().i32_and();
        },
        |asm| {
            emit_less(asm, right, left);
            asm.op().if_(wasm_encoder::BlockType::Empty);
            emit_copy(asm, out, right);
            asm.bump(right, RECORD_BYTES);
            asm.op().else_();
            emit_copy(asm, out, left);
            asm.bump(left, RECORD_BYTES);
            asm.op().end();
            asm.bump(out, RECORD_BYTES);
        },
    );
    asm.op().end();
    // One of the two is empty, or, where they were in order, neither: then the right one goes behind the left.
    asm.get(out).get(left);
    asm.get(left_end).get(left).op().i32_sub().memory_copy(0, 0);
    asm.get(out);
    asm.get(left_end).get(left).op().i32_sub().i32_add();
    asm.get(right);
    asm.get(right_end)
        .get(right)
        .op()
        .i32_sub()
        .memory_copy(0, 0);
}
