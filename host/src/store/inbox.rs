//! What was acknowledged and is not yet in blocks: the only file that an acknowledgement waits for.
//!
//! One thread writes. It takes what has gathered while it wrote, commits it together, and only then
//! tells each caller. Frames are given up when their spans are in listed blocks; the space of a pack is
//! given back by a later commit, once all its frames are given up. A crash in between shows frames
//! again at the next start, and spans that are already in a block change nothing.

mod erase;
mod examine;
mod ledger;
mod pack;
mod writer;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use bytes::{Bytes, BytesMut};
use crossbeam_channel::{Sender, TrySendError, bounded};
use redb::TableDefinition;

pub(super) use self::examine::examine;
pub use self::pack::Frame;
use self::{
    ledger::{Ledger, PackEntry},
    writer::{Message, Submission},
};
use super::{
    codec::Place,
    error::StoreError,
    file::{DbFile, open_if_there},
    limits::{INBOX_COMMIT_BYTES_MAX, INBOX_QUEUE_BYTES_MAX, INBOX_QUEUE_FRAMES_MAX, NUMBER_MAX},
};
use crate::tenant::TenantId;

/// First frame of a pack -> how many frames, pieces and bytes it has.
const PACKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("packs");

/// First frame of a pack, number of the piece -> the piece. A pack's frames carry their own checksums.
const PIECES: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("pieces");

/// Names a frame for as long as it is in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u64);

/// Told, on the writer's thread, once a frame is durable, or why it is not. Must not block.
pub type Done = Box<dyn FnOnce(Result<FrameId, StoreError>) + Send>;

/// Why a frame is not taken. Nothing was kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxRefused {
    /// More waits to be written than may wait: try again later.
    #[error("the inbox's queue is full")]
    Full,
    /// Nothing is written any more.
    #[error("the inbox is not written any more: {why}")]
    Stopped {
        /// The first failure.
        why: String,
    },
}

/// The inbox of an open store.
pub struct Inbox {
    shared: Arc<Shared>,
    sender: Option<Sender<Message>>,
    writer: Option<JoinHandle<()>>,
}

/// What the callers and the writer share.
struct Shared {
    file: DbFile,
    ledger: Mutex<Ledger>,
    queued_bytes: AtomicU64,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A ledger is changed by steps that cannot panic half way.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    /// Reads what is in the file and starts its writer.
    pub(super) fn start(file: DbFile) -> Result<Self, StoreError> {
        let ledger = read_ledger(&file)?;
        let shared = Arc::new(Shared {
            file,
            ledger: Mutex::new(ledger),
            queued_bytes: AtomicU64::new(0),
        });
        let (sender, receiver) = bounded(INBOX_QUEUE_FRAMES_MAX);
        let of_writer = Arc::clone(&shared);
        let writer = thread::Builder::new()
            .name("inbox-writer".to_owned())
            .spawn(move || writer::run(&of_writer, &receiver))
            .map_err(|e| StoreError::io(shared.file.name(), "start the writer of", e))?;
        Ok(Self {
            shared,
            sender: Some(sender),
            writer: Some(writer),
        })
    }

    /// Hands a frame to the writer, without waiting. `done` is called unless this is refused.
    ///
    /// # Errors
    ///
    /// [`InboxRefused`]; the frame was not kept, and `done` is not called.
    pub fn submit(&self, frame: Frame, done: Done) -> Result<(), InboxRefused> {
        let stopped = |why: &str| InboxRefused::Stopped {
            why: why.to_owned(),
        };
        if let Some(why) = self.shared.file.stopped() {
            return Err(stopped(why));
        }
        let n_bytes = frame.otlp.len() as u64;
        let queued = &self.shared.queued_bytes;
        // A frame is taken by an empty queue however long it is.
        let admit = |before: u64| {
            let after = before.saturating_add(n_bytes);
            (before == 0 || after <= INBOX_QUEUE_BYTES_MAX).then_some(after)
        };
        queued
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, admit)
            .map_err(|_| InboxRefused::Full)?;
        let message = Message::Submit(Submission { frame, done });
        let sent = match &self.sender {
            Some(sender) => sender.try_send(message),
            None => Err(TrySendError::Disconnected(message)),
        };
        sent.map_err(|error| {
            queued.fetch_sub(n_bytes, Ordering::AcqRel);
            match error {
                TrySendError::Full(_) => InboxRefused::Full,
                TrySendError::Disconnected(_) => stopped("its writer has ended"),
            }
        })
    }

    /// Gives up frames whose spans are all in listed blocks. Does not wait; frames that are not there
    /// (any more) are passed over.
    pub fn release(&self, frames: &[FrameId]) {
        let any_due = {
            let mut ledger = self.shared.ledger();
            for frame in frames {
                ledger.release(*frame);
            }
            ledger.has_due()
        };
        if any_due && let Some(sender) = &self.sender {
            // A full queue means that a commit is at hand, and it takes this along.
            drop(sender.try_send(Message::Wake));
        }
    }

    /// Returns every frame that was not given up, oldest first, read pack by pack as it is asked for.
    /// Damaged packs and frames are errors among the others.
    pub fn scan(&self) -> impl Iterator<Item = Result<(FrameId, Frame), StoreError>> + '_ {
        let packs = self.shared.ledger().packs();
        packs
            .into_iter()
            .flat_map(|(first, entry)| self.read_pack(first, entry))
    }

    /// Erases what is kept of a tenant, and returns when that is durable: also what was submitted before, whose `done` has
    /// been called by then. Its frames are given up.
    ///
    /// # Errors
    ///
    /// What reading and writing may show.
    pub fn erase(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let stopped = || StoreError::Stopped {
            file: self.shared.file.name().to_owned(),
            why: "its writer has ended".to_owned(),
        };
        let (done, erased) = bounded(1);
        let message = Message::Erase {
            tenant: tenant.clone(),
            done,
        };
        let sender = self.sender.as_ref().ok_or_else(stopped)?;
        sender.send(message).map_err(|_| stopped())?;
        erased.recv().map_err(|_| stopped())?
    }

    /// Returns the bytes of the packs that are kept.
    pub fn bytes(&self) -> u64 {
        self.shared.ledger().bytes()
    }

    fn read_pack(&self, first: u64, entry: PackEntry) -> Vec<Result<(FrameId, Frame), StoreError>> {
        match self.shared.read_pack(first, entry) {
            Ok(frames) => frames
                .into_iter()
                .zip(first..)
                .map(|(frame, id)| frame.map(|frame| (FrameId(id), frame)))
                .collect(),
            Err(error) => vec![Err(error)],
        }
    }
}

impl Shared {
    /// Reads the frames of a pack, each of which may be damaged by itself.
    fn read_pack(
        &self,
        first: u64,
        entry: PackEntry,
    ) -> Result<Vec<Result<Frame, StoreError>>, StoreError> {
        read_pack(&self.file, first, entry)
    }
}

/// Reads the frames of a pack, each of which may be damaged by itself.
fn read_pack(
    file: &DbFile,
    first: u64,
    entry: PackEntry,
) -> Result<Vec<Result<Frame, StoreError>>, StoreError> {
    let place = Place {
        file: file.name(),
        table: "pieces",
        key: first,
    };
    file.read(|txn| {
        let Some(pieces) = open_if_there(txn, PIECES)? else {
            return Err(place.corrupt("the table is gone").into());
        };
        let mut pack =
            BytesMut::with_capacity(entry.bytes.min(INBOX_COMMIT_BYTES_MAX as u64) as usize);
        for piece in 0..entry.pieces {
            let value = pieces
                .get((first, piece))?
                .ok_or_else(|| place.corrupt(format!("piece {piece} is gone")))?;
            pack.extend_from_slice(value.value());
        }
        Ok(pack.freeze())
    })
    .and_then(|pack: Bytes| pack::unpack(&place, &pack))
}

impl Drop for Inbox {
    /// Writes what is queued and ends the writer.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take()
            // The last owner may be a `done`, which runs on the writer's own thread.
            && writer.thread().id() != thread::current().id()
        {
            drop(writer.join());
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("file", &self.shared.file.name())
            .finish_non_exhaustive()
    }
}

fn read_ledger(file: &DbFile) -> Result<Ledger, StoreError> {
    file.read(|txn| {
        let mut ledger = Ledger::default();
        let Some(packs) = open_if_there(txn, PACKS)? else {
            return Ok(ledger);
        };
        for row in redb::ReadableTable::iter(&packs)? {
            let (first, value) = row?;
            let place = Place {
                file: file.name(),
                table: "packs",
                key: first.value(),
            };
            if first.value() > NUMBER_MAX {
                return Err(place.corrupt("no frame has so high a number").into());
            }
            ledger.insert(first.value(), place.decode(value.value(), PackEntry::read)?);
        }
        Ok(ledger)
    })
}

#[cfg(test)]
mod tests;
