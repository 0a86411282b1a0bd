//! What every pack has: allocation, the lists of findings, number comparison, `evaluate` and `describe`.
//!
//! Memory is only ever handed out: every call of the pack runs in a fresh instance, so nothing is given back.

use wasm_encoder::ValType::{I32, I64};

mod arithmetic;
mod decimal;
mod evaluate;
mod find;
mod number;

use super::{
    Uses,
    asm::{Asm, at},
    module::{Builder, FuncId, Global},
};
use arithmetic::Numbers;
use decimal::Decimals;
use evaluate::emit_evaluate;
use find::emit_find;
use number::emit_compare_numbers;

/// Memory grows by at least a quarter of a MiB, since each growth is a system call; where that much is not to be had, by what is needed.
const GROWTH_PAGES_MIN: u32 = 4;

/// The functions that rules call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runtime {
    pub(super) realloc: FuncId,
    /// `bytes -> address`, aligned to 8, zeroed.
    pub(super) alloc: FuncId,
    pub(super) evaluate: FuncId,
    /// `position, trace, clause`: a violation, whose witnesses have been pushed.
    pub(super) push_violation: FuncId,
    /// `row`
    pub(super) push_witness: FuncId,
    /// `is double, bits, is double, bits -> -1, 0, 1, or 2 where one is NaN`
    pub(super) compare_numbers: FuncId,
    /// `address, length, address, length -> -1, 0, 1` by bytes.
    pub(super) compare_bytes: FuncId,
    /// What computes with numbers.
    pub(super) numbers: Numbers,
    /// What reads texts as decimal numbers.
    pub(super) decimals: Decimals,
    /// `address, length, address of the needle, its length -> 0 or 1`: whether it is there.
    pub(super) find: FuncId,
    /// Traps. Called where the plan has no function, which cannot be.
    pub(super) missing: FuncId,
}

impl Runtime {
    /// Declares what every pack has, and of the rest what this one uses.
    pub(super) fn declare(builder: &mut Builder, uses: &Uses) -> Self {
        let missing = builder.declare(&[I32], &[I32]);
        Self {
            realloc: builder.declare(&[I32; 4], &[I32]),
            alloc: builder.declare(&[I32], &[I32]),
            evaluate: builder.declare(&[I32; 15], &[I32]),
            push_violation: builder.declare(&[I32; 3], &[]),
            push_witness: builder.declare(&[I32], &[]),
            compare_numbers: builder.declare(&[I32, I64, I32, I64], &[I32]),
            compare_bytes: builder.declare(&[I32; 4], &[I32]),
            numbers: Numbers::declare(builder, missing, uses.computes),
            decimals: Decimals::declare(builder, missing, uses.decimals),
            find: if uses.finds {
                builder.declare(&[I32; 4], &[I32])
            } else {
                missing
            },
            missing,
        }
    }
}

pub(super) fn define(builder: &mut Builder, runtime: &Runtime, uses: &Uses) {
    let memos = uses.predicates.items.len() as u32;
    if uses.computes {
        runtime.numbers.define(builder, runtime.compare_numbers);
    }
    if uses.decimals {
        runtime.decimals.define(builder);
    }
    if uses.finds {
        builder.define(runtime.find, emit_find(runtime).finish());
    }
    builder.define(runtime.alloc, emit_alloc().finish());
    builder.define(runtime.realloc, emit_realloc(runtime).finish());
    builder.define(
        runtime.push_violation,
        emit_push_violation(runtime).finish(),
    );
    builder.define(runtime.push_witness, emit_push_witness(runtime).finish());
    builder.define(runtime.compare_numbers, emit_compare_numbers().finish());
    builder.define(runtime.compare_bytes, emit_compare_bytes().finish());
    let mut missing = Asm::new(1);
    missing.op().unreachable();
    builder.define(runtime.missing, missing.finish());
    let judge_type = builder.type_id(&[I32, I32], &[]);
    builder.define(
        runtime.evaluate,
        emit_evaluate(runtime, judge_type, memos).finish(),
    );
}

/// `describe`, which answers with what lies in the data.
pub(super) fn define_describe(builder: &mut Builder, description: u32) -> FuncId {
    let id = builder.declare(&[], &[I32]);
    let mut asm = Asm::new(0);
    asm.int(description);
    builder.define(id, asm.finish());
    id
}

fn get(asm: &mut Asm, global: Global) {
    asm.op().global_get(global as u32);
}

fn set(asm: &mut Asm, global: Global) {
    asm.op().global_set(global as u32);
}

/// Hands out the next free bytes, growing memory to hold them; traps where it cannot.
fn emit_alloc() -> Asm {
    let bytes = Asm::param(0);
    let mut asm = Asm::new(1);
    let (start, end, pages) = (asm.i32(), asm.i32(), asm.i32());
    get(&mut asm, Global::Heap);
    asm.tee(start);
    // An overflow of the sum would hand out memory twice.
    asm.get(bytes).op().i32_add();
    asm.int(7).op().i32_add();
    asm.int(!7).op().i32_and();
    asm.tee(end);
    asm.get(start).op().i32_lt_u();
    asm.if_(|asm| {
        asm.op().unreachable();
    });
    // The pages that are still missing.
    asm.get(end).int(65_535).op().i32_add();
    asm.int(16).op().i32_shr_u().memory_size(0).i32_sub();
    asm.tee(pages).int(0).op().i32_gt_s();
    asm.if_(|asm| {
        asm.get(pages)
            .int(GROWTH_PAGES_MIN)
            .get(pages)
            .int(GROWTH_PAGES_MIN);
        asm.op()
            .i32_gt_u()
            .select()
            .memory_grow(0)
            .i32_const(-1)
            .i32_eq();
        asm.if_(|asm| {
            asm.get(pages).op().memory_grow(0).i32_const(-1).i32_eq();
            asm.if_(|asm| {
                asm.op().unreachable();
            });
        });
    });
    asm.get(end);
    set(&mut asm, Global::Heap);
    asm.get(start);
    asm
}

/// `cabi_realloc`: old address, old length, alignment, new length.
fn emit_realloc(runtime: &Runtime) -> Asm {
    let (old, old_len, new_len) = (Asm::param(0), Asm::param(1), Asm::param(3));
    let mut asm = Asm::new(4);
    let address = asm.i32();
    asm.get(new_len).op().call(runtime.alloc.0);
    asm.set(address);
    asm.get(old_len);
    asm.if_(|asm| {
        asm.get(address)
            .get(old)
            .get(old_len)
            .get(new_len)
            .get(old_len)
            .get(new_len);
        asm.op().i32_lt_u().select().memory_copy(0, 0);
    });
    asm.get(address);
    asm
}

/// Makes room in a list of `len` elements: a list twice as long, with the same beginning.
fn emit_grow(asm: &mut Asm, runtime: &Runtime, list: Global, len: Global, shift: u32) {
    let address = asm.i32();
    get(asm, len);
    asm.int(shift + 1).op().i32_shl().call(runtime.alloc.0);
    asm.tee(address);
    get(asm, list);
    get(asm, len);
    asm.int(shift).op().i32_shl().memory_copy(0, 0);
    asm.get(address);
    set(asm, list);
}

/// Stores a value at the end of a list.
fn emit_store(asm: &mut Asm, list: Global, len: Global, value: impl FnOnce(&mut Asm)) {
    get(asm, list);
    get(asm, len);
    asm.int(2).op().i32_shl().i32_add();
    value(asm);
    asm.op().i32_store(at(0));
}

fn emit_push_violation(runtime: &Runtime) -> Asm {
    let mut asm = Asm::new(3);
    get(&mut asm, Global::Violations);
    get(&mut asm, Global::ViolationsMax);
    asm.op().i32_eq();
    asm.if_(|asm| {
        for (list, shift) in [
            (Global::ViolationRules, 2),
            (Global::ViolationTraces, 2),
            (Global::WitnessEnds, 2),
            (Global::Clauses, 0),
        ] {
            emit_grow(asm, runtime, list, Global::Violations, shift);
        }
        get(asm, Global::ViolationsMax);
        asm.int(1).op().i32_shl();
        set(asm, Global::ViolationsMax);
    });
    emit_store(
        &mut asm,
        Global::ViolationRules,
        Global::Violations,
        |asm| {
            asm.get(Asm::param(0));
        },
    );
    emit_store(
        &mut asm,
        Global::ViolationTraces,
        Global::Violations,
        |asm| {
            asm.get(Asm::param(1));
        },
    );
    emit_store(&mut asm, Global::WitnessEnds, Global::Violations, |asm| {
        get(asm, Global::WitnessesLen);
    });
    get(&mut asm, Global::Clauses);
    get(&mut asm, Global::Violations);
    asm.op().i32_add();
    asm.get(Asm::param(2)).op().i32_store8(at(0));
    get(&mut asm, Global::Violations);
    asm.int(1).op().i32_add();
    set(&mut asm, Global::Violations);
    asm
}

fn emit_push_witness(runtime: &Runtime) -> Asm {
    let mut asm = Asm::new(1);
    get(&mut asm, Global::WitnessesLen);
    get(&mut asm, Global::WitnessesMax);
    asm.op().i32_eq();
    asm.if_(|asm| {
        emit_grow(asm, runtime, Global::Witnesses, Global::WitnessesLen, 2);
        get(asm, Global::WitnessesMax);
        asm.int(1).op().i32_shl();
        set(asm, Global::WitnessesMax);
    });
    emit_store(&mut asm, Global::Witnesses, Global::WitnessesLen, |asm| {
        asm.get(Asm::param(0));
    });
    get(&mut asm, Global::WitnessesLen);
    asm.int(1).op().i32_add();
    set(&mut asm, Global::WitnessesLen);
    asm
}

/// Compares by bytes; where one begins the other, the shorter comes first.
fn emit_compare_bytes() -> Asm {
    let mut asm = Asm::new(4);
    let [left, left_len, right, right_len] = [0, 1, 2, 3].map(Asm::param);
    let (common, index, x, y) = (asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.get(left_len)
        .get(right_len)
        .get(left_len)
        .get(right_len)
        .op()
        .i32_lt_u()
        .select();
    asm.set(common);
    asm.while_(
        |asm| {
            asm.get(index).get(common).op().i32_lt_u();
        },
        |asm| {
            asm.get(left).get(index).op().i32_add().i32_load8_u(at(0));
            asm.tee(x);
            asm.get(right).get(index).op().i32_add().i32_load8_u(at(0));
            asm.tee(y).op().i32_ne();
            asm.if_(|asm| {
                asm.get(x).get(y).op().i32_gt_u();
                asm.get(x).get(y).op().i32_lt_u().i32_sub().return_();
            });
            asm.bump(index, 1);
        },
    );
    asm.get(left_len).get(right_len).op().i32_gt_u();
    asm.get(left_len).get(right_len).op().i32_lt_u().i32_sub();
    asm
}
