//! `evaluate`: keeps the batch in globals, runs the rules asked for, and lays the findings out.

use super::{
    super::{
        asm::{Asm, Local, at},
        module::{FINDINGS_BASE, Global, MEMOS_BASE},
    },
    Runtime, get, set,
};

/// How many violations, and how many witnesses, there is room for at first.
const VIOLATIONS_FIRST: u32 = 64;
const WITNESSES_FIRST: u32 = 256;

/// The parameters are those of `wit/pack.wit`, flattened: a list is an address and a length.
pub(super) fn emit_evaluate(runtime: &Runtime, judge_type: u32, memos: u32) -> Asm {
    let [rules, rules_len, traces] = [0, 1, 2].map(Asm::param);
    let mut asm = Asm::new(15);
    keep_batch(&mut asm);
    asm.int(MEMOS_BASE)
        .int(0)
        .int(memos * 4)
        .op()
        .memory_fill(0);
    empty_lists(&mut asm, runtime);
    let (verdicts, verdicts_len, position) = (asm.i32(), asm.i32(), asm.i32());
    asm.get(rules_len).get(traces).op().i32_mul();
    asm.tee(verdicts_len).op().call(runtime.alloc.0);
    asm.set(verdicts);
    asm.while_(
        |asm| {
            asm.get(position).get(rules_len).op().i32_lt_u();
        },
        |asm| {
            asm.get(position).get(verdicts).get(position).get(traces);
            asm.op().i32_mul().i32_add();
            asm.get(rules).get(position).int(2).op().i32_shl().i32_add();
            asm.op().i32_load(at(0)).call_indirect(0, judge_type);
            asm.bump(position, 1);
        },
    );
    answer(&mut asm, verdicts, verdicts_len);
    asm
}

fn keep_batch(asm: &mut Asm) {
    for (global, param) in [
        (Global::Traces, 2),
        (Global::TraceEnds, 3),
        (Global::Facts, 5),
        (Global::Columns, 7),
        (Global::Literals, 9),
        (Global::Text, 11),
        (Global::TextEnds, 13),
        (Global::TextsLen, 14),
    ] {
        asm.get(Asm::param(param));
        set(asm, global);
    }
}

fn empty_lists(asm: &mut Asm, runtime: &Runtime) {
    for (list, bytes) in [
        (Global::ViolationRules, VIOLATIONS_FIRST * 4),
        (Global::ViolationTraces, VIOLATIONS_FIRST * 4),
        (Global::WitnessEnds, VIOLATIONS_FIRST * 4),
        (Global::Clauses, VIOLATIONS_FIRST),
        (Global::Witnesses, WITNESSES_FIRST * 4),
    ] {
        asm.int(bytes).op().call(runtime.alloc.0);
        set(asm, list);
    }
    for (global, value) in [
        (Global::Violations, 0),
        (Global::WitnessesLen, 0),
        (Global::ViolationsMax, VIOLATIONS_FIRST),
        (Global::WitnessesMax, WITNESSES_FIRST),
    ] {
        asm.int(value);
        set(asm, global);
    }
}

/// Lays the lists of `findings` out, in the order of `wit/pack.wit`, and leaves their address.
fn answer(asm: &mut Asm, verdicts: Local, verdicts_len: Local) {
    asm.int(FINDINGS_BASE).get(verdicts).op().i32_store(at(0));
    asm.int(FINDINGS_BASE)
        .get(verdicts_len)
        .op()
        .i32_store(at(4));
    let lists = [
        (Global::ViolationRules, Global::Violations),
        (Global::ViolationTraces, Global::Violations),
        (Global::Clauses, Global::Violations),
        (Global::WitnessEnds, Global::Violations),
        (Global::Witnesses, Global::WitnessesLen),
    ];
    for (index, (list, len)) in lists.into_iter().enumerate() {
        let offset = 8 * (index as u32 + 1);
        for (global, offset) in [(list, offset), (len, offset + 4)] {
            asm.int(FINDINGS_BASE);
            get(asm, global);
            asm.op().i32_store(at(offset));
        }
    }
    asm.int(FINDINGS_BASE);
}
