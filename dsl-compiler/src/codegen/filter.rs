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
use crate::{
    ir::{Filter, Term, Test, Whole},
    reads::{ATTRIBUTES_DROPPED, SPANS_MISSING, presence},
};

mod some;

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
            Filter::Some { table, filter } => self.some(*table, filter),
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

    /// Leaves the filter's three-valued answer; `facts` are the bits that say what of the trace is missing.
    pub(super) fn weigh_filter(&mut self, filter: &Filter, facts: Local) {
        match filter {
            Filter::All(filters) | Filter::Any(filters) => {
                let is_all = matches!(filter, Filter::All(_));
                for (index, filter) in filters.iter().enumerate() {
                    self.weigh_filter(filter, facts);
                    if index > 0 {
                        self.asm.join(is_all);
                    }
                }
                if filters.is_empty() {
                    self.asm.int(if is_all { TRUE } else { 0 });
                }
            }
            Filter::Not(inner) => {
                self.weigh_filter(inner, facts);
                emit_not(&mut self.asm);
            }
            Filter::Test(test) => self.weigh_test(test, facts),
            Filter::Some { table, filter } => self.weigh_some(*table, filter, facts),
        }
    }

    fn weigh_test(&mut self, test: &Test, facts: Local) {
        let reads_attributes = !presence(test).is_empty();
        let reads_tree = reads_tree(test);
        if reads_tree {
            self.asm.int(MAY);
        }
        if reads_attributes {
            // Of a test that reads something missing, which is false unless that was dropped.
            emit_may(&mut self.asm, facts, ATTRIBUTES_DROPPED);
        }
        self.test(test);
        self.asm.int(TRUE).op().i32_mul();
        if reads_attributes {
            self.missing(test);
            self.asm.op().select();
        }
        if reads_tree {
            self.asm.get(facts).int(SPANS_MISSING).op().i32_and();
            self.asm.op().select();
        }
    }
}

/// Leaves what may be because of a fact: `MAY` where it is so, else 0.
pub(super) fn emit_may(asm: &mut Asm, facts: Local, fact: u32) {
    asm.get(facts).int(fact).op().i32_and();
    asm.int(0).op().i32_ne();
    debug_assert_eq!(MAY, 1, "a truth of WebAssembly is the bit");
}

/// Whether a test reads what spans that are missing could change.
fn reads_tree(test: &Test) -> bool {
    let of_tree = |whole: &Whole| match whole {
        Whole::Children | Whole::Depth | Whole::SelfDuration => true,
        Whole::Kind
        | Whole::Status
        | Whole::Start
        | Whole::End
        | Whole::Duration
        | Whole::Hour
        | Whole::Minute
        | Whole::Weekday
        | Whole::Date => false,
    };
    match test {
        Test::Whole { left, .. } => of_tree(left),
        Test::WholePair { left, right, .. } => of_tree(left) || of_tree(right),
        Test::Compute { left, right, .. } => {
            let mut found = false;
            for side in [left, right] {
                side.visit(&mut |term| {
                    found |= matches!(term, Term::Whole(whole) if of_tree(whole));
                });
            }
            found
        }
        Test::Exists(_)
        | Test::In { .. }
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::TextFields { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. } => false,
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
