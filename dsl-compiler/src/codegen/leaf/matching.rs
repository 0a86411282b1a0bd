//! Sets that read the left span: their rows for one left span after another.
//!
//! Where a set asks an equality with the left span, its rows are sorted once by the keys of that field, and each left span
//! looks its own up. Else each left span asks all rows.

use wasm_encoder::BlockType;

use super::{
    super::{asm::Local, filter::MUST, frame::Frame, tool::Tool},
    Bench, List, Trace, emit_in_set, emit_named, emit_passes, emit_rows,
    join::{Equality, Join, emit_alone},
    keyed::{Side, emit_cell, emit_records},
};
use crate::{
    ir::{Filter, SetId, SpanSet},
    reads::set_reads_alias,
};

/// A set that reads the left span.
#[derive(Debug)]
pub(super) struct Matching<'r> {
    set: &'r SpanSet,
    /// Its rows for the left span at hand.
    pub(super) list: List,
    index: Option<Index<'r>>,
}

/// Its rows by their keys, and what they are asked beside the equality.
#[derive(Debug)]
struct Index<'r> {
    records: Local,
    end: Local,
    equality: Equality<'r>,
    rest: Filter,
}

impl<'r> Matching<'r> {
    /// Makes room, and sorts what can be looked up; `None` of a set that reads no left span.
    pub(super) fn prepare(
        bench: &mut Bench<'_, '_, '_, 'r>,
        frame: &mut Frame<'_>,
        trace: Trace,
        set: SetId,
    ) -> Option<Self> {
        let rule = bench.rule;
        let set = rule.sets.get(set).filter(|set| set_reads_alias(set))?;
        let list = List {
            rows: frame.asm.i32(),
            len: frame.asm.i32(),
        };
        let join = match set.parts.as_slice() {
            [part] => Some(Join::take_apart(part)),
            _ => None,
        };
        let Some((join, equality)) =
            join.and_then(|join| join.equality.map(|equality| (join, equality)))
        else {
            bench.scratch_rows(&mut frame.asm, trace, 4);
            frame.asm.set(list.rows);
            return Some(Self {
                set,
                list,
                index: None,
            });
        };
        let alone = emit_alone(bench, frame, trace, &join);
        let side = Side {
            list: alone,
            field: equality.right,
        };
        let (records, end) = emit_records(bench, frame, &[side], equality.is_of_attributes());
        let scratch = bench.shop.tool(Tool::Scratch);
        frame
            .asm
            .get(alone.len)
            .int(2)
            .op()
            .i32_shl()
            .call(scratch.0);
        frame.asm.set(list.rows);
        let index = Index {
            records,
            end,
            equality,
            rest: join.rest,
        };
        Some(Self {
            set,
            list,
            index: Some(index),
        })
    }

    /// Lists the rows for the left span at hand.
    pub(super) fn emit_fill(
        &self,
        bench: &mut Bench<'_, '_, '_, '_>,
        frame: &mut Frame<'_>,
        trace: Trace,
    ) {
        match &self.index {
            Some(index) => index.emit_fill(bench, frame, trace, self.list),
            None => self.emit_scan(frame, trace),
        }
    }

    fn emit_scan(&self, frame: &mut Frame<'_>, trace: Trace) {
        frame.asm.int(0).set(self.list.len);
        frame.asm.get(trace.first).set(frame.row);
        frame
            .asm
            .get(trace.facts)
            .op()
            .i32_eqz()
            .if_(BlockType::Empty);
        emit_rows(frame, trace.end, self.list, |frame| {
            emit_in_set(frame, self.set);
        });
        frame.asm.op().else_();
        emit_rows(frame, trace.end, self.list, |frame| {
            for (index, part) in self.set.parts.iter().enumerate() {
                emit_named(frame, &part.selector, |frame| {
                    frame.weigh_filter(&part.filter, trace.facts);
                });
                if index > 0 {
                    frame.asm.op().i32_or();
                }
            }
            frame.asm.int(MUST).op().i32_and();
        });
        frame.asm.op().end();
    }
}

impl Index<'_> {
    fn emit_fill(
        &self,
        bench: &mut Bench<'_, '_, '_, '_>,
        frame: &mut Frame<'_>,
        trace: Trace,
        list: List,
    ) {
        let candidates = bench.shop.tool(Tool::Candidates);
        frame.asm.get(self.records).get(self.end);
        let by_value = self.equality.is_of_attributes();
        emit_cell(frame, self.equality.left, trace.alias, by_value);
        frame.asm.get(list.rows).op().call(candidates.0);
        frame.asm.set(list.len);
        if self.rest.is_trivial() {
            return;
        }
        let kept = frame.asm.i32();
        frame.asm.int(0).set(kept);
        let each = frame.asm.begin_each(list.rows, list.len, frame.row);
        emit_passes(frame, trace.facts, &self.rest);
        let row = frame.row;
        frame.asm.if_(|asm| asm.push(list.rows, kept, row));
        frame.asm.end_each(each);
        frame.asm.get(kept).set(list.len);
    }
}
