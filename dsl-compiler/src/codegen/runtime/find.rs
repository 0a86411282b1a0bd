//! Whether one text has another in it, both known only at run time: Knuth, Morris and Pratt, so that no texts make it slow.

use super::{
    super::asm::{Asm, Local, at},
    Global, Runtime, get, set,
};

/// `address, length, address of the needle, its length -> 0 or 1`
pub(super) fn emit_find(runtime: &Runtime) -> Asm {
    let [start, len, needle, needle_len] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    let (end, index, byte, matched) = (asm.i32(), asm.i32(), asm.i32(), asm.i32());
    asm.get(needle_len).op().i32_eqz();
    asm.if_(|asm| {
        asm.int(1).op().return_();
    });
    asm.get(needle_len).get(len).op().i32_gt_u();
    asm.if_(|asm| {
        asm.int(0).op().return_();
    });
    emit_room(&mut asm, runtime, needle_len);
    // For each byte of the needle, the longest text that both begins it and ends there, and is not all of it.
    get(&mut asm, Global::Borders);
    asm.int(0).op().i32_store(at(0));
    asm.int(1).set(index);
    asm.while_(
        |asm| {
            asm.get(index).get(needle_len).op().i32_lt_u();
        },
        |asm| {
            asm.get(needle).get(index).op().i32_add();
            asm.op().i32_load8_u(at(0));
            asm.set(byte);
            emit_step(asm, needle, matched, byte);
            get(asm, Global::Borders);
            asm.get(index).int(2).op().i32_shl().i32_add();
            asm.get(matched).op().i32_store(at(0));
            asm.bump(index, 1);
        },
    );
    asm.int(0).set(matched);
    asm.get(start).get(len).op().i32_add();
    asm.set(end);
    asm.while_(
        |asm| {
            asm.get(start).get(end).op().i32_lt_u();
        },
        |asm| {
            asm.get(start).op().i32_load8_u(at(0));
            asm.set(byte);
            emit_step(asm, needle, matched, byte);
            asm.get(matched).get(needle_len).op().i32_eq();
            asm.if_(|asm| {
                asm.int(1).op().return_();
            });
            asm.bump(start, 1);
        },
    );
    asm.int(0);
    asm
}

/// Makes room for the borders of a needle, at least twice the room that there was: all rooms together are little more
/// than the last.
fn emit_room(asm: &mut Asm, runtime: &Runtime, needle_len: Local) {
    get(asm, Global::BordersMax);
    asm.get(needle_len).op().i32_lt_u();
    asm.if_(|asm| {
        get(asm, Global::BordersMax);
        asm.int(1).op().i32_shl();
        set(asm, Global::BordersMax);
        asm.get(needle_len);
        get(asm, Global::BordersMax);
        asm.get(needle_len);
        get(asm, Global::BordersMax);
        asm.op().i32_gt_u().select();
        set(asm, Global::BordersMax);
        get(asm, Global::BordersMax);
        asm.int(2).op().i32_shl().call(runtime.alloc.0);
        set(asm, Global::Borders);
    });
}

/// Falls back to the longest beginning of the needle that goes on with this byte, and goes on.
fn emit_step(asm: &mut Asm, needle: Local, matched: Local, byte: Local) {
    asm.while_(
        |asm| {
            asm.get(needle).get(matched).op().i32_add();
            asm.op().i32_load8_u(at(0));
            asm.get(byte).op().i32_ne();
            asm.get(matched).int(0).op().i32_ne().i32_and();
        },
        |asm| {
            get(asm, Global::Borders);
            asm.get(matched).int(1).op().i32_sub();
            asm.int(2).op().i32_shl().i32_add().i32_load(at(0));
            asm.set(matched);
        },
    );
    asm.get(matched);
    asm.get(needle).get(matched).op().i32_add();
    asm.op().i32_load8_u(at(0));
    asm.get(byte).op().i32_eq().i32_add();
    asm.set(matched);
}
