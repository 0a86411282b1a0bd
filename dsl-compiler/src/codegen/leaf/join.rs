//! Right sides that read the left span.
//!
//! What is asked of the right span alone is asked once. An equality with the left span sorts both sides by its keys, so
//! that partners lie in one bucket; if nothing else reads the left span, each bucket is a relation without a join. What is
//! left is asked of every pair, of a bucket or of all.

use wasm_encoder::BlockType;

use super::{
    super::{frame::Frame, relation::pair::emit_related, tool::Tool},
    Bench, List, Trace, emit_named, emit_passes, emit_rows,
    keyed::{Side, emit_records},
    relation::Related,
};
use crate::{
    ir::{Field, Filter, Part, Selector, Test},
    reads::reads_alias,
};

/// A part of a set, taken apart by what it asks of the left span.
#[derive(Debug)]
pub(super) struct Join<'r> {
    pub(super) selector: &'r Selector,
    /// What is asked of the right span alone.
    pub(super) alone: Filter,
    /// The fields of the left and the right span that are equal.
    pub(super) equality: Option<Equality<'r>>,
    /// What else is asked of both.
    pub(super) rest: Filter,
}

/// `right field == left field`
#[derive(Debug, Clone, Copy)]
pub(super) struct Equality<'r> {
    pub(super) left: &'r Field,
    pub(super) right: &'r Field,
}

impl Equality<'_> {
    /// Whether it is one of attributes, which may be equal by value.
    pub(super) fn is_of_attributes(self) -> bool {
        self.left.is_attribute() && self.right.is_attribute()
    }
}

impl<'r> Join<'r> {
    pub(super) fn take_apart(part: &'r Part) -> Self {
        let (mut alone, mut rest, mut equality) = (Vec::new(), Vec::new(), None);
        for filter in conjuncts(&part.filter) {
            match (equality_of(filter), equality) {
                (Some(found), None) => equality = Some(found),
                _ if reads_alias(filter) => rest.push(filter.clone()),
                _ => alone.push(filter.clone()),
            }
        }
        Self {
            selector: &part.selector,
            alone: Filter::All(alone),
            equality,
            rest: Filter::All(rest),
        }
    }
}

/// The filters that all must hold.
fn conjuncts(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::All(filters) => filters.iter().flat_map(conjuncts).collect(),
        Filter::Any(_) | Filter::Not(_) | Filter::Test(_) | Filter::Some { .. } => vec![filter],
    }
}

/// The fields of an equality of the two spans.
fn equality_of(filter: &Filter) -> Option<Equality<'_>> {
    let Filter::Test(Test::EqualFields {
        left,
        right,
        negated: false,
    }) = filter
    else {
        return None;
    };
    let is_alias = |field: &Field| matches!(field, Field::Alias { .. });
    match (is_alias(left), is_alias(right)) {
        (true, false) => Some(Equality { left, right }),
        (false, true) => Some(Equality {
            left: right,
            right: left,
        }),
        (true, true) | (false, false) => None,
    }
}

/// Marks the partners of a part of the right side.
pub(super) fn emit_part(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    trace: Trace,
    related: &Related,
    join: &Join<'_>,
) {
    let right = emit_alone(bench, frame, trace, join);
    let Some(equality) = join.equality else {
        return emit_partners(
            bench,
            frame,
            trace,
            related,
            (related.left, right),
            &join.rest,
        );
    };
    let sides = [
        Side {
            list: related.left,
            field: equality.left,
        },
        Side {
            list: right,
            field: equality.right,
        },
    ];
    let (records, end) = emit_records(bench, frame, &sides, equality.is_of_attributes());
    let (scratch, next) = (
        bench.shop.tool(Tool::Scratch),
        bench.shop.tool(Tool::NextBucket),
    );
    let buckets = [related.left, right].map(|list| {
        let bucket = List {
            rows: frame.asm.i32(),
            len: frame.asm.i32(),
        };
        frame
            .asm
            .get(list.len)
            .int(2)
            .op()
            .i32_shl()
            .call(scratch.0);
        frame.asm.set(bucket.rows);
        bucket
    });
    let [few_left, few_right] = buckets;
    frame
        .asm
        .op()
        .block(BlockType::Empty)
        .loop_(BlockType::Empty);
    frame.asm.get(records).get(end).op().i32_ge_u().br_if(1);
    frame
        .asm
        .get(records)
        .get(end)
        .get(few_left.rows)
        .get(few_right.rows);
    frame.asm.op().call(next.0);
    frame.asm.set(few_right.len).set(few_left.len).set(records);
    emit_partners(
        bench,
        frame,
        trace,
        related,
        (few_left, few_right),
        &join.rest,
    );
    frame.asm.op().br(0).end().end();
}

/// Lists the rows that pass what is asked of the right span alone.
pub(super) fn emit_alone(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    trace: Trace,
    join: &Join<'_>,
) -> List {
    let list = List {
        rows: frame.asm.i32(),
        len: frame.asm.i32(),
    };
    bench.scratch_rows(&mut frame.asm, trace, 4);
    frame.asm.set(list.rows);
    frame.asm.get(trace.first).set(frame.row);
    emit_rows(frame, trace.end, list, |frame| {
        emit_named(frame, join.selector, |frame| {
            emit_passes(frame, trace.facts, &join.alone);
        });
    });
    bench.trim(&mut frame.asm, list);
    list
}

/// Marks the partners among rows of which the rest is asked still.
fn emit_partners(
    bench: &mut Bench<'_, '_, '_, '_>,
    frame: &mut Frame<'_>,
    trace: Trace,
    related: &Related,
    (left, right): (List, List),
    rest: &Filter,
) {
    if rest.is_trivial() {
        related.emit_semijoins(bench, &mut frame.asm, left, right);
    } else {
        emit_pairs(frame, trace, related, (left, right), rest);
    }
}

/// Looks at every pair; where no witnesses are asked for, a left span's first partner will do.
fn emit_pairs(
    frame: &mut Frame<'_>,
    trace: Trace,
    related: &Related,
    (left, right): (List, List),
    rest: &Filter,
) {
    let (found, within) = (frame.asm.i32(), frame.asm.i64());
    let (x, y) = (trace.alias, frame.row);
    let outer = frame.asm.begin_each(left.rows, left.len, x);
    frame.asm.int(0).set(found);
    frame.asm.op().i64_const(related.within as i64);
    frame.asm.set(within);
    let inner = frame.asm.begin_each(right.rows, right.len, y);
    frame.asm.get(x).get(y).op().i32_ne().if_(BlockType::Empty);
    emit_related(
        &mut frame.asm,
        related.columns,
        related.kind,
        (x, y),
        within,
    );
    frame.asm.op().if_(BlockType::Empty);
    emit_passes(frame, trace.facts, rest);
    frame.asm.op().if_(BlockType::Empty);
    frame.asm.int(1).set(found);
    frame.asm.get(related.shown).op().i32_eqz();
    // Out of the three blocks above, the loop, and the block around it.
    frame.asm.op().br_if(4);
    frame.asm.set_u8(related.shown, y, 1);
    frame.asm.op().end().end().end();
    frame.asm.end_each(inner);
    frame.asm.get(found).op().if_(BlockType::Empty);
    frame.asm.set_u8(related.partners, x, 1);
    frame.asm.op().end();
    frame.asm.end_each(outer);
}
