//! How much of the disk is left, and how much of that is not for what arrives.
//!
//! What is acknowledged has to become blocks and verdicts, and what is too old has to go: that takes room too, and a write
//! that finds none costs the store its file until it is opened again. So spans are refused while there still is some.

use super::{
    Store,
    limits::{DISK_RESERVE_BYTES, DISK_RESERVE_DIVISOR},
};

/// What there is of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What is left for who is not root.
    pub free: u64,
    /// How large it is.
    pub total: u64,
}

impl Room {
    /// Returns what is not for what arrives.
    pub fn reserve(self) -> u64 {
        DISK_RESERVE_BYTES.min(self.total / DISK_RESERVE_DIVISOR)
    }
}

impl Store {
    /// Returns what is left of the disk, where that is less than is kept for what was acknowledged before. Asks the system:
    /// about a microsecond.
    pub fn lacks_room(&self) -> Option<Room> {
        // A disk that cannot be asked is written to, and says then what is wrong with it.
        let room = self.room()?;
        (room.free < room.reserve()).then_some(room)
    }

    /// Returns what there is of the disk; nothing where the system does not tell.
    pub(crate) fn room(&self) -> Option<Room> {
        self.inner.ground.disk().room(&self.inner.dir).ok()
    }
}
