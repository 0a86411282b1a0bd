//! Comparison of numbers by mathematical value.

use wasm_encoder::ValType::{F64, I32};

use super::super::asm::{Asm, Local};

/// Compares ints and doubles by what they are: an int is never rounded.
pub(super) fn emit_compare_numbers() -> Asm {
    let mut asm = Asm::new(4);
    let [left_double, left, right_double, right] = [0, 1, 2, 3].map(Asm::param);
    let (x, y) = (asm.local(F64), asm.local(F64));
    asm.get(left_double);
    asm.if_else(
        I32,
        |asm| {
            asm.get(left).op().f64_reinterpret_i64();
            asm.set(x).get(right_double);
            asm.if_else(
                I32,
                |asm| {
                    asm.get(right).op().f64_reinterpret_i64();
                    asm.set(y);
                    emit_three_way(asm, x, y);
                },
                |asm| {
                    // An int against a double, sides exchanged: 2 stays 2.
                    let outcome = asm.i32();
                    emit_int_double(asm, right, x);
                    asm.set(outcome);
                    asm.int(2).int(0).get(outcome).op().i32_sub();
                    asm.get(outcome).int(2).op().i32_eq().select();
                },
            );
        },
        |asm| {
            asm.get(right_double);
            asm.if_else(
                I32,
                |asm| {
                    asm.get(right).op().f64_reinterpret_i64();
                    asm.set(y);
                    emit_int_double(asm, left, y);
                },
                |asm| {
                    asm.get(left).get(right).op().i64_gt_s();
                    asm.get(left).get(right).op().i64_lt_s().i32_sub();
                },
            );
        },
    );
    asm
}

/// Leaves -1, 0, 1 for two doubles, 2 where one is NaN.
fn emit_three_way(asm: &mut Asm, x: Local, y: Local) {
    asm.get(x).get(y).op().f64_gt();
    asm.get(x).get(y).op().f64_lt().i32_sub();
    asm.int(2);
    asm.get(x).get(x).op().f64_eq();
    asm.get(y).get(y).op().f64_eq().i32_and().select();
}

/// Leaves -1, 0, 1 for an int against a double, 2 where that is NaN.
fn emit_int_double(asm: &mut Asm, int: Local, double: Local) {
    const INT_END: f64 = 9_223_372_036_854_775_808.0;
    let (whole, rest, zero) = (asm.i64(), asm.local(F64), asm.local(F64));
    // Beyond the ints, and for NaN, the double decides alone.
    asm.get(double)
        .op()
        .f64_abs()
        .f64_const(INT_END.into())
        .f64_lt();
    asm.if_else(
        I32,
        |asm| {
            asm.get(double).op().i64_trunc_f64_s();
            asm.set(whole);
            asm.get(double).get(double).op().f64_trunc().f64_sub();
            asm.set(rest);
            asm.get(int).get(whole).op().i64_eq();
            asm.if_else(
                I32,
                |asm| emit_three_way(asm, zero, rest),
                |asm| {
                    asm.get(int).get(whole).op().i64_gt_s();
                    asm.get(int).get(whole).op().i64_lt_s().i32_sub();
                },
            );
        },
        |asm| {
            // -2^63 itself is an int, and the least.
            asm.get(double).op().f64_const((-INT_END).into()).f64_eq();
            asm.if_else(
                I32,
                |asm| {
                    asm.get(int).op().i64_const(i64::MIN).i64_ne();
                },
                |asm| emit_three_way(asm, zero, double),
            );
        },
    );
}
