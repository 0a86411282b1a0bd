//! `A R B`: each left span that has a partner is marked; the quantifier counts the marks.

use super::{
    super::{
        asm::{Asm, Local},
        frame::Frame,
        relation::{Columns, WITHIN_ALWAYS, reversed},
        tool::Tool,
    },
    Bench, List, Trace,
    join::{Join, emit_part},
};
use crate::{
    ir::{Quantifier, Relation, RelationKind},
    reads::set_reads_alias,
};

/// What the parts of the right side have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Related {
    pub(super) kind: RelationKind,
    pub(super) within: u64,
    pub(super) left: List,
    /// A byte for each row: the left spans that have a partner.
    pub(super) partners: Local,
    /// The same of right spans, for witnesses; 0 where they are not asked for.
    pub(super) shown: Local,
    pub(super) flags: Local,
    pub(super) columns: Columns,
}

pub(super) fn emit(bench: &mut Bench<'_, '_, '_, '_>, relation: &Relation) -> Asm {
    let (mut frame, trace) = bench.begin_frame();
    let left = bench.collect(&mut frame.asm, trace, relation.left);
    frame.asm.get(left.len).op().i32_eqz();
    frame.asm.if_(|asm| {
        asm.int(u32::from(relation.quantifier != Quantifier::Some))
            .op()
            .return_();
    });
    let partners = bench.bytes(&mut frame.asm, trace);
    let flags = if relation.kind.is_of_tree() && relation.kind != RelationKind::SiblingOf {
        bench.bytes(&mut frame.asm, trace)
    } else {
        frame.asm.i32()
    };
    let shown = frame.asm.i32();
    if relation.quantifier != Quantifier::Every {
        frame.asm.get(trace.marks).set(shown);
    }
    let related = Related {
        kind: relation.kind,
        within: relation.within.unwrap_or(WITHIN_ALWAYS),
        left,
        partners,
        shown,
        flags,
        columns: Columns::load(&mut frame),
    };
    let rule = bench.rule;
    match rule.sets.get(relation.right) {
        Some(set) if set_reads_alias(set) => {
            for part in &set.parts {
                emit_part(bench, &mut frame, trace, &related, &Join::take_apart(part));
            }
        }
        Some(_) | None => {
            let right = bench.collect(&mut frame.asm, trace, relation.right);
            related.emit_semijoins(bench, &mut frame.asm, left, right);
        }
    }
    emit_answer(&mut frame, trace, &related, relation.quantifier);
    frame.asm
}

impl Related {
    /// Marks the partners among two lists.
    pub(super) fn emit_semijoins(
        &self,
        bench: &mut Bench<'_, '_, '_, '_>,
        asm: &mut Asm,
        left: List,
        right: List,
    ) {
        let [forth, back] =
            [self.kind, reversed(self.kind)].map(|kind| bench.shop.tool(Tool::Semijoin(kind)));
        let call = |asm: &mut Asm, function, one: List, other: List, marks| {
            asm.get(one.rows)
                .get(one.len)
                .get(other.rows)
                .get(other.len);
            asm.op().i64_const(self.within as i64);
            asm.get(marks).get(self.flags).op().call(function);
        };
        call(asm, forth.0, left, right, self.partners);
        asm.get(self.shown);
        asm.if_(|asm| call(asm, back.0, right, left, self.shown));
    }
}

/// Leaves the answer, and marks the left spans among the witnesses.
fn emit_answer(frame: &mut Frame<'_>, trace: Trace, related: &Related, quantifier: Quantifier) {
    let asm = &mut frame.asm;
    let partnered = asm.i32();
    let List { rows, len } = related.left;
    asm.each(rows, len, |asm, row| {
        asm.u8_at(related.partners, row)
            .get(partnered)
            .op()
            .i32_add();
        asm.set(partnered);
    });
    asm.get(trace.marks);
    asm.if_(|asm| {
        asm.each(rows, len, |asm, row| {
            asm.u8_at(related.partners, row);
            if quantifier == Quantifier::Every {
                asm.op().i32_eqz();
            }
            asm.if_(|asm| asm.set_u8(trace.marks, row, 1));
        });
    });
    asm.get(partnered);
    match quantifier {
        Quantifier::Some => {
            asm.int(0).op().i32_ne();
        }
        Quantifier::Every => {
            asm.get(len).op().i32_eq();
        }
        Quantifier::No => {
            asm.op().i32_eqz();
        }
    }
}
