//! zstd, for what is seldom read and what packing cannot shrink.
//!
//! Level 1: on columns like these level 3 is 2-4 % smaller and takes half as long again.

use zstd::bulk;

const LEVEL: i32 = 1;

/// Returns `plain` compressed; `plain` itself could be the shorter.
pub(super) fn compress(plain: &[u8]) -> Vec<u8> {
    // Compression into a buffer of its own bound cannot fail but for want of memory; an empty answer
    // would be longer than nothing, so callers that compare lengths must not be given one.
    bulk::compress(plain, LEVEL).unwrap_or_else(|_| vec![0; plain.len() + 1])
}

/// Undoes [`compress`]; `None` where the bytes do not hold exactly `plain_bytes`.
pub(super) fn decompress(compressed: &[u8], plain_bytes: usize) -> Option<Vec<u8>> {
    let claimed = zstd::zstd_safe::get_frame_content_size(compressed).ok()??;
    if claimed != plain_bytes as u64 {
        return None;
    }
    let plain = bulk::decompress(compressed, plain_bytes).ok()?;
    (plain.len() == plain_bytes).then_some(plain)
}
