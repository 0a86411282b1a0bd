//! Filters, in the two forms in which they are needed.
//!
//! Exact: 0 or 1, leaving off as soon as the answer is known. Three-valued, for incomplete traces: two bits, of which
//! the lower says that the filter may be true and the upper that it must be, so that `and` and `or` are those of bits:
//!
//! ```text
//! false 00    unknown 01    true 11        not: exchange the bits, then flip both
//! ```

use wasm_encoder::ValType::I32;

use super::{
    asm::{Asm, Local},
    frame::Frame,
};
use crate::{ir::Filter, reads::presence};

/// The three-valued true.
pub(super) const TRUE: u32 = 3;
/// The bit that says that something may be true.
pub(super) const MAY: u32 = 1;
/// The bit that says that something must be true.
pub(super) const MUST: u32 = 2;

impl Frame<'_> {
    /// Leaves whether the row passes, as 0 or 1.
    pub(super) fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::All(filters) => self.filters(filters, 1),
            Filter::Any(filters) => self.filters(filters, 0),
            Filter::Not(inner) => {
                self.filter(inner);
                self.asm.op().i32_eqz();
            }
            Filter::Test(test) => self.test(test),
            _ => crate::later(),
        }
    }

    /// `and` (of nothing: 1) or `or` (of nothing: 0), left at the first filter that decides.
    fn filters(&mut self, filters: &[Filter], of_nothing: u32) {
        let Some((last, before)) = filters.split_last() else {
            self.asm.int(of_nothing);
            return;
        };
        if before.is_empty() {
            return self.filter(last);
        }
        self.asm.op().block(wasm_encoder::BlockType::Result(I32));
        for filter in before {
            self.asm.int(1 - of_nothing);
            self.filter(filter);
            if of_nothing == 1 {
                self.asm.op().i32_eqz();
            }
            self.asm.op().br_if(0).drop();
        }
        self.filter(last);
        self.asm.op().end();
    }

    /// Leaves the filter's three-valued answer. `unknown` is what a missing attribute makes of a comparison: 1 where
    /// attributes were dropped, else 0.
    pub(super) fn weigh_filter(&mut self, filter: &Filter, unknown: Local) {
        match filter {
            Filter::All(filters) | Filter::Any(filters) => {
                let is_all = matches!(filter, Filter::All(_));
                for (index, filter) in filters.iter().enumerate() {
                    self.weigh_filter(filter, unknown);
                    if index > 0 {
                        self.asm.join(is_all);
                    }
                }
                if filters.is_empty() {
                    self.asm.int(if is_all { TRUE } else { 0 });
                }
            }
            Filter::Not(inner) => {
                self.weigh_filter(inner, unknown);
                emit_not(&mut self.asm);
            }
            Filter::Test(test) => {
                let reads_attributes = !presence(test).is_empty();
                if reads_attributes {
                    self.asm.get(unknown);
                }
                self.test(test);
                self.asm.int(TRUE).op().i32_mul();
                if reads_attributes {
                    self.missing(test);
                    self.asm.op().select();
                }
            }
            _ => crate::later(),
        }
    }
}

/// The three-valued `not`.
pub(super) fn emit_not(asm: &mut Asm) {
    let value = asm.i32();
    asm.tee(value).int(1).op().i32_shr_u();
    asm.get(value)
        .int(1)
        .op()
        .i32_and()
        .i32_const(1)
        .i32_shl()
        .i32_or();
    asm.int(TRUE).op().i32_xor();
}
