//! Sums of ints in 128 bits, rounded once.

use wasm_encoder::{BlockType, ValType::F64};

use super::super::{
    asm::{Asm, Local},
    number::{DOUBLE, INT, NO_VALUE},
};

/// 2^64
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn emit_total() -> Asm {
    let [low, high, total, doubles] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    asm.get(doubles).op().i32_eqz();
    asm.get(high)
        .get(low)
        .op()
        .i64_const(63)
        .i64_shr_s()
        .i64_eq()
        .i32_and();
    asm.if_(|asm| {
        asm.int(INT).get(low).op().return_();
    });
    emit_sum(&mut asm, (low, high), total);
    asm.set(total);
    emit_double(&mut asm, total);
    asm
}

pub(super) fn emit_mean() -> Asm {
    let [low, high, total, _doubles, count] = [0, 1, 2, 3, 4].map(Asm::param);
    let mut asm = Asm::new(5);
    emit_sum(&mut asm, (low, high), total);
    asm.get(count).op().f64_convert_i32_u().f64_div();
    asm.set(total);
    emit_double(&mut asm, total);
    asm
}

/// Leaves a double as a number; NaN is no value. So is what comes of no values: 0 / 0.
fn emit_double(asm: &mut Asm, double: Local) {
    asm.int(DOUBLE).int(NO_VALUE);
    asm.get(double).get(double).op().f64_eq().select();
    asm.get(double).op().i64_reinterpret_f64();
}

/// Leaves the nearest double of the ints, plus the doubles, which are 0 where there are none.
fn emit_sum(asm: &mut Asm, (low, high): (Local, Local), total: Local) {
    emit_nearest(asm, low, high);
    asm.get(total).op().f64_add();
}

/// Leaves the nearest double of an int of 128 bits, which it makes positive.
///
/// The upper 64 bits from the first 1 on are converted, which rounds to even; whether any of the rest is 1 is put into
/// their last bit, eleven places below the one that is rounded to. The multiplication by a power of two is exact.
fn emit_nearest(asm: &mut Asm, low: Local, high: Local) {
    let (negative, shift, double) = (asm.i32(), asm.i64(), asm.local(F64));
    asm.get(high)
        .get(low)
        .op()
        .i64_const(63)
        .i64_shr_s()
        .i64_eq();
    asm.op().if_(BlockType::Result(F64));
    asm.get(low).op().f64_convert_i64_s().else_();
    asm.get(high).op().i64_const(0).i64_lt_s();
    asm.tee(negative);
    asm.if_(|asm| {
        asm.op().i64_const(0);
        asm.get(low).op().i64_sub();
        asm.set(low);
        asm.op().i64_const(-1);
        asm.get(high).op().i64_xor();
        asm.get(low).op().i64_eqz().i64_extend_i32_u().i64_add();
        asm.set(high);
    });
    asm.get(high).op().i64_eqz();
    asm.op().if_(BlockType::Result(F64));
    asm.get(low).op().f64_convert_i64_u().else_();
    asm.get(high).op().i64_clz();
    asm.set(shift);
    // high << shift | low >> (64 - shift), where a shift by 64 would be one by 0.
    asm.get(high).get(shift).op().i64_shl();
    asm.get(low).op().i64_const(1).i64_shr_u().i64_const(63);
    asm.get(shift).op().i64_sub().i64_shr_u().i64_or();
    asm.get(low)
        .get(shift)
        .op()
        .i64_shl()
        .i64_eqz()
        .i32_eqz()
        .i64_extend_i32_u()
        .i64_or();
    asm.op().f64_convert_i64_u();
    asm.set(double);
    // The result is 2^(64 - shift) times that, in two steps: the power is made of its exponent.
    asm.get(double).op().f64_const(TWO_TO_64.into()).f64_mul();
    asm.op().i64_const(1023);
    asm.get(shift)
        .op()
        .i64_sub()
        .i64_const(52)
        .i64_shl()
        .f64_reinterpret_i64()
        .f64_mul()
        .end();
    asm.set(double);
    asm.get(double).op().f64_neg();
    asm.get(double).get(negative).op().select().end();
}
