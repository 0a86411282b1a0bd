//! Whether a relation holds of two different rows.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::asm::{Asm, Local},
    Columns, NO_PARENT, emit_is_always,
};
use crate::ir::RelationKind;

/// Leaves whether the later-starting row starts at most so long after the other ends. Reads no times where there is no `within`.
pub(super) fn emit_near(asm: &mut Asm, columns: Columns, x: Local, y: Local, within: Local) {
    emit_is_always(asm, within);
    asm.op().if_(BlockType::Result(I32)).i32_const(1).else_();
    // One of the two starts later; of the other, which starts sooner than it ends, the comparison is true.
    asm.u64_at(columns.start, y).u64_at(columns.end, x);
    asm.get(within).saturating_add();
    asm.op().i64_le_u();
    asm.u64_at(columns.start, x).u64_at(columns.end, y);
    asm.get(within).saturating_add();
    asm.op().i64_le_u().i32_and().end();
}

/// Leaves whether `x kind y` holds, of different rows.
pub(in crate::codegen) fn emit_related(
    asm: &mut Asm,
    columns: Columns,
    kind: RelationKind,
    (x, y): (Local, Local),
    within: Local,
) {
    let Columns { start, end, parent } = columns;
    match kind {
        RelationKind::With => {
            asm.int(1);
        }
        RelationKind::Before => {
            asm.u64_at(end, x).u64_at(start, y).op().i64_le_u();
        }
        RelationKind::After => {
            asm.u64_at(end, y).u64_at(start, x).op().i64_le_u();
        }
        RelationKind::StartsBefore => {
            asm.u64_at(start, x).u64_at(start, y).op().i64_lt_u();
        }
        RelationKind::StartsAfter => {
            asm.u64_at(start, x).u64_at(start, y).op().i64_gt_u();
        }
        RelationKind::Overlaps => {
            asm.u64_at(start, x).u64_at(end, y).op().i64_le_u();
            asm.u64_at(start, y)
                .u64_at(end, x)
                .op()
                .i64_le_u()
                .i32_and();
        }
        RelationKind::ChildOf => {
            asm.u32_at(parent, x).get(y).op().i32_eq();
        }
        RelationKind::ParentOf => {
            asm.u32_at(parent, y).get(x).op().i32_eq();
        }
        RelationKind::SiblingOf => {
            asm.u32_at(parent, x).u32_at(parent, y).op().i32_eq();
            asm.u32_at(parent, x).int(NO_PARENT).op().i32_ne().i32_and();
        }
        RelationKind::Under => emit_ancestor(asm, parent, x, y),
        RelationKind::Over => emit_ancestor(asm, parent, y, x),
    }
    asm.op().if_(BlockType::Result(I32));
    emit_near(asm, columns, x, y, within);
    asm.op().else_().i32_const(0).end();
}

/// Leaves whether `ancestor` is one of `row`.
fn emit_ancestor(asm: &mut Asm, parent: Local, row: Local, ancestor: Local) {
    let at = asm.i32();
    asm.u32_at(parent, row).set(at);
    asm.while_(
        |asm| {
            asm.get(at).get(ancestor).op().i32_ne();
            asm.get(at).int(NO_PARENT).op().i32_ne().i32_and();
        },
        |asm| {
            asm.u32_at(parent, at).set(at);
        },
    );
    asm.get(at).get(ancestor).op().i32_eq();
}
