//! A block that is read: its directory, its chunks, and the cells that decoded columns are kept in.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    BlockError, BlockMeta, ChunkId, ChunkSource, EncodedBlock,
    attributes::AttributeCell,
    bits::Cell,
    chunk::MemoryChunks,
    dictionary::Pages,
    directory::{Directory, Extent, chunk_hash},
    names::NamePostings,
    numbers::{ROWS_MAX, take_numbers},
    section::{AttributeScope, Form, Place, Section, Table},
    shapes::ShapeSets,
    texts::Texts,
    varint::take_varint,
};
use crate::trace::TraceId;

/// Stands for no row or no text in columns of rows and symbols.
pub const NONE: u32 = u32::MAX;

/// A block of sealed traces, of which columns are read and decoded when first asked for, and kept.
///
/// Every method may read from its [`ChunkSource`], and fails where that fails or where the bytes are not
/// those that were written. What it returns is in range: symbols, rows and ends need no further checks.
pub struct Block {
    pub(super) meta: BlockMeta,
    pub(super) source: Arc<dyn ChunkSource>,
    opened: OnceLock<Opened>,
    pub(super) cells: Cells,
}

/// What is known once the directory has been read.
pub(super) struct Opened {
    pub(super) directory: Directory,
    /// What chunk 0 has of the stream.
    head: Bytes,
    /// What the chunks have of the stream, checked.
    chunks: Vec<OnceLock<Bytes>>,
    /// Of all scopes, as in the directory.
    pub(super) attributes: Vec<AttributeCell>,
    pub(super) shape_sets: [OnceLock<ShapeSets>; AttributeScope::COUNT],
}

/// The decoded column of a section, which is always asked for as the same type.
enum Decoded {
    U8s(Vec<u8>),
    U32s(Vec<u32>),
    U64s(Vec<u64>),
}

/// Decoded columns.
pub(super) struct Cells {
    /// By [`Section`].
    sections: Vec<OnceLock<Decoded>>,
    pub(super) kinds: OnceLock<Vec<u8>>,
    pub(super) status_codes: OnceLock<Vec<u8>>,
    pub(super) ends: OnceLock<Vec<u64>>,
    pub(super) trace_ids: OnceLock<Vec<TraceId>>,
    pub(super) span_ids: OnceLock<Vec<[u8; 8]>>,
    pub(super) parent_span_ids: OnceLock<Vec<[u8; 8]>>,
    pub(super) link_trace_ids: OnceLock<Vec<[u8; 16]>>,
    pub(super) link_span_ids: OnceLock<Vec<[u8; 8]>>,
    pub(super) name_texts: OnceLock<Texts>,
    pub(super) hot_texts: OnceLock<Texts>,
    pub(super) strings: OnceLock<Pages>,
    pub(super) blobs: OnceLock<Pages>,
    pub(super) names: OnceLock<NamePostings>,
}

/// Returns what a cell holds, or fills it.
pub(super) fn cached<T>(
    cell: &OnceLock<T>,
    make: impl FnOnce() -> Result<T, BlockError>,
) -> Result<&T, BlockError> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    // Two threads may both decode; one of the equal results is kept.
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}

/// Whether all cells are below `bound`. Has no early way out, so that it runs many cells at a time.
pub(super) fn all_below(column: &[u32], bound: u32) -> bool {
    column.is_empty() || column.iter().copied().fold(0, u32::max) < bound
}

impl Block {
    /// Takes a block to be read from `source`. Nothing is read yet.
    pub fn open(meta: BlockMeta, source: Arc<dyn ChunkSource>) -> Self {
        Self {
            meta,
            source,
            opened: OnceLock::new(),
            cells: Cells {
                sections: (0..Section::COUNT).map(|_| OnceLock::new()).collect(),
                kinds: OnceLock::new(),
                status_codes: OnceLock::new(),
                ends: OnceLock::new(),
                trace_ids: OnceLock::new(),
                span_ids: OnceLock::new(),
                parent_span_ids: OnceLock::new(),
                link_trace_ids: OnceLock::new(),
                link_span_ids: OnceLock::new(),
                name_texts: OnceLock::new(),
                hot_texts: OnceLock::new(),
                strings: OnceLock::new(),
                blobs: OnceLock::new(),
                names: OnceLock::new(),
            },
        }
    }

    /// Returns what is known without reading.
    pub fn meta(&self) -> &BlockMeta {
        &self.meta
    }

    pub(super) fn opened(&self) -> Result<&Opened, BlockError> {
        cached(&self.opened, || {
            let chunk = self.source.chunk(ChunkId::DIRECTORY)?;
            let (directory, head) = Directory::decode(&chunk, &self.meta)?;
            Ok(Opened {
                head,
                chunks: directory.chunks.iter().map(|_| OnceLock::new()).collect(),
                attributes: directory
                    .attributes
                    .iter()
                    .map(|_| OnceLock::new())
                    .collect(),
                shape_sets: Default::default(),
                directory,
            })
        })
    }

    /// Returns where a section or attribute column begins, for errors.
    pub(super) fn place(&self, extent: Extent) -> Place {
        let opened = self.opened.get();
        let chunk = opened.map_or(0, |opened| opened.directory.chunk_at(extent.at));
        self.chunk_place(chunk)
    }

    fn chunk_place(&self, number: usize) -> Place {
        Place {
            block: self.meta.id,
            chunk: ChunkId(number as u32),
        }
    }

    pub(super) fn corrupt(&self, section: Section) -> BlockError {
        match self.extent(section) {
            Ok(extent) => self.place(extent).corrupt(section.name()),
            Err(error) => error,
        }
    }

    pub(super) fn rows(&self, table: Table) -> Result<usize, BlockError> {
        Ok(self.opened()?.directory.rows(table) as usize)
    }

    pub(super) fn extent(&self, section: Section) -> Result<Extent, BlockError> {
        Ok(self.opened()?.directory.extent(section))
    }

    /// Returns the bytes of a section or attribute column, checked against the directory's hashes. They are
    /// copied only where they lie in more than one chunk.
    pub(super) fn bytes(&self, extent: Extent) -> Result<Bytes, BlockError> {
        if extent.size_bytes == 0 {
            return Ok(Bytes::new());
        }
        let mut number = self.opened()?.directory.chunk_at(extent.at);
        let first = self.part(number, extent)?;
        if first.len() == extent.size_bytes {
            return Ok(first);
        }
        let mut bytes = first.to_vec();
        while bytes.len() < extent.size_bytes {
            number += 1;
            let rest = Extent {
                at: extent.at + bytes.len(),
                size_bytes: extent.size_bytes - bytes.len(),
            };
            bytes.extend_from_slice(&self.part(number, rest)?);
        }
        Ok(bytes.into())
    }

    /// Returns what a chunk has of an extent that begins in it.
    fn part(&self, number: usize, extent: Extent) -> Result<Bytes, BlockError> {
        let corrupt = |what| self.chunk_place(number).corrupt(what);
        let opened = self.opened()?;
        let entries = &opened.directory.chunks;
        let (Some(cell), Some(entry)) = (opened.chunks.get(number), entries.get(number)) else {
            return Err(corrupt("directory"));
        };
        let before = number.checked_sub(1).and_then(|before| entries.get(before));
        let start = before.map_or(0, |before| before.end);
        let chunk = cached(cell, || {
            let bytes = match number {
                0 => opened.head.clone(),
                _ => self.source.chunk(ChunkId(number as u32))?,
            };
            if bytes.len() == entry.end - start && chunk_hash(&bytes) == entry.hash {
                Ok(bytes)
            } else {
                Err(corrupt("checksum"))
            }
        })?;
        let end = entry.end.min(extent.at + extent.size_bytes);
        // The extent begins in the chunk, so this is not empty.
        match extent.at.checked_sub(start) {
            Some(at) if extent.at < end => Ok(chunk.slice(at..end - start)),
            Some(_) | None => Err(corrupt("directory")),
        }
    }

    pub(super) fn section(&self, section: Section) -> Result<Bytes, BlockError> {
        self.bytes(self.extent(section)?)
    }

    /// Decodes a column that has a number for each row of its table.
    pub(super) fn decode<T: Cell>(&self, section: Section) -> Result<Vec<T>, BlockError> {
        let rows = self.rows(section.table())?;
        if rows == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.section(section)?;
        let mut rest: &[u8] = &bytes;
        take_numbers(&mut rest, rows)
            .filter(|_| rest.is_empty())
            .ok_or_else(|| self.corrupt(section))
    }

    /// Decodes a column of [`Form::List`].
    pub(super) fn decode_list<T: Cell>(&self, section: Section) -> Result<Vec<T>, BlockError> {
        let bytes = self.section(section)?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let mut rest: &[u8] = &bytes;
        take_varint(&mut rest)
            .filter(|&count| count <= ROWS_MAX as u64)
            .and_then(|count| take_numbers(&mut rest, count as usize))
            .filter(|_| rest.is_empty())
            .ok_or_else(|| self.corrupt(section))
    }

    /// Decodes a column of ids.
    pub(super) fn decode_ids<const N: usize>(
        &self,
        section: Section,
    ) -> Result<Vec<[u8; N]>, BlockError> {
        let bytes = self.section(section)?;
        match bytes.as_chunks::<N>() {
            (ids, []) => Ok(ids.to_vec()),
            (_, _) => Err(self.corrupt(section)),
        }
    }

    /// Decodes a column of counts into where each row's children end.
    pub(super) fn decode_ends(
        &self,
        section: Section,
        children: Table,
    ) -> Result<Vec<u32>, BlockError> {
        let mut ends: Vec<u32> = self.decode(section)?;
        let mut end = 0_u32;
        for count in &mut ends {
            end = end
                .checked_add(*count)
                .ok_or_else(|| self.corrupt(section))?;
            *count = end;
        }
        if end as usize == self.rows(children)? {
            Ok(ends)
        } else {
            Err(self.corrupt(section))
        }
    }

    /// Returns a column of symbols; of optional ones the missing are [`NONE`].
    pub(super) fn symbols(&self, section: Section) -> Result<&[u32], BlockError> {
        self.u32s(section, || {
            let (table, missing) = match section.form() {
                Form::OptionalBlobs => (Table::Blobs, 1),
                Form::OptionalSymbols => (Table::Strings, 1),
                Form::Symbols
                | Form::Numbers
                | Form::List
                | Form::BlobList
                | Form::Raw
                | Form::Texts
                | Form::Dictionary => (Table::Strings, 0),
            };
            let mut symbols: Vec<u32> = self.decode(section)?;
            if !all_below(&symbols, self.rows(table)? as u32 + missing) {
                return Err(self.corrupt(section));
            }
            if missing > 0 {
                // Where 0 stands for a missing one, it becomes NONE.
                for symbol in &mut symbols {
                    *symbol = symbol.wrapping_sub(missing);
                }
            }
            Ok(symbols)
        })
    }

    /// Returns a column of numbers that are below the rows of a table.
    pub(super) fn rows_of(&self, section: Section, table: Table) -> Result<&[u32], BlockError> {
        self.u32s(section, || {
            let rows = self.rows(table)? as u32;
            let column: Vec<u32> = self.decode(section)?;
            if all_below(&column, rows) {
                Ok(column)
            } else {
                Err(self.corrupt(section))
            }
        })
    }

    pub(super) fn u8s(
        &self,
        section: Section,
        make: impl FnOnce() -> Result<Vec<u8>, BlockError>,
    ) -> Result<&[u8], BlockError> {
        match self.decoded(section, || make().map(Decoded::U8s))? {
            Decoded::U8s(column) => Ok(column),
            Decoded::U32s(_) | Decoded::U64s(_) => Err(self.corrupt(section)),
        }
    }

    pub(super) fn u32s(
        &self,
        section: Section,
        make: impl FnOnce() -> Result<Vec<u32>, BlockError>,
    ) -> Result<&[u32], BlockError> {
        match self.decoded(section, || make().map(Decoded::U32s))? {
            Decoded::U32s(column) => Ok(column),
            Decoded::U8s(_) | Decoded::U64s(_) => Err(self.corrupt(section)),
        }
    }

    pub(super) fn u64s(
        &self,
        section: Section,
        make: impl FnOnce() -> Result<Vec<u64>, BlockError>,
    ) -> Result<&[u64], BlockError> {
        match self.decoded(section, || make().map(Decoded::U64s))? {
            Decoded::U64s(column) => Ok(column),
            Decoded::U8s(_) | Decoded::U32s(_) => Err(self.corrupt(section)),
        }
    }

    fn decoded(
        &self,
        section: Section,
        make: impl FnOnce() -> Result<Decoded, BlockError>,
    ) -> Result<&Decoded, BlockError> {
        let cell = self.cells.sections.get(section as usize);
        cached(cell.ok_or_else(|| self.corrupt(section))?, make)
    }

    /// Returns the column of a section, where it has been decoded.
    pub(super) fn decoded_u32s(&self, section: Section) -> Option<&[u32]> {
        match self.cells.sections.get(section as usize)?.get()? {
            Decoded::U32s(column) => Some(column),
            Decoded::U8s(_) | Decoded::U64s(_) => None,
        }
    }

    /// Returns the column of a section, where it has been decoded.
    pub(super) fn decoded_u64s(&self, section: Section) -> Option<&[u64]> {
        match self.cells.sections.get(section as usize)?.get()? {
            Decoded::U64s(column) => Some(column),
            Decoded::U8s(_) | Decoded::U32s(_) => None,
        }
    }

    /// Returns the range of children of a row.
    pub(super) fn range(ends: &[u32], row: usize) -> Range<usize> {
        let end = ends.get(row).copied().unwrap_or_default();
        let start = row.checked_sub(1).and_then(|before| ends.get(before));
        start.copied().unwrap_or_default() as usize..end as usize
    }
}

impl EncodedBlock {
    /// Returns the block, to be read from the chunks that are at hand. The bytes are not copied.
    pub fn to_block(&self) -> Block {
        Block::open(self.meta.clone(), MemoryChunks::of(self))
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}
