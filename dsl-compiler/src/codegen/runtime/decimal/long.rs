//! The nearest double of any decimal: digits and powers of ten as long integers, divided bit by bit.
//!
//! ```text
//! digits * 10^e  =  A / B,  shifted until  2^62 < A / B < 2^64;  the 64 bits of A / B, rounded to the 53 of a double
//! ```
//!
//! Both integers lie in the data, lowest limb first. They hold what they must: of at most 801 digits and a power of ten of
//! which more would be infinite or zero, neither needs more than 3,821 bits.

use wasm_encoder::{
    BlockType,
    ValType::{I32, I64},
};

use super::{
    super::super::{
        asm::{Asm, Local, at},
        module::{Builder, FuncId},
    },
    emit_each_digit,
};

const LIMBS: u32 = 128;
/// Digits beyond these only say whether there was anything but zeros: halfway between two doubles there are at most 767.
const DIGITS_MAX: u32 = 800;
/// What is 10 to this or more is infinite; what is less than 10 to that is zero.
const INFINITE_FROM: u32 = 310;
const ZERO_BELOW: i32 = -330;
const INFINITY: i64 = 0x7ff0_0000_0000_0000;

/// Functions on long integers, by their addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Long {
    /// `whole digits, their end, digits after the point, their end, exponent of the last -> bits`, of a double
    pub(super) nearest: FuncId,
    /// `address, factor, summand`: times the one, plus the other.
    multiply: FuncId,
    /// `address, bits`: shifts to the left.
    shift: FuncId,
    /// `address, exponent`: times ten to this.
    scale: FuncId,
    /// `address -> bits` up to the highest that is set.
    length: FuncId,
    /// `address, address -> 0 or 1`: subtracts the second where it is not greater, and says whether.
    take: FuncId,
}

impl Long {
    pub(super) fn missing(missing: FuncId) -> Self {
        Self {
            nearest: missing,
            multiply: missing,
            shift: missing,
            scale: missing,
            length: missing,
            take: missing,
        }
    }

    pub(super) fn declare(builder: &mut Builder) -> Self {
        Self {
            nearest: builder.declare(&[I32; 5], &[I64]),
            multiply: builder.declare(&[I32; 3], &[]),
            shift: builder.declare(&[I32; 2], &[]),
            scale: builder.declare(&[I32; 2], &[]),
            length: builder.declare(&[I32], &[I32]),
            take: builder.declare(&[I32; 2], &[I32]),
        }
    }

    pub(super) fn define(self, builder: &mut Builder) {
        let zeros = [0; 4 * LIMBS as usize];
        let (left, right) = (builder.place(&zeros), builder.place(&zeros));
        builder.define(self.multiply, emit_multiply().finish());
        builder.define(
            self.shift,
            self.emit_in_steps(16, |step| 1 << step).finish(),
        );
        builder.define(
            self.scale,
            self.emit_in_steps(9, |step| 10_u32.pow(step)).finish(),
        );
        builder.define(self.length, emit_length().finish());
        builder.define(self.take, emit_take().finish());
        builder.define(self.nearest, self.emit_nearest(left, right).finish());
    }

    /// Multiplies by a power: first as often as may be by the `step`th, then by the first.
    fn emit_in_steps(self, step: u32, power: impl Fn(u32) -> u32) -> Asm {
        let (address, rest) = (Asm::param(0), Asm::param(1));
        let mut asm = Asm::new(2);
        for step in [step, 1] {
            asm.while_(
                |asm| {
                    asm.get(rest).int(step).op().i32_ge_u();
                },
                |asm| {
                    asm.get(address).int(power(step)).int(0);
                    asm.op().call(self.multiply.0);
                    asm.get(rest).int(step).op().i32_sub();
                    asm.set(rest);
                },
            );
        }
        asm
    }

    fn emit_nearest(self, left: u32, right: u32) -> Asm {
        let exponent = Asm::param(4);
        let mut asm = Asm::new(5);
        for address in [left, right] {
            asm.int(address).int(0).int(4 * LIMBS).op().memory_fill(0);
        }
        asm.int(right).int(1).op().i32_store(at(0));
        self.emit_digits(&mut asm, left, exponent);
        asm.get(exponent).int(0).op().i32_gt_s();
        asm.op().if_(BlockType::Empty);
        asm.int(left).get(exponent).op().call(self.scale.0);
        asm.op().else_();
        asm.int(right).int(0).get(exponent).op().i32_sub();
        asm.op().call(self.scale.0).end();
        let (shift, quotient) = self.emit_quotient(&mut asm, left, right);
        let (top, inexact) = (asm.i32(), asm.i32());
        asm.int(left).op().call(self.length.0).i32_const(0).i32_ne();
        asm.set(inexact);
        asm.get(quotient).op().i64_const(0).i64_ge_s();
        asm.if_(|asm| {
            asm.get(quotient).op().i64_const(1).i64_shl();
            asm.set(quotient);
            asm.bump(shift, 1);
        });
        asm.int(63).get(shift).op().i32_sub();
        asm.set(top);
        emit_rounded(&mut asm, quotient, top, inexact);
        asm
    }

    /// Makes the digits the left integer. Returns where that is zero, or the double is, or is infinite.
    fn emit_digits(self, asm: &mut Asm, left: u32, exponent: Local) {
        let (len, rest) = (asm.i32(), asm.i32());
        for part in [0, 2].map(|first| [Asm::param(first), Asm::param(first + 1)]) {
            emit_each_digit(asm, part, |asm, digit| {
                asm.get(len).int(DIGITS_MAX).op().i32_lt_u();
                asm.op().if_(BlockType::Empty);
                asm.int(left).int(10).get(digit).op().call(self.multiply.0);
                // Zeros before all others are no digits.
                asm.get(len).get(digit).op().i32_or().i32_const(0).i32_ne();
                asm.get(len).op().i32_add();
                asm.set(len);
                asm.op().else_();
                asm.bump(exponent, 1);
                asm.get(rest).get(digit).op().i32_or();
                asm.set(rest);
                asm.op().end();
            });
        }
        asm.get(len).op().i32_eqz();
        asm.if_(|asm| {
            asm.op().i64_const(0).return_();
        });
        asm.get(len).get(exponent).op().i32_add();
        asm.int(INFINITE_FROM).op().i32_gt_s();
        asm.if_(|asm| {
            asm.op().i64_const(INFINITY).return_();
        });
        asm.get(len).get(exponent).op().i32_add();
        asm.op().i32_const(ZERO_BELOW).i32_lt_s();
        asm.if_(|asm| {
            asm.op().i64_const(0).return_();
        });
        // The rest is a little more than the digits.
        asm.get(rest);
        asm.if_(|asm| {
            asm.int(left).int(10).int(1).op().call(self.multiply.0);
            asm.get(exponent).int(1).op().i32_sub();
            asm.set(exponent);
        });
    }

    /// Divides; leaves the remainder, with more zeros, in the left integer. By how many bits the quotient was shifted, and
    /// its 64 bits, of which one of the first two is set.
    fn emit_quotient(self, asm: &mut Asm, left: u32, right: u32) -> (Local, Local) {
        let (shift, quotient, count) = (asm.i32(), asm.i64(), asm.i32());
        asm.int(63).int(left).op().call(self.length.0).i32_sub();
        asm.int(right).op().call(self.length.0).i32_add();
        asm.tee(shift).int(0).op().i32_ge_s();
        asm.op().if_(BlockType::Empty);
        asm.int(left).get(shift).op().call(self.shift.0);
        asm.op().else_();
        asm.int(right).int(0).get(shift).op().i32_sub();
        asm.op().call(self.shift.0).end();
        asm.int(right).int(63).op().call(self.shift.0);
        asm.while_(
            |asm| {
                asm.get(count).int(64).op().i32_lt_u();
            },
            |asm| {
                asm.get(quotient).op().i64_const(1).i64_shl();
                asm.int(left).int(right).op().call(self.take.0);
                asm.op().i64_extend_i32_u().i64_or();
                asm.set(quotient);
                asm.int(left).int(2).int(0).op().call(self.multiply.0);
                asm.bump(count, 1);
            },
        );
        (shift, quotient)
    }
}

/// Leaves the double of 64 bits, the first of which is set and stands for 2 to `top`; `inexact`: and a little more.
fn emit_rounded(asm: &mut Asm, bits: Local, top: Local, inexact: Local) {
    let (drop, kept, rest, half) = (asm.i64(), asm.i64(), asm.i64(), asm.i64());
    asm.get(top).int(1023).op().i32_gt_s();
    asm.if_(|asm| {
        asm.op().i64_const(INFINITY).return_();
    });
    // A double of the least exponents has fewer bits.
    asm.op().i64_const(11);
    asm.op().i32_const(-1022 + 11);
    asm.get(top).op().i32_sub().i64_extend_i32_s();
    asm.get(top).op().i32_const(-1022).i32_ge_s().select();
    asm.tee(drop).op().i64_const(64).i64_gt_s();
    asm.if_(|asm| {
        asm.op().i64_const(0).return_();
    });
    // A shift by 64 is one by 0.
    asm.op().i64_const(0);
    asm.get(bits).get(drop).op().i64_shr_u();
    asm.get(drop).op().i64_const(64).i64_eq().select();
    asm.set(kept);
    asm.get(bits).get(kept).get(drop).op().i64_shl().i64_sub();
    asm.set(rest);
    asm.op().i64_const(1);
    asm.get(drop).op().i64_const(1).i64_sub().i64_shl();
    asm.set(half);
    // Halfway, the even one.
    asm.get(kept);
    asm.get(rest).get(half).op().i64_gt_u();
    asm.get(rest).get(half).op().i64_eq();
    asm.get(kept).op().i32_wrap_i64().i32_const(1).i32_and();
    asm.get(inexact).op().i32_or().i32_and().i32_or();
    asm.op().i64_extend_i32_u().i64_add();
    // The first bit is the exponent's last; where rounding fills all bits, it goes on into the exponent.
    asm.get(top).int(1022).op().i32_add();
    asm.int(0);
    asm.get(top).op().i32_const(-1022).i32_ge_s().select();
    asm.op()
        .i64_extend_i32_u()
        .i64_const(52)
        .i64_shl()
        .i64_add();
}

/// Emits a loop over the offsets of the limbs, from the first or from the last.
fn emit_each_limb(asm: &mut Asm, upward: bool, each: impl FnOnce(&mut Asm, Local)) {
    let offset = asm.i32();
    let (first, step) = if upward {
        (0, 4)
    } else {
        (4 * LIMBS - 4, -4_i32 as u32)
    };
    asm.int(first).set(offset);
    asm.while_(
        |asm| {
            // Below zero, and past the end.
            asm.get(offset).int(4 * LIMBS).op().i32_lt_u();
        },
        |asm| {
            each(asm, offset);
            asm.bump(offset, step);
        },
    );
}

/// Leaves a limb.
fn emit_limb(asm: &mut Asm, address: Local, offset: Local) {
    asm.get(address).get(offset).op().i32_add().i32_load(at(0));
}

fn emit_multiply() -> Asm {
    let [address, factor, summand] = [0, 1, 2].map(Asm::param);
    let mut asm = Asm::new(3);
    let carry = asm.i64();
    asm.get(summand).op().i64_extend_i32_u();
    asm.set(carry);
    emit_each_limb(&mut asm, true, |asm, offset| {
        asm.get(address).get(offset).op().i32_add();
        emit_limb(asm, address, offset);
        asm.op().i64_extend_i32_u();
        asm.get(factor).op().i64_extend_i32_u().i64_mul();
        asm.get(carry).op().i64_add();
        asm.tee(carry).op().i64_store32(at(0));
        asm.get(carry).op().i64_const(32).i64_shr_u();
        asm.set(carry);
    });
    asm
}

fn emit_length() -> Asm {
    let address = Asm::param(0);
    let mut asm = Asm::new(1);
    let limb = asm.i32();
    emit_each_limb(&mut asm, false, |asm, offset| {
        emit_limb(asm, address, offset);
        asm.tee(limb);
        asm.if_(|asm| {
            // Eight bits for each byte below, and those of the limb.
            asm.get(offset).int(3).op().i32_shl();
            asm.int(32).get(limb).op().i32_clz().i32_sub();
            asm.op().i32_add().return_();
        });
    });
    asm.int(0);
    asm
}

fn emit_take() -> Asm {
    let (left, right) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    let (x, y, difference) = (asm.i32(), asm.i32(), asm.i64());
    asm.op().block(BlockType::Empty);
    emit_each_limb(&mut asm, false, |asm, offset| {
        emit_limb(asm, left, offset);
        asm.set(x);
        emit_limb(asm, right, offset);
        asm.set(y);
        asm.get(x).get(y).op().i32_lt_u();
        asm.if_(|asm| {
            asm.int(0).op().return_();
        });
        // Out of the loop, and the block around it.
        asm.get(x).get(y).op().i32_gt_u().br_if(2);
    });
    asm.op().end();
    emit_each_limb(&mut asm, true, |asm, offset| {
        asm.get(left).get(offset).op().i32_add();
        emit_limb(asm, left, offset);
        asm.op().i64_extend_i32_u();
        emit_limb(asm, right, offset);
        asm.op().i64_extend_i32_u().i64_sub();
        // -1 where the limbs below borrow.
        asm.get(difference).op().i64_const(32).i64_shr_s().i64_add();
        asm.tee(difference).op().i64_store32(at(0));
    });
    asm.int(1);
    asm
}
