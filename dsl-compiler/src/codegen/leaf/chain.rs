//! `a then b then c`: forwards, which spans end a chain from the first set; backwards, which of those are on a whole one.

use super::{
    super::{
        asm::{Asm, Local},
        relation::WITHIN_ALWAYS,
        tool::Tool,
    },
    Bench, List, Trace,
};
use crate::ir::{RelationKind, SetId};

pub(super) fn emit(bench: &mut Bench<'_, '_, '_, '_>, sets: &[SetId]) -> Asm {
    let (mut asm, trace) = Bench::begin();
    let partners = bench.bytes(&mut asm, trace);
    let mut lists: Vec<List> = Vec::new();
    for set in sets {
        let list = bench.collect(&mut asm, trace, *set);
        if let Some(before) = lists.last() {
            emit_keep(
                bench,
                &mut asm,
                RelationKind::After,
                (list, *before),
                partners,
            );
        }
        asm.get(list.len).op().i32_eqz();
        asm.if_(|asm| {
            asm.int(0).op().return_();
        });
        lists.push(list);
    }
    asm.get(trace.marks);
    asm.op().if_(wasm_encoder::BlockType::Empty);
    emit_marks(bench, &mut asm, trace, &lists, partners);
    asm.op().end();
    asm.int(1);
    asm
}

fn emit_marks(
    bench: &mut Bench<'_, '_, '_, '_>,
    asm: &mut Asm,
    trace: Trace,
    lists: &[List],
    partners: Local,
) {
    let mut after: Option<List> = None;
    for list in lists.iter().rev() {
        if let Some(after) = after {
            emit_keep(bench, asm, RelationKind::Before, (*list, after), partners);
        }
        asm.each(list.rows, list.len, |asm, row| {
            asm.set_u8(trace.marks, row, 1);
        });
        after = Some(*list);
    }
}

/// Keeps the rows of a list that stand so to a row of the other.
fn emit_keep(
    bench: &mut Bench<'_, '_, '_, '_>,
    asm: &mut Asm,
    kind: RelationKind,
    (list, other): (List, List),
    partners: Local,
) {
    let semijoin = bench.shop.tool(Tool::Semijoin(kind));
    let kept = asm.i32();
    asm.get(list.rows)
        .get(list.len)
        .get(other.rows)
        .get(other.len);
    asm.op().i64_const(WITHIN_ALWAYS as i64);
    asm.get(partners).int(0).op().call(semijoin.0);
    asm.int(0).set(kept);
    asm.each(list.rows, list.len, |asm, row| {
        asm.u8_at(partners, row);
        asm.if_(|asm| {
            asm.set_u8(partners, row, 0);
            asm.push(list.rows, kept, row);
        });
    });
    asm.get(kept).set(list.len);
}
