//! Two fields of a span against each other.

use wasm_encoder::ValType::I32;

use super::{
    super::{
        asm::Local,
        frame::{Base, Frame},
        text::{emit_order, emit_text},
    },
    leave,
};
use crate::{
    ir::{Compare, Field, Order},
    reads::{Form, Want, both_attributes, want},
};

impl Frame<'_> {
    /// Between two fields: symbols where both are texts or ints, else by type.
    pub(super) fn equal_fields(&mut self, left: &Field, right: &Field, negated: bool) {
        let (x, y) = (self.asm.i32(), self.asm.i32());
        self.u32(&Base::Values(want(left, Form::Symbol)));
        self.asm.set(x);
        self.u32(&Base::Values(want(right, Form::Symbol)));
        self.asm.set(y);
        self.asm.get(x).get(y).op().i32_eq();
        self.asm.get(x).int(2).op().i32_ge_u().i32_and();
        if both_attributes(left, right) {
            self.equal_values(left, right);
            self.asm.op().i32_or();
        }
        if negated {
            self.asm.op().i32_eqz();
            for local in [x, y] {
                self.asm.get(local).int(0).op().i32_ne().i32_and();
            }
        }
    }

    /// Leaves whether two attributes are equal booleans or equal numbers.
    fn equal_values(&mut self, left: &Field, right: &Field) {
        let (left, right) = (want(left, Form::Value), want(right, Form::Value));
        let (x, y) = (self.asm.i32(), self.asm.i32());
        for (want, kind) in [(&left, x), (&right, y)] {
            self.u8(&Base::Kinds(want.clone()));
            self.asm.set(kind);
        }
        // Both booleans.
        self.u64(&Base::Values(left.clone()));
        self.u64(&Base::Values(right.clone()));
        self.asm.op().i64_eq();
        for kind in [x, y] {
            self.asm.get(kind).int(1).op().i32_eq().i32_and();
        }
        // Both numbers: kinds 2 and 3.
        for kind in [x, y] {
            self.asm
                .get(kind)
                .int(!1)
                .op()
                .i32_and()
                .i32_const(2)
                .i32_eq();
        }
        self.asm.op().i32_and();
        self.compare_if(x, y, &left, &right, Compare::Equal);
        self.asm.op().i32_or();
    }

    /// If the number on the stack is not 0: leaves how two numbers compare; else 0. Odd kinds are doubles.
    fn compare_if(&mut self, x: Local, y: Local, left: &Want, right: &Want, op: Compare) {
        self.asm.op().if_(wasm_encoder::BlockType::Result(I32));
        self.asm.get(x).int(1).op().i32_and();
        self.u64(&Base::Values(left.clone()));
        self.asm.get(y).int(1).op().i32_and();
        self.u64(&Base::Values(right.clone()));
        self.call(self.plan.runtime.compare_numbers);
        match op {
            Compare::Equal => {
                self.asm.op().i32_eqz();
            }
            Compare::Unequal => {
                self.asm.op().i32_const(0).i32_ne();
            }
            Compare::Order(order) => emit_order(&mut self.asm, order),
        }
        self.asm.op().else_().i32_const(0).end();
    }

    /// Two attributes with `<` and the like: as numbers where both are or say numbers, else by bytes where both are strings.
    pub(super) fn order_fields(&mut self, left: &Field, op: Order, right: &Field) {
        let (left_number, right_number) = (want(left, Form::Number), want(right, Form::Number));
        let (x, y, text_x, text_y) = (
            self.asm.i32(),
            self.asm.i32(),
            self.asm.i32(),
            self.asm.i32(),
        );
        let are_numbers = self.asm.i32();
        for (want, kind) in [(&left_number, x), (&right_number, y)] {
            self.u8(&Base::Kinds(want.clone()));
            self.asm
                .tee(kind)
                .int(14)
                .op()
                .i32_and()
                .i32_const(2)
                .i32_eq();
        }
        self.asm.op().i32_and();
        self.asm.tee(are_numbers);
        self.compare_if(x, y, &left_number, &right_number, Compare::Order(op));
        for (field, text) in [(left, text_x), (right, text_y)] {
            self.u32(&Base::Values(want(field, Form::Text)));
            self.asm.tee(text).int(0).op().i32_ne();
        }
        self.asm.op().i32_and();
        self.asm.get(are_numbers).op().i32_eqz().i32_and();
        let compare = self.plan.runtime.compare_bytes;
        self.asm.if_else(
            I32,
            |asm| {
                for text in [text_x, text_y] {
                    let (start, len) = (asm.i32(), asm.i32());
                    emit_text(asm, text, start, len);
                    asm.get(start).get(len);
                }
                asm.op().call(compare.0);
                emit_order(asm, op);
            },
            |asm| leave(asm, 0),
        );
        self.asm.op().i32_or();
    }
}
