//! What is in a file of the disk that loses power: as processes see it, and as it would be found without power.

use std::collections::BTreeSet;

use crate::random::Random;

/// What the system keeps, and takes for clean, whole.
const PAGE_BYTES: u64 = 4_096;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Default)]
pub(super) struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
    /// The pages that were ever written: others take no room.
    used: BTreeSet<u64>,
}

struct Pending {
    change: Change,
    /// Whether the system takes it for written.
    is_clean: bool,
}

enum Change {
    /// Bytes of one page.
    Bytes(u64, Vec<u8>),
    Len(u64),
}

impl Pending {
    fn new(change: Change) -> Self {
        Self {
            change,
            is_clean: false,
        }
    }

    fn page(&self) -> Option<u64> {
        match self.change {
            Change::Bytes(at, _) => Some(at / PAGE_BYTES),
            Change::Len(_) => None,
        }
    }
}

impl Content {
    /// As processes see it.
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.used.split_off(&len.div_ceil(PAGE_BYTES));
        self.seen.resize(len as usize, 0);
        self.pending.push(Pending::new(Change::Len(len)));
    }

    /// Writes as much of `bytes` as there are pages for, and returns whether that is all.
    pub(super) fn write(
        &mut self,
        mut at: u64,
        bytes: &[u8],
        pages_left: &mut Option<u64>,
    ) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let page = at / PAGE_BYTES;
            let n = rest.len().min(((page + 1) * PAGE_BYTES - at) as usize);
            let (piece, later) = rest.split_at(n);
            if !self.used.contains(&page)
                && let Some(left) = pages_left
            {
                if *left == 0 {
                    return false;
                }
                *left -= 1;
            }
            self.used.insert(page);
            self.write_piece(at, piece);
            (at, rest) = (at + n as u64, later);
        }
        true
    }

    fn write_piece(&mut self, at: u64, bytes: &[u8]) {
        let end = at + bytes.len() as u64;
        if end > self.seen.len() as u64 {
            self.set_len(end);
        }
        put(&mut self.seen, at, bytes);
        for pending in &mut self.pending {
            if pending.page() == Some(at / PAGE_BYTES) {
                pending.is_clean = false;
            }
        }
        let change = Change::Bytes(at, bytes.to_vec());
        self.pending.push(Pending::new(change));
    }

    pub(super) fn sync(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match &pending.change {
                _ if pending.is_clean => self.pending.push(pending),
                Change::Bytes(at, bytes) => put(&mut self.durable, *at, bytes),
                Change::Len(len) => self.durable.resize(*len as usize, 0),
            }
        }
    }

    /// Forgets that there is something to sync. Lengths are the journal's, which does not.
    pub(super) fn fail_sync(&mut self) {
        for pending in &mut self.pending {
            pending.is_clean = pending.page().is_some();
        }
    }

    pub(super) fn lose_power(&mut self, seeded: &mut Random) {
        let percent = [0, 10, 50, 90, 100][seeded.below(5) as usize];
        let lengths = self.pending.iter().filter(|p| p.page().is_none());
        let mut n_lengths = seeded.below(lengths.count() as u64 + 1);
        for pending in std::mem::take(&mut self.pending) {
            match pending.change {
                Change::Bytes(at, bytes) => {
                    let sectors = (at..).step_by(SECTOR_BYTES);
                    for (at, sector) in sectors.zip(bytes.chunks(SECTOR_BYTES)) {
                        if seeded.percent(percent) {
                            put(&mut self.durable, at, sector);
                        }
                    }
                }
                Change::Len(len) if n_lengths > 0 => {
                    n_lengths -= 1;
                    self.durable.resize(len as usize, 0);
                }
                Change::Len(_) => {}
            }
        }
        self.seen.clone_from(&self.durable);
        let n_pages = (self.seen.len() as u64).div_ceil(PAGE_BYTES);
        self.used.split_off(&n_pages);
    }
}

/// Writes to bytes, of which there do not come to be more.
fn put(to: &mut [u8], at: u64, bytes: &[u8]) {
    let n = bytes.len().min(to.len().saturating_sub(at as usize));
    if n > 0 {
        to[at as usize..at as usize + n].copy_from_slice(&bytes[..n]);
    }
}
