//! Batches that every pack must bear before it is published.
//!
//! They are of the right shape and nearly empty: what a rule meets first in production is a trace in
//! which everything that it asks for is missing.

use super::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Values},
    pack::PackPlan,
    want::{FixedColumn, Form, Table, Want, WantColumn},
};

/// Returns a batch of one trace without rows, and one of three small traces, the last of them incomplete.
pub(super) fn trial_batches(plan: &PackPlan) -> [Batch; 2] {
    [
        batch(plan, &[0], &[0]),
        batch(plan, &[1, 3, 3], &[0, 0, 0b11_1111]),
    ]
}

fn batch(plan: &PackPlan, trace_ends: &[u32], facts: &[u8]) -> Batch {
    let n_spans = trace_ends.last().map_or(0, |end| *end as usize);
    let wide = plan.names.len() > usize::from(u8::MAX);
    Batch {
        traces: trace_ends.len() as u32,
        trace_ends: trace_ends.to_vec(),
        facts: facts.to_vec(),
        columns: plan
            .wants
            .iter()
            .map(|want| column(want, n_spans, wide))
            .collect(),
        literals: vec![u32::MAX; plan.literals.len()],
        text: Vec::new(),
        text_ends: vec![0],
    }
}

/// Returns a column in which everything that may be missing is. Spans have no events and no links.
fn column(want: &Want, n_spans: usize, wide: bool) -> Column {
    let table = want.column.table();
    let n = match table {
        Table::Spans => n_spans,
        Table::Events | Table::Links | Table::Elements => 0,
    };
    let has_kinds = match &want.column {
        WantColumn::Attribute { .. } | WantColumn::ElementValue => {
            matches!(want.form, Form::Number | Form::Value)
        }
        WantColumn::SpanName | WantColumn::Text(_) | WantColumn::Fixed(_) => false,
    };
    let values = match (&want.column, want.form) {
        // The first of the pack's names, so that selectors match.
        (WantColumn::SpanName, Form::Declared) if wide => Values::U16s(vec![1; n]),
        (WantColumn::SpanName, Form::Declared) => Values::U8s(vec![1; n]),
        (WantColumn::Fixed(fixed), _) => fixed_values(*fixed, n),
        (_, Form::Truth) => Values::U8s(vec![0; n]),
        (_, Form::Number | Form::Value) => Values::U64s(vec![0; n]),
        (_, Form::Declared | Form::Symbol | Form::Text) => Values::U32s(vec![0; n]),
    };
    Column {
        table: table as u8,
        kinds: if has_kinds { vec![0; n] } else { Vec::new() },
        values,
    }
}

fn fixed_values(column: FixedColumn, n: usize) -> Values {
    match column {
        FixedColumn::Kind | FixedColumn::Status => Values::U8s(vec![0; n]),
        FixedColumn::Start
        | FixedColumn::End
        | FixedColumn::Duration
        | FixedColumn::SelfDuration
        | FixedColumn::EventTime => Values::U64s(vec![0; n]),
        FixedColumn::Parent => Values::U32s(vec![u32::MAX; n]),
        FixedColumn::Children
        | FixedColumn::Depth
        | FixedColumn::EventEnds
        | FixedColumn::LinkEnds => Values::U32s(vec![0; n]),
    }
}
