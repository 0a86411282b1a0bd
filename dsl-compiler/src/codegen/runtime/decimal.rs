//! Texts as decimal numbers, `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`: an int where one has neither point nor exponent and
//! fits 64 bits, else the nearest double.
//!
//! A double of few digits is one multiplication or division of doubles that hold both sides exactly (Clinger, 1990).
//! Any other is computed the long way, in `long`: digits times or over a power of ten, in as many bits as that takes.

use wasm_encoder::ValType::{F64, I32, I64};

use super::super::{
    asm::{Asm, Local, at},
    module::{Builder, FuncId},
    number::{DOUBLE, INT, NO_VALUE},
    text::emit_text,
};
use long::Long;

mod long;

/// Powers of ten that a double holds exactly: 1 to this.
const EXACT_POWER_MAX: i32 = 22;
/// Integers that a double holds exactly: 0 to this.
const EXACT_INT_MAX: i64 = 1 << 53;
/// Beyond this, an exponent is as good as any.
const EXPONENT_MAX: u32 = 1_000_000_000;

/// The functions that read decimals.
#[derive(Debug, Clone, Copy)]
pub(in crate::codegen) struct Decimals {
    /// `text number -> kind, bits`: a number as `codegen::number` lays it out.
    pub(in crate::codegen) of_text: FuncId,
    /// `address, end -> address of the first byte that is no digit`
    skip_digits: FuncId,
    long: Long,
}

impl Decimals {
    /// Declares them; in a pack that reads no decimals, all are `missing`.
    pub(super) fn declare(builder: &mut Builder, missing: FuncId, reads: bool) -> Self {
        if !reads {
            return Self {
                of_text: missing,
                skip_digits: missing,
                long: Long::missing(missing),
            };
        }
        Self {
            of_text: builder.declare(&[I32], &[I32, I64]),
            skip_digits: builder.declare(&[I32, I32], &[I32]),
            long: Long::declare(builder),
        }
    }

    pub(super) fn define(self, builder: &mut Builder) {
        let powers: Vec<u8> = (0..=EXACT_POWER_MAX)
            .flat_map(|power| 10_f64.powi(power).to_le_bytes())
            .collect();
        let powers = builder.place(&powers);
        builder.define(self.skip_digits, emit_skip_digits().finish());
        builder.define(self.of_text, self.emit_of_text(powers).finish());
        self.long.define(builder);
    }

    fn emit_of_text(self, powers: u32) -> Asm {
        let mut asm = Asm::new(1);
        let places = self.emit_places(&mut asm);
        emit_int(&mut asm, &places);
        self.emit_double(&mut asm, &places, powers);
        asm
    }

    /// Finds the parts of a decimal; returns no value where the text is none.
    fn emit_places(self, asm: &mut Asm) -> Places {
        let skip = self.skip_digits;
        let (at_byte, end) = (asm.i32(), asm.i32());
        let places = Places {
            negative: asm.i32(),
            whole: [asm.i32(), asm.i32()],
            fraction: [asm.i32(), asm.i32()],
            exponent: asm.i32(),
            is_int: asm.i32(),
        };
        emit_text(asm, Asm::param(0), at_byte, end);
        asm.get(at_byte).get(end).op().i32_add();
        asm.set(end);
        emit_is_byte(asm, at_byte, end, b'-');
        asm.tee(places.negative).get(at_byte).op().i32_add();
        asm.set(at_byte);
        emit_digits(asm, skip, at_byte, end, places.whole);
        asm.int(1).set(places.is_int);
        emit_is_byte(asm, at_byte, end, b'.');
        asm.if_(|asm| {
            asm.bump(at_byte, 1);
            emit_digits(asm, skip, at_byte, end, places.fraction);
            asm.int(0).set(places.is_int);
        });
        emit_is_byte(asm, at_byte, end, b'e');
        emit_is_byte(asm, at_byte, end, b'E');
        asm.op().i32_or();
        asm.if_(|asm| {
            asm.bump(at_byte, 1);
            asm.int(0).set(places.is_int);
            emit_exponent(asm, skip, at_byte, end, places.exponent);
        });
        asm.get(at_byte).get(end).op().i32_ne();
        asm.if_(emit_no_value);
        places
    }

    /// Leaves the nearest double.
    fn emit_double(self, asm: &mut Asm, places: &Places, powers: u32) {
        let (digits, double, sign) = (asm.i64(), asm.local(F64), asm.i64());
        let (is_exact, power) = (asm.i32(), asm.i32());
        asm.get(places.negative).op().i64_extend_i32_u();
        asm.op().i64_const(63).i64_shl();
        asm.set(sign);
        // The exponent of the last digit.
        let [start, end] = places.fraction;
        asm.get(places.exponent);
        asm.get(end).get(start).op().i32_sub().i32_sub();
        asm.set(places.exponent);
        asm.int(1).set(is_exact);
        for part in [places.whole, places.fraction] {
            emit_each_digit(asm, part, |asm, digit| {
                asm.get(is_exact);
                asm.get(digits).op().i64_const(10).i64_mul();
                asm.get(digit).op().i64_extend_i32_u().i64_add();
                asm.tee(digits).op().i64_const(EXACT_INT_MAX).i64_le_u();
                asm.op().i32_and();
                asm.set(is_exact);
            });
        }
        // The size of the exponent.
        asm.get(places.exponent);
        asm.int(0).get(places.exponent).op().i32_sub();
        asm.get(places.exponent).int(0).op().i32_ge_s().select();
        asm.tee(power).int(EXACT_POWER_MAX as u32).op().i32_le_u();
        asm.get(is_exact).op().i32_and();
        asm.if_(|asm| {
            asm.get(power).int(3).op().i32_shl().f64_load(at(powers));
            asm.set(double);
            asm.int(DOUBLE);
            asm.get(digits).op().f64_convert_i64_u();
            asm.get(double).op().f64_mul();
            asm.get(digits).op().f64_convert_i64_u();
            asm.get(double).op().f64_div();
            asm.get(places.exponent).int(0).op().i32_ge_s().select();
            asm.op().i64_reinterpret_f64();
            asm.get(sign).op().i64_or().return_();
        });
        asm.int(DOUBLE);
        for part in [places.whole, places.fraction] {
            asm.get(part[0]).get(part[1]);
        }
        asm.get(places.exponent).op().call(self.long.nearest.0);
        asm.get(sign).op().i64_or();
    }
}

/// The parts of a decimal, as addresses and ends.
#[derive(Debug)]
struct Places {
    /// 1 after a minus.
    negative: Local,
    whole: [Local; 2],
    fraction: [Local; 2],
    exponent: Local,
    /// Whether there is neither point nor exponent.
    is_int: Local,
}

fn emit_no_value(asm: &mut Asm) {
    asm.int(NO_VALUE).op().i64_const(0).return_();
}

fn emit_skip_digits() -> Asm {
    let (at_byte, end) = (Asm::param(0), Asm::param(1));
    let mut asm = Asm::new(2);
    asm.while_(
        |asm| {
            asm.get(at_byte).get(end).op().i32_lt_u();
            asm.if_else(
                I32,
                |asm| {
                    emit_digit(asm, at_byte);
                    asm.int(10).op().i32_lt_u();
                },
                |asm| {
                    asm.int(0);
                },
            );
        },
        |asm| asm.bump(at_byte, 1),
    );
    asm.get(at_byte);
    asm
}

/// Leaves the digit at an address; 10 or more where there is another byte.
fn emit_digit(asm: &mut Asm, at_byte: Local) {
    asm.get(at_byte).op().i32_load8_u(at(0));
    asm.int(u32::from(b'0')).op().i32_sub();
}

/// Leaves whether this byte is next.
fn emit_is_byte(asm: &mut Asm, at_byte: Local, end: Local, byte: u8) {
    asm.get(at_byte).get(end).op().i32_lt_u();
    asm.if_else(
        I32,
        |asm| {
            asm.get(at_byte).op().i32_load8_u(at(0));
            asm.int(u32::from(byte)).op().i32_eq();
        },
        |asm| {
            asm.int(0);
        },
    );
}

/// Sets where a row of digits lies, and goes past it; returns no value where there is none.
fn emit_digits(asm: &mut Asm, skip: FuncId, at_byte: Local, end: Local, part: [Local; 2]) {
    asm.get(at_byte).set(part[0]);
    asm.get(at_byte).get(end).op().call(skip.0);
    asm.tee(at_byte).tee(part[1]).get(part[0]).op().i32_eq();
    asm.if_(emit_no_value);
}

fn emit_exponent(asm: &mut Asm, skip: FuncId, at_byte: Local, end: Local, exponent: Local) {
    let (negative, part) = (asm.i32(), [asm.i32(), asm.i32()]);
    emit_is_byte(asm, at_byte, end, b'-');
    asm.tee(negative);
    emit_is_byte(asm, at_byte, end, b'+');
    asm.op().i32_or();
    asm.get(at_byte).op().i32_add();
    asm.set(at_byte);
    emit_digits(asm, skip, at_byte, end, part);
    emit_each_digit(asm, part, |asm, digit| {
        asm.get(exponent).int(EXPONENT_MAX / 10).op().i32_lt_u();
        asm.if_(|asm| {
            asm.get(exponent).int(10).op().i32_mul();
            asm.get(digit).op().i32_add();
            asm.set(exponent);
        });
    });
    asm.int(0).get(exponent).op().i32_sub();
    asm.get(exponent).get(negative).op().select();
    asm.set(exponent);
}

/// Emits what is done with each digit of a row.
fn emit_each_digit(asm: &mut Asm, part: [Local; 2], each: impl FnOnce(&mut Asm, Local)) {
    let (at_byte, digit) = (asm.i32(), asm.i32());
    asm.get(part[0]).set(at_byte);
    asm.while_(
        |asm| {
            asm.get(at_byte).get(part[1]).op().i32_lt_u();
        },
        |asm| {
            emit_digit(asm, at_byte);
            asm.set(digit);
            each(asm, digit);
            asm.bump(at_byte, 1);
        },
    );
}

/// Returns the int, where it is one that 64 bits hold.
fn emit_int(asm: &mut Asm, places: &Places) {
    /// A further digit keeps an unsigned number of 64 bits whole, and this is the tenth of 2^63.
    const TENTH: i64 = i64::MAX / 10;
    let (int, fits) = (asm.i64(), asm.i32());
    asm.get(places.is_int)
        .op()
        .if_(wasm_encoder::BlockType::Empty);
    asm.int(1).set(fits);
    emit_each_digit(asm, places.whole, |asm, digit| {
        asm.get(fits);
        asm.get(int).op().i64_const(TENTH).i64_le_u().i32_and();
        asm.set(fits);
        asm.get(int).op().i64_const(10).i64_mul();
        asm.get(digit).op().i64_extend_i32_u().i64_add();
        asm.set(int);
    });
    // Up to 2^63 - 1, or 2^63 after a minus.
    asm.get(int);
    asm.get(places.negative).op().i64_extend_i32_u();
    asm.op().i64_const(i64::MAX).i64_add().i64_le_u();
    asm.get(fits).op().i32_and();
    asm.if_(|asm| {
        asm.int(INT);
        asm.op().i64_const(0);
        asm.get(int).op().i64_sub();
        asm.get(int).get(places.negative).op().select().return_();
    });
    asm.op().end();
}
