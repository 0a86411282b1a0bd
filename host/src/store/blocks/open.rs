//! Listed blocks, opened: where their chunks are read from.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use redb::{OwnedAccessGuard, ReadOnlyTable};

use super::{
    CHUNKS,
    chunks::WHOLE,
    listing::{Entry, Layout},
};
use crate::{
    block::{Block, BlockError, ChunkId, ChunkSource},
    store::{
        ListedBlock, Store,
        codec::{Malformed, Place, Reader},
        error::StoreError,
        file::{DbFile, open_if_there},
    },
};

/// The block that was opened last: whoever asks for many traces in the order of their blocks decodes each block once.
#[derive(Debug, Default)]
pub struct LastOpened(Option<Arc<Block>>);

impl Store {
    /// Opens a block unless it is the last that was.
    ///
    /// # Errors
    ///
    /// As [`Self::open_block`].
    pub fn open_block_once(
        &self,
        listed: &ListedBlock,
        last: &mut LastOpened,
    ) -> Result<Arc<Block>, StoreError> {
        let kept = last.0.take();
        // An id is of the content: the same block, wherever it lies.
        let block = match kept.filter(|block| block.meta().id == listed.meta().id) {
            Some(block) => block,
            None => Arc::new(self.open_block(listed)?),
        };
        last.0 = Some(Arc::clone(&block));
        Ok(block)
    }

    /// Opens a block, which may be kept. Its chunks are read when they are asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] where its file is gone.
    pub fn open_block(&self, listed: &ListedBlock) -> Result<Block, StoreError> {
        let file = self.inner.block_files.file(listed.entry.file)?;
        Ok(open_from(listed, file, None))
    }

    /// Opens blocks that are read one after another and then let go, all of them: those of a file are read
    /// within one transaction, and their chunks are not copied. While one of the blocks lives, no space that
    /// commits to its file give up is used again, so a group is to be of milliseconds.
    ///
    /// # Errors
    ///
    /// For each block, [`StoreError::Missing`] where its file is gone, and what reading it may show.
    pub fn open_blocks<'l>(
        &self,
        listed: impl IntoIterator<Item = &'l ListedBlock>,
    ) -> Vec<Result<Block, StoreError>> {
        let mut last: Option<(u32, Arc<DbFile>, Option<Arc<ChunkTable>>)> = None;
        let open = |listed: &ListedBlock| {
            let number = listed.entry.file;
            if last.as_ref().is_none_or(|(last, ..)| *last != number) {
                let file = self.inner.block_files.file(number)?;
                let table = file.read(|txn| open_if_there(txn, CHUNKS))?;
                last = Some((number, file, table.map(Arc::new)));
            }
            let (_, file, table) = last.as_ref().ok_or(StoreError::UnknownBlock {
                block: listed.meta().id,
            })?;
            Ok(open_from(listed, Arc::clone(file), table.clone()))
        };
        listed.into_iter().map(open).collect()
    }
}

fn open_from(listed: &ListedBlock, file: Arc<DbFile>, table: Option<Arc<ChunkTable>>) -> Block {
    let entry = &listed.entry;
    let source = StoredChunks {
        file,
        entry: Arc::clone(entry),
        table,
        whole: OnceLock::new(),
    };
    Block::open(entry.meta.clone(), Arc::new(source))
}

/// Opens a block that need not be in the list of an open store.
pub(super) fn open_entry(entry: &Arc<Entry>, file: Arc<DbFile>) -> Block {
    let source = StoredChunks {
        file,
        entry: Arc::clone(entry),
        table: None,
        whole: OnceLock::new(),
    };
    Block::open(entry.meta.clone(), Arc::new(source))
}

/// The chunks of one file, read in one transaction, which ends when the last who holds it lets go.
type ChunkTable = ReadOnlyTable<(u64, u32), &'static [u8]>;

/// The chunks of a listed block.
struct StoredChunks {
    file: Arc<DbFile>,
    /// While it lives, compaction leaves the chunks where they are.
    entry: Arc<Entry>,
    /// What a group of blocks is read by; else each chunk is read within a transaction of its own.
    table: Option<Arc<ChunkTable>>,
    whole: OnceLock<Vec<Bytes>>,
}

/// A value where the database has it in memory. Its transaction lives as long.
struct Held(OwnedAccessGuard<&'static [u8]>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.0.value()
    }
}

impl StoredChunks {
    fn value(&self, number: u32) -> Result<Option<Bytes>, StoreError> {
        let key = (self.entry.seq, number);
        if let Some(table) = &self.table {
            let held = self.file.read_on(|| Ok(table.get_owned(key)?))?;
            return Ok(held.map(|value| Bytes::from_owner(Held(value))));
        }
        self.file.read(|txn| {
            let Some(chunks) = open_if_there(txn, CHUNKS)? else {
                return Ok(None);
            };
            // A block may be kept for long, and must not keep a transaction.
            let value = chunks.get(key)?;
            Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
        })
    }

    fn of_whole(&self, id: ChunkId) -> Result<Option<Bytes>, StoreError> {
        let chunks = if let Some(chunks) = self.whole.get() {
            chunks
        } else {
            let Some(value) = self.value(WHOLE)? else {
                return Ok(None);
            };
            let place = Place {
                file: self.file.name(),
                table: "chunks",
                key: (self.entry.seq, WHOLE),
            };
            let chunks = place.decode(&value, |reader| read_whole(&value, reader))?;
            self.whole.get_or_init(|| chunks)
        };
        Ok(chunks.get(id.0 as usize).cloned())
    }
}

impl ChunkSource for StoredChunks {
    fn chunk(&self, id: ChunkId) -> Result<Bytes, BlockError> {
        let read = match self.entry.layout {
            Layout::Whole => self.of_whole(id),
            Layout::Chunks => self.value(id.0),
        };
        let block = self.entry.meta.id;
        match read {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(BlockError::Missing { block, chunk: id }),
            Err(error) => Err(BlockError::Read {
                block,
                chunk: id,
                source: Box::new(error),
            }),
        }
    }
}

fn read_whole(value: &Bytes, reader: &mut Reader<'_>) -> Result<Vec<Bytes>, Malformed> {
    let n = reader.count()?;
    (0..n)
        .map(|_| Ok(value.slice_ref(reader.bytes()?)))
        .collect()
}
