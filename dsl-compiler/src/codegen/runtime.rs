//! What every pack has: allocation, the lists of findings, number comparison, `evaluate` and `describe`.
//!
//! Memory is only ever handed out: every call of the pack runs in a fresh instance, so nothing is given back.

use wasm_encoder::ValType::{F64, I32, I64};

use super::{
    asm::{Asm, Local, at},
    module::{Builder, FINDINGS_BASE, FuncId, Global, MEMOS_BASE},
};

/// How many violations, and how many witnesses, there is room for at first.
const VIOLATIONS_FIRST: u32 = 64;
const WITNESSES_FIRST: u32 = 256;
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
    /// Traps. Called where the plan has no function, which cannot be.
    pub(super) missing: FuncId,
}

impl Runtime {
    pub(super) fn declare(builder: &mut Builder) -> Self {
        Self {
            realloc: builder.declare(&[I32; 4], &[I32]),
            alloc: builder.declare(&[I32], &[I32]),
            evaluate: builder.declare(&[I32; 15], &[I32]),
            push_violation: builder.declare(&[I32; 3], &[]),
            push_witness: builder.declare(&[I32], &[]),
            compare_numbers: builder.declare(&[I32, I64, I32, I64], &[I32]),
            compare_bytes: builder.declare(&[I32; 4], &[I32]),
            missing: builder.declare(&[I32], &[I32]),
        }
    }
}

pub(super) fn define(builder: &mut Builder, runtime: &Runtime, memos: u32) {
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
        get(asm, Global::WitnessesLen)
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

/// Compares ints and doubles by what they are: an int is never rounded.
fn emit_compare_numbers() -> Asm {
    let mut asm = Asm::new(4);
    let [left_double, left, right_double, right] = [0, 1, 2, 3].map(Asm::param);
    let (x, y) = (asm.local(F64), asm.local(F64));
    asm.get(left_double);
    asm.if_else(
        I32,
        |asm| {
            asm.get(left).op().f64_reinterpret_i64();
            asm.set(x).get(right_double);
            asm.if_else(
                I32,
                |asm| {
                    asm.get(right).op().f64_reinterpret_i64();
                    asm.set(y);
                    emit_three_way(asm, x, y);
                },
                |asm| {
                    // An int against a double, sides exchanged: 2 stays 2.
                    let outcome = asm.i32();
                    emit_int_double(asm, right, x);
                    asm.set(outcome);
                    asm.int(2).int(0).get(outcome).op().i32_sub();
                    asm.get(outcome).int(2).op().i32_eq().select();
                },
            );
        },
        |asm| {
            asm.get(right_double);
            asm.if_else(
                I32,
                |asm| {
                    asm.get(right).op().f64_reinterpret_i64();
                    asm.set(y);
                    emit_int_double(asm, left, y);
                },
                |asm| {
                    asm.get(left).get(right).op().i64_gt_s();
                    asm.get(left).get(right).op().i64_lt_s().i32_sub();
                },
            );
        },
    );
    asm
}

/// Leaves -1, 0, 1 for two doubles, 2 where one is NaN.
fn emit_three_way(asm: &mut Asm, x: Local, y: Local) {
    asm.get(x).get(y).op().f64_gt();
    asm.get(x).get(y).op().f64_lt().i32_sub();
    asm.int(2);
    asm.get(x).get(x).op().f64_eq();
    asm.get(y).get(y).op().f64_eq().i32_and().select();
}

/// Leaves -1, 0, 1 for an int against a double, 2 where that is NaN.
fn emit_int_double(asm: &mut Asm, int: Local, double: Local) {
    const INT_END: f64 = 9_223_372_036_854_775_808.0;
    let (whole, rest, zero) = (asm.i64(), asm.local(F64), asm.local(F64));
    // Beyond the ints, and for NaN, the double decides alone.
    asm.get(double)
        .op()
        .f64_abs()
        .f64_const(INT_END.into())
        .f64_lt();
    asm.if_else(
        I32,
        |asm| {
            asm.get(double).op().i64_trunc_f64_s();
            asm.set(whole);
            asm.get(double).get(double).op().f64_trunc().f64_sub();
            asm.set(rest);
            asm.get(int).get(whole).op().i64_eq();
            asm.if_else(
                I32,
                |asm| emit_three_way(asm, zero, rest),
                |asm| {
                    asm.get(int).get(whole).op().i64_gt_s();
                    asm.get(int).get(whole).op().i64_lt_s().i32_sub();
                },
            );
        },
        |asm| {
            // -2^63 itself is an int, and the least.
            asm.get(double).op().f64_const((-INT_END).into()).f64_eq();
            asm.if_else(
                I32,
                |asm| {
                    asm.get(int).op().i64_const(i64::MIN).i64_ne();
                },
                |asm| emit_three_way(asm, zero, double),
            );
        },
    );
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

/// `evaluate`: keeps the batch in globals, runs the rules asked for, and lays the findings out.
///
/// The parameters are those of `wit/pack.wit`, flattened: a list is an address and a length.
fn emit_evaluate(runtime: &Runtime, judge_type: u32, memos: u32) -> Asm {
    let mut asm = Asm::new(15);
    let [
        rules,
        rules_len,
        traces,
        trace_ends,
        facts,
        columns,
        literals,
        text,
        text_ends,
        texts_len,
    ] = [0, 1, 2, 3, 5, 7, 9, 11, 13, 14].map(Asm::param);
    for (global, param) in [
        (Global::Traces, traces),
        (Global::TraceEnds, trace_ends),
        (Global::Facts, facts),
        (Global::Columns, columns),
        (Global::Literals, literals),
        (Global::Text, text),
        (Global::TextEnds, text_ends),
        (Global::TextsLen, texts_len),
    ] {
        asm.get(param);
        set(&mut asm, global);
    }
    asm.int(MEMOS_BASE)
        .int(0)
        .int(memos * 4)
        .op()
        .memory_fill(0);
    for (list, bytes) in [
        (Global::ViolationRules, VIOLATIONS_FIRST * 4),
        (Global::ViolationTraces, VIOLATIONS_FIRST * 4),
        (Global::WitnessEnds, VIOLATIONS_FIRST * 4),
        (Global::Clauses, VIOLATIONS_FIRST),
        (Global::Witnesses, WITNESSES_FIRST * 4),
    ] {
        asm.int(bytes).op().call(runtime.alloc.0);
        set(&mut asm, list);
    }
    for (global, value) in [
        (Global::Violations, 0),
        (Global::WitnessesLen, 0),
        (Global::ViolationsMax, VIOLATIONS_FIRST),
        (Global::WitnessesMax, WITNESSES_FIRST),
    ] {
        asm.int(value);
        set(&mut asm, global);
    }
    let (verdicts, verdicts_len, position) = (asm.i32(), asm.i32(), asm.i32());
    asm.get(rules_len).get(traces).op().i32_mul();
    asm.tee(verdicts_len).op().call(runtime.alloc.0);
    asm.set(verdicts);
    asm.while_(
        |asm| {
            asm.get(position).get(rules_len).op().i32_lt_u();
        },
        |asm| {
            asm.get(position);
            asm.get(verdicts)
                .get(position)
                .get(traces)
                .op()
                .i32_mul()
                .i32_add();
            asm.get(rules)
                .get(position)
                .int(2)
                .op()
                .i32_shl()
                .i32_add()
                .i32_load(at(0))
                .call_indirect(0, judge_type);
            asm.bump(position, 1);
        },
    );
    let lists = [
        (Global::ViolationRules, Global::Violations),
        (Global::ViolationTraces, Global::Violations),
        (Global::Clauses, Global::Violations),
        (Global::WitnessEnds, Global::Violations),
        (Global::Witnesses, Global::WitnessesLen),
    ];
    asm.int(FINDINGS_BASE).get(verdicts).op().i32_store(at(0));
    asm.int(FINDINGS_BASE)
        .get(verdicts_len)
        .op()
        .i32_store(at(4));
    for (index, (list, len)) in lists.into_iter().enumerate() {
        let offset = 8 * (index as u32 + 1);
        for (global, offset) in [(list, offset), (len, offset + 4)] {
            asm.int(FINDINGS_BASE);
            get(&mut asm, global);
            asm.op().i32_store(at(offset));
        }
    }
    asm.int(FINDINGS_BASE);
    asm
}
