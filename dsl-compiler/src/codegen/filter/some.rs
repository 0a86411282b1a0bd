//! `Filter::Some`: whether one of the events, or links, of a span passes.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::{
        asm::{Local, at},
        frame::{Base, Frame},
    },
    MUST, emit_may,
};
use crate::{
    ir::{Filter, Table},
    reads::{EVENTS_DROPPED, LINKS_DROPPED, ends},
};

impl Frame<'_> {
    /// Leaves whether an event or link passes, left at the first that does.
    pub(super) fn some(&mut self, table: Table, filter: &Filter) {
        let (child, end) = self.children(table);
        self.asm
            .op()
            .block(BlockType::Result(I32))
            .loop_(BlockType::Empty);
        self.asm.get(child).get(end).op().i32_ge_u();
        self.asm.op().if_(BlockType::Empty).i32_const(0).br(2).end();
        self.of_child(table, child, |frame| frame.filter(filter));
        self.asm.op().if_(BlockType::Empty).i32_const(1).br(2).end();
        self.asm.bump(child, 1);
        self.asm.op().br(0).end().unreachable().end();
    }

    /// Leaves the three-valued answer: that of the best event or link, or what one that was dropped may be.
    pub(super) fn weigh_some(&mut self, table: Table, filter: &Filter, facts: Local) {
        let (child, end) = self.children(table);
        let answer = self.asm.i32();
        let fact = match table {
            Table::Events => EVENTS_DROPPED,
            Table::Links => LINKS_DROPPED,
        };
        emit_may(&mut self.asm, facts, fact);
        self.asm.set(answer);
        self.asm
            .op()
            .block(BlockType::Empty)
            .loop_(BlockType::Empty);
        self.asm.get(child).get(end).op().i32_ge_u().br_if(1);
        self.of_child(table, child, |frame| frame.weigh_filter(filter, facts));
        self.asm.get(answer).op().i32_or();
        self.asm.tee(answer).int(MUST).op().i32_and().br_if(1);
        self.asm.bump(child, 1);
        self.asm.op().br(0).end().end();
        self.asm.get(answer);
    }

    /// Sets the first row of the span's events or links, and their end.
    fn children(&mut self, table: Table) -> (Local, Local) {
        let (child, end) = (self.asm.i32(), self.asm.i32());
        let (base, row) = (Base::Values(ends(table)), self.row);
        self.asm.int(0).set(child);
        self.asm.get(row).op().if_(BlockType::Empty);
        self.address(&base, row, 2);
        // Those of a span begin where those of the one before it end.
        self.asm.int(4).op().i32_sub().i32_load(at(0));
        self.asm.set(child);
        self.asm.op().end();
        self.u32(&base, row);
        self.asm.set(end);
        (child, end)
    }

    /// Emits what is read of one event or link.
    fn of_child(&mut self, table: Table, child: Local, emit: impl FnOnce(&mut Self)) {
        let slot = |frame: &mut Self, row| match table {
            Table::Events => std::mem::replace(&mut frame.event, row),
            Table::Links => std::mem::replace(&mut frame.link, row),
        };
        let outer = slot(self, Some(child));
        emit(self);
        slot(self, outer);
    }
}
