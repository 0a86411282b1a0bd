//! Names, ids and other texts that are no attributes.

use crate::{
    block::{Block, BlockError, NONE},
    judge::rows::Rows,
    sandbox::{Column, Form, Table, TextColumn, Values},
};

use super::{
    Making,
    cells::Shape,
    symbols::{Symbols, Texts},
};

impl Making<'_, '_> {
    /// Projects a text in the form `symbol` or `text`; no column is the name of the span.
    pub(super) fn text_column(
        &self,
        column: Option<TextColumn>,
        form: Form,
        symbols: &mut Symbols<'_>,
        texts: &mut Texts,
    ) -> Result<Column, BlockError> {
        let table = match column {
            Some(TextColumn::EventName) => Table::Events,
            Some(TextColumn::LinkTraceId | TextColumn::LinkSpanId) => Table::Links,
            None
            | Some(
                TextColumn::StatusMessage
                | TextColumn::SpanId
                | TextColumn::ParentId
                | TextColumn::ScopeName
                | TextColumn::ScopeVersion
                // Projected with the elements.
                | TextColumn::ElementKey,
            ) => Table::Spans,
        };
        let rows = self.tables.rows(table);
        let mut found = Vec::with_capacity(rows.len());
        match Source::of(self.block, column, rows)? {
            Source::Strings(strings) => {
                for symbol in strings {
                    found.push(if symbol == NONE {
                        0
                    } else if form == Form::Text {
                        texts.of_string(self.block, symbol)?
                    } else {
                        Symbols::of_string(symbol)
                    });
                }
            }
            Source::Ids(ids) => {
                for id in ids {
                    let Some(id) = id else {
                        found.push(0);
                        continue;
                    };
                    let symbol = symbols.of_text(&id)?;
                    found.push(if form == Form::Text {
                        texts.add(symbol, &id)
                    } else {
                        symbol
                    });
                }
            }
        }
        let shape = Shape {
            table,
            n: found.len(),
        };
        Ok(shape.column(Vec::new(), Values::U32s(found)))
    }
}

/// Where the texts of a column come from.
enum Source {
    /// Symbols of the dictionary, [`NONE`] where there is no text.
    Strings(Vec<u32>),
    /// Lower-case hexadecimal.
    Ids(Vec<Option<String>>),
}

impl Source {
    fn of(block: &Block, column: Option<TextColumn>, rows: &Rows) -> Result<Self, BlockError> {
        Ok(match column {
            None => Self::Strings(rows.read(block, Block::names, Block::names_at)?),
            Some(TextColumn::StatusMessage) => Self::Strings(rows.pick(block.status_messages()?)),
            Some(TextColumn::EventName) => Self::Strings(rows.pick(block.event_names()?)),
            Some(TextColumn::ScopeName) => Self::of_scope(block, block.scope_names()?, rows)?,
            Some(TextColumn::ScopeVersion) => Self::of_scope(block, block.scope_versions()?, rows)?,
            Some(TextColumn::SpanId) => Self::ids(&rows.pick(block.span_ids()?)),
            Some(TextColumn::ParentId) => Self::ids(&rows.pick(block.parent_span_ids()?)),
            Some(TextColumn::LinkTraceId) => Self::ids(&rows.pick(block.link_trace_ids()?)),
            Some(TextColumn::LinkSpanId) => Self::ids(&rows.pick(block.link_span_ids()?)),
            Some(TextColumn::ElementKey) => Self::Strings(Vec::new()),
        })
    }

    fn of_scope(block: &Block, by_scope: &[u32], rows: &Rows) -> Result<Self, BlockError> {
        let scopes = rows.read(block, Block::scopes, Block::scopes_at)?;
        let text = |scope: &u32| by_scope.get(*scope as usize).copied().unwrap_or(NONE);
        Ok(Self::Strings(scopes.iter().map(text).collect()))
    }

    /// An id of zeros is none.
    fn ids<const N: usize>(ids: &[[u8; N]]) -> Self {
        let hex = |id: &[u8; N]| {
            let digits = |byte: &u8| [byte >> 4, byte & 15];
            let digits = id.iter().flat_map(digits);
            let hex = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16));
            (*id != [0; N]).then(|| hex.collect())
        };
        Self::Ids(ids.iter().map(hex).collect())
    }
}
