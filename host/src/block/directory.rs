//! Chunk 0: what a block holds, and where.
//!
//! ```text
//! version u8 | tenant length u8 | tenant | rows of each table
//! number of other chunks | for each: bytes, xxh3-64
//! each section in order: bytes × 2, + 1 where it begins a chunk
//! for each attribute scope: number of columns | for each in order of its key: key, rows, bytes × 2 + 1 likewise
//! ```
//!
//! Numbers are LEB128. The block's id is the hash of these bytes, and they hold the hash of every other
//! chunk: a chunk that was damaged, or that belongs to another block, is noticed when it is read.

use bytes::Bytes;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{
    BlockError, BlockId, BlockMeta, ChunkId,
    numbers::ROWS_MAX,
    section::{AttributeScope, Place, Section, Table},
    varint::{put_varint, take_varint},
};
use crate::tenant::TenantId;

/// The format of a block: of its directory and everything under it.
pub(super) const BLOCK_VERSION: u8 = 1;

/// What a block holds, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Directory {
    pub(super) tenant: String,
    /// By [`Table`].
    pub(super) rows: [u32; Table::COUNT],
    /// Of chunk 1 and on.
    pub(super) chunks: Vec<ChunkEntry>,
    /// By [`Section`].
    pub(super) sections: Vec<Extent>,
    /// By [`AttributeScope`], each in order of the keys.
    pub(super) attributes: [Vec<AttributeEntry>; AttributeScope::COUNT],
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ChunkEntry {
    pub(super) size_bytes: u64,
    pub(super) hash: u64,
}

impl ChunkEntry {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            size_bytes: bytes.len() as u64,
            hash: xxh3_64(bytes),
        }
    }
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) chunk: ChunkId,
    pub(super) at: usize,
    pub(super) size_bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct AttributeEntry {
    pub(super) key: String,
    pub(super) n_rows: u32,
    pub(super) extent: Extent,
}

/// Returns the id of the block that has this directory.
pub(super) fn block_id(directory: &[u8]) -> BlockId {
    BlockId(xxh3_128(directory).to_be_bytes())
}

impl Directory {
    pub(super) fn rows(&self, table: Table) -> u32 {
        self.rows.get(table as usize).copied().unwrap_or_default()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![BLOCK_VERSION, self.tenant.len() as u8];
        out.extend_from_slice(self.tenant.as_bytes());
        for &rows in &self.rows {
            put_varint(&mut out, u64::from(rows));
        }
        put_varint(&mut out, self.chunks.len() as u64);
        for chunk in &self.chunks {
            put_varint(&mut out, chunk.size_bytes);
            out.extend_from_slice(&chunk.hash.to_le_bytes());
        }
        let mut last = ChunkId::DIRECTORY;
        for extent in &self.sections {
            put_extent(&mut out, *extent, &mut last);
        }
        for columns in &self.attributes {
            put_varint(&mut out, columns.len() as u64);
            for column in columns {
                put_varint(&mut out, column.key.len() as u64);
                out.extend_from_slice(column.key.as_bytes());
                put_varint(&mut out, u64::from(column.n_rows));
                put_extent(&mut out, column.extent, &mut last);
            }
        }
        out
    }

    /// Reads the directory of the block that `meta` names.
    pub(super) fn decode(bytes: &Bytes, meta: &BlockMeta) -> Result<Self, BlockError> {
        let place = Place {
            block: meta.id,
            chunk: ChunkId::DIRECTORY,
        };
        if block_id(bytes) != meta.id {
            return Err(place.corrupt("checksum"));
        }
        let found = bytes.first().copied().unwrap_or_default();
        if found != BLOCK_VERSION {
            return Err(BlockError::OtherVersion {
                block: meta.id,
                found,
                expected: BLOCK_VERSION,
            });
        }
        let directory = Reader::new(bytes)
            .and_then(Reader::directory)
            .ok_or_else(|| place.corrupt("directory"))?;
        directory.check(meta).map_err(|what| place.corrupt(what))?;
        Ok(directory)
    }

    /// Checks what the rest leans on: ids are stored as they are, so they bound what rows may be claimed.
    fn check(&self, meta: &BlockMeta) -> Result<(), &'static str> {
        if TenantId::try_new(&self.tenant).as_ref() != Some(&meta.tenant) {
            return Err("tenant");
        }
        let rows = |table| self.rows(table) as usize;
        if (self.rows(Table::Traces), self.rows(Table::Spans)) != (meta.n_traces, meta.n_spans) {
            return Err("number of traces or spans");
        }
        let raw = [
            (Section::TraceIds, 16 * rows(Table::Traces)),
            (Section::SpanIds, 8 * rows(Table::Spans)),
            (Section::LinkTraceIds, 16 * rows(Table::Links)),
            (Section::LinkSpanIds, 8 * rows(Table::Links)),
        ];
        for (section, size_bytes) in raw {
            if self.sections.get(section as usize).map(|e| e.size_bytes) != Some(size_bytes) {
                return Err("length of ids");
            }
        }
        if self.rows.iter().any(|&rows| rows as usize > ROWS_MAX) {
            return Err("too many rows");
        }
        Ok(())
    }
}

fn put_extent(out: &mut Vec<u8>, extent: Extent, last: &mut ChunkId) {
    let begins = extent.chunk != *last;
    *last = extent.chunk;
    put_varint(out, (extent.size_bytes as u64) << 1 | u64::from(begins));
}

/// What is left to read of a directory, and where the next section lies.
struct Reader<'a> {
    rest: &'a [u8],
    next: Extent,
    chunks: Vec<ChunkEntry>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            rest: bytes.get(1..)?,
            next: Extent {
                chunk: ChunkId::DIRECTORY,
                at: 0,
                size_bytes: 0,
            },
            chunks: Vec::new(),
        })
    }

    fn directory(mut self) -> Option<Directory> {
        let (&tenant_bytes, rest) = self.rest.split_first()?;
        self.rest = rest;
        let tenant = self.text(usize::from(tenant_bytes))?;
        let mut rows = [0; Table::COUNT];
        for rows in &mut rows {
            *rows = self.number()?;
        }
        for _ in 0..self.number::<usize>()? {
            let size_bytes = self.number()?;
            let (hash, rest) = self.rest.split_first_chunk::<8>()?;
            self.rest = rest;
            self.chunks.push(ChunkEntry {
                size_bytes,
                hash: u64::from_le_bytes(*hash),
            });
        }
        let mut sections = Vec::with_capacity(Section::COUNT);
        for _ in Section::ALL {
            sections.push(self.extent()?);
        }
        let mut attributes: [Vec<AttributeEntry>; AttributeScope::COUNT] = Default::default();
        for columns in &mut attributes {
            for _ in 0..self.number::<usize>()? {
                let key_bytes = self.number()?;
                let column = AttributeEntry {
                    key: self.text(key_bytes)?,
                    n_rows: self.number()?,
                    extent: self.extent()?,
                };
                columns.push(column);
            }
            if !columns.is_sorted_by(|a, b| a.key < b.key) {
                return None;
            }
        }
        self.rest.is_empty().then_some(Directory {
            tenant,
            rows,
            chunks: self.chunks,
            sections,
            attributes,
        })
    }

    fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(take_varint(&mut self.rest)?).ok()
    }

    fn text(&mut self, size_bytes: usize) -> Option<String> {
        let (text, rest) = self.rest.split_at_checked(size_bytes)?;
        self.rest = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    fn extent(&mut self) -> Option<Extent> {
        let number: u64 = self.number()?;
        if number & 1 == 1 {
            self.next.chunk = ChunkId(self.next.chunk.0.checked_add(1)?);
            self.next.at = 0;
        } else {
            self.next.at = self.next.at.checked_add(self.next.size_bytes)?;
        }
        self.next.size_bytes = usize::try_from(number >> 1).ok()?;
        let end = self.next.at.checked_add(self.next.size_bytes)?;
        let chunk = (self.next.chunk.0 as usize).checked_sub(1);
        let chunk_bytes = match chunk {
            Some(chunk) => self.chunks.get(chunk)?.size_bytes,
            // Empty sections may come before the first chunk begins.
            None => 0,
        };
        (end as u64 <= chunk_bytes).then_some(self.next)
    }
}
