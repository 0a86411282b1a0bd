//! Comparisons of one span: each leaves 0 or 1, and 0 where something it reads is missing.

use wasm_encoder::ValType::I32;

mod contains;
mod fields;

pub(super) use contains::define_contains;

use super::{
    asm::{Asm, Local},
    bound::{Bound, double_bound, int_bound, unsigned_bound},
    frame::{Base, Frame},
    text::Predicate,
};
use crate::{
    ir::{Compare, Field, Number, Order, Test, Value, Whole},
    reads::{Form, Want, equality_form, exists_form, order_number, presence, want, whole_want},
};

const NS_PER_MINUTE: i64 = 60_000_000_000;
const NS_PER_HOUR: i64 = 60 * NS_PER_MINUTE;
const NS_PER_DAY: i64 = 24 * NS_PER_HOUR;
/// 1970-01-01 was a Thursday: three days after a Monday.
const EPOCH_DAYS_AFTER_MONDAY: i64 = 3;

impl Frame<'_> {
    /// Leaves whether the test is true of the row.
    pub(super) fn test(&mut self, test: &Test) {
        match test {
            Test::Exists(field) => {
                self.present(&want(field, exists_form(field)));
            }
            Test::In {
                field,
                values,
                negated,
            } => self.in_values(field, values, *negated),
            Test::Order { field, op, value } => self.order(test, field, *op, value),
            Test::Text { field, .. } => self.text_predicate(test, field),
            Test::Contains { .. } => {
                self.asm.get(self.row);
                let function = self.plan.contains(test);
                self.call(function);
            }
            Test::EqualFields {
                left,
                right,
                negated,
            } => self.equal_fields(left, right, *negated),
            Test::OrderFields { left, op, right } => self.order_fields(left, *op, right),
            Test::Whole { left, op, value } => {
                let left = *left;
                self.unsigned_test(unsigned_bound(*op, *value), |frame| frame.whole(left));
            }
            Test::WholePair { left, op, right } => {
                self.whole(*left);
                self.whole(*right);
                unsigned_compare(&mut self.asm, *op);
            }
            _ => crate::later(),
        }
    }

    /// Leaves whether an attribute that the test reads is missing.
    pub(super) fn missing(&mut self, test: &Test) {
        for (index, want) in presence(test).into_iter().enumerate() {
            self.present(&want);
            self.asm.op().i32_eqz();
            if index > 0 {
                self.asm.op().i32_or();
            }
        }
    }

    /// Leaves whether the cell of a column is not missing.
    fn present(&mut self, want: &Want) {
        match want.form {
            Form::Symbol | Form::Text => self.u32(&Base::Values(want.clone())),
            Form::Truth => self.u8(&Base::Values(want.clone())),
            Form::Number | Form::Value => self.u8(&Base::Kinds(want.clone())),
            Form::Declared => self.name(),
        }
        self.asm.int(0).op().i32_ne();
    }

    fn in_values(&mut self, field: &Field, values: &[Value], negated: bool) {
        self.any_equal(values, |form| want(field, form));
        if let (true, Some(first)) = (negated, values.first()) {
            self.asm.op().i32_eqz();
            self.present(&want(field, equality_form(first)));
            self.asm.op().i32_and();
        }
    }

    /// Leaves whether a cell equals one of the values; `column` says where it lies in each form.
    fn any_equal(&mut self, values: &[Value], column: impl Fn(Form) -> Want) {
        let mut symbol: Option<Local> = None;
        for (index, value) in values.iter().enumerate() {
            match value {
                Value::Text(text) => {
                    if let Some(symbol) = symbol {
                        self.asm.get(symbol);
                    } else {
                        let local = self.asm.i32();
                        self.u32(&Base::Values(column(Form::Symbol)));
                        self.asm.tee(local);
                        symbol = Some(local);
                    }
                    self.base(&Base::Literal(text.clone()));
                    self.asm.op().i32_eq();
                }
                Value::Bool(truth) => {
                    self.u8(&Base::Values(column(Form::Truth)));
                    self.asm.int(2 + u32::from(*truth)).op().i32_eq();
                }
                Value::Number(number) => {
                    let kind = self.asm.i32();
                    let want = column(Form::Number);
                    self.u8(&Base::Kinds(want.clone()));
                    self.asm.int(15).op().i32_and();
                    self.asm.set(kind);
                    self.number_test(kind, &want, Compare::Equal, *number);
                }
            }
            if index > 0 {
                self.asm.op().i32_or();
            }
        }
        if values.is_empty() {
            self.asm.int(0);
        }
    }

    /// Leaves how the number at the row, an int where `kind` is 2 and a double where it is 3, compares with a literal.
    fn number_test(&mut self, kind: Local, want: &Want, op: Compare, literal: Number) {
        let values = Base::Values(want.clone());
        self.asm
            .get(kind)
            .int(2)
            .op()
            .i32_eq()
            .if_(wasm_encoder::BlockType::Result(I32));
        match int_bound(op, literal) {
            Bound::Never => leave(&mut self.asm, 0),
            Bound::Always => leave(&mut self.asm, 1),
            Bound::Test(op, edge) => {
                self.u64(&values);
                self.asm.op().i64_const(edge);
                signed_compare(&mut self.asm, op);
            }
        }
        self.asm.op().else_();
        self.asm
            .get(kind)
            .int(3)
            .op()
            .i32_eq()
            .if_(wasm_encoder::BlockType::Result(I32));
        match double_bound(op, literal) {
            Bound::Never => leave(&mut self.asm, 0),
            Bound::Always => leave(&mut self.asm, 1),
            Bound::Test(op, edge) => {
                self.f64(&values);
                self.asm.op().f64_const(edge.into());
                double_compare(&mut self.asm, op);
            }
        }
        self.asm.op().else_().i32_const(0).end().end();
    }

    /// A field against a literal with `<` and the like.
    fn order(&mut self, test: &Test, field: &Field, op: Order, value: &Value) {
        let number = order_number(value);
        let kind = self.asm.i32();
        let want_number = want(field, Form::Number);
        match (value, number) {
            (Value::Text(_), None) | (Value::Bool(_), _) => self.text_predicate(test, field),
            (Value::Text(_), Some(number)) => {
                // Only strings: 18 and 19 are an int and a double read from one.
                self.u8(&Base::Kinds(want_number.clone()));
                self.asm
                    .tee(kind)
                    .int(16)
                    .op()
                    .i32_and()
                    .if_(wasm_encoder::BlockType::Result(I32));
                self.asm.get(kind).int(15).op().i32_and();
                self.asm.set(kind);
                self.number_test(kind, &want_number, Compare::Order(op), number);
                self.asm.op().else_();
                self.text_predicate(test, field);
                self.asm.op().end();
            }
            (Value::Number(_), number) => {
                self.u8(&Base::Kinds(want_number.clone()));
                self.asm.int(15).op().i32_and();
                self.asm.set(kind);
                if let Some(number) = number {
                    self.number_test(kind, &want_number, Compare::Order(op), number);
                }
            }
        }
    }

    /// Leaves whether the field is a string of which the test's predicate is true.
    fn text_predicate(&mut self, test: &Test, field: &Field) {
        let Some(predicate) = Predicate::of(test) else {
            return leave(&mut self.asm, 0);
        };
        let text = self.asm.i32();
        self.u32(&Base::Values(want(field, Form::Text)));
        self.asm.tee(text);
        let function = self.plan.predicate(&predicate);
        self.asm.if_else(
            I32,
            |asm| {
                asm.get(text).op().call(function.0);
            },
            |asm| leave(asm, 0),
        );
    }

    /// Leaves a whole number of the row, as i64.
    fn whole(&mut self, whole: Whole) {
        let base = Base::Values(whole_want(whole));
        match whole {
            Whole::Kind | Whole::Status => {
                self.u8(&base);
                self.asm.op().i64_extend_i32_u();
            }
            Whole::Start | Whole::End | Whole::Duration => self.u64(&base),
            Whole::Hour | Whole::Minute => {
                let (unit, modulus) = if whole == Whole::Hour {
                    (NS_PER_HOUR, 24)
                } else {
                    (NS_PER_MINUTE, 60)
                };
                self.u64(&base);
                self.asm
                    .op()
                    .i64_const(unit)
                    .i64_div_u()
                    .i64_const(modulus)
                    .i64_rem_u();
            }
            Whole::Date => {
                self.u64(&base);
                self.asm.op().i64_const(NS_PER_DAY).i64_div_u();
            }
            Whole::Weekday => {
                self.u64(&base);
                self.asm
                    .op()
                    .i64_const(NS_PER_DAY)
                    .i64_div_u()
                    .i64_const(EPOCH_DAYS_AFTER_MONDAY)
                    .i64_add();
                self.asm
                    .op()
                    .i64_const(7)
                    .i64_rem_u()
                    .i64_const(1)
                    .i64_add();
            }
            _ => crate::later(),
        }
    }

    fn unsigned_test(&mut self, bound: Bound<u64>, value: impl FnOnce(&mut Self)) {
        match bound {
            Bound::Never => leave(&mut self.asm, 0),
            Bound::Always => leave(&mut self.asm, 1),
            Bound::Test(op, edge) => {
                value(self);
                self.asm.op().i64_const(edge as i64);
                unsigned_compare(&mut self.asm, op);
            }
        }
    }
}

/// Leaves a constant.
fn leave(asm: &mut Asm, value: u32) {
    asm.int(value);
}

/// Leaves how the unsigned number on the stack compares with a literal. Also used of counts.
pub(super) fn emit_unsigned_test(asm: &mut Asm, bound: Bound<u64>, value: impl FnOnce(&mut Asm)) {
    match bound {
        Bound::Never => leave(asm, 0),
        Bound::Always => leave(asm, 1),
        Bound::Test(op, edge) => {
            value(asm);
            asm.op().i64_const(edge as i64);
            unsigned_compare(asm, op);
        }
    }
}

/// Compares two u64 on the stack.
pub(super) fn unsigned_compare(asm: &mut Asm, op: Compare) {
    match op {
        Compare::Equal => asm.op().i64_eq(),
        Compare::Unequal => asm.op().i64_ne(),
        Compare::Order(Order::Less) => asm.op().i64_lt_u(),
        Compare::Order(Order::LessOrEqual) => asm.op().i64_le_u(),
        Compare::Order(Order::Greater) => asm.op().i64_gt_u(),
        Compare::Order(Order::GreaterOrEqual) => asm.op().i64_ge_u(),
    };
}

fn signed_compare(asm: &mut Asm, op: Compare) {
    match op {
        Compare::Equal => asm.op().i64_eq(),
        Compare::Unequal => asm.op().i64_ne(),
        Compare::Order(Order::Less) => asm.op().i64_lt_s(),
        Compare::Order(Order::LessOrEqual) => asm.op().i64_le_s(),
        Compare::Order(Order::Greater) => asm.op().i64_gt_s(),
        Compare::Order(Order::GreaterOrEqual) => asm.op().i64_ge_s(),
    };
}

fn double_compare(asm: &mut Asm, op: Compare) {
    match op {
        Compare::Equal => asm.op().f64_eq(),
        Compare::Unequal => asm.op().f64_ne(),
        Compare::Order(Order::Less) => asm.op().f64_lt(),
        Compare::Order(Order::LessOrEqual) => asm.op().f64_le(),
        Compare::Order(Order::Greater) => asm.op().f64_gt(),
        Compare::Order(Order::GreaterOrEqual) => asm.op().f64_ge(),
    };
}
