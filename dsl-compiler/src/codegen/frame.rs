//! What the emitters share: the plan of a pack, and a function under construction that reads columns at a row.

use std::collections::HashMap;

use wasm_encoder::ValType::{self, I32, I64};

use super::{
    Uses,
    asm::{Asm, Local, at},
    module::{Builder, FuncId, Global},
    runtime::Runtime,
    text::Predicate,
};
use crate::{
    ir::{Field, Rule, Scope, Test, TextIntrinsic, Zone},
    reads::{PackReads, Want},
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
    searches: HashMap<Test, FuncId>,
    zones: HashMap<Zone, FuncId>,
}

impl<'p> Plan<'p> {
    pub(super) fn declare(
        builder: &mut Builder,
        reads: &'p PackReads,
        uses: &Uses,
        runtime: Runtime,
    ) -> Self {
        let mut declare = |params: &[ValType], result| builder.declare(params, &[result]);
        let predicates = uses.predicates.items.iter();
        let predicates = predicates
            .map(|predicate| (predicate.clone(), declare(&[I32], I32)))
            .collect();
        let searches = uses.searches.items.iter();
        let searches = searches
            .map(|test| (test.clone(), declare(&[I32; 2], I32)))
            .collect();
        let zones = uses.zones.items.iter();
        let zones = zones
            .map(|zone| (zone.clone(), declare(&[I64], I64)))
            .collect();
        Self {
            reads,
            runtime,
            predicates,
            searches,
            zones,
        }
    }

    /// The function `text number -> 0 or 1` of a predicate.
    pub(super) fn predicate(&self, predicate: &Predicate) -> FuncId {
        self.predicates
            .get(predicate)
            .copied()
            .unwrap_or(self.runtime.missing)
    }

    /// The function `row of the left field, row of the right (or of the left again) -> 0 or 1` of a test that looks
    /// into strings and arrays.
    pub(super) fn search(&self, test: &Test) -> FuncId {
        self.searches
            .get(test)
            .copied()
            .unwrap_or(self.runtime.missing)
    }

    /// The function from Unix time to that of a timezone, in seconds.
    pub(super) fn zone(&self, zone: &Zone) -> FuncId {
        self.zones
            .get(zone)
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

/// A function that reads columns at the rows at hand.
#[derive(Debug)]
pub(super) struct Frame<'p> {
    pub(super) asm: Asm,
    pub(super) plan: &'p Plan<'p>,
    /// The span.
    pub(super) row: Local,
    /// The left span of a join.
    alias: Option<Local>,
    /// The event and the link at hand, inside `Filter::Some`.
    pub(super) event: Option<Local>,
    pub(super) link: Option<Local>,
    /// From Unix time to the rule's, in seconds; `None`: UTC.
    pub(super) zone: Option<FuncId>,
    cache: HashMap<Base, Local>,
}

impl<'p> Frame<'p> {
    /// A frame whose filters read no left span.
    pub(super) fn new(asm: Asm, plan: &'p Plan<'p>, rule: &Rule, row: Local) -> Self {
        Self::with_alias(asm, plan, rule, row, None)
    }

    /// A frame whose filters read the left span of a join at `alias`.
    pub(super) fn with_alias(
        asm: Asm,
        plan: &'p Plan<'p>,
        rule: &Rule,
        row: Local,
        alias: Option<Local>,
    ) -> Self {
        Self {
            alias,
            zone: rule.zone.as_ref().map(|zone| plan.zone(zone)),
            ..Self::of_cells(asm, plan, row)
        }
    }

    /// A frame that reads the field of one test, at a row of whatever table it belongs to.
    pub(super) fn of_cells(asm: Asm, plan: &'p Plan<'p>, row: Local) -> Self {
        Self {
            asm,
            plan,
            row,
            alias: Some(row),
            event: Some(row),
            link: Some(row),
            zone: None,
            cache: HashMap::new(),
        }
    }

    /// The row at which a field is read.
    pub(super) fn row_of(&self, field: &Field) -> Local {
        let row = match field {
            Field::Attribute { scope, .. } => match scope {
                Scope::Any | Scope::Span | Scope::Resource | Scope::Instrumentation => {
                    Some(self.row)
                }
                Scope::Event => self.event,
                Scope::Link => self.link,
            },
            Field::Intrinsic(intrinsic) => match intrinsic {
                TextIntrinsic::Name
                | TextIntrinsic::StatusMessage
                | TextIntrinsic::Id
                | TextIntrinsic::Parent
                | TextIntrinsic::ScopeName
                | TextIntrinsic::ScopeVersion => Some(self.row),
                TextIntrinsic::EventName => self.event,
            },
            Field::Alias { .. } => self.alias,
        };
        debug_assert!(
            row.is_some(),
            "check lets fields be read where they are: {field:?}"
        );
        row.unwrap_or(self.row)
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
        let column = |want: &Want| {
            let position = self.plan.reads.wants.position(want);
            debug_assert!(
                position.is_some(),
                "a column that is read is wanted: {want:?}"
            );
            position.unwrap_or(0) * COLUMN_BYTES
        };
        let (global, offset) = match base {
            Base::Values(want) => (Global::Columns, column(want) + VALUES_AT),
            Base::Kinds(want) => (Global::Columns, column(want) + KINDS_AT),
            Base::Literal(text) => {
                let position = self.plan.reads.literals.position(text);
                debug_assert!(position.is_some(), "a literal is declared: {text}");
                (Global::Literals, position.unwrap_or(0) * 4)
            }
        };
        self.asm.op().global_get(global as u32).i32_load(at(offset));
    }

    /// Puts the address of the cell at `row` on the stack, cells being `1 << shift` bytes.
    pub(super) fn address(&mut self, base: &Base, row: Local, shift: u32) {
        self.base(base);
        self.asm.get(row);
        if shift > 0 {
            self.asm.int(shift).op().i32_shl();
        }
        self.asm.op().i32_add();
    }

    /// Puts the name number of the span on the stack.
    pub(super) fn name(&mut self) {
        let base = Base::Values(crate::reads::declared_names());
        if self.plan.names_are_bytes() {
            self.u8(&base, self.row);
        } else {
            self.address(&base, self.row, 1);
            self.asm.op().i32_load16_u(at(0));
        }
    }

    pub(super) fn u8(&mut self, base: &Base, row: Local) {
        self.address(base, row, 0);
        self.asm.op().i32_load8_u(at(0));
    }

    pub(super) fn u32(&mut self, base: &Base, row: Local) {
        self.address(base, row, 2);
        self.asm.op().i32_load(at(0));
    }

    pub(super) fn u64(&mut self, base: &Base, row: Local) {
        self.address(base, row, 3);
        self.asm.op().i64_load(at(0));
    }

    pub(super) fn f64(&mut self, base: &Base, row: Local) {
        self.address(base, row, 3);
        self.asm.op().f64_load(at(0));
    }

    pub(super) fn call(&mut self, function: FuncId) {
        self.asm.op().call(function.0);
    }
}
