//! The stream of a block's sections, and the chunks that it is cut into.

use bytes::Bytes;

use crate::block::{
    ChunkId,
    directory::{ChunkEntry, Contents, chunk_hash},
};

/// A store keeps a chunk in a whole number of pages, a power of two of them.
const PAGE_BYTES: usize = 4 * 1_024;

/// What a store puts beside a chunk in its pages, at most.
const BESIDE_BYTES: usize = 64;

/// A chunk of columns that are read often fills this, with what is beside it. Chunks are read whole, so in a
/// store that is larger than its cache a rule with one candidate in a block pays for every byte of the chunks
/// that hold it: 14 us a block, where chunks of twice this cost 19.
const OFTEN_CHUNK_BYTES: usize = 16 * 1_024;

/// Another chunk fills this.
const CHUNK_BYTES: usize = 64 * 1_024;

/// How much of the beginning of a stream is read how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// Of what is read of every block: chunk 0 has it whole.
    pub(super) always: usize,
    /// Of what is read often.
    pub(super) often: usize,
}

/// Cuts a stream into chunks that fill their pages, and puts the directory before the first.
pub(super) fn cut(
    contents: &Contents,
    stream: &[u8],
    ends: Ends,
) -> (Bytes, Vec<(ChunkId, Bytes)>) {
    // How long a directory is hangs on the cuts by a few bytes, and these on it.
    let draft = contents.encode(&entries(stream, 0, ends)).len();
    let entries = entries(stream, draft + BESIDE_BYTES, ends);
    let directory = Bytes::from(contents.encode(&entries));
    let mut chunks = Vec::with_capacity(entries.len().max(1));
    let mut start = 0;
    for (number, entry) in (0..).zip(&entries) {
        let part = stream.get(start..entry.end).unwrap_or_default();
        start = entry.end;
        let chunk = match number {
            0 => [&directory, part].concat().into(),
            _ => Bytes::copy_from_slice(part),
        };
        chunks.push((ChunkId(number), chunk));
    }
    if chunks.is_empty() {
        chunks.push((ChunkId::DIRECTORY, directory.clone()));
    }
    (directory, chunks)
}

fn entries(stream: &[u8], directory_bytes: usize, ends: Ends) -> Vec<ChunkEntry> {
    let mut entries = Vec::new();
    let (mut start, mut beside) = (0, directory_bytes);
    while start < stream.len() {
        let left = stream.len() - start + beside;
        let taken = if entries.is_empty() {
            // At least one byte of the stream, so that chunks are never empty.
            left.min(room(ends.always.max(1) + beside))
        } else if start < ends.often {
            taken(left, OFTEN_CHUNK_BYTES)
        } else {
            taken(left, CHUNK_BYTES)
        };
        let end = start + taken - beside;
        let hash = chunk_hash(stream.get(start..end).unwrap_or_default());
        entries.push(ChunkEntry { end, hash });
        (start, beside) = (end, 0);
    }
    entries
}

/// Returns how many of the bytes that are left the next chunk takes. The last bytes go into pages that they
/// fill, but for an eighth.
fn taken(left: usize, chunk_bytes: usize) -> usize {
    let most = chunk_bytes - BESIDE_BYTES;
    if left >= most {
        return most;
    }
    let room_bytes = room(left);
    if room_bytes + BESIDE_BYTES == PAGE_BYTES || left >= room_bytes - room_bytes / 8 {
        return left;
    }
    (room_bytes - BESIDE_BYTES) / 2
}

/// Returns how many bytes the fewest pages hold that hold `size_bytes`.
fn room(size_bytes: usize) -> usize {
    let pages = (size_bytes + BESIDE_BYTES).div_ceil(PAGE_BYTES);
    pages.next_power_of_two() * PAGE_BYTES - BESIDE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_one_another_and_fill_their_pages() {
        for n_bytes in [1, 3_000, 4_032, 4_033, 70_000, 400_123] {
            let stream: Vec<u8> = (0..n_bytes).map(|n| n as u8).collect();
            let ends = Ends {
                always: 2_000.min(n_bytes),
                often: n_bytes / 3,
            };
            let (directory, chunks) = cut(&Contents::default(), &stream, ends);
            let (first, rest) = chunks.split_first().unwrap();
            let mut whole = first.1.strip_prefix(&directory[..]).unwrap().to_vec();
            for (_, chunk) in rest {
                whole.extend_from_slice(chunk);
            }
            assert_eq!(whole, stream);
            let pages = |(_, chunk): &(ChunkId, Bytes)| room(chunk.len()) + BESIDE_BYTES;
            let stored: usize = chunks.iter().map(pages).sum();
            assert!(
                stored <= n_bytes + n_bytes / 16 + 2 * PAGE_BYTES,
                "{n_bytes} bytes take {stored}"
            );
        }
    }

    #[test]
    fn a_block_of_nothing_has_a_directory() {
        let (directory, chunks) = cut(&Contents::default(), &[], Ends::default());
        assert_eq!(chunks, [(ChunkId::DIRECTORY, directory)]);
    }
}
