//! Columns at some rows: what a rule with few candidates reads of a block.
//!
//! Rows ascend. Of a column of frames only those are decoded that hold one of them; where the whole column
//! has been decoded already, its cells are picked.

use super::{
    Block, BlockError,
    bits::Cell,
    numbers::Numbers,
    read::all_below,
    section::{Section, Table},
};

impl Block {
    /// Returns the symbols of the names of some spans.
    ///
    /// # Errors
    ///
    /// [`BlockError::NoRow`] where there is no such span; so do all of these.
    pub fn names_at(&self, rows: &[u32]) -> Result<Vec<u32>, BlockError> {
        if let Some(names) = self.decoded_u32s(Section::Names) {
            return self.pick(names, rows);
        }
        let names: Vec<u32> = self.decode_at(Section::Names, rows)?;
        if all_below(&names, self.rows(Table::Strings)? as u32) {
            Ok(names)
        } else {
            Err(self.corrupt(Section::Names))
        }
    }

    /// Returns the kinds of some spans, as [`Self::kinds`] does.
    pub fn kinds_at(&self, rows: &[u32]) -> Result<Vec<u8>, BlockError> {
        if let Some(kinds) = self.cells.kinds.get() {
            return self.pick(kinds, rows);
        }
        let sent: Vec<u64> = self.decode_at(Section::Kinds, rows)?;
        Ok(sent.into_iter().map(Self::kind_of).collect())
    }

    /// Returns the status codes of some spans, as [`Self::status_codes`] does.
    pub fn status_codes_at(&self, rows: &[u32]) -> Result<Vec<u8>, BlockError> {
        if let Some(codes) = self.cells.status_codes.get() {
            return self.pick(codes, rows);
        }
        let sent: Vec<u64> = self.decode_at(Section::Statuses, rows)?;
        Ok(sent.into_iter().map(Self::status_code_of).collect())
    }

    /// Returns the durations of some spans in ns, as [`Self::durations`] does.
    pub fn durations_at(&self, rows: &[u32]) -> Result<Vec<u64>, BlockError> {
        match self.decoded_u64s(Section::Durations) {
            Some(durations) => self.pick(durations, rows),
            None => self.decode_at(Section::Durations, rows),
        }
    }

    /// Returns the starts of some spans, in Unix time in ns.
    pub fn starts_at(&self, rows: &[u32]) -> Result<Vec<u64>, BlockError> {
        if let Some(starts) = self.decoded_u64s(Section::Starts) {
            return self.pick(starts, rows);
        }
        self.check_rows(Table::Spans, rows)?;
        // A start is kept as the time since the span before, so those before it in its trace are read too.
        let (ends, trace_starts) = (self.trace_ends()?, self.trace_starts()?);
        let (mut read, mut next) = (Vec::new(), 0);
        for &row in rows {
            let trace = ends.partition_point(|end| *end <= row);
            let first = Self::range(ends, trace).start as u32;
            read.extend(first.max(next)..=row);
            next = next.max(row.saturating_add(1));
        }
        let gaps: Vec<u64> = self.decode_at(Section::Starts, &read)?;
        let mut starts = Vec::with_capacity(rows.len());
        let (mut start, mut trace, mut wanted) = (0, usize::MAX, rows.iter().peekable());
        for (row, gap) in read.into_iter().zip(gaps) {
            let of = ends.partition_point(|end| *end <= row);
            if of != trace {
                trace = of;
                start = trace_starts.get(trace).copied().unwrap_or_default();
            }
            start = start.wrapping_add(gap);
            while wanted.next_if_eq(&&row).is_some() {
                starts.push(start);
            }
        }
        Ok(starts)
    }

    /// Returns the ends of some spans, as [`Self::ends`] does.
    pub fn ends_at(&self, rows: &[u32]) -> Result<Vec<u64>, BlockError> {
        let starts = self.starts_at(rows)?.into_iter();
        let ends = starts.zip(self.durations_at(rows)?);
        ends.map(|(start, duration)| start.checked_add(duration))
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(Section::Durations))
    }

    /// Returns the rows of the resources of some spans.
    pub fn resources_at(&self, rows: &[u32]) -> Result<Vec<u32>, BlockError> {
        self.rows_of_at(Section::Resources, Table::Resources, rows)
    }

    /// Returns the rows of the instrumentation scopes of some spans.
    pub fn scopes_at(&self, rows: &[u32]) -> Result<Vec<u32>, BlockError> {
        self.rows_of_at(Section::Scopes, Table::Scopes, rows)
    }

    fn rows_of_at(
        &self,
        section: Section,
        table: Table,
        rows: &[u32],
    ) -> Result<Vec<u32>, BlockError> {
        if let Some(column) = self.decoded_u32s(section) {
            return self.pick(column, rows);
        }
        let column: Vec<u32> = self.decode_at(section, rows)?;
        if all_below(&column, self.rows(table)? as u32) {
            Ok(column)
        } else {
            Err(self.corrupt(section))
        }
    }

    /// Decodes some rows of a column that has a number for each row of its table.
    fn decode_at<T: Cell>(&self, section: Section, rows: &[u32]) -> Result<Vec<T>, BlockError> {
        let n_rows = self.check_rows(section.table(), rows)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.section(section)?;
        let mut rest: &[u8] = &bytes;
        Numbers::take(&mut rest, n_rows)
            .filter(|_| rest.is_empty())
            .and_then(|numbers| numbers.at(rows))
            .ok_or_else(|| self.corrupt(section))
    }

    /// Returns how many rows a table has, more than any of `rows`.
    fn check_rows(&self, table: Table, rows: &[u32]) -> Result<usize, BlockError> {
        let n_rows = self.rows(table)?;
        match rows.last() {
            Some(&row) if row as usize >= n_rows => Err(self.no_row(row)),
            Some(_) | None => Ok(n_rows),
        }
    }

    fn pick<T: Copy>(&self, column: &[T], rows: &[u32]) -> Result<Vec<T>, BlockError> {
        let cell = |row: &u32| column.get(*row as usize).copied();
        let cells = rows.iter().map(|row| cell(row).ok_or(self.no_row(*row)));
        cells.collect()
    }

    fn no_row(&self, row: u32) -> BlockError {
        BlockError::NoRow {
            block: self.meta.id,
            row,
        }
    }
}
