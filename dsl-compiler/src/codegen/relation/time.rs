//! Relations of starts and ends, by binary search. Rows in order of start need no sorting.
//!
//! With D for `within` (of none: as long as you like), `x R y` asks
//!
//! | relation | of y |
//! |---|---|
//! | `before` | start in `[x.end, x.end + D]` |
//! | `starts_before` | start in `(x.start, x.end + D]` |
//! | `after` | x.start in `[y.end, y.end + D]` |
//! | `starts_after` | start < x.start, and end >= x.start - D |
//! | `overlaps` | start <= x.end, and end >= x.start |
//! | `with` | start <= x.end + D, and end >= x.start - D |

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{
        asm::{Asm, Local, at},
        module::FuncId,
        tool::{Shop, Tool},
    },
    Sides, emit_is_always,
};
use crate::ir::RelationKind;

/// A record of `emit_reaching`: the latest end, the second latest, and the row of the latest.
const BEST_BYTES: u32 = 24;

/// The first right row that starts late enough is the one that starts soonest; without `within`, the last row will do.
pub(super) fn emit_before(
    shop: &mut Shop<'_, '_>,
    asm: &mut Asm,
    sides: Sides,
    kind: RelationKind,
) {
    let is_strict = kind == RelationKind::StartsBefore;
    let at_least = shop.tool(Tool::AtLeast);
    let Sides {
        right,
        rights,
        within,
        marks,
        columns,
        ..
    } = sides;
    let (low, high, found) = (asm.i64(), asm.i64(), asm.i64());
    let (always, index, partner) = (asm.i32(), asm.i32(), asm.i32());
    emit_is_always(asm, within);
    asm.set(always);
    asm.each(sides.left, sides.lefts, |asm, row| {
        asm.u64_at(
            if is_strict {
                columns.start
            } else {
                columns.end
            },
            row,
        );
        asm.set(low);
        asm.u64_at(columns.end, row).get(within).saturating_add();
        asm.set(high);
        asm.get(always);
        asm.op().if_(BlockType::Result(I32));
        asm.get(rights).int(1).op().i32_sub();
        asm.op().else_();
        asm.get(right).get(rights).get(columns.start).get(low);
        if is_strict {
            // Past the end of time this wraps; what is found is looked at below.
            asm.op().i64_const(1).i64_add();
        }
        asm.op().call(at_least.0).end();
        asm.tee(index).get(rights).op().i32_lt_u();
        asm.if_(|asm| {
            asm.u32_at(right, index).tee(partner).get(row).op().i32_eq();
            asm.if_(|asm| {
                asm.int(u32::MAX).int(1).get(always).op().select();
                asm.get(index).op().i32_add();
                asm.tee(index).get(rights).op().i32_lt_u();
                asm.if_(|asm| {
                    asm.u32_at(right, index).set(partner);
                });
            });
            asm.u64_at(columns.start, partner).tee(found).get(low);
            if is_strict {
                asm.op().i64_gt_u();
            } else {
                asm.op().i64_ge_u();
            }
            asm.get(found).get(high).op().i64_le_u().i32_and();
            asm.get(partner).get(row).op().i32_ne().i32_and();
            asm.if_(|asm| asm.set_u8(marks, row, 1));
        });
    });
}

/// Each right row is a partner of the left rows that start in some stretch of time; so many stretches cover a left row.
/// Without `within` only the right row that ends first counts.
pub(super) fn emit_after(shop: &mut Shop<'_, '_>, asm: &mut Asm, sides: Sides) {
    emit_is_always(asm, sides.within);
    asm.op().if_(BlockType::Empty);
    emit_after_first(asm, sides);
    asm.op().else_();
    emit_after_within(shop, asm, sides);
    asm.op().end();
}

fn emit_after_first(asm: &mut Asm, sides: Sides) {
    let ends = Extremes::begin(asm, Extreme::Earliest);
    asm.each(sides.right, sides.rights, |asm, row| {
        ends.emit_take(asm, sides, row);
    });
    let is_own = asm.i32();
    asm.each(sides.left, sides.lefts, |asm, row| {
        asm.get(row).get(ends.first_row).op().i32_eq();
        asm.tee(is_own);
        asm.op().if_(BlockType::Result(wasm_encoder::ValType::I64));
        asm.get(ends.second).op().else_();
        asm.get(ends.first).op().end();
        asm.u64_at(sides.columns.start, row).op().i64_le_u();
        // A second that is not there ends never.
        asm.get(is_own).op().i32_eqz();
        asm.get(sides.rights)
            .int(1)
            .op()
            .i32_gt_u()
            .i32_or()
            .i32_and();
        asm.if_(|asm| asm.set_u8(sides.marks, row, 1));
    });
}

fn emit_after_within(shop: &mut Shop<'_, '_>, asm: &mut Asm, sides: Sides) {
    let [at_least, scratch, release] =
        [Tool::AtLeast, Tool::Scratch, Tool::Release].map(|tool| shop.tool(tool));
    let Sides {
        left,
        lefts,
        right,
        columns,
        ..
    } = sides;
    let [changes, covered, index, next, own] = [(); 5].map(|()| asm.i32());
    asm.get(lefts)
        .int(1)
        .op()
        .i32_add()
        .i32_const(2)
        .i32_shl()
        .call(scratch.0);
    asm.tee(changes).int(0);
    asm.get(lefts)
        .int(1)
        .op()
        .i32_add()
        .i32_const(2)
        .i32_shl()
        .memory_fill(0);
    emit_stretches(asm, sides, changes, at_least);
    asm.each(left, lefts, |asm, row| {
        asm.u32_at(changes, index).get(covered).op().i32_add();
        asm.set(covered);
        asm.bump(index, 1);
        // A row that ends as it starts covers itself, if it is on both sides.
        asm.while_(
            |asm| {
                asm.get(next).get(sides.rights).op().i32_lt_u();
                asm.op().if_(BlockType::Result(I32));
                asm.u32_at(right, next).get(row).op().i32_lt_u();
                asm.op().else_().i32_const(0).end();
            },
            |asm| asm.bump(next, 1),
        );
        asm.get(next).get(sides.rights).op().i32_lt_u();
        asm.op().if_(BlockType::Result(I32));
        asm.u32_at(right, next).get(row).op().i32_eq();
        asm.u64_at(columns.start, row).u64_at(columns.end, row);
        asm.op().i64_eq().i32_and();
        asm.op().else_().i32_const(0).end();
        asm.set(own);
        asm.get(covered).get(own).op().i32_gt_s();
        asm.if_(|asm| asm.set_u8(sides.marks, row, 1));
    });
    asm.get(changes).op().call(release.0);
}

/// At each place in the list of left rows: how many stretches begin there, less those that end before.
fn emit_stretches(asm: &mut Asm, sides: Sides, changes: Local, at_least: FuncId) {
    let Sides {
        left,
        lefts,
        columns,
        ..
    } = sides;
    let (edge, high) = (asm.i32(), asm.i64());
    let emit_change = |asm: &mut Asm, by: u32| {
        asm.op().i32_const(2).i32_shl();
        asm.get(changes).op().i32_add();
        asm.tee(edge).get(edge).op().i32_load(at(0));
        asm.int(by).op().i32_add().i32_store(at(0));
    };
    asm.each(sides.right, sides.rights, |asm, row| {
        asm.get(left).get(lefts).get(columns.start);
        asm.u64_at(columns.end, row).op().call(at_least.0);
        emit_change(asm, 1);
        asm.u64_at(columns.end, row)
            .get(sides.within)
            .saturating_add();
        asm.tee(high).op().i64_const(-1).i64_eq();
        asm.op().if_(BlockType::Result(I32));
        asm.get(lefts).op().else_();
        asm.get(left).get(lefts).get(columns.start);
        asm.get(high)
            .op()
            .i64_const(1)
            .i64_add()
            .call(at_least.0)
            .end();
        emit_change(asm, u32::MAX);
    });
}

/// Of the right rows that start soon enough, one that ends latest is the best; next to it the second, for where it is the
/// left row itself.
pub(super) fn emit_reaching(
    shop: &mut Shop<'_, '_>,
    asm: &mut Asm,
    sides: Sides,
    kind: RelationKind,
) {
    let [at_least, scratch, release] =
        [Tool::AtLeast, Tool::Scratch, Tool::Release].map(|tool| shop.tool(tool));
    let Sides {
        right,
        rights,
        within,
        columns,
        ..
    } = sides;
    let [bests, best, count] = [(); 3].map(|()| asm.i32());
    let (low, high) = (asm.i64(), asm.i64());
    asm.get(rights)
        .int(BEST_BYTES)
        .op()
        .i32_mul()
        .call(scratch.0);
    asm.set(bests);
    emit_bests(asm, sides, bests);
    asm.each(sides.left, sides.lefts, |asm, row| {
        // How many of the right rows start soon enough.
        asm.get(right).get(rights).get(columns.start);
        if kind == RelationKind::StartsAfter {
            asm.u64_at(columns.start, row);
            asm.op().call(at_least.0);
            asm.set(count);
        } else {
            asm.u64_at(columns.end, row);
            if kind == RelationKind::With {
                asm.get(within).saturating_add();
            }
            asm.tee(high).op().i64_const(1).i64_add().call(at_least.0);
            asm.set(count);
            asm.get(high).op().i64_const(-1).i64_eq();
            asm.if_(|asm| {
                asm.get(rights).set(count);
            });
        }
        asm.u64_at(columns.start, row);
        if kind != RelationKind::Overlaps {
            asm.get(within).saturating_sub();
        }
        asm.set(low);
        asm.get(count);
        asm.if_(|asm| {
            asm.get(count)
                .int(1)
                .op()
                .i32_sub()
                .i32_const(BEST_BYTES as i32)
                .i32_mul();
            asm.get(bests).op().i32_add();
            asm.tee(best).op().i32_load(at(16));
            asm.get(row).op().i32_eq();
            asm.op().if_(BlockType::Result(I32));
            asm.get(count).int(1).op().i32_gt_u();
            asm.get(best).op().i64_load(at(8));
            asm.get(low).op().i64_ge_u().i32_and();
            asm.op().else_();
            asm.get(best).op().i64_load(at(0));
            asm.get(low).op().i64_ge_u().end();
            asm.if_(|asm| asm.set_u8(sides.marks, row, 1));
        });
    });
    asm.get(bests).op().call(release.0);
}

/// For each place in the list of right rows: the two latest ends up to there, and the row of the latest.
fn emit_bests(asm: &mut Asm, sides: Sides, bests: Local) {
    let ends = Extremes::begin(asm, Extreme::Latest);
    let best = asm.i32();
    asm.get(bests).set(best);
    asm.each(sides.right, sides.rights, |asm, row| {
        ends.emit_take(asm, sides, row);
        asm.get(best).get(ends.first).op().i64_store(at(0));
        asm.get(best).get(ends.second).op().i64_store(at(8));
        asm.get(best).get(ends.first_row).op().i32_store(at(16));
        asm.bump(best, BEST_BYTES);
    });
}

/// Which ends are looked for.
#[derive(Debug, Clone, Copy)]
enum Extreme {
    Earliest,
    Latest,
}

/// The most extreme end of the rows taken so far, the one next to it, and the row of the first.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    which: Extreme,
    first: Local,
    second: Local,
    /// `u32::MAX` where no row was taken.
    first_row: Local,
    end: Local,
}

impl Extremes {
    fn begin(asm: &mut Asm, which: Extreme) -> Self {
        let extremes = Self {
            which,
            first: asm.i64(),
            second: asm.i64(),
            first_row: asm.i32(),
            end: asm.i64(),
        };
        // What any end is at least as extreme as.
        asm.op().i64_const(match which {
            Extreme::Earliest => -1,
            Extreme::Latest => 0,
        });
        asm.tee(extremes.first).set(extremes.second);
        asm.int(u32::MAX).set(extremes.first_row);
        extremes
    }

    fn emit_take(self, asm: &mut Asm, sides: Sides, row: Local) {
        let Self {
            which,
            first,
            second,
            first_row,
            end,
        } = self;
        let emit_compare = |asm: &mut Asm| match which {
            Extreme::Earliest => drop(asm.op().i64_lt_u()),
            Extreme::Latest => drop(asm.op().i64_gt_u()),
        };
        asm.u64_at(sides.columns.end, row).tee(end).get(first);
        emit_compare(asm);
        asm.get(first_row).int(u32::MAX).op().i32_eq().i32_or();
        asm.op().if_(BlockType::Empty);
        asm.get(first).set(second);
        asm.get(end).set(first);
        asm.get(row).set(first_row);
        asm.op().else_();
        asm.get(end).get(second);
        emit_compare(asm);
        asm.if_(|asm| {
            asm.get(end).set(second);
        });
        asm.op().end();
    }
}
