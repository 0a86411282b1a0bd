//! The thread that writes the inbox.

use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};

use super::{Done, Frame, FrameId, PACKS, PIECES, Shared, erase, ledger::PackEntry, pack};
use crate::store::{
    error::StoreError,
    limits::{INBOX_COMMIT_BYTES_MAX, INBOX_PACK_BYTES},
};
use crate::tenant::TenantId;

/// What the writer is told.
pub(super) enum Message {
    /// Keep this.
    Submit(Submission),
    /// There are packs whose space can be given back.
    Wake,
    /// Erase what is kept of a tenant, after what was submitted before.
    Erase {
        tenant: TenantId,
        done: Sender<Result<(), StoreError>>,
    },
}

/// What is done when the group before it is committed.
type Erasing = Option<(TenantId, Sender<Result<(), StoreError>>)>;

/// A frame and who waits for it.
pub(super) struct Submission {
    pub(super) frame: Frame,
    pub(super) done: Done,
}

/// Writes until nobody can submit any more and everything submitted is written.
pub(super) fn run(shared: &Shared, receiver: &Receiver<Message>) {
    let mut open = true;
    while open {
        let mut group = Vec::new();
        let mut group_bytes = 0;
        let mut erasing = None;
        match receiver.recv() {
            Ok(message) => erasing = take(&mut group, &mut group_bytes, message),
            Err(_) => open = false,
        }
        while group_bytes < INBOX_COMMIT_BYTES_MAX
            && erasing.is_none()
            && let Ok(message) = receiver.try_recv()
        {
            erasing = take(&mut group, &mut group_bytes, message);
        }
        commit(shared, group);
        if let Some((tenant, done)) = erasing {
            // Who asked may have gone.
            let _gone = done.send(erase::erase(shared, &tenant));
        }
        // Only what piled up while nobody submitted is left for extra commits.
        while receiver.is_empty() && shared.ledger().has_due() && shared.file.stopped().is_none() {
            commit(shared, Vec::new());
        }
    }
}

fn take(group: &mut Vec<Submission>, group_bytes: &mut usize, message: Message) -> Erasing {
    match message {
        Message::Submit(submission) => {
            *group_bytes += submission.frame.otlp.len();
            group.push(submission);
            None
        }
        Message::Wake => None,
        Message::Erase { tenant, done } => Some((tenant, done)),
    }
}

/// Makes a group durable together and tells everyone.
pub(super) fn commit(shared: &Shared, group: Vec<Submission>) {
    let due = shared.ledger().due();
    if group.is_empty() && due.is_empty() {
        return;
    }
    let first = shared.ledger().next_frame();
    let written = write(shared, &group, first, &due);
    let group_bytes: usize = group.iter().map(|s| s.frame.otlp.len()).sum();
    if let Ok(entries) = &written {
        let mut ledger = shared.ledger();
        ledger.remove(&due);
        for (first, entry) in entries {
            ledger.insert(*first, *entry);
        }
    }
    shared
        .queued_bytes
        .fetch_sub(group_bytes as u64, Ordering::AcqRel);
    for (submission, id) in group.into_iter().zip(first..) {
        let outcome = match &written {
            Ok(_) => Ok(FrameId(id)),
            Err(error) => Err(error.clone()),
        };
        (submission.done)(outcome);
    }
}

fn write(
    shared: &Shared,
    group: &[Submission],
    mut first: u64,
    due: &[(u64, u32)],
) -> Result<Vec<(u64, PackEntry)>, StoreError> {
    let packs = by_pack(group);
    shared.file.write(|txn| {
        let mut pack_table = txn.open_table(PACKS)?;
        let mut piece_table = txn.open_table(PIECES)?;
        let mut entries = Vec::with_capacity(packs.len());
        for frames in &packs {
            let bytes = pack::pack(frames);
            let pieces = pack::pieces(&bytes);
            let entry = PackEntry {
                frames: frames.len() as u32,
                pieces: pieces.len() as u32,
                bytes: bytes.len() as u64,
            };
            for (piece, number) in pieces.into_iter().zip(0..) {
                piece_table.insert((first, number), piece)?;
            }
            pack_table.insert(first, entry.to_value().as_slice())?;
            entries.push((first, entry));
            first += u64::from(entry.frames);
        }
        for (first, n_pieces) in due {
            pack_table.remove(first)?;
            for piece in 0..*n_pieces {
                piece_table.remove((*first, piece))?;
            }
        }
        Ok(entries)
    })
}

/// Groups frames, in order, into packs of about a mebibyte.
fn by_pack(group: &[Submission]) -> Vec<Vec<&Frame>> {
    let mut packs: Vec<Vec<&Frame>> = Vec::new();
    let mut room = 0;
    for Submission { frame, .. } in group {
        let n_bytes = frame.otlp.len();
        match packs.last_mut() {
            Some(pack) if n_bytes <= room => {
                pack.push(frame);
                room -= n_bytes;
            }
            Some(_) | None => {
                packs.push(vec![frame]);
                room = INBOX_PACK_BYTES.saturating_sub(n_bytes);
            }
        }
    }
    packs
}
