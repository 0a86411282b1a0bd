//! Whether a text has another, known at compile time, somewhere or at its edge.

use wasm_encoder::ValType::I32;

use super::super::{
    asm::{Asm, Local, at},
    frame::Plan,
    module::Builder,
};
use crate::ir::Place;

/// Leaves whether the text begins, or ends, with the needle.
pub(super) fn emit_has_edge(
    builder: &mut Builder,
    plan: &Plan<'_>,
    asm: &mut Asm,
    (place, needle): (Place, &[u8]),
    start: Local,
    len: Local,
) {
    let (address, needle_len) = (builder.text(needle), needle.len() as u32);
    asm.get(len).int(needle_len).op().i32_lt_u();
    asm.if_else(
        I32,
        |asm| {
            asm.int(0);
        },
        |asm| {
            asm.get(start);
            if place == Place::End {
                asm.get(len).op().i32_add();
                asm.int(needle_len).op().i32_sub();
            }
            asm.int(needle_len)
                .int(address)
                .int(needle_len)
                .op()
                .call(plan.runtime.compare_bytes.0)
                .i32_eqz();
        },
    );
}

/// Leaves whether the needle stands somewhere in the text: Knuth, Morris and Pratt, so that no text makes it slow.
pub(super) fn emit_find(
    builder: &mut Builder,
    asm: &mut Asm,
    needle: &[u8],
    start: Local,
    len: Local,
) {
    if needle.is_empty() {
        asm.int(1);
        return;
    }
    let address = builder.text(needle);
    let borders: Vec<u8> = borders(needle)
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let borders = builder.place(&borders);
    let (end, byte, matched, found) = (asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.get(start).get(len).op().i32_add();
    asm.set(end);
    asm.while_(
        |asm| {
            asm.get(start).get(end).op().i32_lt_u();
            asm.get(found).op().i32_eqz().i32_and();
        },
        |asm| {
            asm.get(start).op().i32_load8_u(at(0));
            asm.set(byte);
            // Falls back to the longest beginning of the needle that goes on with this byte.
            asm.while_(
                |asm| {
                    asm.get(matched).op().i32_load8_u(at(address));
                    asm.get(byte).op().i32_ne();
                    asm.get(matched).int(0).op().i32_ne().i32_and();
                },
                |asm| {
                    asm.get(matched).int(2).op().i32_shl().i32_load(at(borders));
                    asm.set(matched);
                },
            );
            asm.get(matched).get(matched).op().i32_load8_u(at(address));
            asm.get(byte).op().i32_eq().i32_add();
            asm.tee(matched);
            asm.int(needle.len() as u32).op().i32_eq();
            asm.set(found);
            asm.bump(start, 1);
        },
    );
    asm.get(found);
}

/// For each length k: the longest text that both begins and ends the first k bytes, and is not all of them.
fn borders(needle: &[u8]) -> Vec<u32> {
    let mut borders = vec![0_u32; needle.len().max(1)];
    let mut len = 0_usize;
    for index in 1..needle.len().saturating_sub(1) {
        let byte = needle.get(index);
        while len > 0 && needle.get(len) != byte {
            len = borders.get(len).copied().unwrap_or(0) as usize;
        }
        len += usize::from(needle.get(len) == byte);
        if let Some(border) = borders.get_mut(index + 1) {
            *border = len as u32;
        }
    }
    borders
}
