//! Times, kinds, counts: numbers that every row has.

use crate::{
    block::{Block, BlockError, NONE},
    sandbox::{Column, FixedColumn, Table, Values},
};

use super::{Children, Making, dense};
use crate::judge::view::View;

impl Making<'_, '_> {
    pub(super) fn fixed_column(
        &self,
        column: FixedColumn,
        view: &View<'_>,
    ) -> Result<Column, BlockError> {
        let block = self.block;
        let rows = &self.tables.selection.rows;
        let ends = |children: &Option<Children>| {
            let ends = children.as_ref().map(|children| children.ends.clone());
            Values::U32s(ends.unwrap_or_default())
        };
        let values = match column {
            FixedColumn::Kind => Values::U8s(rows.read(block, Block::kinds, Block::kinds_at)?),
            FixedColumn::Status => {
                Values::U8s(rows.read(block, Block::status_codes, Block::status_codes_at)?)
            }
            FixedColumn::Start => {
                Values::U64s(rows.read(block, Block::starts, Block::starts_at)?)
            }
            FixedColumn::End => Values::U64s(rows.read(block, Block::ends, Block::ends_at)?),
            FixedColumn::Duration => {
                Values::U64s(rows.read(block, Block::durations, Block::durations_at)?)
            }
            FixedColumn::Parent => Values::U32s(self.parents()?),
            FixedColumn::Children => Values::U32s(rows.pick(&view.tree()?.children)),
            FixedColumn::Depth => Values::U32s(rows.pick(&view.tree()?.depths)),
            FixedColumn::SelfDuration => Values::U64s(rows.pick(&view.tree()?.self_durations)),
            FixedColumn::EventEnds => ends(&self.tables.events),
            FixedColumn::LinkEnds => ends(&self.tables.links),
            FixedColumn::EventTime => {
                let events = self.tables.rows(Table::Events);
                return Ok(dense(
                    Table::Events,
                    Values::U64s(events.pick(block.event_times()?)),
                ));
            }
        };
        Ok(dense(Table::Spans, values))
    }

    /// The rows of the parents, as rows of the part. All rows of each trace are selected, so a trace's rows
    /// only move together.
    fn parents(&self) -> Result<Vec<u32>, BlockError> {
        let selection = self.tables.selection;
        let parents = self.block.parents()?;
        let mut found = Vec::with_capacity(selection.rows.len());
        for (&trace, &end_here) in selection.traces.iter().zip(&selection.trace_ends) {
            let rows = self.block.span_rows(trace)?;
            let start_here = found.len() as u32;
            debug_assert_eq!(end_here, start_here + rows.len() as u32);
            let range = rows.start as usize..rows.end as usize;
            let parents = parents.get(range).unwrap_or_default();
            found.extend(parents.iter().map(|parent| match *parent {
                NONE => NONE,
                parent => parent - rows.start + start_here,
            }));
        }
        Ok(found)
    }
}

/// Returns the empty column.
pub(super) fn empty(column: FixedColumn) -> Values {
    match column {
        FixedColumn::Kind | FixedColumn::Status => Values::U8s(Vec::new()),
        FixedColumn::Start
        | FixedColumn::End
        | FixedColumn::Duration
        | FixedColumn::SelfDuration
        | FixedColumn::EventTime => Values::U64s(Vec::new()),
        FixedColumn::Parent
        | FixedColumn::Children
        | FixedColumn::Depth
        | FixedColumn::EventEnds
        | FixedColumn::LinkEnds => Values::U32s(Vec::new()),
    }
}
