//! Arithmetic on numbers as `codegen::number` lays them out: `kind, bits`.

use wasm_encoder::ValType::{F64, I32, I64};

use super::super::{
    asm::{Asm, Local},
    module::{Builder, FuncId},
    number::{DOUBLE, INT, NO_VALUE},
};
use crate::ir::Arithmetic;

/// The functions that compute with numbers.
#[derive(Debug, Clone, Copy)]
pub(in crate::codegen) struct Numbers {
    /// `kind, bits` of a cell of the form `number` -> number
    pub(in crate::codegen) of_cell: FuncId,
    /// `bits` of an unsigned number -> number; the nearest double where it is beyond the ints.
    pub(in crate::codegen) of_unsigned: FuncId,
    /// `number, number -> -1, 0, 1, or 2 where one has no value`
    pub(in crate::codegen) compare: FuncId,
    /// `number, number -> number`
    pub(in crate::codegen) add: FuncId,
    pub(in crate::codegen) subtract: FuncId,
    pub(in crate::codegen) multiply: FuncId,
    pub(in crate::codegen) divide: FuncId,
}

impl Numbers {
    /// Declares them; in a pack that does not compute, all are `missing`.
    pub(super) fn declare(builder: &mut Builder, missing: FuncId, computes: bool) -> Self {
        let mut declare = |params: &[_], results: &[_]| {
            if computes {
                builder.declare(params, results)
            } else {
                missing
            }
        };
        let two = [I32, I64, I32, I64];
        Self {
            of_cell: declare(&[I32, I64], &[I32, I64]),
            of_unsigned: declare(&[I64], &[I32, I64]),
            compare: declare(&two, &[I32]),
            add: declare(&two, &[I32, I64]),
            subtract: declare(&two, &[I32, I64]),
            multiply: declare(&two, &[I32, I64]),
            divide: declare(&two, &[I32, I64]),
        }
    }

    pub(super) fn define(&self, builder: &mut Builder, compare_numbers: FuncId) {
        builder.define(self.of_cell, emit_of_cell().finish());
        builder.define(self.of_unsigned, emit_of_unsigned().finish());
        builder.define(self.compare, emit_compare(compare_numbers).finish());
        for (function, op) in [
            (self.add, Arithmetic::Add),
            (self.subtract, Arithmetic::Subtract),
            (self.multiply, Arithmetic::Multiply),
            (self.divide, Arithmetic::Divide),
        ] {
            builder.define(function, emit_arithmetic(op).finish());
        }
    }
}

/// Returns no value.
fn emit_no_value(asm: &mut Asm) {
    asm.int(NO_VALUE).op().i64_const(0).return_();
}

/// Kinds 18 and 19 are those of numbers that a string says.
fn emit_of_cell() -> Asm {
    let (kind, bits) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    asm.get(kind).int(14).op().i32_and();
    asm.int(INT).op().i32_ne();
    asm.if_(emit_no_value);
    asm.get(kind).int(15).op().i32_and();
    asm.tee(kind).int(DOUBLE).op().i32_eq();
    for _ in 0..2 {
        asm.get(bits).op().f64_reinterpret_i64();
    }
    asm.op().f64_ne().i32_and();
    asm.if_(emit_no_value);
    asm.get(kind).get(bits);
    asm
}

fn emit_of_unsigned() -> Asm {
    let bits = Asm::param(0);
    let mut asm = Asm::new(1);
    asm.get(bits).op().i64_const(0).i64_lt_s();
    asm.if_(|asm| {
        asm.int(DOUBLE)
            .get(bits)
            .op()
            .f64_convert_i64_u()
            .i64_reinterpret_f64()
            .return_();
    });
    asm.int(INT).get(bits);
    asm
}

/// Returns `result` if either number has no value.
fn emit_unless_values(asm: &mut Asm, kinds: [Local; 2], result: impl FnOnce(&mut Asm)) {
    let [left, right] = kinds;
    asm.get(left).op().i32_eqz();
    asm.get(right).op().i32_eqz().i32_or();
    asm.if_(result);
}

fn emit_compare(compare_numbers: FuncId) -> Asm {
    let [left_kind, left, right_kind, right] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    emit_unless_values(&mut asm, [left_kind, right_kind], |asm| {
        asm.int(2).op().return_();
    });
    for (kind, bits) in [(left_kind, left), (right_kind, right)] {
        asm.get(kind).int(1).op().i32_and();
        asm.get(bits);
    }
    asm.op().call(compare_numbers.0);
    asm
}

fn emit_arithmetic(op: Arithmetic) -> Asm {
    let [left_kind, left, right_kind, right] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    let (x, y) = (asm.local(F64), asm.local(F64));
    emit_unless_values(&mut asm, [left_kind, right_kind], emit_no_value);
    if op != Arithmetic::Divide {
        asm.get(left_kind).get(right_kind).op().i32_or();
        asm.int(INT).op().i32_eq();
        asm.if_(|asm| emit_ints(asm, op, left, right));
    }
    for (kind, bits, double) in [(left_kind, left, x), (right_kind, right, y)] {
        asm.get(bits).op().f64_reinterpret_i64();
        asm.get(bits).op().f64_convert_i64_s();
        asm.get(kind).int(1).op().i32_and().select();
        asm.set(double);
    }
    if op == Arithmetic::Divide {
        asm.get(y).op().f64_const(0.0.into()).f64_eq();
        asm.if_(emit_no_value);
    }
    asm.get(x).get(y);
    match op {
        Arithmetic::Add => asm.op().f64_add(),
        Arithmetic::Subtract => asm.op().f64_sub(),
        Arithmetic::Multiply => asm.op().f64_mul(),
        Arithmetic::Divide => asm.op().f64_div(),
    };
    asm.tee(x).get(x).op().f64_ne();
    asm.if_(emit_no_value);
    asm.int(DOUBLE).get(x).op().i64_reinterpret_f64();
    asm
}

/// Returns what comes of two ints, or no value where 64 bits do not hold it.
fn emit_ints(asm: &mut Asm, op: Arithmetic, left: Local, right: Local) {
    let result = asm.i64();
    asm.get(left).get(right);
    match op {
        Arithmetic::Add => asm.op().i64_add(),
        Arithmetic::Subtract => asm.op().i64_sub(),
        Arithmetic::Multiply | Arithmetic::Divide => asm.op().i64_mul(),
    };
    asm.set(result);
    match op {
        // Overflows where both operands have a sign that the result has not.
        Arithmetic::Add => {
            asm.get(left).get(result).op().i64_xor();
            asm.get(right).get(result).op().i64_xor().i64_and();
            asm.op().i64_const(0).i64_lt_s();
        }
        Arithmetic::Subtract => {
            asm.get(left).get(right).op().i64_xor();
            asm.get(left).get(result).op().i64_xor().i64_and();
            asm.op().i64_const(0).i64_lt_s();
        }
        Arithmetic::Multiply | Arithmetic::Divide => {
            emit_product_overflows(asm, left, right, result);
        }
    }
    asm.if_(emit_no_value);
    asm.int(INT).get(result).op().return_();
}

/// Leaves whether the product is not what dividing it again gives; by 0 and -1 is not divided, which may trap.
fn emit_product_overflows(asm: &mut Asm, left: Local, right: Local, product: Local) {
    asm.get(left)
        .op()
        .i64_const(1)
        .i64_add()
        .i64_const(1)
        .i64_le_u();
    asm.if_else(
        I32,
        |asm| {
            asm.get(left).op().i64_const(-1).i64_eq();
            asm.get(right).op().i64_const(i64::MIN).i64_eq().i32_and();
        },
        |asm| {
            asm.get(product).get(left).op().i64_div_s();
            asm.get(right).op().i64_ne();
        },
    );
}
