//! What a tenant has in the inbox is taken out of the packs that hold it.
//!
//! Frames keep their numbers, which open traces of other tenants rest on: in the place of an erased frame an empty one
//! stays until its pack goes.

use super::{FrameId, PACKS, PIECES, Shared, ledger::PackEntry, pack};
use crate::{
    clock::UnixNanos,
    store::{error::StoreError, inbox::Frame},
    tenant::TenantId,
};

/// Erases a tenant's frames from every pack, a commit for each.
pub(super) fn erase(shared: &Shared, tenant: &TenantId) -> Result<(), StoreError> {
    let packs = shared.ledger().all();
    for (first, entry) in packs {
        erase_in(shared, tenant, first, entry)?;
    }
    Ok(())
}

fn erase_in(
    shared: &Shared,
    tenant: &TenantId,
    first: u64,
    entry: PackEntry,
) -> Result<(), StoreError> {
    let read = shared.read_pack(first, entry);
    let read: Result<Vec<Frame>, StoreError> = read.and_then(|frames| frames.into_iter().collect());
    let mut frames = match read {
        Ok(frames) => frames,
        Err(error) => {
            // Writing the pack anew would lose for good what may be repaired of other tenants.
            tracing::error!(error = %error, tenant = tenant.as_str(), "a damaged part of the inbox is not searched");
            return Ok(());
        }
    };
    let mut erased = Vec::new();
    for (frame, id) in frames.iter_mut().zip(first..) {
        if frame.tenant == *tenant && !frame.otlp.is_empty() {
            // The name of nobody in particular, with nothing.
            *frame = Frame {
                tenant: TenantId::default_tenant(),
                otlp: bytes::Bytes::new(),
                arrived: UnixNanos(0),
            };
            erased.push(FrameId(id));
        }
    }
    if erased.is_empty() {
        return Ok(());
    }
    let all: Vec<&Frame> = frames.iter().collect();
    let bytes = pack::pack(&all);
    let pieces = pack::pieces(&bytes);
    let smaller = PackEntry {
        frames: entry.frames,
        pieces: pieces.len() as u32,
        bytes: bytes.len() as u64,
    };
    shared.file.write(|txn| {
        let mut piece_table = txn.open_table(PIECES)?;
        for piece in 0..entry.pieces {
            piece_table.remove((first, piece))?;
        }
        for (piece, number) in pieces.iter().zip(0..) {
            piece_table.insert((first, number), *piece)?;
        }
        let mut packs = txn.open_table(PACKS)?;
        packs.insert(first, smaller.to_value().as_slice())?;
        Ok(())
    })?;
    let mut ledger = shared.ledger();
    ledger.resize(first, smaller);
    for frame in erased {
        ledger.release(frame);
    }
    Ok(())
}
