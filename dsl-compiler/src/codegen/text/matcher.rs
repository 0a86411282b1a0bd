//! Whether a regular expression matches somewhere in a text: one step through its table for each byte.

use super::super::{
    asm::{Asm, Local, at},
    module::Builder,
};
use crate::pattern::Table;

/// Leaves whether the text matches, looking no further than the first byte after which that is known.
pub(super) fn emit_match(
    builder: &mut Builder,
    asm: &mut Asm,
    table: &Table,
    start: Local,
    len: Local,
) {
    let (classes, cells) = (
        builder.place(table.classes()),
        builder.place(&table.cells()),
    );
    let (state, end) = (asm.i32(), asm.i32());
    asm.get(start).get(len).op().i32_add();
    asm.set(end);
    asm.int(table.start()).set(state);
    asm.while_(
        |asm| {
            asm.get(start).get(end).op().i32_lt_u();
            // What has matched, or never will, stays so.
            asm.get(state)
                .int(table.matched())
                .op()
                .i32_gt_u()
                .i32_and();
        },
        |asm| {
            asm.get(state);
            if table.stride() > 1 {
                asm.int(table.stride()).op().i32_mul();
            }
            asm.get(start)
                .op()
                .i32_load8_u(at(0))
                .i32_load8_u(at(classes));
            asm.op().i32_add();
            asm.int(1).op().i32_shl().i32_load16_u(at(cells));
            asm.set(state);
            asm.bump(start, 1);
        },
    );
    // State 0 wraps around.
    asm.get(state).int(1).op().i32_sub();
    asm.int(table.accepting_end() - 1).op().i32_lt_u();
}
