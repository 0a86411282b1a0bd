//! Whether spans belong to the sets of a rule, with three values.

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    asm::Asm,
    frame::{Frame, Plan},
    module::{Builder, FuncId},
};
use crate::{
    ir::{Rule, Selector, SetId, SpanSet},
    reads::set_reads_alias,
};

/// The functions `row, facts -> three-valued` that say whether a span belongs to each set.
#[derive(Debug)]
pub(super) struct Members {
    functions: Vec<Option<FuncId>>,
}

impl Members {
    pub(super) fn define(builder: &mut Builder, plan: &Plan<'_>, rule: &Rule) -> Self {
        let define = |set| {
            if set_reads_alias(set) {
                return None;
            }
            let id = builder.declare(&[I32, I32], &[I32]);
            builder.define(id, emit_member(plan, rule, set).finish());
            Some(id)
        };
        Self {
            functions: rule.sets.iter().map(define).collect(),
        }
    }

    /// The function of a set; `None` of one that is another for each left span of a join.
    pub(super) fn of(&self, set: SetId) -> Option<FuncId> {
        self.functions.get(set).copied().flatten()
    }
}

/// A span belongs to a set as surely as to the part that it most surely belongs to.
fn emit_member(plan: &Plan<'_>, rule: &Rule, set: &SpanSet) -> Asm {
    let (row, facts) = (Asm::param(0), Asm::param(1));
    let mut frame = Frame::new(Asm::new(2), plan, rule, row);
    for (index, part) in set.parts.iter().enumerate() {
        match &part.selector {
            Selector::Name(name) => {
                let number = plan.name_number(name);
                frame.name();
                frame
                    .asm
                    .int(number)
                    .op()
                    .i32_eq()
                    .if_(BlockType::Result(I32));
                frame.weigh_filter(&part.filter, facts);
                frame.asm.op().else_().i32_const(0).end();
            }
            Selector::Any => frame.weigh_filter(&part.filter, facts),
        }
        if index > 0 {
            frame.asm.op().i32_or();
        }
    }
    frame.asm
}
