//! Conditions that have functions of their own: what is left of their answers, and their witnesses.

use wasm_encoder::BlockType;

use super::{
    super::{
        asm::{Asm, Local},
        filter::{MAY, TRUE},
        tool::{Shop, Tool},
    },
    Weigh, Weighed,
};
use crate::ir::{Cond, Quantifier};

/// The three-valued unknown.
const UNKNOWN: u32 = MAY;

/// What a true answer, of what is there, is worth where something is missing, and what a false one is.
fn worth(condition: &Cond) -> (u32, u32) {
    let some_or_no = |quantifier: Quantifier, is_lasting: bool| match quantifier {
        Quantifier::Some if is_lasting => (TRUE, UNKNOWN),
        // `no` is false where there is one.
        Quantifier::No if is_lasting => (UNKNOWN, 0),
        Quantifier::Some | Quantifier::Every | Quantifier::No => (UNKNOWN, UNKNOWN),
    };
    match condition {
        Cond::Relation(relation) => some_or_no(relation.quantifier, true),
        Cond::Each(each) => some_or_no(each.quantifier, each.comparison.is_lasting()),
        Cond::Compare(comparison) if comparison.is_lasting() => (TRUE, UNKNOWN),
        Cond::Chain(_) => (TRUE, UNKNOWN),
        Cond::Compare(_)
        | Cond::Root(_)
        | Cond::All(_)
        | Cond::Any(_)
        | Cond::Not(_)
        | Cond::Exists(_)
        | Cond::Count { .. } => (UNKNOWN, UNKNOWN),
    }
}

/// The marks of witnesses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    /// Where the byte of row 0 would be; never 0.
    pub(super) base: Local,
    first: Local,
    end: Local,
}

impl Marks {
    /// Makes a byte for each row, 0.
    pub(super) fn emit(asm: &mut Asm, shop: &mut Shop<'_, '_>, first: Local, end: Local) -> Self {
        let marks = shop.tool(Tool::Marks);
        let base = asm.i32();
        asm.get(end)
            .get(first)
            .op()
            .i32_sub()
            .i32_const(1)
            .i32_add()
            .call(marks.0);
        asm.get(first).op().i32_sub();
        asm.tee(base);
        // 0 would say that no witnesses are asked for: then all lies a byte further on.
        asm.get(base).op().i32_eqz().i32_add();
        asm.set(base);
        Self { base, first, end }
    }

    /// Leaves whether any row is marked.
    fn emit_any(self, asm: &mut Asm) {
        let (row, found) = (asm.i32(), asm.i32());
        asm.int(0).set(found);
        asm.get(self.first).set(row);
        asm.while_(
            |asm| {
                asm.get(row).get(self.end).op().i32_lt_u();
                asm.get(found).op().i32_eqz().i32_and();
            },
            |asm| {
                asm.u8_at(self.base, row).set(found);
                asm.bump(row, 1);
            },
        );
        asm.get(found);
    }
}

impl Weigh<'_> {
    /// Leaves the three-valued answer of a condition that has a function.
    pub(super) fn weigh_leaf(&mut self, condition: &Cond) {
        let Some(leaf) = self.leaves.get(condition) else {
            self.asm.op().unreachable();
            return;
        };
        let (is_true, is_false) = worth(condition);
        let answer = self.asm.i32();
        let (first, end, facts) = (self.first, self.end, self.facts);
        let concern = |asm: &mut Asm| {
            asm.get(facts).int(leaf.facts).op().i32_and();
        };
        self.asm.get(first).get(end);
        concern(&mut self.asm);
        self.asm.int(0).op().call(leaf.function.0);
        self.asm.set(answer);
        concern(&mut self.asm);
        self.asm
            .op()
            .if_(BlockType::Result(wasm_encoder::ValType::I32));
        if matches!(condition, Cond::Root(_)) {
            // It answers with three values itself.
            self.asm.get(answer);
        } else {
            self.asm
                .int(is_true)
                .int(is_false)
                .get(answer)
                .op()
                .select();
        }
        self.asm.op().else_();
        self.asm.get(answer).int(TRUE).op().i32_mul().end();
    }

    /// Has a condition's function mark its witnesses.
    pub(super) fn mark_leaf(&mut self, condition: &Cond) {
        let (Some(leaf), Some(marks)) = (self.leaves.get(condition), self.marks) else {
            return;
        };
        let (first, end, facts) = (self.first, self.end, self.facts);
        self.asm
            .get(first)
            .get(end)
            .get(facts)
            .int(leaf.facts)
            .op()
            .i32_and();
        self.asm.get(marks.base).op().call(leaf.function.0).drop();
    }

    /// Marks what a broken `always` is shown by, and sets `unshown` if that is nothing.
    pub(super) fn blame(&mut self, always: &Weighed<'_>, unshown: Local) {
        self.blame_operand(always);
        if let Some(marks) = self.marks {
            marks.emit_any(&mut self.asm);
            self.asm.op().i32_eqz();
            self.asm.set(unshown);
        }
    }

    /// Marks the spans of each false `every` and `no` that makes a false condition false.
    fn blame_operand(&mut self, weighed: &Weighed<'_>) {
        if !is_shown(weighed.condition) {
            return;
        }
        self.asm
            .get(weighed.answer)
            .op()
            .i32_eqz()
            .if_(BlockType::Empty);
        self.mark_leaf(weighed.condition);
        for operand in &weighed.operands {
            self.blame_operand(operand);
        }
        self.asm.op().end();
    }
}

/// Whether spans can show that the condition is false.
pub(super) fn is_shown(condition: &Cond) -> bool {
    let is_quantified = |quantifier: Quantifier| match quantifier {
        Quantifier::Some => false,
        Quantifier::Every | Quantifier::No => true,
    };
    match condition {
        Cond::All(operands) | Cond::Any(operands) => operands.iter().any(is_shown),
        Cond::Relation(relation) => is_quantified(relation.quantifier),
        Cond::Each(each) => is_quantified(each.quantifier),
        Cond::Not(_)
        | Cond::Exists(_)
        | Cond::Count { .. }
        | Cond::Compare(_)
        | Cond::Root(_)
        | Cond::Chain(_) => false,
    }
}
