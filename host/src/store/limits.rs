//! The bounds of the store.

use std::time::Duration;

/// The format of the files. A store of another format is refused.
pub(super) const FORMAT: u64 = 1;

/// The highest number of a frame or a block. No store gets there: a higher one is damage, and counting on
/// from it would overflow.
pub(super) const NUMBER_MAX: u64 = u64::MAX / 2;

/// What may wait for the inbox's writer before more is refused.
pub(super) const INBOX_QUEUE_FRAMES_MAX: usize = 4_096;

/// Bytes that may wait for the inbox's writer before more is refused.
pub(super) const INBOX_QUEUE_BYTES_MAX: u64 = 64 << 20;

/// The bytes that one commit of the inbox takes: about 50 ms of writing. A longer frame goes alone.
pub(super) const INBOX_COMMIT_BYTES_MAX: usize = 8 << 20;

/// The bytes of frames that are kept, and given up, together: with more, one open trace would hold on
/// to more; with fewer, there would be more values. A longer frame goes alone.
pub(super) const INBOX_PACK_BYTES: usize = 1 << 20;

/// The longest value of the inbox.
pub(super) const INBOX_VALUE_BYTES_MAX: usize = 1 << 20;

/// The bytes of chunks that one commit takes.
pub(super) const BLOCKS_COMMIT_BYTES_MAX: usize = 16 << 20;

/// A file of blocks takes no more blocks once it has this size.
pub(super) const BLOCKS_FILE_BYTES_MAX: u64 = 4 << 30;

/// A file of blocks takes no more blocks once it is this old.
pub(super) const BLOCKS_FILE_AGE_MAX: Duration = Duration::from_hours(24);

/// From this many spans on, a block is stored chunk by chunk and has postings. A smaller one is one
/// value: it is read whole in less time than a few chunks are found.
pub(super) const INDEXED_BLOCK_SPANS_MIN: u32 = 4_096;

/// The spans of a block that compaction makes.
pub(super) const COMPACTED_BLOCK_SPANS: u32 = 16_384;

/// Blocks of more bytes, as they are stored, are not merged into one: merging has all of it in memory.
pub(super) const COMPACTED_BLOCK_BYTES_MAX: u64 = 16 << 20;

/// So many small blocks are merged however few their spans.
pub(super) const COMPACTED_BLOCKS: usize = 64;

/// The most small blocks that are merged together.
pub(super) const COMPACTED_BLOCKS_MAX: usize = 256;

/// A file that takes no more blocks is emptied into the one that does once what it still holds is less than its size by
/// this factor. What is full of listed blocks is at most twice as large as they.
pub(super) const SPARSE_FILE_FACTOR: u64 = 4;

/// How long compaction and retention wait for whoever reads what they took off the list.
pub(super) const PINNED_MAX: Duration = Duration::from_mins(10);

/// A smaller file is left alone: a small store has one for each day.
pub(super) const SPARSE_FILE_BYTES_MIN: u64 = 64 << 20;

/// The most names of a block that have postings of their own; the others share theirs.
pub(super) const POSTINGS_NAMES_MAX: usize = 4_096;

/// Longer postings are not read ahead of their block: most of its traces are candidates then, and the block's own names,
/// which have to be read anyway, say which.
pub(super) const POSTINGS_READ_MAX: u64 = 128;

/// The longest name that has postings of its own.
pub(super) const POSTINGS_NAME_BYTES_MAX: usize = 512;

/// What is kept of how a quarantined rule failed, in its own words.
pub(super) const QUARANTINE_DETAIL_BYTES_MAX: usize = 512;

/// The most signals that one listing returns.
pub(super) const SIGNALS_PAGE_MAX: usize = 1_000;

/// The most tenants of a store.
pub(super) const TENANTS_MAX: u64 = 10_000;

/// The most tokens that one tenant, or all operators together, have at once.
pub(super) const TOKENS_PER_OWNER_MAX: usize = 16;

/// The most keys that a tenant trusts: each signature of an upload is compared with each of them.
pub(super) const KEYS_PER_TENANT_MAX: usize = 16;

/// The entries of one table that one commit removes: some 10 ms of work.
pub(super) const REMOVED_PER_COMMIT: usize = 1_000;

/// The blocks whose chunks one commit removes: some 1,000 chunks.
pub(super) const DROPPED_PER_COMMIT: usize = 64;

/// The most blocks that one commit of retention takes: some 10 ms of work.
pub(super) const RETIRED_PER_COMMIT: usize = 256;

/// Of so many blocks that retention took it is remembered that they were there, for whoever saw one just before.
pub(super) const GONE_BLOCKS_KEPT: usize = 16_384;

/// The most holds of a tenant: each is asked of each block that is due.
pub(super) const HOLDS_PER_TENANT_MAX: usize = 256;

/// What is kept of who made a hold.
pub(super) const HOLD_BY_BYTES_MAX: usize = 256;

/// The most findings about a store that are kept; the others are counted. One bad disk can damage every block.
pub(super) const FINDINGS_MAX: usize = 1_000;

/// What of the disk is kept for what was acknowledged before: to become blocks and verdicts, some times the bytes that may
/// be open, and to be removed. Spans are refused with less left.
pub(super) const DISK_RESERVE_BYTES: u64 = 256 << 20;

/// Of a small disk only this part is kept.
pub(super) const DISK_RESERVE_DIVISOR: u64 = 20;

/// What a file that is only looked at may keep in memory.
pub(super) const UNCHANGED_CACHE_BYTES: usize = 16 << 20;

/// What each file may keep in memory.
pub(super) const INBOX_CACHE_BYTES: usize = 16 << 20;
/// What each file may keep in memory.
pub(super) const CATALOG_CACHE_BYTES: usize = 48 << 20;
/// What each file may keep in memory.
pub(super) const BLOCKS_CACHE_BYTES: usize = 32 << 20;
