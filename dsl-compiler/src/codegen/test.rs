//! Comparisons of one span: each leaves 0 or 1, and 0 where something it reads is missing.

use wasm_encoder::ValType::I32;

mod fields;
mod search;
mod whole;

pub(super) use search::define_searches;

use super::{
    asm::{Asm, Local},
    bound::{Bound, double_bound, int_bound},
    frame::{Base, Frame},
    number::{emit_compare_pairs, emit_expr},
    text::Predicate,
};
use crate::{
    ir::{Compare, Field, Number, Order, Test, Value},
    reads::{Form, Want, element, equality_form, exists_form, order_number, presence, want},
};

/// Where a value lies: in a column of a field, or of the elements of arrays.
#[derive(Debug, Clone, Copy)]
struct Cell<'f> {
    /// `None`: an element.
    field: Option<&'f Field>,
    row: Local,
}

impl Cell<'_> {
    fn want(self, form: Form) -> Want {
        self.field
            .map_or_else(|| element(form), |field| want(field, form))
    }

    /// Whether it may hold something other than a text.
    fn is_attribute(self) -> bool {
        self.field.is_none_or(Field::is_attribute)
    }
}

impl Frame<'_> {
    /// Leaves whether the test is true of the row.
    pub(super) fn test(&mut self, test: &Test) {
        match test {
            Test::Exists(field) => self.present(self.cell(field), exists_form(field)),
            Test::In {
                field,
                values,
                negated,
            } => self.in_values(self.cell(field), values, *negated),
            Test::Order { field, op, value } => self.order(test, field, *op, value),
            Test::Text { field, .. } | Test::Matches { field, .. } => {
                self.text_predicate(test, self.cell(field));
            }
            Test::Contains { field, .. } | Test::ContainsFolded { field, .. } => {
                let row = self.row_of(field);
                self.asm.get(row).get(row);
                self.call(self.plan.search(test));
            }
            Test::TextFields { left, right, .. } => {
                let (left, right) = (self.row_of(left), self.row_of(right));
                self.asm.get(left).get(right);
                self.call(self.plan.search(test));
            }
            Test::Compute { left, op, right } => {
                let runtime = self.plan.runtime;
                for side in [left, right] {
                    emit_expr(self, runtime, side, &mut Self::term);
                }
                emit_compare_pairs(&mut self.asm, runtime, *op);
            }
            Test::EqualFields {
                left,
                right,
                negated,
            } => self.equal_cells(self.cell(left), self.cell(right), *negated),
            Test::OrderFields { left, op, right } => self.order_fields(left, *op, right),
            Test::Whole { left, op, value } => self.whole_test(*left, *op, *value),
            Test::WholePair { left, op, right } => self.whole_pair(*left, *op, *right),
        }
    }

    /// Leaves whether an attribute that the test reads is missing.
    pub(super) fn missing(&mut self, test: &Test) {
        for (index, (field, form)) in presence(test).into_iter().enumerate() {
            self.present(self.cell(field), form);
            self.asm.op().i32_eqz();
            if index > 0 {
                self.asm.op().i32_or();
            }
        }
    }

    fn cell<'f>(&self, field: &'f Field) -> Cell<'f> {
        Cell {
            field: Some(field),
            row: self.row_of(field),
        }
    }

    /// Leaves whether a cell, read in this form, is not missing.
    fn present(&mut self, cell: Cell<'_>, form: Form) {
        let want = cell.want(form);
        match form {
            Form::Symbol | Form::Text => self.u32(&Base::Values(want), cell.row),
            Form::Truth => self.u8(&Base::Values(want), cell.row),
            Form::Number | Form::Value => self.u8(&Base::Kinds(want), cell.row),
            Form::Declared => self.name(),
        }
        self.asm.int(0).op().i32_ne();
    }

    fn in_values(&mut self, cell: Cell<'_>, values: &[Value], negated: bool) {
        self.any_equal(values, cell);
        if let (true, Some(first)) = (negated, values.first()) {
            self.asm.op().i32_eqz();
            self.present(cell, equality_form(first));
            self.asm.op().i32_and();
        }
    }

    /// Leaves whether a cell equals one of the values.
    fn any_equal(&mut self, values: &[Value], cell: Cell<'_>) {
        let mut symbol: Option<Local> = None;
        for (index, value) in values.iter().enumerate() {
            match value {
                Value::Text(text) => {
                    if let Some(symbol) = symbol {
                        self.asm.get(symbol);
                    } else {
                        let local = self.asm.i32();
                        self.u32(&Base::Values(cell.want(Form::Symbol)), cell.row);
                        self.asm.tee(local);
                        symbol = Some(local);
                    }
                    self.base(&Base::Literal(text.clone()));
                    self.asm.op().i32_eq();
                }
                Value::Bool(truth) => {
                    self.u8(&Base::Values(cell.want(Form::Truth)), cell.row);
                    self.asm.int(2 + u32::from(*truth)).op().i32_eq();
                }
                Value::Number(number) => {
                    let kind = self.asm.i32();
                    self.u8(&Base::Kinds(cell.want(Form::Number)), cell.row);
                    self.asm.int(15).op().i32_and();
                    self.asm.set(kind);
                    self.number_test(kind, cell, Compare::Equal, *number);
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

    /// Leaves how the number of a cell, an int where `kind` is 2 and a double where it is 3, compares with a literal.
    fn number_test(&mut self, kind: Local, cell: Cell<'_>, op: Compare, literal: Number) {
        let (values, row) = (Base::Values(cell.want(Form::Number)), cell.row);
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
                self.u64(&values, row);
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
                self.f64(&values, row);
                self.asm.op().f64_const(edge.into());
                double_compare(&mut self.asm, op);
            }
        }
        self.asm.op().else_().i32_const(0).end().end();
    }

    /// A field against a literal with `<` and the like.
    fn order(&mut self, test: &Test, field: &Field, op: Order, value: &Value) {
        let cell = self.cell(field);
        let numbers = Base::Kinds(want(field, Form::Number));
        let kind = self.asm.i32();
        match (value, order_number(value)) {
            (Value::Text(_), Some(number)) if field.is_attribute() => {
                // Only strings: 18 and 19 are an int and a double read from one.
                self.u8(&numbers, cell.row);
                self.asm
                    .tee(kind)
                    .int(16)
                    .op()
                    .i32_and()
                    .if_(wasm_encoder::BlockType::Result(I32));
                self.asm.get(kind).int(15).op().i32_and();
                self.asm.set(kind);
                self.number_test(kind, cell, Compare::Order(op), number);
                self.asm.op().else_();
                self.text_predicate(test, cell);
                self.asm.op().end();
            }
            (Value::Number(_), Some(number)) if field.is_attribute() => {
                self.u8(&numbers, cell.row);
                self.asm.int(15).op().i32_and();
                self.asm.set(kind);
                self.number_test(kind, cell, Compare::Order(op), number);
            }
            (Value::Text(_) | Value::Number(_) | Value::Bool(_), _) => {
                self.text_predicate(test, cell);
            }
        }
    }

    /// Leaves whether the cell is a string of which the test's predicate is true.
    fn text_predicate(&mut self, test: &Test, cell: Cell<'_>) {
        match Predicate::of(test) {
            Some(predicate) => self.is_text(&predicate, cell),
            None => leave(&mut self.asm, 0),
        }
    }

    /// Leaves whether the cell is a string of which a predicate is true.
    fn is_text(&mut self, predicate: &Predicate, cell: Cell<'_>) {
        let text = self.asm.i32();
        self.u32(&Base::Values(cell.want(Form::Text)), cell.row);
        self.asm.tee(text);
        let function = self.plan.predicate(predicate);
        self.asm.if_else(
            I32,
            |asm| {
                asm.get(text).op().call(function.0);
            },
            |asm| leave(asm, 0),
        );
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
