//! What the emitters share: the plan of a pack, and a function under construction that reads columns at a row.

use std::collections::HashMap;

use wasm_encoder::ValType;

use super::{
    asm::{Asm, Local, at},
    module::{Builder, FuncId, Global},
    runtime::Runtime,
    text::Predicate,
};
use crate::{
    ir::Test,
    reads::{Distinct, PackReads, Want},
};

/// How far apart the records of `batch.columns` are, and where in one the lists lie.
const COLUMN_BYTES: u32 = 24;
const KINDS_AT: u32 = 4;
const VALUES_AT: u32 = 16;

/// The numbering of a pack, and the functions that its tests call.
#[derive(Debug)]
pub(super) struct Plan<'p> {
    pub(super) reads: &'p PackReads,
    pub(super) runtime: Runtime,
    predicates: HashMap<Predicate, FuncId>,
    contains: HashMap<Test, FuncId>,
}

impl<'p> Plan<'p> {
    pub(super) fn declare(
        builder: &mut Builder,
        reads: &'p PackReads,
        predicates: &Distinct<Predicate>,
        contains: &Distinct<Test>,
        runtime: Runtime,
    ) -> Self {
        let mut declare = || builder.declare(&[ValType::I32], &[ValType::I32]);
        let predicates = predicates
            .items
            .iter()
            .map(|predicate| (predicate.clone(), declare()))
            .collect();
        let contains = contains
            .items
            .iter()
            .map(|test| (test.clone(), declare()))
            .collect();
        Self {
            reads,
            runtime,
            predicates,
            contains,
        }
    }

    /// The function `text number -> 0 or 1` of a predicate.
    pub(super) fn predicate(&self, predicate: &Predicate) -> FuncId {
        self.predicates
            .get(predicate)
            .copied()
            .unwrap_or(self.runtime.missing)
    }

    /// The function `row -> 0 or 1` of a `contains`.
    pub(super) fn contains(&self, test: &Test) -> FuncId {
        self.contains
            .get(test)
            .copied()
            .unwrap_or(self.runtime.missing)
    }

    /// The number of a name, from 1.
    pub(super) fn name_number(&self, name: &String) -> u32 {
        self.reads
            .names
            .position(name)
            .map_or(u32::MAX, |position| position + 1)
    }

    /// Whether names are numbered in bytes.
    pub(super) fn names_are_bytes(&self) -> bool {
        self.reads.names.items.len() <= 255
    }
}

/// The start of a list of the batch, or a symbol of a literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Base {
    Values(Want),
    Kinds(Want),
    Literal(String),
}

/// A function that reads columns at `row`.
#[derive(Debug)]
pub(super) struct Frame<'p> {
    pub(super) asm: Asm,
    pub(super) plan: &'p Plan<'p>,
    pub(super) row: Local,
    cache: HashMap<Base, Local>,
}

impl<'p> Frame<'p> {
    pub(super) fn new(asm: Asm, plan: &'p Plan<'p>, row: Local) -> Self {
        Self {
            asm,
            plan,
            row,
            cache: HashMap::new(),
        }
    }

    /// Keeps a base in a local from here on.
    pub(super) fn preload(&mut self, base: Base) {
        let local = self.asm.i32();
        self.base(&base);
        self.asm.set(local);
        self.cache.insert(base, local);
    }

    /// Puts a base on the stack.
    pub(super) fn base(&mut self, base: &Base) {
        if let Some(local) = self.cache.get(base) {
            let local = *local;
            self.asm.get(local);
            return;
        }
        let column = |want: &Want| self.plan.reads.wants.position(want).unwrap_or(0) * COLUMN_BYTES;
        let (global, offset) = match base {
            Base::Values(want) => (Global::Columns, column(want) + VALUES_AT),
            Base::Kinds(want) => (Global::Columns, column(want) + KINDS_AT),
            Base::Literal(text) => (
                Global::Literals,
                self.plan.reads.literals.position(text).unwrap_or(0) * 4,
            ),
        };
        self.asm.op().global_get(global as u32).i32_load(at(offset));
    }

    /// Puts the address of the cell at `row` on the stack, cells being `1 << shift` bytes.
    fn address(&mut self, base: &Base, shift: u32) {
        self.base(base);
        self.asm.get(self.row);
        if shift > 0 {
            self.asm.int(shift).op().i32_shl();
        }
        self.asm.op().i32_add();
    }

    /// Puts the name number of the row on the stack.
    pub(super) fn name(&mut self) {
        let base = Base::Values(crate::reads::declared_names());
        if self.plan.names_are_bytes() {
            self.u8(&base);
        } else {
            self.address(&base, 1);
            self.asm.op().i32_load16_u(at(0));
        }
    }

    pub(super) fn u8(&mut self, base: &Base) {
        self.address(base, 0);
        self.asm.op().i32_load8_u(at(0));
    }

    pub(super) fn u32(&mut self, base: &Base) {
        self.address(base, 2);
        self.asm.op().i32_load(at(0));
    }

    pub(super) fn u64(&mut self, base: &Base) {
        self.address(base, 3);
        self.asm.op().i64_load(at(0));
    }

    pub(super) fn f64(&mut self, base: &Base) {
        self.address(base, 3);
        self.asm.op().f64_load(at(0));
    }

    pub(super) fn call(&mut self, function: FuncId) {
        self.asm.op().call(function.0);
    }
}
