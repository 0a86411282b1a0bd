//! Comparisons of aggregates: once of the trace, or once for each left span.

use wasm_encoder::BlockType;

use super::{
    super::{
        asm::{Asm, Local},
        frame::Frame,
        module::Global,
        number::{INT, emit_compare_pairs, emit_expr},
        tool::Tool,
    },
    Bench, List,
    amounts::{Amounts, Scope, Value},
    classes::emit_classes,
    matching::Matching,
};
use crate::ir::{Comparison, Each, Quantifier, Quantity, Term};

pub(super) fn emit(bench: &mut Bench<'_, '_, '_, '_>, comparison: &Comparison) -> Asm {
    let (mut frame, trace) = bench.begin_frame();
    let mut amounts = Amounts::of(&mut frame.asm, bench.rule, comparison);
    for set in amounts.sets() {
        let list = bench.collect(&mut frame.asm, trace, set);
        amounts.lists.insert(set, list);
    }
    amounts.emit_values(bench, &mut frame, trace, Scope::Trace);
    let answer = emit_truth(bench, &mut frame, &amounts, trace.marks);
    amounts.emit_reads(&mut frame, trace, Scope::Trace, answer, trace.marks);
    frame.asm.get(answer);
    frame.asm
}

/// `[every | no] left as NAME with comparison`.
pub(super) fn emit_each(bench: &mut Bench<'_, '_, '_, '_>, each: &Each) -> Asm {
    let (mut frame, trace) = bench.begin_frame();
    let is_every = each.quantifier == Quantifier::Every;
    let left = bench.collect(&mut frame.asm, trace, each.left);
    let release = bench.shop.tool(Tool::Release);
    let (saved, shown, trues) = (frame.asm.i32(), frame.asm.i32(), frame.asm.i32());
    if !is_every {
        frame.asm.get(trace.marks).set(shown);
    }
    let mut amounts = Amounts::of(&mut frame.asm, bench.rule, &each.comparison);
    let mut matchings = Vec::new();
    for set in amounts.sets() {
        let list = match Matching::prepare(bench, &mut frame, trace, set) {
            Some(matching) => {
                let list = matching.list;
                matchings.push(matching);
                list
            }
            None => bench.collect(&mut frame.asm, trace, set),
        };
        amounts.lists.insert(set, list);
    }
    amounts.emit_values(bench, &mut frame, trace, Scope::Trace);

    let open = frame.asm.begin_each(left.rows, left.len, trace.alias);
    frame.asm.op().global_get(Global::ScratchTop as u32);
    frame.asm.set(saved);
    for matching in &matchings {
        matching.emit_fill(bench, &mut frame, trace);
    }
    amounts.emit_values(bench, &mut frame, trace, Scope::Left);
    let answer = emit_truth(bench, &mut frame, &amounts, shown);
    amounts.emit_reads(&mut frame, trace, Scope::Left, answer, shown);
    frame.asm.get(saved).op().call(release.0);
    frame.asm.get(trues).get(answer).op().i32_add();
    frame.asm.set(trues);
    // A span that decides: without witnesses, the first will do.
    frame.asm.get(answer);
    if is_every {
        frame.asm.op().i32_eqz();
    }
    frame.asm.op().if_(BlockType::Empty);
    // Out of this block, the loop, and the one around it.
    frame.asm.get(trace.marks).op().i32_eqz().br_if(2);
    frame.asm.set_u8(trace.marks, trace.alias, 1);
    frame.asm.op().end();
    frame.asm.end_each(open);

    amounts.emit_reads(&mut frame, trace, Scope::Trace, trues, shown);
    frame.asm.get(trues);
    match each.quantifier {
        Quantifier::Some => {
            frame.asm.int(0).op().i32_ne();
        }
        Quantifier::Every => {
            frame.asm.get(left.len).op().i32_eq();
        }
        Quantifier::No => {
            frame.asm.op().i32_eqz();
        }
    }
    frame.asm
}

/// Sets whether the comparison is true. Groups of which it is are marked, if `shown` is not 0.
fn emit_truth(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    amounts: &Amounts<'_>,
    shown: Local,
) -> Local {
    let answer = frame.asm.i32();
    if let Some(groups) = amounts.groups() {
        frame.asm.int(0).set(answer);
        emit_any_group(bench, frame, amounts, groups, (answer, shown));
    } else {
        emit_comparison(frame, amounts);
        frame.asm.set(answer);
    }
    answer
}

/// Sets `answer` if the comparison is true of a group, and marks the spans of those of which it is.
fn emit_any_group(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    amounts: &Amounts<'_>,
    (list, key, size): (List, &Term, Value),
    (answer, shown): (Local, Local),
) {
    let (scratch, next) = (
        bench.shop.tool(Tool::Scratch),
        bench.shop.tool(Tool::NextBucket),
    );
    let (records, end) = emit_classes(bench, frame, list, key);
    let group = List {
        rows: frame.asm.i32(),
        len: frame.asm.i32(),
    };
    let asm = &mut frame.asm;
    asm.get(list.len).int(2).op().i32_shl().call(scratch.0);
    asm.set(group.rows);
    asm.op().block(BlockType::Empty).loop_(BlockType::Empty);
    asm.get(records).get(end).op().i32_ge_u().br_if(1);
    asm.get(records).get(end).get(group.rows).get(group.rows);
    asm.op().call(next.0).drop();
    asm.set(group.len).set(records);
    asm.int(INT).set(size.kind);
    asm.get(group.len).op().i64_extend_i32_u();
    asm.set(size.bits);
    emit_comparison(frame, amounts);
    let asm = &mut frame.asm;
    asm.op().if_(BlockType::Empty);
    asm.int(1).set(answer);
    // Out of this block, the loop, and the one around it.
    asm.get(shown).op().i32_eqz().br_if(2);
    asm.each(group.rows, group.len, |asm, row| asm.set_u8(shown, row, 1));
    asm.op().end().br(0).end().end();
}

/// Leaves whether the comparison is true of the values as they are set.
fn emit_comparison(frame: &mut Frame<'_>, amounts: &Amounts<'_>) {
    let runtime = frame.plan.runtime;
    let Comparison { left, op, right } = amounts.comparison;
    let mut term = |frame: &mut Frame<'_>, quantity: &Quantity| {
        if let Some(value) = amounts.value(quantity) {
            frame.asm.get(value.kind).get(value.bits);
        }
    };
    emit_expr(frame, runtime, left, &mut term);
    emit_expr(frame, runtime, right, &mut term);
    emit_compare_pairs(&mut frame.asm, runtime, *op);
}
