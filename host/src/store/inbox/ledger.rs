//! Which packs the inbox holds, and which of their frames are given up. In memory; the file knows packs only.

use std::collections::BTreeMap;

use super::FrameId;
use crate::store::codec::{Malformed, Reader, Writer};

/// The most packs that one commit gives back: a bound on how long it takes.
const DUE_PER_COMMIT: usize = 64;

/// What the file says of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackEntry {
    pub(super) frames: u32,
    pub(super) pieces: u32,
    pub(super) bytes: u64,
}

impl PackEntry {
    pub(super) fn to_value(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .varint(self.frames.into())
            .varint(self.pieces.into())
            .varint(self.bytes);
        writer.finish()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            frames: reader.u32()?,
            pieces: reader.u32()?,
            bytes: reader.varint()?,
        })
    }
}

/// The packs of the inbox by their first frame. Frames are numbered through, from 1.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    packs: BTreeMap<u64, Kept>,
    due: Vec<u64>,
    bytes: u64,
    last_frame: u64,
}

#[derive(Debug)]
struct Kept {
    entry: PackEntry,
    /// A bit for each frame that is given up.
    released: Vec<u64>,
    n_released: u32,
}

impl Ledger {
    pub(super) fn next_frame(&self) -> u64 {
        self.last_frame + 1
    }

    pub(super) fn insert(&mut self, first: u64, entry: PackEntry) {
        self.last_frame = self.last_frame.max(
            first
                .saturating_add(u64::from(entry.frames))
                .saturating_sub(1),
        );
        self.bytes = self.bytes.saturating_add(entry.bytes);
        let kept = Kept {
            entry,
            released: vec![0; entry.frames.div_ceil(64) as usize],
            n_released: 0,
        };
        self.packs.insert(first, kept);
    }

    /// Marks a frame; its pack is due once all its frames are marked.
    pub(super) fn release(&mut self, frame: FrameId) {
        let Some((&first, kept)) = self.packs.range_mut(..=frame.0).next_back() else {
            return;
        };
        let i = frame.0 - first;
        let Some(word) = kept.released.get_mut((i / 64) as usize) else {
            return;
        };
        let bit = 1 << (i % 64);
        if *word & bit != 0 || i >= u64::from(kept.entry.frames) {
            return;
        }
        *word |= bit;
        kept.n_released += 1;
        if kept.n_released == kept.entry.frames {
            self.due.push(first);
        }
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Returns packs whose space can be given back, with the number of their pieces.
    pub(super) fn due(&self) -> Vec<(u64, u32)> {
        self.due
            .iter()
            .take(DUE_PER_COMMIT)
            .filter_map(|first| Some((*first, self.packs.get(first)?.entry.pieces)))
            .collect()
    }

    /// Forgets packs that are gone from the file.
    pub(super) fn remove(&mut self, gone: &[(u64, u32)]) {
        self.due.drain(..gone.len().min(self.due.len()));
        for (first, _) in gone {
            if let Some(kept) = self.packs.remove(first) {
                self.bytes = self.bytes.saturating_sub(kept.entry.bytes);
            }
        }
    }

    /// Takes note of a pack that was written anew, with as many frames.
    pub(super) fn resize(&mut self, first: u64, entry: PackEntry) {
        if let Some(kept) = self.packs.get_mut(&first) {
            self.bytes = self.bytes.saturating_sub(kept.entry.bytes);
            self.bytes = self.bytes.saturating_add(entry.bytes);
            kept.entry = entry;
        }
    }

    /// Returns all packs, those too whose frames are all given up.
    pub(super) fn all(&self) -> Vec<(u64, PackEntry)> {
        let packs = self.packs.iter();
        packs.map(|(first, kept)| (*first, kept.entry)).collect()
    }

    /// Returns the packs with frames that are not given up.
    pub(super) fn packs(&self) -> Vec<(u64, PackEntry)> {
        self.packs
            .iter()
            .filter(|(_, kept)| kept.n_released < kept.entry.frames)
            .map(|(first, kept)| (*first, kept.entry))
            .collect()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(frames: u32) -> PackEntry {
        PackEntry {
            frames,
            pieces: 2,
            bytes: 10,
        }
    }

    #[test]
    fn a_pack_is_due_when_each_of_its_frames_was_given_up_once() {
        let mut ledger = Ledger::default();
        ledger.insert(1, entry(70));
        ledger.insert(71, entry(1));
        for frame in [0, 1, 1, 2, 500] {
            ledger.release(FrameId(frame));
        }
        assert!(!ledger.has_due());
        for frame in 3..=70 {
            ledger.release(FrameId(frame));
        }
        assert_eq!(ledger.due(), [(1, 2)]);
        assert_eq!(ledger.packs(), [(71, entry(1))]);
        ledger.remove(&[(1, 2)]);
        assert!(!ledger.has_due());
        assert_eq!((ledger.bytes(), ledger.next_frame()), (10, 72));
    }
}
