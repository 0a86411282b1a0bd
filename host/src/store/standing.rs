//! How far behind the store is, for who watches it. All of it is in memory or asked of the system; it may be asked often.

use std::time::Duration;

use super::{Room, Store};

/// How a store stands at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What there is of the disk; nothing where the system does not tell.
    pub room: Option<Room>,
    /// The bytes of what is acknowledged and not yet in blocks.
    pub inbox_bytes: u64,
    /// How long the block that waits longest waits for its verdicts; zero where none does. Of blocks that were listed
    /// when the store was opened: since then.
    pub oldest_unjudged: Duration,
    /// Judged blocks that compaction may merge: some dozen of each tenant are not worth it yet.
    pub small_blocks: usize,
}

impl Store {
    /// Returns how the store stands.
    pub fn standing(&self) -> Standing {
        let inner = &*self.inner;
        let now = inner.clock.monotonic();
        let waits_since = inner.index.oldest_unjudged_since().unwrap_or(now);
        let current = inner.block_files.current();
        Standing {
            room: self.room(),
            inbox_bytes: inner.inbox.bytes(),
            oldest_unjudged: now.saturating_sub(waits_since),
            small_blocks: current.map_or(0, |file| inner.index.n_small(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        store::{
            Listing,
            blocks::tests::{block, trace},
            judged::tests::judgement,
            tests::TempStore,
        },
        verdict::Verdict,
    };

    #[test]
    fn what_waits_is_counted_and_how_long_it_does() {
        let temp = TempStore::new();
        let store = temp.open();
        let of = |store: &Store| {
            let standing = store.standing();
            (standing.oldest_unjudged.as_secs(), standing.small_blocks)
        };
        assert_eq!(of(&store), (0, 0));
        let blocks = [1, 2].map(|id| block("a", &[trace(id, 0, &["A"])]));
        for block in &blocks {
            store.put_block(block, &Listing::default()).unwrap();
            temp.clock.advance(Duration::from_secs(3));
        }
        assert_eq!(of(&store), (6, 0));
        for (block, left) in blocks.iter().zip([(3, 1), (0, 2)]) {
            let judged = judgement(block, &[("r", &[Verdict::Held])]);
            store.put_judged(&[judged]).unwrap();
            assert_eq!(of(&store), left);
        }
        assert!(store.standing().room.is_some_and(|room| room.free > 0));
    }
}
