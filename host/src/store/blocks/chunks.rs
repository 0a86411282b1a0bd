//! How a block's chunks and postings lie in a file.

use bytes::Bytes;
use redb::WriteTransaction;

use super::{CHUNKS, Candidates, OTHER_NAMES, POSTINGS, listing::Layout};
use crate::{
    block::{ChunkId, EncodedBlock, Postings},
    store::{
        codec::{Place, Writer},
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
    /// Returns what a block consists of, and how it is laid out.
    pub(in crate::store) fn of(seq: u64, block: &'a EncodedBlock) -> (Layout, Vec<Self>) {
        if block.meta.n_spans < INDEXED_BLOCK_SPANS_MIN {
            let whole = whole_value(&block.chunks);
            return (Layout::Whole, vec![Self::Chunk(seq, WHOLE, whole.into())]);
        }
        let tenant = &block.meta.tenant;
        let chunks = block.chunks.iter();
        let mut puts: Vec<Self> = chunks
            .map(|(id, bytes)| Self::Chunk(seq, id.0, bytes.clone()))
            .collect();
        let mut others: Option<Postings> = None;
        for (i, (name, traces)) in block.postings.iter().enumerate() {
            if i < POSTINGS_NAMES_MAX && has_own_postings(name) {
                puts.push(Self::Postings(tenant, name, seq, sealed(traces)));
            } else {
                others = Some(others.map_or_else(|| traces.clone(), |all| all.or(traces)));
            }
        }
        puts.extend(others.map(|traces| Self::OtherNames(tenant, seq, sealed(&traces))));
        (Layout::Chunks, puts)
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

fn sealed(postings: &Postings) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(&postings.to_bytes());
    writer.finish()
}

/// Reads what [`sealed`] wrote, unless it is long.
pub(super) fn read_postings<K: std::fmt::Debug>(
    place: &Place<'_, K>,
    value: &[u8],
) -> Result<Candidates, StoreError> {
    let bytes = crate::store::codec::check(value).map_err(|what| place.corrupt(what))?;
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
