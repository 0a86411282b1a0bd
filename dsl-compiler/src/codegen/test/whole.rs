//! The whole numbers that every span has.

use super::{
    super::{
        bound::{Bound, int_bound, unsigned_bound},
        frame::{Base, Frame},
    },
    leave, signed_compare, unsigned_compare,
};
use crate::{
    ir::{Compare, Number, Whole},
    reads::whole_want,
};

const NS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: i64 = 24 * SECONDS_PER_HOUR;
/// Local times may lie before 1970, by less than this: a whole week, which changes neither hour nor weekday.
const DAYS_AHEAD: i64 = 7;
/// 1970-01-01 was a Thursday: three days after a Monday.
const EPOCH_DAYS_AFTER_MONDAY: i64 = 3;

impl Frame<'_> {
    /// Leaves how a whole number of the span compares with a literal.
    pub(super) fn whole_test(&mut self, whole: Whole, op: Compare, value: Number) {
        if is_signed(whole) {
            match int_bound(op, value) {
                Bound::Never => leave(&mut self.asm, 0),
                Bound::Always => leave(&mut self.asm, 1),
                Bound::Test(op, edge) => {
                    self.whole(whole);
                    self.asm.op().i64_const(edge);
                    signed_compare(&mut self.asm, op);
                }
            }
            return;
        }
        match unsigned_bound(op, value) {
            Bound::Never => leave(&mut self.asm, 0),
            Bound::Always => leave(&mut self.asm, 1),
            Bound::Test(op, edge) => {
                self.whole(whole);
                self.asm.op().i64_const(edge as i64);
                unsigned_compare(&mut self.asm, op);
            }
        }
    }

    /// Leaves how two whole numbers of a kind compare.
    pub(super) fn whole_pair(&mut self, left: Whole, op: Compare, right: Whole) {
        self.whole(left);
        self.whole(right);
        if is_signed(left) || is_signed(right) {
            signed_compare(&mut self.asm, op);
        } else {
            unsigned_compare(&mut self.asm, op);
        }
    }

    /// Leaves a whole number of the span, as i64.
    pub(in super::super) fn whole(&mut self, whole: Whole) {
        let (base, row) = (Base::Values(whole_want(whole)), self.row);
        match whole {
            Whole::Kind | Whole::Status => {
                self.u8(&base, row);
                self.asm.op().i64_extend_i32_u();
            }
            Whole::Children | Whole::Depth => {
                self.u32(&base, row);
                self.asm.op().i64_extend_i32_u();
            }
            Whole::Start | Whole::End | Whole::Duration | Whole::SelfDuration => {
                self.u64(&base, row);
            }
            Whole::Hour => self.part_of_start(SECONDS_PER_HOUR, 24),
            Whole::Minute => self.part_of_start(SECONDS_PER_MINUTE, 60),
            Whole::Date => {
                self.start_in_units(SECONDS_PER_DAY);
                if self.zone.is_some() {
                    self.asm.op().i64_const(DAYS_AHEAD).i64_sub();
                }
            }
            Whole::Weekday => {
                self.start_in_units(SECONDS_PER_DAY);
                let mut op = self.asm.op();
                op.i64_const(EPOCH_DAYS_AFTER_MONDAY).i64_add();
                op.i64_const(7).i64_rem_u().i64_const(1).i64_add();
            }
        }
    }

    fn part_of_start(&mut self, unit: i64, modulus: i64) {
        self.start_in_units(unit);
        self.asm.op().i64_const(modulus).i64_rem_u();
    }

    /// Leaves the start of the span in units of so many seconds: since 1970 in UTC, or since a week before in the
    /// rule's timezone.
    fn start_in_units(&mut self, unit: i64) {
        self.u64(&Base::Values(whole_want(Whole::Start)), self.row);
        let Some(zone) = self.zone else {
            let mut op = self.asm.op();
            op.i64_const(unit * NS_PER_SECOND).i64_div_u();
            return;
        };
        self.asm.op().i64_const(NS_PER_SECOND).i64_div_u();
        self.call(zone);
        let mut op = self.asm.op();
        op.i64_const(DAYS_AHEAD * SECONDS_PER_DAY).i64_add();
        op.i64_const(unit).i64_div_u();
    }
}

/// Whether it may be negative; what may not is all of 64 bits.
fn is_signed(whole: Whole) -> bool {
    match whole {
        Whole::Date => true,
        Whole::Kind
        | Whole::Status
        | Whole::Start
        | Whole::End
        | Whole::Duration
        | Whole::Children
        | Whole::Depth
        | Whole::SelfDuration
        | Whole::Hour
        | Whole::Minute
        | Whole::Weekday => false,
    }
}
