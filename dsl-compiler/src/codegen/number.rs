//! Numbers that are computed with: pairs `kind, bits` on the stack.
//!
//! Kind 0 is no value, 2 an int, 3 the bits of a double that is no NaN; odd kinds are doubles.

use super::{
    asm::Asm,
    frame::{Base, Frame},
    runtime::Runtime,
    text::emit_order,
};
use crate::{
    ir::{Arithmetic, Compare, Expr, Field, Number, Term, Whole},
    reads::{Form, want},
};

pub(super) const NO_VALUE: u32 = 0;
pub(super) const INT: u32 = 2;
pub(super) const DOUBLE: u32 = 3;

impl AsMut<Asm> for Asm {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl AsMut<Asm> for Frame<'_> {
    fn as_mut(&mut self) -> &mut Asm {
        &mut self.asm
    }
}

/// Leaves the value of an expression; `term` leaves those of its terms.
pub(super) fn emit_expr<C: AsMut<Asm>, T>(
    context: &mut C,
    runtime: Runtime,
    expr: &Expr<T>,
    term: &mut impl FnMut(&mut C, &T),
) {
    match expr {
        Expr::Number(number) => emit_number(context.as_mut(), *number),
        Expr::Term(inner) => term(context, inner),
        Expr::Binary { op, left, right } => {
            emit_expr(context, runtime, left, term);
            emit_expr(context, runtime, right, term);
            let function = match op {
                Arithmetic::Add => runtime.numbers.add,
                Arithmetic::Subtract => runtime.numbers.subtract,
                Arithmetic::Multiply => runtime.numbers.multiply,
                Arithmetic::Divide => runtime.numbers.divide,
            };
            context.as_mut().op().call(function.0);
        }
    }
}

/// Leaves a literal.
pub(super) fn emit_number(asm: &mut Asm, number: Number) {
    let (kind, bits) = match number {
        Number::Int(int) => (INT, int),
        Number::Double(bits) => (DOUBLE, bits as i64),
    };
    asm.int(kind).op().i64_const(bits);
}

/// Leaves how the two numbers on the stack compare, 0 where one has no value.
pub(super) fn emit_compare_pairs(asm: &mut Asm, runtime: Runtime, op: Compare) {
    asm.op().call(runtime.numbers.compare.0);
    emit_compare(asm, op);
}

/// Turns -1, 0, 1, or 2 where one has no value, into whether that is the comparison asked for.
fn emit_compare(asm: &mut Asm, op: Compare) {
    match op {
        Compare::Equal => {
            asm.op().i32_eqz();
        }
        Compare::Unequal => {
            asm.int(1).op().i32_and();
        }
        Compare::Order(order) => emit_order(asm, order),
    }
}

impl Frame<'_> {
    /// Leaves a value of the span as a number.
    pub(super) fn term(&mut self, term: &Term) {
        match term {
            Term::Field(field) => self.field_number(field),
            Term::Whole(whole) => {
                match whole {
                    // No 64 bits are beyond an int here.
                    Whole::Kind
                    | Whole::Status
                    | Whole::Children
                    | Whole::Depth
                    | Whole::Hour
                    | Whole::Minute
                    | Whole::Weekday
                    | Whole::Date => {
                        self.asm.int(INT);
                        self.whole(*whole);
                    }
                    Whole::Start | Whole::End | Whole::Duration | Whole::SelfDuration => {
                        self.whole(*whole);
                        self.call(self.plan.runtime.numbers.of_unsigned);
                    }
                }
            }
        }
    }

    /// Leaves a field as a number: what it is, or what it says as a decimal.
    pub(super) fn field_number(&mut self, field: &Field) {
        let row = self.row_of(field);
        if !field.is_attribute() {
            self.u32(&Base::Values(want(field, Form::Text)), row);
            // Text 0, which stands for none, is empty and so no decimal.
            self.call(self.plan.runtime.decimals.of_text);
            return;
        }
        let want = want(field, Form::Number);
        self.u8(&Base::Kinds(want.clone()), row);
        self.u64(&Base::Values(want), row);
        self.call(self.plan.runtime.numbers.of_cell);
    }
}
