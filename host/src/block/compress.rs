//! zstd, for what is seldom read and what packing cannot shrink; lz4, where that is read often.
//!
//! zstd's level 1: on columns like these level 3 is 2-4 % smaller and takes half as long again.
//! Each thread keeps its two contexts: making one costs more than a small column does.
//! Of real parents, resources and routes lz4 leaves half as much again as zstd, and is read faster.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Returns `plain` compressed, where that is shorter.
pub(super) fn compress(plain: &[u8]) -> Option<Vec<u8>> {
    let compressed = COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = kept.take().or_else(|| Compressor::new(LEVEL).ok())?;
        // Can fail for want of memory alone; the column is then stored as it is.
        let compressed = compressor.compress(plain).ok();
        *kept = Some(compressor);
        compressed
    })?;
    (compressed.len() < plain.len()).then_some(compressed)
}

/// Undoes [`compress`]; `None` where the bytes do not hold exactly `plain_bytes`.
pub(super) fn decompress(compressed: &[u8], plain_bytes: usize) -> Option<Vec<u8>> {
    let claimed = zstd::zstd_safe::get_frame_content_size(compressed).ok()??;
    if claimed != plain_bytes as u64 {
        return None;
    }
    let plain = DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = kept.take().or_else(|| Decompressor::new().ok())?;
        let plain = decompressor.decompress(compressed, plain_bytes).ok();
        *kept = Some(decompressor);
        plain
    })?;
    (plain.len() == plain_bytes).then_some(plain)
}

/// Returns `plain` compressed with lz4, where that is shorter.
pub(super) fn compress_fast(plain: &[u8]) -> Option<Vec<u8>> {
    let compressed = lz4_flex::block::compress(plain);
    (compressed.len() < plain.len()).then_some(compressed)
}

/// Undoes [`compress_fast`]; `None` where the bytes do not hold exactly `plain_bytes`.
pub(super) fn decompress_fast(compressed: &[u8], plain_bytes: usize) -> Option<Vec<u8>> {
    // A byte of lz4 stands for 255 at most: what claims more is damaged, and gets no memory.
    if plain_bytes / 255 > compressed.len() {
        return None;
    }
    let plain = lz4_flex::block::decompress(compressed, plain_bytes).ok()?;
    (plain.len() == plain_bytes).then_some(plain)
}
