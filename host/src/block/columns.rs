//! The columns of a block, as judging projects them.

use std::ops::Range;

use super::{
    Blobs, Block, BlockError, NONE, Postings, Strings,
    dictionary::Pages,
    directory::Extent,
    names::{NamePostings, traces_with},
    parents::is_acyclic,
    read::cached,
    section::{Section, Table},
    texts::Texts,
    varint::unzigzag,
};
use crate::trace::TraceId;

/// Traces.
impl Block {
    /// Returns the ids of the traces, ascending; a trace's number is its place here.
    pub fn trace_ids(&self) -> Result<&[TraceId], BlockError> {
        cached(&self.cells.trace_ids, || {
            let ids = self.decode_ids(Section::TraceIds)?;
            let ids: Vec<TraceId> = ids.into_iter().map(TraceId).collect();
            if ids.is_sorted() {
                Ok(ids)
            } else {
                Err(self.corrupt(Section::TraceIds))
            }
        })
        .map(Vec::as_slice)
    }

    /// Returns the number of a trace.
    pub fn find(&self, trace: TraceId) -> Result<Option<u32>, BlockError> {
        let found = self.trace_ids()?.binary_search(&trace);
        Ok(found.ok().map(|number| number as u32))
    }

    /// Returns for each trace the end of its rows in the span table.
    pub fn trace_ends(&self) -> Result<&[u32], BlockError> {
        self.u32s(Section::TraceSpans, || {
            self.decode_ends(Section::TraceSpans, Table::Spans)
        })
    }

    /// Returns the rows of a trace's spans; empty where there is no such trace.
    pub fn span_rows(&self, trace: u32) -> Result<Range<u32>, BlockError> {
        let range = Self::range(self.trace_ends()?, trace as usize);
        Ok(range.start.min(range.end) as u32..range.end as u32)
    }

    /// Returns for each trace what is known to be missing, see [`Facts`](crate::trace::Facts).
    pub fn facts(&self) -> Result<&[u8], BlockError> {
        self.u8s(Section::Facts, || self.decode(Section::Facts))
    }

    /// Returns for each trace its T in Unix time in ns: the start of its first span.
    pub fn trace_starts(&self) -> Result<&[u64], BlockError> {
        self.u64s(Section::TraceStarts, || self.decode(Section::TraceStarts))
    }

    /// Returns the symbol of the name of a span; `None` where no span of the block has this name. Reads
    /// little but the names, unless they are very many.
    pub fn name_symbol(&self, name: &str) -> Result<Option<u32>, BlockError> {
        let names = self.name_texts()?;
        if names.len() > 0 {
            return Ok(names.position(name.as_bytes()).map(|symbol| symbol as u32));
        }
        let found = self.strings()?.lookup(name)?;
        let Some(symbol) = found else {
            return Ok(None);
        };
        let is_name = self.name_cells()?.cell(symbol).is_some();
        Ok(is_name.then_some(symbol))
    }

    /// Returns the symbols of the names that spans of the block have, each once.
    pub fn distinct_names(&self) -> Result<&[u32], BlockError> {
        Ok(self.name_cells()?.symbols())
    }

    /// Returns the text of the symbol of a name.
    pub fn name_text(&self, symbol: u32) -> Result<&str, BlockError> {
        match self.name_texts()?.get(symbol as usize) {
            Some(text) => std::str::from_utf8(text).map_err(|_| self.corrupt(Section::NameTexts)),
            None => self.strings()?.get(symbol),
        }
    }

    /// Returns the traces that have a span of this name; `None` where the block has no such span.
    pub fn name_postings(&self, name: &str) -> Result<Option<&Postings>, BlockError> {
        let Some(symbol) = self.name_symbol(name)? else {
            return Ok(None);
        };
        let Some(cell) = self.name_cells()?.cell(symbol) else {
            return Ok(None);
        };
        let make = || Ok(traces_with(self.names()?, self.trace_ends()?, symbol));
        cached(cell, make).map(Some)
    }

    fn name_cells(&self) -> Result<&NamePostings, BlockError> {
        cached(&self.cells.names, || {
            let names = self.name_texts()?.len() as u32;
            Ok(NamePostings::new(match names {
                0 => self.decode_list(Section::DistinctNames)?,
                names => (0..names).collect(),
            }))
        })
    }

    /// Returns the names of the spans; none where they are in the dictionary.
    fn name_texts(&self) -> Result<&Texts, BlockError> {
        cached(&self.cells.name_texts, || self.texts(Section::NameTexts))
    }

    fn texts(&self, section: Section) -> Result<Texts, BlockError> {
        Texts::decode(self.section(section)?).ok_or_else(|| self.corrupt(section))
    }
}

/// Texts.
impl Block {
    /// Returns the texts of the block.
    pub fn strings(&self) -> Result<Strings<'_>, BlockError> {
        let names = self.name_texts()?;
        let hot = cached(&self.cells.hot_texts, || self.texts(Section::HotTexts))?;
        Ok(Strings {
            block: self,
            names,
            hot,
            len: self.rows(Table::Strings)? as u32,
        })
    }

    /// Returns the texts that are neither names of spans nor of columns that have few.
    pub(super) fn cold_strings(&self) -> Result<&Pages, BlockError> {
        cached(&self.cells.strings, || {
            let Strings {
                names, hot, len, ..
            } = self.strings()?;
            let count = len.checked_sub((names.len() + hot.len()) as u32);
            let count = count.ok_or_else(|| self.corrupt(Section::HotTexts))?;
            self.pages((Section::StringPages, Section::Strings), count)
        })
    }

    /// Returns the byte strings of the block: attribute values of kind bytes, and odds and ends.
    pub fn blobs(&self) -> Result<Blobs<'_>, BlockError> {
        let pages = cached(&self.cells.blobs, || {
            let count = self.rows(Table::Blobs)? as u32;
            self.pages((Section::BlobPages, Section::Blobs), count)
        })?;
        Ok(Blobs { block: self, pages })
    }

    fn pages(&self, (heads, pages): (Section, Section), count: u32) -> Result<Pages, BlockError> {
        let extent = self.extent(pages)?;
        let heads = self.section(heads)?;
        Pages::decode(&heads, count, extent.size_bytes, self.place(extent))
    }
}

/// Spans.
impl Block {
    /// Returns for each span the symbol of its name.
    pub fn names(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::Names)
    }

    /// Returns for each span the row of its parent, [`NONE`] for roots. Never cyclic.
    pub fn parents(&self) -> Result<&[u32], BlockError> {
        self.u32s(Section::Parents, || {
            let mut parents: Vec<u32> = self.decode(Section::Parents)?;
            let mut start = 0;
            let (mut in_trace, mut climbs) = (true, true);
            for &end in self.trace_ends()? {
                let rows = parents.get_mut(start as usize..end as usize);
                for (index, cell) in (0_u32..).zip(rows.unwrap_or_default()) {
                    let distance = (*cell >> 1).cast_signed() ^ -(*cell & 1).cast_signed();
                    let parent = index.wrapping_sub(distance.cast_unsigned());
                    in_trace &= parent < end - start;
                    climbs &= distance >= 0;
                    *cell = match distance {
                        0 => NONE,
                        _ => start.wrapping_add(parent),
                    };
                }
                start = end;
            }
            if in_trace && (climbs || is_acyclic(&parents)) {
                Ok(parents)
            } else {
                Err(self.corrupt(Section::Parents))
            }
        })
    }

    /// Returns for each span its kind, 0 to 5; a number that OTLP does not have is 0, unspecified.
    pub fn kinds(&self) -> Result<&[u8], BlockError> {
        cached(&self.cells.kinds, || {
            let sent: Vec<u64> = self.decode(Section::Kinds)?;
            Ok(sent.into_iter().map(Self::kind_of).collect())
        })
        .map(Vec::as_slice)
    }

    pub(super) fn kind_of(sent: u64) -> u8 {
        in_range(unzigzag(sent), 5)
    }

    /// Returns for each span its status code, 0 to 2; no status, or a number that OTLP does not have, is
    /// 0, unset.
    pub fn status_codes(&self) -> Result<&[u8], BlockError> {
        cached(&self.cells.status_codes, || {
            let sent: Vec<u64> = self.decode(Section::Statuses)?;
            Ok(sent.into_iter().map(Self::status_code_of).collect())
        })
        .map(Vec::as_slice)
    }

    pub(super) fn status_code_of(sent: u64) -> u8 {
        in_range(unzigzag(sent.saturating_sub(1)), 2)
    }

    /// Returns for each span the symbol of its status message, [`NONE`] where it is empty.
    pub fn status_messages(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::StatusMessages)
    }

    /// Returns for each span its start, in Unix time in ns.
    pub fn starts(&self) -> Result<&[u64], BlockError> {
        self.u64s(Section::Starts, || {
            let mut starts: Vec<u64> = self.decode(Section::Starts)?;
            let mut from = 0;
            for (&end, &trace_start) in self.trace_ends()?.iter().zip(self.trace_starts()?) {
                let mut start = trace_start;
                for cell in starts.get_mut(from..end as usize).unwrap_or_default() {
                    start = start.wrapping_add(*cell);
                    *cell = start;
                }
                from = end as usize;
            }
            Ok(starts)
        })
    }

    /// Returns for each span its duration in ns; 0 where it ends before it starts.
    pub fn durations(&self) -> Result<&[u64], BlockError> {
        self.sent(Section::Durations)
    }

    /// Returns for each span its end in Unix time in ns, never before its start.
    pub fn ends(&self) -> Result<&[u64], BlockError> {
        cached(&self.cells.ends, || {
            let mut overflows = false;
            let ends = self.starts()?.iter().zip(self.durations()?);
            let ends = ends.map(|(start, duration)| {
                let (end, overflow) = start.overflowing_add(*duration);
                overflows |= overflow;
                end
            });
            let ends = ends.collect();
            if overflows {
                return Err(self.corrupt(Section::Durations));
            }
            Ok(ends)
        })
        .map(Vec::as_slice)
    }

    /// Returns for each span the row of its resource.
    pub fn resources(&self) -> Result<&[u32], BlockError> {
        self.rows_of(Section::Resources, Table::Resources)
    }

    /// Returns for each span the row of its instrumentation scope.
    pub fn scopes(&self) -> Result<&[u32], BlockError> {
        self.rows_of(Section::Scopes, Table::Scopes)
    }

    /// Returns for each instrumentation scope the symbol of its name, [`NONE`] where it is empty.
    pub fn scope_names(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::ScopeNames)
    }

    /// Returns for each instrumentation scope the symbol of its version, [`NONE`] where it is empty.
    pub fn scope_versions(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::ScopeVersions)
    }

    /// Returns for each span its id.
    pub fn span_ids(&self) -> Result<&[[u8; 8]], BlockError> {
        cached(&self.cells.span_ids, || self.decode_ids(Section::SpanIds)).map(Vec::as_slice)
    }

    /// Returns the id of a span; `None` where there is no such row. Where all ids are wanted, [`Self::span_ids`] is faster.
    pub fn span_id(&self, row: u32) -> Result<Option<[u8; 8]>, BlockError> {
        const ID_BYTES: usize = 8;
        if row >= self.meta.n_spans {
            return Ok(None);
        }
        // The directory has checked that there are as many ids as spans.
        let ids = self.extent(Section::SpanIds)?;
        let id = self.bytes(Extent {
            at: ids.at + row as usize * ID_BYTES,
            size_bytes: ID_BYTES,
        })?;
        Ok(id.first_chunk().copied())
    }

    /// Returns a column of numbers as they were sent.
    pub(super) fn sent(&self, section: Section) -> Result<&[u64], BlockError> {
        self.u64s(section, || self.decode(section))
    }
}

/// Events, links and elements.
impl Block {
    /// Returns for each span the end of its events.
    pub fn event_ends(&self) -> Result<&[u32], BlockError> {
        self.u32s(Section::SpanEvents, || {
            self.decode_ends(Section::SpanEvents, Table::Events)
        })
    }

    /// Returns for each event the symbol of its name.
    pub fn event_names(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::EventNames)
    }

    /// Returns for each event its time, in Unix time in ns.
    pub fn event_times(&self) -> Result<&[u64], BlockError> {
        self.u64s(Section::EventTimes, || {
            let mut times: Vec<u64> = self.decode(Section::EventTimes)?;
            let ends = self.event_ends()?;
            for (row, &start) in self.starts()?.iter().enumerate() {
                let events = times.get_mut(Self::range(ends, row));
                for time in events.unwrap_or_default() {
                    *time = start.wrapping_add(unzigzag(*time) as u64);
                }
            }
            Ok(times)
        })
    }

    /// Returns for each span the end of its links.
    pub fn link_ends(&self) -> Result<&[u32], BlockError> {
        self.u32s(Section::SpanLinks, || {
            self.decode_ends(Section::SpanLinks, Table::Links)
        })
    }

    /// Returns for each link the trace that it points to; zeros where that is no trace id.
    pub fn link_trace_ids(&self) -> Result<&[[u8; 16]], BlockError> {
        cached(&self.cells.link_trace_ids, || {
            self.decode_ids(Section::LinkTraceIds)
        })
        .map(Vec::as_slice)
    }

    /// Returns for each link the span that it points to; zeros where that is no span id.
    pub fn link_span_ids(&self) -> Result<&[[u8; 8]], BlockError> {
        cached(&self.cells.link_span_ids, || {
            self.decode_ids(Section::LinkSpanIds)
        })
        .map(Vec::as_slice)
    }

    /// Returns for each element of an array or key-value list its [`kind`](super::kind).
    pub fn element_kinds(&self) -> Result<&[u8], BlockError> {
        self.u8s(Section::ElementKinds, || self.decode(Section::ElementKinds))
    }

    /// Returns for each element its value.
    pub fn element_values(&self) -> Result<&[u64], BlockError> {
        self.u64s(Section::ElementValues, || {
            let mut values = self.decode(Section::ElementValues)?;
            if self.unstore_values(self.element_kinds()?, &mut values)? {
                Ok(values)
            } else {
                Err(self.corrupt(Section::ElementValues))
            }
        })
    }

    /// Returns for each element the symbol of its key, [`NONE`] where it is of an array.
    pub fn element_keys(&self) -> Result<&[u32], BlockError> {
        self.symbols(Section::ElementKeys)
    }
}

fn in_range(number: i64, greatest: u8) -> u8 {
    match u8::try_from(number) {
        Ok(number) if number <= greatest => number,
        Ok(_) | Err(_) => 0,
    }
}
