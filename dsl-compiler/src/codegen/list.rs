//! Idioms over lists in memory: lists of rows (u32), columns that are read at a row, and saturating time.

use wasm_encoder::{BlockType, ValType::I64};

use super::asm::{Asm, Local, at};

impl Asm {
    /// Leaves the byte at `index` of a list.
    pub(super) fn u8_at(&mut self, list: Local, index: Local) -> &mut Self {
        self.get(list).get(index).op().i32_add().i32_load8_u(at(0));
        self
    }

    /// Leaves the u32 at `index` of a list.
    pub(super) fn u32_at(&mut self, list: Local, index: Local) -> &mut Self {
        self.get(list).get(index).int(2).op().i32_shl();
        self.op().i32_add().i32_load(at(0));
        self
    }

    /// Leaves the u64 at `index` of a list.
    pub(super) fn u64_at(&mut self, list: Local, index: Local) -> &mut Self {
        self.get(list).get(index).int(3).op().i32_shl();
        self.op().i32_add().i64_load(at(0));
        self
    }

    /// Sets the byte at `index` of a list.
    pub(super) fn set_u8(&mut self, list: Local, index: Local, value: u32) {
        self.get(list).get(index).op().i32_add();
        self.int(value).op().i32_store8(at(0));
    }

    /// Runs `body` with each item of a list of u32.
    pub(super) fn each(&mut self, list: Local, len: Local, body: impl FnOnce(&mut Self, Local)) {
        let item = self.i32();
        let each = self.begin_each(list, len, item);
        body(self, item);
        self.end_each(each);
    }

    /// Adds an item to the end of a list of u32.
    pub(super) fn push(&mut self, list: Local, len: Local, item: Local) {
        self.get(list).get(len).int(2).op().i32_shl().i32_add();
        self.get(item).op().i32_store(at(0));
        self.bump(len, 1);
    }

    /// Adds the two u64 on the stack; what 64 bits do not hold is the greatest.
    pub(super) fn saturating_add(&mut self) {
        let (one, sum) = (self.local(I64), self.local(I64));
        self.tee(one).op().i64_add();
        self.set(sum);
        self.op().i64_const(-1);
        self.get(sum).get(sum).get(one).op().i64_lt_u().select();
    }

    /// Subtracts the u64 on top of the stack from the one below; what would be negative is 0.
    pub(super) fn saturating_sub(&mut self) {
        let (less, more) = (self.local(I64), self.local(I64));
        self.set(less).set(more);
        self.get(more).get(less).op().i64_sub();
        self.op().i64_const(0);
        self.get(more).get(less).op().i64_ge_u().select();
    }
}

/// A loop over a list of u32 that is still open.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenEach {
    cursor: Local,
}

impl Asm {
    /// Opens a loop that sets `item` to each item of a list of u32: a block, and a loop in it.
    pub(super) fn begin_each(&mut self, list: Local, len: Local, item: Local) -> OpenEach {
        let (cursor, end) = (self.i32(), self.i32());
        self.get(list).tee(cursor);
        self.get(len).int(2).op().i32_shl().i32_add();
        self.set(end);
        self.op().block(BlockType::Empty).loop_(BlockType::Empty);
        self.get(cursor).get(end).op().i32_ge_u().br_if(1);
        self.get(cursor).op().i32_load(at(0));
        self.set(item);
        OpenEach { cursor }
    }

    /// Closes the loop.
    pub(super) fn end_each(&mut self, each: OpenEach) {
        self.bump(each.cursor, 4);
        self.op().br(0).end().end();
    }
}
