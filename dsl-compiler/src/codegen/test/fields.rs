//! Two cells against each other.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{
        frame::{Base, Frame},
        text::{emit_order, emit_text},
    },
    Cell, leave,
};
use crate::{
    ir::{Field, Order},
    reads::Form,
};

impl Frame<'_> {
    /// Symbols where both are texts or ints, else by type.
    pub(super) fn equal_cells(&mut self, left: Cell<'_>, right: Cell<'_>, negated: bool) {
        let (x, y) = (self.asm.i32(), self.asm.i32());
        for (cell, symbol) in [(left, x), (right, y)] {
            self.u32(&Base::Values(cell.want(Form::Symbol)), cell.row);
            self.asm.set(symbol);
        }
        self.asm.get(x).get(y).op().i32_eq();
        self.asm.get(x).int(2).op().i32_ge_u().i32_and();
        if left.is_attribute() && right.is_attribute() {
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
    fn equal_values(&mut self, left: Cell<'_>, right: Cell<'_>) {
        let (x, y) = (self.asm.i32(), self.asm.i32());
        for (cell, kind) in [(left, x), (right, y)] {
            self.u8(&Base::Kinds(cell.want(Form::Value)), cell.row);
            self.asm.set(kind);
        }
        let value = |frame: &mut Self, cell: Cell<'_>| {
            frame.u64(&Base::Values(cell.want(Form::Value)), cell.row);
        };
        // Both booleans.
        value(self, left);
        value(self, right);
        self.asm.op().i64_eq();
        for kind in [x, y] {
            self.asm.get(kind).int(1).op().i32_eq().i32_and();
        }
        // Both numbers: kinds 2 and 3, of which the odd one is the double.
        for kind in [x, y] {
            self.asm
                .get(kind)
                .int(!1)
                .op()
                .i32_and()
                .i32_const(2)
                .i32_eq();
        }
        self.asm.op().i32_and().if_(BlockType::Result(I32));
        self.asm.get(x).int(1).op().i32_and();
        value(self, left);
        self.asm.get(y).int(1).op().i32_and();
        value(self, right);
        self.call(self.plan.runtime.compare_numbers);
        let mut op = self.asm.op();
        op.i32_eqz().else_().i32_const(0).end().i32_or();
    }

    /// Two fields with `<` and the like: as numbers where both are or say numbers, else by bytes where both are strings.
    pub(super) fn order_fields(&mut self, left: &Field, op: Order, right: &Field) {
        let runtime = self.plan.runtime;
        let (ordering, x, y) = (self.asm.i32(), self.asm.i32(), self.asm.i32());
        self.field_number(left);
        self.field_number(right);
        self.call(runtime.numbers.compare);
        // 2: one of them is no number.
        self.asm.tee(ordering).int(2).op().i32_ne();
        self.asm.op().if_(BlockType::Result(I32));
        self.asm.get(ordering);
        emit_order(&mut self.asm, op);
        self.asm.op().else_();
        for (field, text) in [(left, x), (right, y)] {
            let cell = self.cell(field);
            self.u32(&Base::Values(cell.want(Form::Text)), cell.row);
            self.asm.tee(text).int(0).op().i32_ne();
        }
        self.asm.op().i32_and();
        self.asm.if_else(
            I32,
            |asm| {
                for text in [x, y] {
                    let (start, len) = (asm.i32(), asm.i32());
                    emit_text(asm, text, start, len);
                    asm.get(start).get(len);
                }
                asm.op().call(runtime.compare_bytes.0);
                emit_order(asm, op);
            },
            |asm| leave(asm, 0),
        );
        self.asm.op().end();
    }
}
