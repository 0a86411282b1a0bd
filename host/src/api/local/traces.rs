//! Traces: stored ones, and those that are still open.

use super::{
    ApiError, Local,
    summary::{summary, summary_of},
};
use crate::{
    api::{
        limits::TRACES_PER_PAGE_MAX,
        otlp_json::otlp_json,
        wire::{TraceList, TraceQuery, TraceSummary, TraceVerdict, TraceView},
    },
    assemble::merge,
    clock::UnixNanos,
    store::{ListedBlock, StoreError},
    trace::{SealedTrace, TraceId},
    verdict::Verdict,
};

/// A trace by its place, before it is read.
struct Place<'a> {
    start: u64,
    block: &'a ListedBlock,
    number: u32,
}

impl Local {
    pub(super) fn show_trace(&self, id: TraceId) -> Result<TraceView, ApiError> {
        // In this order: a trace that is sealed in between is seen in both places, and not in neither.
        let open = self
            .rooms
            .open
            .as_ref()
            .and_then(|open| open.open_trace(&self.tenant, id));
        let stored = self.rooms.store.find_trace(&self.tenant, id)?;
        let (trace, verdicts, is_open) = match (stored, open) {
            (None, None) => return Err(ApiError::not_found("trace", id)),
            (None, Some(open)) => (open, Vec::new(), true),
            (Some((block, number)), open) => {
                let sealed = self.read(&block, number)?;
                let verdicts = self.verdicts_of(id, (block, number))?;
                // Late spans reopened it: shown with them, and with the verdicts as they stand.
                match open.and_then(|late| merge(sealed.clone().into(), late.into())) {
                    Some(merged) => (merged.to_sealed(), verdicts, true),
                    None => (sealed, verdicts, false),
                }
            }
        };
        Ok(TraceView {
            summary: summary(&trace),
            open: is_open,
            verdicts,
            otlp: otlp_json(&trace.spans),
        })
    }

    pub(super) fn list_traces(&self, query: &TraceQuery) -> Result<TraceList, ApiError> {
        let (from, to) = self.range(query.from.as_deref(), query.to.as_deref())?;
        let from = from.unwrap_or_default();
        // Without an end the last nanosecond that there is belongs to it: a clock may say so.
        let is_before = |time: UnixNanos| to.is_none_or(|to| time < to);
        let limit = query
            .limit
            .unwrap_or(TRACES_PER_PAGE_MAX)
            .clamp(1, TRACES_PER_PAGE_MAX);
        let mut blocks = self.rooms.store.blocks(&self.tenant);
        blocks.retain(|block| is_before(block.meta().start_min) && block.meta().start_max >= from);
        blocks.sort_by_key(|block| std::cmp::Reverse(block.meta().start_max));
        let mut places: Vec<Place<'_>> = Vec::new();
        for block in &blocks {
            // Blocks come with the latest starts first: once enough traces are later than all that
            // follow, nothing in what follows can be among the latest.
            let oldest = places.get(limit - 1).map(|place| place.start);
            if oldest.is_some_and(|oldest| oldest > block.meta().start_max.0) {
                break;
            }
            let opened = self.rooms.store.open_block(block)?;
            let starts = opened.trace_starts().map_err(StoreError::from)?;
            for (number, start) in (0..).zip(starts) {
                let asked = from.0 <= *start && is_before(UnixNanos(*start));
                if asked && !block.superseded().contains(number) {
                    places.push(Place {
                        start: *start,
                        block,
                        number,
                    });
                }
            }
            places.sort_by_key(|place| std::cmp::Reverse(place.start));
            places.truncate(limit);
        }
        Ok(TraceList {
            traces: self.summaries(&places)?,
        })
    }

    /// Returns a line for each place, in their order. Each block is opened once: a thousand traces may lie in one.
    fn summaries(&self, places: &[Place<'_>]) -> Result<Vec<TraceSummary>, ApiError> {
        let mut by_block: Vec<(usize, &Place<'_>)> = places.iter().enumerate().collect();
        by_block.sort_by_key(|(_, place)| place.block.meta().id);
        let mut lines = Vec::with_capacity(places.len());
        for of_block in by_block.chunk_by(|(_, a), (_, b)| a.block.meta().id == b.block.meta().id) {
            let Some((_, first)) = of_block.first() else {
                continue;
            };
            let opened = self.rooms.store.open_block(first.block)?;
            for (at, place) in of_block {
                let line = summary_of(&opened, place.number).map_err(StoreError::from)?;
                lines.push((*at, line));
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn read(&self, block: &ListedBlock, number: u32) -> Result<SealedTrace, ApiError> {
        let opened = self.rooms.store.open_block(block)?;
        Ok(opened.spans(number).map_err(StoreError::from)?)
    }

    /// Returns the verdicts on a trace that stood at `found`. Where that block was merged into another meanwhile, the
    /// verdicts went along: it is looked for again.
    fn verdicts_of(
        &self,
        id: TraceId,
        found: (ListedBlock, u32),
    ) -> Result<Vec<TraceVerdict>, ApiError> {
        let (mut block, mut number) = found;
        loop {
            match self.verdicts(&block, number) {
                Err(StoreError::UnknownBlock { .. }) => {}
                verdicts => return Ok(verdicts?),
            }
            // Ends: a block is merged a few times at most, and each time there are fewer of them.
            let again = self.rooms.store.find_trace(&self.tenant, id)?;
            (block, number) = again.ok_or_else(|| ApiError::not_found("trace", id))?;
        }
    }

    fn verdicts(&self, block: &ListedBlock, number: u32) -> Result<Vec<TraceVerdict>, StoreError> {
        if !block.judged() {
            return Ok(Vec::new());
        }
        let judged = self.rooms.store.verdicts(&self.tenant, block.meta().id)?;
        let verdicts = judged.into_iter().filter_map(|(rule, version, verdicts)| {
            let verdict = *verdicts.verdicts.get(number as usize)?;
            let reason = verdicts
                .inconclusive
                .iter()
                .find(|(trace, _)| *trace == number);
            let reason = reason.filter(|_| verdict == Verdict::Inconclusive);
            Some(TraceVerdict {
                rule: rule.to_string(),
                version: version.0,
                verdict,
                reason: reason.map(|(_, reason)| reason.name().to_owned()),
            })
        });
        Ok(verdicts.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::{
        api::local::Rooms,
        live::tests::{Fixture, RULE, span, tenant},
    };

    #[test]
    fn verdicts_of_a_trace_are_found_where_a_merge_took_them() {
        let folder = tempfile::tempdir().unwrap();
        let host = Fixture::open(folder.path());
        host.publish(RULE);
        host.send(vec![span(1, 1, "phi.access")]).unwrap();
        host.settle();
        let id = TraceId([1; 16]);
        let found = host.store.find_trace(&tenant(), id).unwrap().unwrap();
        for trace in 2..=70 {
            host.send(vec![span(trace, 1, "root")]).unwrap();
            host.settle();
        }
        while host.store.block(&tenant(), found.0.meta().id).is_some() {
            thread::yield_now();
        }
        let rooms = Rooms {
            store: host.store.clone(),
            registry: Arc::clone(&host.registry),
            sandbox: Arc::clone(&host.sandbox),
            clock: Arc::new(host.clock.clone()),
            open: None,
        };
        let verdicts = Local::new(rooms, tenant(), "test".to_owned()).verdicts_of(id, found);
        let [verdict] = verdicts.unwrap().try_into().unwrap();
        assert_eq!(verdict.verdict, Verdict::Violated);
    }
}
