//! How a block's chunks and postings lie in a file.

use bytes::Bytes;
use redb::WriteTransaction;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    CHUNKS, Candidates, OTHER_NAMES, POSTINGS,
    listing::{Indexed, Layout},
};
use crate::{
    block::{ChunkId, EncodedBlock, Postings},
    store::{
        codec::{Place, Writer, check_for},
        error::StoreError,
        file::Fault,
        limits::{
            INDEXED_BLOCK_SPANS_MIN, POSTINGS_NAME_BYTES_MAX, POSTINGS_NAMES_MAX, POSTINGS_READ_MAX,
        },
    },
    tenant::TenantId,
};

/// The number under which a block lies that is one value.
pub(super) const WHOLE: u32 = u32::MAX;

/// One entry of one table.
pub(in crate::store) enum Put<'a> {
    Chunk(u64, u32, Bytes),
    Postings(&'a TenantId, &'a str, u64, Vec<u8>),
    OtherNames(&'a TenantId, u64, Vec<u8>),
}

impl<'a> Put<'a> {
    /// Returns what a block consists of, how it is laid out, and which names have postings.
    pub(in crate::store) fn of(seq: u64, block: &'a EncodedBlock) -> (Layout, Indexed, Vec<Self>) {
        if block.meta.n_spans < INDEXED_BLOCK_SPANS_MIN {
            let whole = Self::Chunk(seq, WHOLE, whole_value(&block.chunks).into());
            return (Layout::Whole, Indexed::default(), vec![whole]);
        }
        let tenant = &block.meta.tenant;
        let chunks = block.chunks.iter();
        let mut puts: Vec<Self> = chunks
            .map(|(id, bytes)| Self::Chunk(seq, id.0, bytes.clone()))
            .collect();
        let mut others: Option<Postings> = None;
        let mut own = Vec::new();
        for (i, (name, traces)) in block.postings.iter().enumerate() {
            if i < POSTINGS_NAMES_MAX && has_own_postings(name) {
                let value = sealed(traces, postings_key(tenant, Some(name), seq));
                puts.push(Self::Postings(tenant, name, seq, value));
                own.push(name.as_str());
            } else {
                others = Some(others.map_or_else(|| traces.clone(), |all| all.or(traces)));
            }
        }
        let indexed = Indexed::of(&own, others.is_some());
        puts.extend(others.map(|traces| {
            let value = sealed(&traces, postings_key(tenant, None, seq));
            Self::OtherNames(tenant, seq, value)
        }));
        (Layout::Chunks, indexed, puts)
    }

    pub(super) fn n_bytes(&self) -> usize {
        match self {
            Self::Chunk(_, _, bytes) => bytes.len(),
            Self::Postings(_, name, _, bytes) => name.len() + bytes.len(),
            Self::OtherNames(_, _, bytes) => bytes.len(),
        }
    }

    pub(super) fn write(puts: &[Self], txn: &WriteTransaction) -> Result<(), Fault> {
        let mut chunks = txn.open_table(CHUNKS)?;
        let mut postings = txn.open_table(POSTINGS)?;
        let mut others = txn.open_table(OTHER_NAMES)?;
        for put in puts {
            match put {
                Self::Chunk(seq, id, bytes) => drop(chunks.insert((*seq, *id), &bytes[..])?),
                Self::Postings(tenant, name, seq, bytes) => {
                    postings.insert((tenant.as_str(), *name, *seq), bytes.as_slice())?;
                }
                Self::OtherNames(tenant, seq, bytes) => {
                    others.insert((tenant.as_str(), *seq), bytes.as_slice())?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a name may have postings of its own.
pub(super) fn has_own_postings(name: &str) -> bool {
    name.len() <= POSTINGS_NAME_BYTES_MAX
}

fn sealed(postings: &Postings, key: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(&postings.to_bytes());
    writer.finish_for(key)
}

/// Hashes the key of postings, those of a name or those of the other names, into their checksum: a key with a bit flipped
/// may be the key of another block or name, and its traces would be believed.
pub(in crate::store) fn postings_key(tenant: &TenantId, name: Option<&str>, seq: u64) -> u64 {
    let mut key = seq.to_le_bytes().to_vec();
    key.extend_from_slice(tenant.as_str().as_bytes());
    if let Some(name) = name {
        key.push(0);
        key.extend_from_slice(name.as_bytes());
    }
    xxh3_64(&key)
}

/// Reads what [`sealed`] wrote, unless it is long.
pub(in crate::store) fn read_postings<K: std::fmt::Debug>(
    place: &Place<'_, K>,
    key: u64,
    value: &[u8],
) -> Result<Candidates, StoreError> {
    let bytes = check_for(value, key).map_err(|what| place.corrupt(what))?;
    if Postings::count_in(bytes) > POSTINGS_READ_MAX {
        return Ok(Candidates::Scan);
    }
    let traces = Postings::from_bytes(bytes).map_err(|error| place.corrupt(error.to_string()))?;
    Ok(Candidates::Traces(traces))
}

fn whole_value(chunks: &[(ChunkId, Bytes)]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.varint(chunks.len() as u64);
    for (_, bytes) in chunks {
        writer.bytes(bytes);
    }
    writer.finish()
}
