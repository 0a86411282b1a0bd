//! A block that is read whole, to be copied into another.
//!
//! Everything that can be wrong with it shows when it is read, so that copying cannot fail half way.

use std::{fmt, sync::Arc};

use super::{
    AttributeColumn, AttributeScope, Block, BlockError,
    attribute::kind,
    rebuild,
    section::{Section, Table},
    shapes::Shapes,
};
use crate::trace::{SentContext, TraceId};

/// The columns of a block, all of them.
pub struct Stored<'a> {
    pub(super) trace_ids: &'a [TraceId],
    pub(super) trace_ends: &'a [u32],
    pub(super) facts: &'a [u8],
    pub(super) starts: &'a [u64],
    /// Rows of the block; [`NONE`](super::NONE) for none.
    pub(super) parents: &'a [u32],
    pub(super) span_ids: &'a [[u8; 8]],
    pub(super) parent_span_ids: &'a [[u8; 8]],
    pub(super) event_ends: &'a [u32],
    pub(super) event_times: &'a [u64],
    pub(super) link_ends: &'a [u32],
    pub(super) link_trace_ids: &'a [[u8; 16]],
    pub(super) link_span_ids: &'a [[u8; 8]],
    pub(super) element_kinds: &'a [u8],
    pub(super) element_values: &'a [u64],
    pub(super) element_keys: &'a [u32],
    /// By [`Section`]: those of [`NUMBERS`] and of [`LISTS`].
    numbers: Vec<&'a [u64]>,
    /// By [`Section`]: those of [`SYMBOLS`].
    symbols: Vec<&'a [u32]>,
    pub(super) attributes: [StoredAttributes<'a>; COPIED_SCOPES.len()],
    /// For each span.
    pub(super) resource_rows: &'a [u32],
    pub(super) scope_rows: &'a [u32],
    pub(super) resources: Vec<Arc<SentContext>>,
    pub(super) scopes: Vec<Arc<SentContext>>,
    /// By symbol.
    pub(super) strings: Vec<&'a [u8]>,
    pub(super) blobs: Vec<&'a [u8]>,
}

/// The attributes of one table.
pub(super) struct StoredAttributes<'a> {
    pub(super) shapes: Shapes<'a>,
    /// In order of their keys.
    pub(super) columns: Vec<(&'a str, &'a AttributeColumn)>,
}

/// The tables whose attributes are copied by column. Those of resources and scopes are few.
pub(super) const COPIED_SCOPES: [AttributeScope; 3] = [
    AttributeScope::Span,
    AttributeScope::Event,
    AttributeScope::Link,
];

/// Columns of numbers that are copied as they are.
pub(super) const SPAN_NUMBERS: [Section; 8] = [
    Section::Kinds,
    Section::Statuses,
    Section::Durations,
    Section::Flags,
    Section::DroppedAttributes,
    Section::DroppedEvents,
    Section::DroppedLinks,
    Section::ParentIdForms,
];
pub(super) const EVENT_NUMBERS: [Section; 1] = [Section::EventDroppedAttributes];
pub(super) const LINK_NUMBERS: [Section; 2] = [Section::LinkFlags, Section::LinkDroppedAttributes];

/// Columns of texts.
pub(super) const SPAN_SYMBOLS: [Section; 3] = [
    Section::Names,
    Section::StatusMessages,
    Section::TraceStates,
];
pub(super) const EVENT_SYMBOLS: [Section; 1] = [Section::EventNames];
pub(super) const LINK_SYMBOLS: [Section; 1] = [Section::LinkTraceStates];

const TRACE_NUMBERS: [Section; 2] = [Section::ArrivedFirst, Section::ArrivedLast];
const LISTS: [Section; 4] = [
    Section::EarlyEndRows,
    Section::EarlyEnds,
    Section::LinkOddIdRows,
    Section::LinkOddIds,
];

impl<'a> Stored<'a> {
    /// Reads a block.
    ///
    /// # Errors
    ///
    /// Where any of it cannot be read, or is damaged.
    pub fn read(block: &'a Block) -> Result<Self, BlockError> {
        let mut numbers = vec![&[][..]; Section::COUNT];
        let whole = TRACE_NUMBERS.iter().chain(&SPAN_NUMBERS);
        for &section in whole.chain(&EVENT_NUMBERS).chain(&LINK_NUMBERS) {
            put(&mut numbers, section, block.sent(section)?);
        }
        for section in LISTS {
            let list = block.u64s(section, || block.decode_list(section))?;
            put(&mut numbers, section, list);
        }
        let mut symbols = vec![&[][..]; Section::COUNT];
        for &section in SPAN_SYMBOLS
            .iter()
            .chain(&EVENT_SYMBOLS)
            .chain(&LINK_SYMBOLS)
        {
            put(&mut symbols, section, block.symbols(section)?);
        }
        let (strings, blobs) = (block.strings()?, block.blobs()?);
        let strings = (0..strings.len()).map(|symbol| Ok(strings.get(symbol)?.as_bytes()));
        let stored = Self {
            trace_ids: block.trace_ids()?,
            trace_ends: block.trace_ends()?,
            facts: block.facts()?,
            starts: block.starts()?,
            parents: block.parents()?,
            span_ids: block.span_ids()?,
            parent_span_ids: block.parent_span_ids()?,
            event_ends: block.event_ends()?,
            event_times: block.event_times()?,
            link_ends: block.link_ends()?,
            link_trace_ids: block.link_trace_ids()?,
            link_span_ids: block.link_span_ids()?,
            element_kinds: block.element_kinds()?,
            element_values: block.element_values()?,
            element_keys: block.element_keys()?,
            numbers,
            symbols,
            attributes: [
                stored_attributes(block, AttributeScope::Span)?,
                stored_attributes(block, AttributeScope::Event)?,
                stored_attributes(block, AttributeScope::Link)?,
            ],
            resource_rows: block.resources()?,
            scope_rows: block.scopes()?,
            resources: rebuild::resources(block)?,
            scopes: rebuild::scopes(block)?,
            strings: strings.collect::<Result<_, BlockError>>()?,
            blobs: (0..blobs.len())
                .map(|symbol| blobs.get(symbol))
                .collect::<Result<_, BlockError>>()?,
        };
        if stored.elements_are_owned_once(block.rows(Table::Elements)?) {
            Ok(stored)
        } else {
            Err(block.corrupt(Section::ElementValues))
        }
    }

    /// Returns the ids of its traces; a trace's number is its place here.
    pub fn trace_ids(&self) -> &'a [TraceId] {
        self.trace_ids
    }

    /// Returns a column of numbers, or a list.
    pub(super) fn numbers(&self, section: Section) -> &'a [u64] {
        self.numbers
            .get(section as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Returns a column of symbols.
    pub(super) fn symbols(&self, section: Section) -> &'a [u32] {
        self.symbols
            .get(section as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Each element belongs to one value: where it does, no value holds itself, and copying ends.
    fn elements_are_owned_once(&self, n_elements: usize) -> bool {
        let mut owned = vec![false; n_elements];
        let mut own = |kinds: &[u8], values: &[u64]| {
            kinds.iter().zip(values).all(|(&kind, &value)| {
                let holds = matches!(kind, kind::ARRAY | kind::KVLIST);
                let elements = owned.get_mut(elements(value)).filter(|_| holds);
                let mut elements = elements.into_iter().flatten();
                elements.all(|owned| !std::mem::replace(owned, true))
            })
        };
        let columns = self.attributes.iter().flat_map(|of| &of.columns);
        own(self.element_kinds, self.element_values)
            && columns
                .into_iter()
                .all(|(_, column)| own(&column.kinds, &column.values))
    }
}

impl fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("n_traces", &self.trace_ids.len())
            .finish_non_exhaustive()
    }
}

/// Returns the rows of the elements that an array or list holds.
pub(super) fn elements(value: u64) -> std::ops::Range<usize> {
    let (first, count) = (value >> 32, value & u64::from(u32::MAX));
    first as usize..(first + count) as usize
}

fn stored_attributes(
    block: &Block,
    scope: AttributeScope,
) -> Result<StoredAttributes<'_>, BlockError> {
    let keys = block.attribute_keys(scope)?.enumerate();
    let columns = keys.map(|(number, key)| Ok((key, block.attribute_numbered(scope, number)?)));
    Ok(StoredAttributes {
        shapes: block.shapes(scope)?,
        columns: columns.collect::<Result<_, BlockError>>()?,
    })
}

fn put<T>(columns: &mut [T], section: Section, column: T) {
    if let Some(slot) = columns.get_mut(section as usize) {
        *slot = column;
    }
}
