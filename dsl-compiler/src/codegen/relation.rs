//! Relations between spans, as semijoins: which rows of one list have a partner in the other.
//!
//! | file | emits |
//! |---|---|
//! | `time` | the relations of starts and ends |
//! | `tree` | the relations of parents |
//! | `pair` | whether a relation holds of two rows, for joins that must look at pairs |
//!
//! Both lists are in order of row, which is order of start. No relation holds of a row and itself.

use super::{
    asm::{Asm, Local},
    frame::{Base, Frame},
    tool::Shop,
};
use crate::{
    ir::{RelationKind, Whole},
    reads::{parent_want, whole_want},
};

pub(super) mod pair;
mod time;
mod tree;

/// Stands for a parent that is not in the trace.
pub(super) const NO_PARENT: u32 = u32::MAX;
/// Stands for no `within`.
pub(super) const WITHIN_ALWAYS: u64 = u64::MAX;

/// The parameters of a semijoin, and the columns.
#[derive(Debug, Clone, Copy)]
struct Sides {
    left: Local,
    lefts: Local,
    right: Local,
    rights: Local,
    within: Local,
    marks: Local,
    /// A byte for each row of the trace, 0 before and after.
    flags: Local,
    columns: Columns,
}

/// Where the columns begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub(super) start: Local,
    pub(super) end: Local,
    pub(super) parent: Local,
}

impl Columns {
    /// Keeps the starts of the columns in locals, of those that the pack reads.
    pub(super) fn load(frame: &mut Frame<'_>) -> Self {
        let [start, end, parent] = [
            whole_want(Whole::Start),
            whole_want(Whole::End),
            parent_want(),
        ]
        .map(|want| {
            let local = frame.asm.i32();
            if frame.plan.reads.wants.position(&want).is_some() {
                frame.base(&Base::Values(want));
                frame.asm.set(local);
            }
            local
        });
        Self { start, end, parent }
    }
}

/// `y R x`, where `x kind y`.
pub(super) fn reversed(kind: RelationKind) -> RelationKind {
    match kind {
        RelationKind::Before => RelationKind::After,
        RelationKind::After => RelationKind::Before,
        RelationKind::StartsBefore => RelationKind::StartsAfter,
        RelationKind::StartsAfter => RelationKind::StartsBefore,
        RelationKind::Under => RelationKind::Over,
        RelationKind::Over => RelationKind::Under,
        RelationKind::ChildOf => RelationKind::ParentOf,
        RelationKind::ParentOf => RelationKind::ChildOf,
        RelationKind::Overlaps | RelationKind::SiblingOf | RelationKind::With => kind,
    }
}

/// Leaves whether there is no `within`.
fn emit_is_always(asm: &mut Asm, within: Local) {
    asm.get(within)
        .op()
        .i64_const(WITHIN_ALWAYS as i64)
        .i64_eq();
}

/// The function of `Tool::Semijoin`.
pub(super) fn emit_semijoin(shop: &mut Shop<'_, '_>, kind: RelationKind) -> Asm {
    let [left, lefts, right, rights, within, marks, flags] = [0, 1, 2, 3, 4, 5, 6].map(Asm::param);
    let mut frame = Frame::of_cells(Asm::new(7), shop.plan, left);
    let columns = Columns::load(&mut frame);
    let sides = Sides {
        left,
        lefts,
        right,
        rights,
        within,
        marks,
        flags,
        columns,
    };
    let mut asm = frame.asm;
    asm.get(lefts).op().i32_eqz();
    asm.get(rights).op().i32_eqz().i32_or();
    asm.if_(|asm| {
        asm.op().return_();
    });
    match kind {
        RelationKind::Before | RelationKind::StartsBefore => {
            time::emit_before(shop, &mut asm, sides, kind);
        }
        RelationKind::After => time::emit_after(shop, &mut asm, sides),
        RelationKind::StartsAfter | RelationKind::Overlaps | RelationKind::With => {
            time::emit_reaching(shop, &mut asm, sides, kind);
        }
        RelationKind::Under => tree::emit_under(&mut asm, sides),
        RelationKind::Over => tree::emit_over(&mut asm, sides),
        RelationKind::ChildOf => tree::emit_child_of(&mut asm, sides),
        RelationKind::ParentOf => tree::emit_parent_of(&mut asm, sides),
        RelationKind::SiblingOf => tree::emit_sibling_of(shop, &mut asm, sides),
    }
    asm
}
