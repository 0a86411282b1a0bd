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

/// When a condition's witnesses are marked.
///
/// A function marks nothing where its answer is the other one: of `every` and `no` true, else false. So where that answer
/// alone says whether the marks are wanted, they are made as it is found, and the function runs once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marking {
    /// Once it is known that they are wanted.
    Apart,
    /// With the answer, since the rule is violated only if the condition is true.
    OfMatch,
    /// With the answer, since the clause is broken if the condition is true.
    OfNever,
    /// With the answer, since the clause is broken if the condition is false.
    OfAlways,
}

impl Marking {
    /// That of this condition, and of its operands, in a place of which `self` is true.
    pub(super) fn of(self, condition: &Cond) -> Self {
        match (self, condition) {
            // One operand does not make `and` true; but nothing that it marks is seen of a `match` that is false.
            (Self::OfMatch | Self::OfAlways, Cond::All(_)) | (Self::OfNever, Cond::Any(_)) => self,
            (Self::OfMatch, Cond::Any(_)) => Self::OfNever,
            (
                Self::OfMatch | Self::OfNever,
                Cond::Relation(_) | Cond::Each(_) | Cond::Compare(_) | Cond::Chain(_),
            ) if !is_shown(condition) => self,
            (Self::OfAlways, Cond::Relation(_) | Cond::Each(_)) if is_shown(condition) => self,
            // The trace's root answers with three values, and is marked whatever it answers.
            (
                Self::Apart | Self::OfMatch | Self::OfNever | Self::OfAlways,
                Cond::Root(_)
                | Cond::All(_)
                | Cond::Any(_)
                | Cond::Not(_)
                | Cond::Exists(_)
                | Cond::Count { .. }
                | Cond::Compare(_)
                | Cond::Relation(_)
                | Cond::Each(_)
                | Cond::Chain(_),
            ) => Self::Apart,
        }
    }

    /// Whether what is true or false of what is there, worth so much, surely is what these marks are made for.
    fn is_certain(self, (is_true, is_false): (u32, u32)) -> bool {
        match self {
            Self::Apart => false,
            Self::OfMatch | Self::OfNever => is_true == TRUE,
            Self::OfAlways => is_false == 0,
        }
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
    /// Leaves the three-valued answer of a condition that has a function, and marks its witnesses if that is when.
    pub(super) fn weigh_leaf(&mut self, condition: &Cond, marking: Marking) {
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
        match self.marks {
            Some(marks) if marking != Marking::Apart => {
                self.asm.get(marks.base);
                if !marking.is_certain((is_true, is_false)) {
                    self.asm.int(0);
                    concern(&mut self.asm);
                    self.asm.op().i32_eqz().select();
                }
            }
            Some(_) | None => {
                self.asm.int(0);
            }
        }
        self.asm.op().call(leaf.function.0);
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

    /// Has a condition's function mark its witnesses, unless it has.
    pub(super) fn mark_leaf(&mut self, weighed: &Weighed<'_>) {
        let (Some(leaf), Some(marks)) = (self.leaves.get(weighed.condition), self.marks) else {
            return;
        };
        if weighed.marking != Marking::Apart {
            return;
        }
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
        self.mark_leaf(weighed);
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
