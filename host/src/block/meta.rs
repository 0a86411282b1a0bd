//! What a catalog keeps of a block.
//!
//! ```text
//! version u8 | id [16] | n_traces n_spans incomplete n_chunks u32 | size_bytes arrived_min arrived_max
//! start_min start_max u64 | tenant length u8 | tenant | xxh3-64 of all before        (little-endian)
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::{BlockError, BlockId};
use crate::{clock::UnixNanos, tenant::TenantId};

/// The format of [`BlockMeta::encode`].
const META_VERSION: u8 = 1;

/// The bytes before the tenant's name.
const FIXED_BYTES: usize = 1 + 16 + 4 * 4 + 5 * 8 + 1;

/// The bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 8;

/// What is known of a block without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMeta {
    /// Names it.
    pub id: BlockId,
    /// Whose traces these are.
    pub tenant: TenantId,
    /// How many traces.
    pub n_traces: u32,
    /// How many spans.
    pub n_spans: u32,
    /// How many of the traces have facts: something of them is known to be missing.
    pub incomplete: u32,
    /// How many chunks, the directory included.
    pub n_chunks: u32,
    /// The bytes of all chunks.
    pub size_bytes: u64,
    /// When the first span of any trace arrived.
    pub arrived_min: UnixNanos,
    /// When the last span of any trace arrived.
    pub arrived_max: UnixNanos,
    /// The least T: the T of a trace is the start of its first span.
    pub start_min: UnixNanos,
    /// The greatest T.
    pub start_max: UnixNanos,
}

impl BlockMeta {
    /// Returns the bytes that [`Self::decode`] reads, at most 150.
    pub fn encode(&self) -> Vec<u8> {
        let Self {
            id,
            tenant,
            n_traces,
            n_spans,
            incomplete,
            n_chunks,
            size_bytes,
            arrived_min,
            arrived_max,
            start_min,
            start_max,
        } = self;
        let tenant = tenant.as_str().as_bytes();
        let mut out = Vec::with_capacity(FIXED_BYTES + tenant.len() + CHECKSUM_BYTES);
        out.push(META_VERSION);
        out.extend_from_slice(&id.0);
        for number in [n_traces, n_spans, incomplete, n_chunks] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [
            *size_bytes,
            arrived_min.0,
            arrived_max.0,
            start_min.0,
            start_max.0,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(tenant.len() as u8);
        out.extend_from_slice(tenant);
        out.extend_from_slice(&xxh3_64(&out).to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`BlockError::OtherVersion`] and [`BlockError::Entry`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockError> {
        let bad = |what| BlockError::Entry { what };
        let (body, checksum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(bad("too short"))?;
        if xxh3_64(body) != u64::from_le_bytes(*checksum) {
            return Err(bad("checksum"));
        }
        let mut rest = body;
        let [version] = take(&mut rest)?;
        let id = BlockId(take(&mut rest)?);
        if version != META_VERSION {
            return Err(BlockError::OtherVersion {
                block: id,
                found: version,
                expected: META_VERSION,
            });
        }
        let n_traces = u32::from_le_bytes(take(&mut rest)?);
        let n_spans = u32::from_le_bytes(take(&mut rest)?);
        let incomplete = u32::from_le_bytes(take(&mut rest)?);
        let n_chunks = u32::from_le_bytes(take(&mut rest)?);
        let size_bytes = u64::from_le_bytes(take(&mut rest)?);
        let arrived_min = UnixNanos(u64::from_le_bytes(take(&mut rest)?));
        let arrived_max = UnixNanos(u64::from_le_bytes(take(&mut rest)?));
        let start_min = UnixNanos(u64::from_le_bytes(take(&mut rest)?));
        let start_max = UnixNanos(u64::from_le_bytes(take(&mut rest)?));
        let [tenant_bytes] = take(&mut rest)?;
        if usize::from(tenant_bytes) != rest.len() {
            return Err(bad("length of the tenant's name"));
        }
        let tenant = std::str::from_utf8(rest)
            .ok()
            .and_then(TenantId::try_new)
            .ok_or(bad("tenant's name"))?;
        Ok(Self {
            id,
            tenant,
            n_traces,
            n_spans,
            incomplete,
            n_chunks,
            size_bytes,
            arrived_min,
            arrived_max,
            start_min,
            start_max,
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BlockError> {
    let (head, tail) = rest
        .split_first_chunk::<N>()
        .ok_or(BlockError::Entry { what: "too short" })?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> BlockMeta {
        BlockMeta {
            id: BlockId([7; 16]),
            tenant: TenantId::try_new("acme").unwrap(),
            n_traces: 3,
            n_spans: 40,
            incomplete: 1,
            n_chunks: 2,
            size_bytes: 1234,
            arrived_min: UnixNanos(5),
            arrived_max: UnixNanos(u64::MAX),
            start_min: UnixNanos(0),
            start_max: UnixNanos(9),
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(BlockMeta::decode(&meta().encode()).unwrap(), meta());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = meta().encode();
        for cut in 0..bytes.len() {
            assert!(BlockMeta::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(BlockMeta::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = meta().encode();
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
        bytes[0] = 9;
        bytes.extend_from_slice(&xxh3_64(&bytes).to_le_bytes());
        let error = BlockMeta::decode(&bytes).unwrap_err();
        assert!(
            matches!(error, BlockError::OtherVersion { found: 9, .. }),
            "{error}"
        );
    }
}
