//! How frames lie in the inbox.
//!
//! The frames of one commit are packed, about a mebibyte to a pack, and a pack is cut into values:
//!
//! ```text
//! pack:  | length of the head u32 | head | bytes of frame 0 | bytes of frame 1 | ...
//! head:  a value (see codec): number of frames, then for each: tenant, arrival, length, xxh3-64
//! ```
//!
//! The database gives a value a power of two of bytes, so a pack of 163 KB in one piece would cost 256.
//! It is cut into pieces just under powers of two, and costs at most an eighth more than it holds.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    clock::UnixNanos,
    store::{
        codec::{Malformed, Place, Reader, Writer},
        error::StoreError,
        limits::INBOX_VALUE_BYTES_MAX,
    },
    tenant::TenantId,
};

/// What a page of the database holds beside one value, rounded up: a header, the key, an end.
const VALUE_OVERHEAD_BYTES: usize = 64;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose it is.
    pub tenant: TenantId,
    /// An `ExportTraceServiceRequest` in protobuf.
    pub otlp: Bytes,
    /// When it arrived.
    pub arrived: UnixNanos,
}

/// Returns the bytes of a pack.
pub(super) fn pack(frames: &[&Frame]) -> Vec<u8> {
    let mut head = Writer::new();
    head.varint(frames.len() as u64);
    for frame in frames {
        head.text(frame.tenant.as_str())
            .u64(frame.arrived.0)
            .varint(frame.otlp.len() as u64)
            .u64(xxh3_64(&frame.otlp));
    }
    let head = head.finish();
    let size = 4 + head.len() + frames.iter().map(|f| f.otlp.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&head);
    for frame in frames {
        bytes.extend_from_slice(&frame.otlp);
    }
    bytes
}

/// Reads a pack. A frame that is damaged does not keep the others from being read; a damaged head does.
pub(super) fn unpack(
    place: &Place<'_, u64>,
    pack: &Bytes,
) -> Result<Vec<Result<Frame, StoreError>>, StoreError> {
    let (head_bytes, rest) = pack
        .split_first_chunk::<4>()
        .ok_or_else(|| place.corrupt("it ends early"))?;
    let head_bytes = u32::from_le_bytes(*head_bytes) as usize;
    let head = rest
        .get(..head_bytes)
        .ok_or_else(|| place.corrupt("it ends early"))?;
    let entries = place.decode(head, read_head)?;
    let mut at = 4 + head_bytes;
    let mut frames = Vec::with_capacity(entries.len());
    for (i, entry) in entries.into_iter().enumerate() {
        let end = at.saturating_add(entry.n_bytes);
        let frame = if end <= pack.len() {
            let otlp = pack.slice(at..end);
            if xxh3_64(&otlp) == entry.checksum {
                Ok(Frame {
                    tenant: entry.tenant,
                    otlp,
                    arrived: entry.arrived,
                })
            } else {
                Err(place.corrupt(format!("the checksum of frame {i} does not fit")))
            }
        } else {
            Err(place.corrupt(format!("frame {i} ends early")))
        };
        frames.push(frame);
        at = end;
    }
    Ok(frames)
}

struct Entry {
    tenant: TenantId,
    arrived: UnixNanos,
    n_bytes: usize,
    checksum: u64,
}

fn read_head(reader: &mut Reader<'_>) -> Result<Vec<Entry>, Malformed> {
    let n = reader.count()?;
    (0..n)
        .map(|_| {
            Ok(Entry {
                tenant: TenantId::try_new(reader.text()?).ok_or("a tenant's name is none")?,
                arrived: UnixNanos(reader.u64()?),
                n_bytes: usize::try_from(reader.varint()?).map_err(|_| "a length is too large")?,
                checksum: reader.u64()?,
            })
        })
        .collect()
}

/// Cuts a pack into values.
pub(super) fn pieces(mut pack: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((piece, rest)) = pack.split_at_checked(piece_bytes(pack.len())) {
        pieces.push(piece);
        pack = rest;
        if pack.is_empty() {
            break;
        }
    }
    pieces
}

/// Returns how much of the rest goes into one value: all of it, where that wastes at most an eighth.
fn piece_bytes(rest: usize) -> usize {
    const SMALL_BYTES: usize = 8 << 10;
    let longest = INBOX_VALUE_BYTES_MAX - VALUE_OVERHEAD_BYTES;
    let room = (rest + VALUE_OVERHEAD_BYTES).next_power_of_two();
    if rest >= longest {
        longest
    } else if rest <= SMALL_BYTES || room - rest <= rest / 8 {
        rest
    } else {
        room / 2 - VALUE_OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_, u64> = Place {
        file: "inbox.redb",
        table: "pieces",
        key: 1,
    };

    fn frame(tenant: &str, n: usize, arrived: u64) -> Frame {
        Frame {
            tenant: TenantId::try_new(tenant).unwrap(),
            otlp: (0..n).map(|i| (i % 251) as u8).collect(),
            arrived: UnixNanos(arrived),
        }
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let frames = [frame("a", 0, 1), frame("b", 70_000, 2), frame("a", 3, 3)];
        let bytes = Bytes::from(pack(&frames.each_ref()));
        let read: Vec<Frame> = unpack(&PLACE, &bytes)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(read, frames);
    }

    #[test]
    fn a_damaged_frame_does_not_hide_the_others() {
        let frames = [frame("a", 100, 1), frame("b", 100, 2)];
        let mut bytes = pack(&frames.each_ref());
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let read = unpack(&PLACE, &Bytes::from(bytes)).unwrap();
        assert_eq!(read[0].as_ref().unwrap(), &frames[0]);
        assert!(
            read[1]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("frame 1")
        );
    }

    #[test]
    fn damage_anywhere_and_truncation_anywhere_are_errors() {
        let bytes = pack(&[&frame("a", 40, 1)]);
        let reads = |bytes: Vec<u8>| {
            unpack(&PLACE, &Bytes::from(bytes)).is_ok_and(|f| f.iter().all(Result::is_ok))
        };
        assert!(reads(bytes.clone()));
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 0x40;
            assert!(!reads(bad), "byte {i}");
            assert!(!reads(bytes[..i].to_vec()), "cut at {i}");
        }
    }

    #[test]
    fn pieces_make_up_the_pack_and_waste_at_most_an_eighth() {
        for n in [0, 1, 5_000, 9_000, 163_000, 400_000, 1 << 20, 5_000_000] {
            let pack: Vec<u8> = (0..n).map(|i| (i % 250) as u8).collect();
            let pieces = pieces(&pack);
            assert_eq!(pieces.concat(), pack);
            let room: usize = pieces
                .iter()
                .map(|p| (p.len() + VALUE_OVERHEAD_BYTES).next_power_of_two())
                .sum();
            assert!(n < 100_000 || room * 8 <= n * 9, "{n} bytes take {room}");
        }
    }
}
