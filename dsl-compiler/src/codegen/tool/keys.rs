//! Values as keys: two fields are equal exactly where they have a key in common.
//!
//! A value can be equal in two ways, by text and by value, and no one key says both (an int equals a string and a double that
//! are not equal). So it has up to two keys, each a u64 and a tag:
//!
//! ```text
//! record, 16 bytes:  key (u64) 0    low half 8: side (0 left, 1 right) | row << 8 | tag << 56
//! ```

use wasm_encoder::{
    BlockType,
    ValType::{F64, I32},
};

use super::{
    super::asm::{Asm, Local, at},
    sort::RECORD_BYTES,
};

/// The key is a symbol.
pub(in crate::codegen) const TAG_SYMBOL: u32 = 1;
/// An int, or a double that is one.
pub(super) const TAG_INT: u32 = 2;
/// Any other double, by its bits.
const TAG_DOUBLE: u32 = 3;
const TAG_BOOL: u32 = 4;
const TAG_SHIFT: i64 = 56;
const ROW_SHIFT: i64 = 8;
/// 2^63, the first double beyond the ints.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// Kinds of the form `value`.
const KIND_BOOL: u32 = 1;
const KIND_INT: u32 = 2;
const KIND_DOUBLE: u32 = 3;

/// Sets the tag of a value that is a boolean or a number, 0 of any other, and turns its bits into its key.
pub(in crate::codegen) fn emit_class(asm: &mut Asm, kind: Local, bits: Local, tag: Local) {
    let double = asm.local(F64);
    asm.int(0).set(tag);
    for (of, is) in [(KIND_BOOL, TAG_BOOL), (KIND_INT, TAG_INT)] {
        asm.get(kind).int(of).op().i32_eq();
        asm.if_(|asm| {
            asm.int(is).set(tag);
        });
    }
    asm.get(kind).int(KIND_DOUBLE).op().i32_eq();
    asm.if_(|asm| {
        asm.get(bits).op().f64_reinterpret_i64();
        asm.set(double);
        // NaN has no key.
        asm.int(TAG_DOUBLE).int(0);
        asm.get(double).get(double).op().f64_eq().select();
        asm.set(tag);
        asm.get(double).get(double).op().f64_trunc().f64_eq();
        asm.get(double).op().f64_const((-INT_END).into()).f64_ge();
        asm.get(double).op().f64_const(INT_END.into()).f64_lt();
        asm.op().i32_and().i32_and();
        asm.if_(|asm| {
            asm.get(double).op().i64_trunc_f64_s();
            asm.set(bits);
            asm.int(TAG_INT).set(tag);
        });
    });
}

/// Writes a record, and moves on.
pub(super) fn emit_record(
    asm: &mut Asm,
    to: Local,
    key: Local,
    tag: impl FnOnce(&mut Asm),
    low: Local,
) {
    asm.get(to).get(key).op().i64_store(at(0));
    asm.get(to);
    tag(asm);
    asm.op().i64_extend_i32_u().i64_const(TAG_SHIFT).i64_shl();
    asm.get(low).op().i64_or().i64_store(at(8));
    asm.bump(to, RECORD_BYTES);
}

pub(super) fn emit_put_keys() -> Asm {
    let [to, kind, bits, symbol, low] = [0, 1, 2, 3, 4].map(Asm::param);
    let mut asm = Asm::new(5);
    let (tag, text) = (asm.i32(), asm.i64());
    asm.get(symbol).op().i64_extend_i32_u();
    asm.set(text);
    asm.get(symbol).int(2).op().i32_ge_u();
    asm.if_(|asm| {
        emit_record(
            asm,
            to,
            text,
            |asm| {
                asm.int(TAG_SYMBOL);
            },
            low,
        );
    });
    emit_class(&mut asm, kind, bits, tag);
    asm.get(tag);
    asm.if_(|asm| {
        emit_record(
            asm,
            to,
            bits,
            |asm| {
                asm.get(tag);
            },
            low,
        );
    });
    asm.get(to);
    asm
}

/// Leaves the low half of a record of a row on a side.
pub(in crate::codegen) fn emit_low(asm: &mut Asm, row: Local, side: u32, tag: u32) {
    asm.get(row).op().i64_extend_i32_u();
    asm.op().i64_const(ROW_SHIFT).i64_shl();
    asm.op()
        .i64_const(i64::from(side) | i64::from(tag) << TAG_SHIFT)
        .i64_or();
}

pub(super) fn emit_next_bucket() -> Asm {
    let [from, to, left, right] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    let (key, tag, low) = (asm.i64(), asm.i64(), asm.i64());
    let (lefts, rights, row) = (asm.i32(), asm.i32(), asm.i32());
    asm.get(from).op().i64_load(at(0));
    asm.set(key);
    asm.get(from)
        .op()
        .i64_load(at(8))
        .i64_const(TAG_SHIFT)
        .i64_shr_u();
    asm.set(tag);
    asm.while_(
        |asm| {
            asm.get(from).get(to).op().i32_lt_u();
            asm.op().if_(BlockType::Result(I32));
            asm.get(from).op().i64_load(at(0));
            asm.get(key).op().i64_eq();
            asm.get(from).op().i64_load(at(8));
            asm.tee(low).op().i64_const(TAG_SHIFT).i64_shr_u();
            asm.get(tag).op().i64_eq().i32_and();
            asm.op().else_().i32_const(0).end();
        },
        |asm| {
            asm.get(low)
                .op()
                .i64_const(ROW_SHIFT)
                .i64_shr_u()
                .i32_wrap_i64();
            asm.set(row);
            asm.get(low).op().i32_wrap_i64().i32_const(1).i32_and();
            asm.op().if_(BlockType::Empty);
            asm.push(right, rights, row);
            asm.op().else_();
            asm.push(left, lefts, row);
            asm.op().end();
            asm.bump(from, RECORD_BYTES);
        },
    );
    asm.get(from).get(lefts).get(rights);
    asm
}

/// Looks both keys of a value up, and lists the rows of the two stretches, each once and in order.
pub(super) fn emit_candidates() -> Asm {
    let [records, end, kind, bits, symbol, rows] = [0, 1, 2, 3, 4, 5].map(Asm::param);
    let mut asm = Asm::new(6);
    let (tag, len) = (asm.i32(), asm.i32());
    let (text, text_tag, value_tag) = (asm.i64(), asm.i64(), asm.i64());
    let (by_text, by_value, one, other, row) =
        (asm.i32(), asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.get(symbol).op().i64_extend_i32_u();
    asm.set(text);
    asm.op().i64_const(i64::from(TAG_SYMBOL));
    asm.set(text_tag);
    emit_class(&mut asm, kind, bits, tag);
    asm.get(tag).op().i64_extend_i32_u();
    asm.set(value_tag);
    asm.get(end).tee(by_text).set(by_value);
    asm.get(symbol).int(2).op().i32_ge_u();
    asm.if_(|asm| emit_lookup(asm, (records, end), text, text_tag, by_text));
    asm.get(tag);
    asm.if_(|asm| emit_lookup(asm, (records, end), bits, value_tag, by_value));
    asm.op().block(BlockType::Empty).loop_(BlockType::Empty);
    for (at_hand, key, tag, row) in [
        (by_text, text, text_tag, one),
        (by_value, bits, value_tag, other),
    ] {
        asm.int(u32::MAX).set(row);
        asm.get(at_hand).get(end).op().i32_lt_u();
        asm.if_(|asm| {
            asm.get(at_hand).op().i64_load(at(0));
            asm.get(key).op().i64_eq();
            asm.get(at_hand)
                .op()
                .i64_load(at(8))
                .i64_const(TAG_SHIFT)
                .i64_shr_u();
            asm.get(tag).op().i64_eq().i32_and();
            asm.if_(|asm| {
                asm.get(at_hand)
                    .op()
                    .i64_load(at(8))
                    .i64_const(ROW_SHIFT)
                    .i64_shr_u();
                asm.op().i32_wrap_i64();
                asm.set(row);
            });
        });
    }
    asm.get(one)
        .get(other)
        .get(one)
        .get(other)
        .op()
        .i32_lt_u()
        .select();
    asm.tee(row).int(u32::MAX).op().i32_eq().br_if(1);
    asm.push(rows, len, row);
    for (at_hand, of) in [(by_text, one), (by_value, other)] {
        asm.get(at_hand).get(of).get(row).op().i32_eq();
        asm.int(4).op().i32_shl().i32_add();
        asm.set(at_hand);
    }
    asm.op().br(0).end().end();
    asm.get(len);
    asm
}

/// Sets the address of the first record that does not come before the key.
fn emit_lookup(
    asm: &mut Asm,
    (records, end): (Local, Local),
    key: Local,
    tag: Local,
    found: Local,
) {
    let (len, half, middle) = (asm.i32(), asm.i32(), asm.i32());
    asm.get(records).set(found);
    asm.get(end)
        .get(records)
        .op()
        .i32_sub()
        .i32_const(4)
        .i32_shr_u();
    asm.set(len);
    asm.while_(
        |asm| {
            asm.get(len);
        },
        |asm| {
            asm.get(len).int(1).op().i32_shr_u();
            asm.tee(half).int(4).op().i32_shl();
            asm.get(found).op().i32_add();
            asm.tee(middle).op().i64_load(at(0));
            asm.get(key).op().i64_lt_u();
            asm.get(middle).op().i64_load(at(0));
            asm.get(key).op().i64_eq();
            asm.get(middle)
                .op()
                .i64_load(at(8))
                .i64_const(TAG_SHIFT)
                .i64_shr_u();
            asm.get(tag).op().i64_lt_u().i32_and().i32_or();
            asm.op().if_(BlockType::Empty);
            asm.get(middle).int(RECORD_BYTES).op().i32_add();
            asm.set(found);
            asm.get(len).get(half).op().i32_sub().i32_const(1).i32_sub();
            asm.set(len);
            asm.op().else_();
            asm.get(half).set(len);
            asm.op().end();
        },
    );
}
