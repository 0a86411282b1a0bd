//! Scratch memory, and the marks of witnesses.

use super::super::{
    asm::Asm,
    module::{FuncId, Global},
};

/// A new chunk of scratch has at least so many bytes.
const CHUNK_BYTES_MIN: u32 = 65_536;
/// No request is larger: a sum of two such does not overflow.
const SCRATCH_BYTES_MAX: u32 = 1 << 30;

fn get(asm: &mut Asm, global: Global) {
    asm.op().global_get(global as u32);
}

fn set(asm: &mut Asm, global: Global) {
    asm.op().global_set(global as u32);
}

/// Takes bytes from the top of the chunk. Where there are too few, the chunk grows if nothing lies behind it; else a new
/// one is begun.
pub(super) fn emit_scratch(alloc: FuncId) -> Asm {
    let bytes = Asm::param(0);
    let mut asm = Asm::new(1);
    let (start, end) = (asm.i32(), asm.i32());
    asm.get(bytes).int(SCRATCH_BYTES_MAX).op().i32_gt_u();
    asm.if_(|asm| {
        asm.op().unreachable();
    });
    asm.get(bytes).int(7).op().i32_add();
    asm.int(!7).op().i32_and();
    asm.set(bytes);
    get(&mut asm, Global::ScratchTop);
    asm.tee(start).get(bytes).op().i32_add();
    asm.tee(end);
    get(&mut asm, Global::ScratchEnd);
    asm.op().i32_gt_u();
    asm.if_(|asm| {
        get(asm, Global::Heap);
        get(asm, Global::ScratchEnd);
        asm.op().i32_eq();
        asm.op().if_(wasm_encoder::BlockType::Empty);
        asm.get(end);
        get(asm, Global::ScratchEnd);
        asm.op().i32_sub().call(alloc.0).drop();
        asm.op().else_();
        asm.get(bytes).int(CHUNK_BYTES_MIN);
        asm.get(bytes).int(CHUNK_BYTES_MIN).op().i32_gt_u().select();
        asm.op().call(alloc.0);
        asm.tee(start);
        set(asm, Global::ScratchBase);
        asm.get(start).get(bytes).op().i32_add();
        asm.set(end);
        asm.op().end();
        get(asm, Global::Heap);
        set(asm, Global::ScratchEnd);
    });
    asm.get(end);
    set(&mut asm, Global::ScratchTop);
    asm.get(start);
    asm
}

/// An address in an earlier chunk means that all of this chunk was handed out since.
pub(super) fn emit_release() -> Asm {
    let address = Asm::param(0);
    let mut asm = Asm::new(1);
    asm.get(address);
    get(&mut asm, Global::ScratchBase);
    asm.get(address);
    get(&mut asm, Global::ScratchBase);
    asm.op().i32_sub();
    get(&mut asm, Global::ScratchEnd);
    get(&mut asm, Global::ScratchBase);
    asm.op().i32_sub().i32_le_u().select();
    set(&mut asm, Global::ScratchTop);
    asm
}

pub(super) fn emit_marks(alloc: FuncId) -> Asm {
    let bytes = Asm::param(0);
    let mut asm = Asm::new(1);
    asm.get(bytes);
    get(&mut asm, Global::MarksMax);
    asm.op().i32_gt_u();
    asm.if_(|asm| {
        asm.get(bytes).op().call(alloc.0);
        set(asm, Global::Marks);
        asm.get(bytes);
        set(asm, Global::MarksMax);
    });
    get(&mut asm, Global::Marks);
    asm.int(0).get(bytes).op().memory_fill(0);
    get(&mut asm, Global::Marks);
    asm
}
