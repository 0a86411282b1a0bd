//! What looks into strings and arrays: `contains` and its like.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{
        asm::Asm,
        frame::{Base, Frame, Plan},
        module::Builder,
        text::{Predicate, emit_text},
    },
    Cell,
};
use crate::{
    ir::{Place, Test},
    reads::{Distinct, Form},
};

/// The functions of these tests: `row of the left field, row of the right -> 0 or 1`. A string is searched; an array is walked.
pub(in crate::codegen) fn define_searches(
    builder: &mut Builder,
    plan: &Plan<'_>,
    tests: &Distinct<Test>,
) {
    for test in &tests.items {
        let mut frame = Frame::of_cells(Asm::new(2), plan, Asm::param(0));
        match test {
            Test::Contains { field, value, .. } => {
                let cell = frame.cell(field);
                frame.text_predicate(test, cell);
                frame.or_an_element(cell, |frame, element| {
                    frame.any_equal(std::slice::from_ref(value), element);
                });
            }
            Test::ContainsFolded { field, element, .. } => {
                let cell = frame.cell(field);
                let of_element = Predicate::Matches(element.clone());
                frame.text_predicate(test, cell);
                frame.or_an_element(cell, |frame, element| frame.is_text(&of_element, element));
            }
            Test::TextFields { left, at, right } => {
                let left = frame.cell(left);
                let right = Cell {
                    field: Some(right),
                    row: Asm::param(1),
                };
                frame.has_text(left, *at, right);
                if *at == Place::Anywhere {
                    frame.or_an_element(left, |frame, element| {
                        frame.equal_cells(element, right, false);
                    });
                }
            }
            Test::Exists(_)
            | Test::In { .. }
            | Test::Order { .. }
            | Test::Text { .. }
            | Test::Matches { .. }
            | Test::Compute { .. }
            | Test::EqualFields { .. }
            | Test::OrderFields { .. }
            | Test::Whole { .. }
            | Test::WholePair { .. } => continue,
        }
        builder.define(plan.search(test), frame.asm.finish());
    }
}

impl Frame<'_> {
    /// Adds to the truth on the stack that the cell is an array with an element that `passes` leaves 1 of.
    fn or_an_element(&mut self, cell: Cell<'_>, passes: impl FnOnce(&mut Self, Cell<'_>)) {
        const ARRAY: u32 = 6;
        if !cell.is_attribute() {
            return;
        }
        let (range, found) = (self.asm.i64(), self.asm.i32());
        let (element, end) = (self.asm.i32(), self.asm.i32());
        self.asm.set(found);
        self.u8(&Base::Kinds(cell.want(Form::Value)), cell.row);
        self.asm.int(ARRAY).op().i32_eq().if_(BlockType::Empty);
        self.u64(&Base::Values(cell.want(Form::Value)), cell.row);
        // The first row, and the number of rows.
        let mut op = self.asm.tee(range).op();
        op.i64_const(32).i64_shr_u().i32_wrap_i64();
        self.asm.tee(element).get(range).op().i32_wrap_i64();
        self.asm.op().i32_add();
        self.asm.set(end);
        self.asm
            .op()
            .block(BlockType::Empty)
            .loop_(BlockType::Empty);
        self.asm.get(element).get(end).op().i32_ge_u();
        self.asm.get(found).op().i32_or().br_if(1);
        passes(
            self,
            Cell {
                field: None,
                row: element,
            },
        );
        self.asm.set(found);
        self.asm.bump(element, 1);
        self.asm.op().br(0).end().end().end();
        self.asm.get(found);
    }

    /// Leaves whether both cells are strings, the left with the text of the right there.
    fn has_text(&mut self, left: Cell<'_>, place: Place, right: Cell<'_>) {
        let runtime = self.plan.runtime;
        let (x, y) = (self.asm.i32(), self.asm.i32());
        for (cell, text) in [(left, x), (right, y)] {
            self.u32(&Base::Values(cell.want(Form::Text)), cell.row);
            self.asm.tee(text).int(0).op().i32_ne();
        }
        let asm = &mut self.asm;
        asm.op().i32_and().if_(BlockType::Result(I32));
        let [start, len, needle, needle_len] = [(); 4].map(|()| asm.i32());
        emit_text(asm, x, start, len);
        emit_text(asm, y, needle, needle_len);
        if place == Place::Anywhere {
            asm.get(start).get(len).get(needle).get(needle_len);
            asm.op().call(runtime.find.0);
        } else {
            asm.get(needle_len).get(len).op().i32_le_u();
            asm.op().if_(BlockType::Result(I32));
            asm.get(start);
            if place == Place::End {
                asm.get(len).op().i32_add();
                asm.get(needle_len).op().i32_sub();
            }
            asm.get(needle_len).get(needle).get(needle_len);
            let mut op = asm.op();
            op.call(runtime.compare_bytes.0).i32_eqz();
            op.else_().i32_const(0).end();
        }
        asm.op().else_().i32_const(0).end();
    }
}
