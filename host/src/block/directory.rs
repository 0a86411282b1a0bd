//! The beginning of chunk 0: what a block holds, and where.
//!
//! ```text
//! version u8 | bytes of all this u32 | tenant length u8 | tenant | rows of each table
//! number of chunks | for each: its bytes of the stream, xxh3-64
//! each section before the attributes: bytes
//! for each attribute scope: number of columns | for each in order of its key: key, rows, bytes
//! each other section: bytes
//! ```
//!
//! Numbers are LEB128 where no width is given. Sections and attribute columns lie one after another in one
//! stream, and chunks cut the stream; chunk 0 has its beginning, after the directory. The block's id is the
//! hash of the directory, which holds the hash of every chunk's part of the stream: a chunk that was damaged,
//! or that belongs to another block, is noticed when it is read.
//!
//! Every block that is judged has its directory read, so keys stay where they are and are searched there.

use bytes::Bytes;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{
    BlockError, BlockId, BlockMeta, ChunkId,
    numbers::ROWS_MAX,
    section::{AttributeScope, Place, Section, Table},
    varint::{put_varint, take_varint},
};

/// The format of a block: of its directory and everything under it.
pub(super) const BLOCK_VERSION: u8 = 1;

/// The bytes before the tenant's name.
const PREFIX_BYTES: usize = 6;

/// What a block holds, and where.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// Itself; has the keys.
    pub(super) bytes: Bytes,
    /// By [`Table`].
    pub(super) rows: [u32; Table::COUNT],
    pub(super) chunks: Vec<ChunkEntry>,
    /// By [`Section`].
    sections: [Extent; Section::COUNT],
    /// Of all scopes, each in order of the keys.
    pub(super) attributes: Vec<AttributeEntry>,
    /// By [`AttributeScope`], the end of its columns in `attributes`.
    scope_ends: [usize; AttributeScope::COUNT],
}

/// The part of the stream that a chunk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkEntry {
    /// Where in the stream it ends.
    pub(super) end: usize,
    pub(super) hash: u64,
}

/// Where a section lies in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: usize,
    pub(super) size_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AttributeEntry {
    key_at: usize,
    key_bytes: usize,
    pub(super) n_rows: u32,
    pub(super) extent: Extent,
}

/// What a directory is made from.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tenant: String,
    /// By [`Table`].
    pub(super) rows: [u32; Table::COUNT],
    /// By [`Section`], their bytes.
    pub(super) sections: Vec<usize>,
    /// By [`AttributeScope`], each in order of the keys: key, rows, bytes.
    pub(super) attributes: [Vec<(String, u32, usize)>; AttributeScope::COUNT],
}

/// Returns the id of the block that has this directory.
pub(super) fn block_id(directory: &[u8]) -> BlockId {
    BlockId(xxh3_128(directory).to_be_bytes())
}

/// Returns the hash of a chunk's part of the stream.
pub(super) fn chunk_hash(part: &[u8]) -> u64 {
    xxh3_64(part)
}

impl Contents {
    /// Makes the directory of a stream that is cut so.
    pub(super) fn encode(&self, chunks: &[ChunkEntry]) -> Vec<u8> {
        let mut out = vec![BLOCK_VERSION, 0, 0, 0, 0, self.tenant.len() as u8];
        out.extend_from_slice(self.tenant.as_bytes());
        for &rows in &self.rows {
            put_varint(&mut out, u64::from(rows));
        }
        put_varint(&mut out, chunks.len() as u64);
        let mut at = 0;
        for chunk in chunks {
            put_varint(&mut out, (chunk.end - at) as u64);
            out.extend_from_slice(&chunk.hash.to_le_bytes());
            at = chunk.end;
        }
        let (hot, cold) = self
            .sections
            .split_at_checked(Section::BEFORE_ATTRIBUTES)
            .unwrap_or_default();
        for size_bytes in hot {
            put_varint(&mut out, *size_bytes as u64);
        }
        for columns in &self.attributes {
            put_varint(&mut out, columns.len() as u64);
            for (key, n_rows, size_bytes) in columns {
                put_varint(&mut out, key.len() as u64);
                out.extend_from_slice(key.as_bytes());
                put_varint(&mut out, u64::from(*n_rows));
                put_varint(&mut out, *size_bytes as u64);
            }
        }
        for size_bytes in cold {
            put_varint(&mut out, *size_bytes as u64);
        }
        let size_bytes = out.len() as u32;
        if let Some(slot) = out.get_mut(1..PREFIX_BYTES - 1) {
            slot.copy_from_slice(&size_bytes.to_le_bytes());
        }
        out
    }
}

impl Directory {
    pub(super) fn rows(&self, table: Table) -> u32 {
        self.rows.get(table as usize).copied().unwrap_or_default()
    }

    pub(super) fn extent(&self, section: Section) -> Extent {
        let extent = self.sections.get(section as usize);
        extent.copied().unwrap_or_default()
    }

    /// Returns the number of the chunk in which a place of the stream lies.
    pub(super) fn chunk_at(&self, at: usize) -> usize {
        self.chunks.partition_point(|chunk| chunk.end <= at)
    }

    /// Returns the columns of a scope, and the number of the first among those of all scopes.
    pub(super) fn attributes(&self, scope: AttributeScope) -> (usize, &[AttributeEntry]) {
        let end = |scope: usize| self.scope_ends.get(scope).copied().unwrap_or_default();
        let first = (scope as usize).checked_sub(1).map_or(0, end);
        let columns = self.attributes.get(first..end(scope as usize));
        (first, columns.unwrap_or_default())
    }

    /// Returns the key of a column. Of a damaged directory it need not be UTF-8.
    pub(super) fn key(&self, column: &AttributeEntry) -> &[u8] {
        let key = column.key_at..column.key_at + column.key_bytes;
        self.bytes.get(key).unwrap_or_default()
    }

    /// Reads the directory of the block that `meta` names from its chunk 0; returns it with the chunk's part
    /// of the stream.
    pub(super) fn decode(chunk: &Bytes, meta: &BlockMeta) -> Result<(Self, Bytes), BlockError> {
        let place = Place {
            block: meta.id,
            chunk: ChunkId::DIRECTORY,
        };
        let size_bytes = chunk.get(1..).and_then(<[u8]>::first_chunk::<4>);
        let size_bytes = size_bytes.map_or(0, |n| u32::from_le_bytes(*n) as usize);
        let Some(bytes) = chunk.get(..size_bytes) else {
            return Err(place.corrupt("checksum"));
        };
        if block_id(bytes) != meta.id {
            return Err(place.corrupt("checksum"));
        }
        let found = chunk.first().copied().unwrap_or_default();
        if found != BLOCK_VERSION {
            return Err(BlockError::OtherVersion {
                block: meta.id,
                found,
                expected: BLOCK_VERSION,
            });
        }
        let bytes = chunk.slice(..size_bytes);
        let (tenant, directory) =
            read_directory(&bytes).ok_or_else(|| place.corrupt("directory"))?;
        if bytes.get(tenant) != Some(meta.tenant.as_str().as_bytes()) {
            return Err(place.corrupt("tenant"));
        }
        directory.check(meta).map_err(|what| place.corrupt(what))?;
        Ok((directory, chunk.slice(size_bytes..)))
    }

    /// Checks what the rest leans on: ids are stored as they are, so they bound what rows may be claimed.
    fn check(&self, meta: &BlockMeta) -> Result<(), &'static str> {
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
            if self.extent(section).size_bytes != size_bytes {
                return Err("length of ids");
            }
        }
        if self.rows.iter().any(|&rows| rows as usize > ROWS_MAX) {
            return Err("too many rows");
        }
        Ok(())
    }
}

/// Returns where the tenant's name lies, and the directory.
fn read_directory(bytes: &Bytes) -> Option<(std::ops::Range<usize>, Directory)> {
    let mut reader = Reader {
        rest: bytes.get(PREFIX_BYTES - 1..)?,
        at: 0,
    };
    let (&tenant_bytes, rest) = reader.rest.split_first()?;
    reader.rest = rest;
    reader.skip(usize::from(tenant_bytes))?;
    let tenant = PREFIX_BYTES..PREFIX_BYTES + usize::from(tenant_bytes);
    let mut rows = [0; Table::COUNT];
    for rows in &mut rows {
        *rows = reader.number()?;
    }
    let n_chunks: usize = reader.number()?;
    // Each takes nine bytes at least, so the claim is bounded by what is there.
    let mut chunks = Vec::with_capacity(n_chunks.min(reader.rest.len() / 9));
    let mut end = 0_usize;
    for _ in 0..n_chunks {
        end = end.checked_add(reader.number()?)?;
        let (hash, rest) = reader.rest.split_first_chunk::<8>()?;
        reader.rest = rest;
        let hash = u64::from_le_bytes(*hash);
        chunks.push(ChunkEntry { end, hash });
    }
    let mut sections = [Extent::default(); Section::COUNT];
    let (hot, cold) = sections.split_at_mut_checked(Section::BEFORE_ATTRIBUTES)?;
    for extent in hot {
        *extent = reader.extent()?;
    }
    let mut attributes = Vec::with_capacity(reader.rest.len() / 16);
    let mut scope_ends = [0; AttributeScope::COUNT];
    for scope_end in &mut scope_ends {
        for _ in 0..reader.number::<usize>()? {
            let key_bytes = reader.number()?;
            let key_at = bytes.len() - reader.rest.len();
            reader.skip(key_bytes)?;
            attributes.push(AttributeEntry {
                key_at,
                key_bytes,
                n_rows: reader.number()?,
                extent: reader.extent()?,
            });
        }
        *scope_end = attributes.len();
    }
    for extent in cold {
        *extent = reader.extent()?;
    }
    let directory = Directory {
        bytes: bytes.clone(),
        rows,
        chunks,
        sections,
        attributes,
        scope_ends,
    };
    (reader.rest.is_empty() && reader.at == end).then_some((tenant, directory))
}

/// What is left to read of a directory, and where in the stream the next section lies.
struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(take_varint(&mut self.rest)?).ok()
    }

    fn skip(&mut self, size_bytes: usize) -> Option<()> {
        self.rest = self.rest.get(size_bytes..)?;
        Some(())
    }

    fn extent(&mut self) -> Option<Extent> {
        let extent = Extent {
            at: self.at,
            size_bytes: self.number()?,
        };
        self.at = self.at.checked_add(extent.size_bytes)?;
        Some(extent)
    }
}
