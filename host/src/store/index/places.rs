//! In which block a trace may stand, by the hash that the filters of blocks keep of it.

use hashbrown::HashTable;

/// Hashes of traces with the sequence numbers of their blocks.
#[derive(Debug, Default)]
pub(super) struct Places {
    table: HashTable<Place>,
}

/// One trace of one block, in 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    hash: u32,
    /// Low half first.
    seq: [u32; 2],
}

impl Place {
    fn new(hash: u32, seq: u64) -> Self {
        Self {
            hash,
            seq: [seq as u32, (seq >> 32) as u32],
        }
    }

    fn seq(self) -> u64 {
        let [low, high] = self.seq.map(u64::from);
        high << 32 | low
    }
}

/// Spreads a hash over the bits that the table goes by.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Places {
    /// Makes room for so many traces.
    pub(super) fn with_room_for(n_traces: usize) -> Self {
        Self {
            table: HashTable::with_capacity(n_traces),
        }
    }

    /// Adds the traces of a block.
    pub(super) fn add(&mut self, hashes: &[u32], seq: u64) {
        let of_place = |place: &Place| spread(place.hash);
        for &hash in hashes {
            self.table
                .insert_unique(spread(hash), Place::new(hash, seq), of_place);
        }
    }

    /// Takes out the traces of a block.
    pub(super) fn remove(&mut self, hashes: &[u32], seq: u64) {
        for &hash in hashes {
            let place = Place::new(hash, seq);
            if let Ok(found) = self.table.find_entry(spread(hash), |other| *other == place) {
                found.remove();
            }
        }
    }

    /// Returns the blocks in which a trace of this hash stands, in any order.
    pub(super) fn find(&self, hash: u32) -> impl Iterator<Item = u64> + '_ {
        let alike = self.table.iter_hash(spread(hash));
        alike
            .filter(move |place| place.hash == hash)
            .map(|place| place.seq())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(places: &Places, hash: u32) -> Vec<u64> {
        let mut found: Vec<u64> = places.find(hash).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_trace_is_found_in_every_block_that_has_it_and_in_no_other() {
        let mut places = Places::with_room_for(2);
        let late = u64::from(u32::MAX) + 7;
        places.add(&[1, 5, u32::MAX], 3);
        places.add(&[5], late);
        assert_eq!(found(&places, 5), [3, late]);
        assert_eq!(found(&places, u32::MAX), [3]);
        assert!(found(&places, 2).is_empty());
        places.remove(&[1, 5, u32::MAX], 3);
        assert_eq!(found(&places, 5), [late]);
        assert!(found(&places, 1).is_empty());
        // What is not there is not taken out.
        places.remove(&[5], 3);
        assert_eq!(found(&places, 5), [late]);
    }
}
