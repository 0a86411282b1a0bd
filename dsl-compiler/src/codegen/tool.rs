//! Runtime functions that some packs need: each is emitted when it is first asked for.
//!
//! Scratch memory is handed out and given back like a stack. What is kept for the whole call (memos, findings) comes from
//! `alloc` in between, so the stack lies in chunks of its own: an abandoned chunk is never handed out again.

use std::collections::BTreeMap;

use wasm_encoder::ValType::{self, F64, I32, I64};

use super::{
    frame::Plan,
    module::{Builder, FuncId},
    relation,
};
use crate::ir::RelationKind;

mod classes;
pub(super) mod keys;
mod memory;
pub(super) mod sort;
mod sums;

/// A runtime function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// `bytes -> address`, aligned to 8, of what was there before.
    Scratch,
    /// `address`: gives back what was handed out from there on.
    Release,
    /// `bytes -> address`, zeroed, until the next call.
    Marks,
    /// `rows, length, column of u64, value -> index` of the first row whose cell is not less; the cells ascend.
    AtLeast,
    /// `records, end`: sorts records (16 bytes, see `keys`) by key and tag.
    Sort,
    /// `from, to, left rows, right rows -> from, lefts, rights`: takes the records of the first key off.
    NextBucket,
    /// `to, kind, bits, symbol, low half of the records -> to`: a record for each way in which a value can be equal.
    PutKeys,
    /// `records, end, kind, bits, symbol, room for rows -> length`: the rows of which a key is one of the value's.
    Candidates,
    /// `to, texts to, kind, bits, symbol, low half of the record -> to, texts to`: a record for a value's class.
    PutClass,
    /// `records, end, texts, texts end`: makes classes of the records, and sorts them.
    Classes,
    /// `low half, high half of the sum of ints, sum of doubles, how many doubles -> number`
    Total,
    /// The same and `how many values -> number`.
    Mean,
    /// `left rows, length, right rows, length, within, marks, flags`: marks (1) each left row that has a partner.
    Semijoin(RelationKind),
}

impl Tool {
    fn signature(self) -> (&'static [ValType], &'static [ValType]) {
        match self {
            Self::Scratch | Self::Marks => (&[I32], &[I32]),
            Self::Release => (&[I32], &[]),
            Self::AtLeast => (&[I32, I32, I32, I64], &[I32]),
            Self::Sort => (&[I32; 2], &[]),
            Self::NextBucket => (&[I32; 4], &[I32; 3]),
            Self::PutKeys => (&[I32, I32, I64, I32, I64], &[I32]),
            Self::Candidates => (&[I32, I32, I32, I64, I32, I32], &[I32]),
            Self::PutClass => (&[I32, I32, I32, I64, I32, I64], &[I32, I32]),
            Self::Classes => (&[I32; 4], &[]),
            Self::Total => (&[I64, I64, F64, I32], &[I32, I64]),
            Self::Mean => (&[I64, I64, F64, I32, I32], &[I32, I64]),
            Self::Semijoin(_) => (&[I32, I32, I32, I32, I64, I32, I32], &[]),
        }
    }
}

/// A module under construction, with its runtime functions.
#[derive(Debug)]
pub(super) struct Shop<'b, 'p> {
    pub(super) builder: &'b mut Builder,
    pub(super) plan: &'p Plan<'p>,
    functions: BTreeMap<Tool, FuncId>,
}

impl<'b, 'p> Shop<'b, 'p> {
    pub(super) fn new(builder: &'b mut Builder, plan: &'p Plan<'p>) -> Self {
        Self {
            builder,
            plan,
            functions: BTreeMap::new(),
        }
    }

    /// The function of a tool.
    pub(super) fn tool(&mut self, tool: Tool) -> FuncId {
        if let Some(id) = self.functions.get(&tool) {
            return *id;
        }
        let (params, results) = tool.signature();
        let id = self.builder.declare(params, results);
        self.functions.insert(tool, id);
        let asm = match tool {
            Tool::Scratch => memory::emit_scratch(self.plan.runtime.alloc),
            Tool::Release => memory::emit_release(),
            Tool::Marks => memory::emit_marks(self.plan.runtime.alloc),
            Tool::AtLeast => sort::emit_at_least(),
            Tool::Sort => sort::emit_sort(self),
            Tool::NextBucket => keys::emit_next_bucket(),
            Tool::PutKeys => keys::emit_put_keys(),
            Tool::Candidates => keys::emit_candidates(),
            Tool::PutClass => classes::emit_put_class(),
            Tool::Classes => classes::emit_classes(self),
            Tool::Total => sums::emit_total(),
            Tool::Mean => sums::emit_mean(),
            Tool::Semijoin(kind) => relation::emit_semijoin(self, kind),
        };
        self.builder.define(id, asm.finish());
        id
    }
}
