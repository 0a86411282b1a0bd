//! Maps and sets for rules: those of the standard library with a hasher that costs little and has no keys.
//!
//! A rule is shown what the host makes of a trace, in an instance of its own with bounded fuel: texts that were chosen to
//! collide spend the fuel of their own trace. So nothing is won by keys, and what is hashed are mostly symbols, words of 32 bits.

use std::{
    collections,
    hash::{BuildHasherDefault, Hasher},
};

/// The map of the standard library, hashed by [`WordHasher`].
pub type HashMap<K, V> = collections::HashMap<K, V, BuildHasherDefault<WordHasher>>;

/// The set of the standard library, hashed by [`WordHasher`].
pub type HashSet<T> = collections::HashSet<T, BuildHasherDefault<WordHasher>>;

/// Multiplies and rotates, eight bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct WordHasher(u64);

/// 2^64 over the golden ratio, odd: it spreads neighbouring words over the upper bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl WordHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (slot, byte) in last.iter_mut().zip(rest) {
            *slot = *byte;
        }
        self.add(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the lower bits, which a product mixes least.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::HashSet;

    #[test]
    fn texts_that_are_alike_are_told_apart() {
        let texts: Vec<String> = (0..1_000).map(|n| format!("user-{n}")).collect();
        let set: HashSet<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(set.len(), 1_000);
        assert!(set.contains("user-7") && !set.contains("user-1000") && !set.contains(""));
    }
}
