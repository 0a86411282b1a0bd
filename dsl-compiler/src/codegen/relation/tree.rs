//! Relations of parents.
//!
//! The byte of a row in `flags` says what is known of it; each function leaves it 0 as it was, touching only rows that it
//! walked over, so that it can be called for many small lists.

use wasm_encoder::BlockType;

use super::{
    super::{
        asm::{Asm, Local, at as cell},
        tool::{
            Shop, Tool,
            keys::{TAG_SYMBOL, emit_low},
            sort::RECORD_BYTES,
        },
    },
    NO_PARENT, Sides, emit_is_always,
    pair::emit_near,
};
use crate::ir::RelationKind;

/// The row is on the other side.
const OTHER: u32 = 1;
/// Neither the row nor an ancestor of it is on the other side; or one is.
const WITHOUT: u32 = 2;
const WITH: u32 = 4;

/// Flags a row for each of a list.
fn emit_flag(asm: &mut Asm, flags: Local, list: Local, len: Local, flag: u32) {
    asm.each(list, len, |asm, row| asm.set_u8(flags, row, flag));
}

/// Runs `body` with each ancestor of `row`, as long as `go_on` leaves another number than 0.
fn emit_ancestors(
    asm: &mut Asm,
    sides: Sides,
    row: Local,
    go_on: impl FnOnce(&mut Asm, Local),
    body: impl FnOnce(&mut Asm, Local),
) -> Local {
    let parent = sides.columns.parent;
    let at = asm.i32();
    asm.u32_at(parent, row).set(at);
    asm.while_(
        |asm| {
            asm.get(at).int(NO_PARENT).op().i32_ne();
            asm.op().if_(BlockType::Result(wasm_encoder::ValType::I32));
            go_on(asm, at);
            asm.op().else_().i32_const(0).end();
        },
        |asm| {
            body(asm, at);
            asm.u32_at(parent, at).set(at);
        },
    );
    at
}

/// Walks up from each left row until the answer is known, and writes it along the way: each row is walked over twice at most.
/// With `within`, all ancestors are looked at.
pub(super) fn emit_under(asm: &mut Asm, sides: Sides) {
    let Sides {
        left,
        lefts,
        right,
        rights,
        within,
        marks,
        flags,
        columns,
    } = sides;
    emit_flag(asm, flags, right, rights, OTHER);
    emit_is_always(asm, within);
    asm.op().if_(BlockType::Empty);
    emit_under_any(asm, sides);
    asm.op().else_();
    asm.each(left, lefts, |asm, row| {
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, _| {
                asm.u8_at(marks, row).op().i32_eqz();
            },
            |asm, at| {
                asm.u8_at(flags, at);
                emit_near(asm, columns, row, at, within);
                asm.op().i32_and();
                asm.if_(|asm| asm.set_u8(marks, row, 1));
            },
        );
    });
    asm.op().end();
    emit_flag(asm, flags, right, rights, 0);
}

/// The same, however far away the ancestor is.
fn emit_under_any(asm: &mut Asm, sides: Sides) {
    let Sides {
        left,
        lefts,
        marks,
        flags,
        ..
    } = sides;
    let (top, answer) = (asm.i32(), asm.i32());
    asm.each(left, lefts, |asm, row| {
        let at = emit_ancestors(
            asm,
            sides,
            row,
            |asm, at| {
                asm.u8_at(flags, at).op().i32_eqz();
            },
            |_, _| {},
        );
        asm.get(at).set(top);
        asm.int(WITHOUT).set(answer);
        asm.get(top).int(NO_PARENT).op().i32_ne();
        asm.if_(|asm| {
            asm.int(WITH).int(WITHOUT);
            asm.u8_at(flags, top)
                .int(OTHER | WITH)
                .op()
                .i32_and()
                .select();
            asm.set(answer);
        });
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, at| {
                asm.get(at).get(top).op().i32_ne();
            },
            |asm, at| {
                asm.get(flags).get(at).op().i32_add();
                asm.get(answer).op().i32_store8(cell(0));
            },
        );
        asm.get(answer).int(WITH).op().i32_eq();
        asm.if_(|asm| asm.set_u8(marks, row, 1));
    });
    asm.each(left, lefts, |asm, row| {
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, at| {
                asm.u8_at(flags, at).int(WITHOUT | WITH).op().i32_and();
            },
            |asm, at| asm.set_u8(flags, at, 0),
        );
    });
}

/// Marks the ancestors of each right row, up to where another has been; or, with `within`, looks at all of them.
pub(super) fn emit_over(asm: &mut Asm, sides: Sides) {
    let Sides {
        left,
        lefts,
        right,
        rights,
        within,
        marks,
        flags,
        columns,
    } = sides;
    emit_is_always(asm, within);
    asm.op().if_(BlockType::Empty);
    asm.each(right, rights, |asm, row| {
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, at| {
                asm.u8_at(flags, at).op().i32_eqz();
            },
            |asm, at| asm.set_u8(flags, at, WITH),
        );
    });
    asm.each(left, lefts, |asm, row| {
        asm.u8_at(flags, row);
        asm.if_(|asm| asm.set_u8(marks, row, 1));
    });
    asm.each(right, rights, |asm, row| {
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, at| {
                asm.u8_at(flags, at);
            },
            |asm, at| asm.set_u8(flags, at, 0),
        );
    });
    asm.op().else_();
    emit_flag(asm, flags, left, lefts, OTHER);
    asm.each(right, rights, |asm, row| {
        emit_ancestors(
            asm,
            sides,
            row,
            |asm, _| {
                asm.int(1);
            },
            |asm, at| {
                asm.u8_at(flags, at);
                emit_near(asm, columns, row, at, within);
                asm.op().i32_and();
                asm.if_(|asm| asm.set_u8(marks, at, 1));
            },
        );
    });
    emit_flag(asm, flags, left, lefts, 0);
    asm.op().end();
}

/// Marks `marked` for each row of the list whose parent is flagged.
fn emit_direct(
    asm: &mut Asm,
    sides: Sides,
    list: (Local, Local),
    marked: impl FnOnce(Local, Local) -> Local,
) {
    let parent = asm.i32();
    asm.each(list.0, list.1, |asm, row| {
        asm.u32_at(sides.columns.parent, row).tee(parent);
        asm.int(NO_PARENT).op().i32_ne();
        asm.if_(|asm| {
            asm.u8_at(sides.flags, parent);
            asm.if_(|asm| {
                emit_near(asm, sides.columns, row, parent, sides.within);
                asm.if_(|asm| asm.set_u8(sides.marks, marked(row, parent), 1));
            });
        });
    });
}

pub(super) fn emit_child_of(asm: &mut Asm, sides: Sides) {
    emit_flag(asm, sides.flags, sides.right, sides.rights, OTHER);
    emit_direct(asm, sides, (sides.left, sides.lefts), |row, _| row);
    emit_flag(asm, sides.flags, sides.right, sides.rights, 0);
}

pub(super) fn emit_parent_of(asm: &mut Asm, sides: Sides) {
    emit_flag(asm, sides.flags, sides.left, sides.lefts, OTHER);
    emit_direct(asm, sides, (sides.right, sides.rights), |_, parent| parent);
    emit_flag(asm, sides.flags, sides.left, sides.lefts, 0);
}

/// `with`, among the rows of each parent.
pub(super) fn emit_sibling_of(shop: &mut Shop<'_, '_>, asm: &mut Asm, sides: Sides) {
    let [scratch, release, sort, next, with] = [
        Tool::Scratch,
        Tool::Release,
        Tool::Sort,
        Tool::NextBucket,
        Tool::Semijoin(RelationKind::With),
    ]
    .map(|tool| shop.tool(tool));
    let Sides { lefts, rights, .. } = sides;
    let [
        records,
        to,
        from,
        few_left,
        few_right,
        few_lefts,
        few_rights,
    ] = [(); 7].map(|()| asm.i32());
    asm.get(lefts).get(rights).op().i32_add();
    asm.int(RECORD_BYTES).op().i32_mul().call(scratch.0);
    asm.tee(records).set(to);
    emit_parents(asm, sides, to);
    asm.get(records).get(to).op().call(sort.0);
    for (list, len) in [(few_left, lefts), (few_right, rights)] {
        asm.get(len).int(2).op().i32_shl().call(scratch.0);
        asm.set(list);
    }
    asm.get(records).set(from);
    asm.while_(
        |asm| {
            asm.get(from).get(to).op().i32_lt_u();
        },
        |asm| {
            asm.get(from)
                .get(to)
                .get(few_left)
                .get(few_right)
                .op()
                .call(next.0);
            asm.set(few_rights).set(few_lefts).set(from);
            asm.get(few_left)
                .get(few_lefts)
                .get(few_right)
                .get(few_rights);
            asm.get(sides.within)
                .get(sides.marks)
                .get(sides.flags)
                .op()
                .call(with.0);
        },
    );
    asm.get(records).op().call(release.0);
}

/// Writes a record for each row that has a parent: the parent is the key.
fn emit_parents(asm: &mut Asm, sides: Sides, to: Local) {
    let parent = asm.i32();
    let (left, right) = ((sides.left, sides.lefts), (sides.right, sides.rights));
    for ((list, len), side) in [(left, 0), (right, 1)] {
        asm.each(list, len, |asm, row| {
            asm.u32_at(sides.columns.parent, row).tee(parent);
            asm.int(NO_PARENT).op().i32_ne();
            asm.if_(|asm| {
                asm.get(to).get(parent).op().i64_extend_i32_u();
                asm.op().i64_store(cell(0));
                asm.get(to);
                emit_low(asm, row, side, TAG_SYMBOL);
                asm.op().i64_store(cell(8));
                asm.bump(to, RECORD_BYTES);
            });
        });
    }
}
