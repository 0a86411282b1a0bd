//! Numbers of a fixed width of bits, one after another.
//!
//! ```text
//! groups of 128: `BitPacker4x` of the crate `bitpacking`; of wider numbers first the low 32 bits of
//!                all, then the bits above
//! the rest:      one after another, the first in the lowest bits
//! ```
//!
//! A group is unpacked with SSE3 where the processor has it, to the same numbers where it has not: 0.17 ns a
//! number with the allocation of what it is unpacked into, where reading a window of 8 bytes for each takes
//! 1.1 ns. Groups of 128 rather than the 1,024 of `fastlanes`, which is as fast, since a small block has
//! columns of a few dozen numbers.

use bitpacking::{BitPacker as _, BitPacker4x};

/// The numbers that are packed together.
const GROUP: usize = BitPacker4x::BLOCK_LEN;

/// The widest number that the packer takes.
const LOW_BITS: u32 = u32::BITS;

/// A cell that numbers are unpacked into.
pub(super) trait Cell: Copy {
    /// Keeps the low bits of `value`; a caller that reads foreign bytes checks the range afterwards.
    fn from_low_bits(value: u64) -> Self;

    /// Appends a group, `base` added to each number. Adds as narrow as the cell is, so that many are added at
    /// a time.
    fn put_group(out: &mut Vec<Self>, group: &[u32; GROUP], base: u64);
}

impl Cell for u8 {
    fn from_low_bits(value: u64) -> Self {
        value as Self
    }

    fn put_group(out: &mut Vec<Self>, group: &[u32; GROUP], base: u64) {
        let mut cells = [0; GROUP];
        for (cell, number) in cells.iter_mut().zip(group) {
            *cell = (*number as Self).wrapping_add(base as Self);
        }
        out.extend_from_slice(&cells);
    }
}

impl Cell for u32 {
    fn from_low_bits(value: u64) -> Self {
        value as Self
    }

    fn put_group(out: &mut Vec<Self>, group: &[u32; GROUP], base: u64) {
        let mut cells = *group;
        for cell in &mut cells {
            *cell = cell.wrapping_add(base as Self);
        }
        out.extend_from_slice(&cells);
    }
}

impl Cell for u64 {
    fn from_low_bits(value: u64) -> Self {
        value
    }

    fn put_group(out: &mut Vec<Self>, group: &[u32; GROUP], base: u64) {
        let mut cells = [0; GROUP];
        for (cell, number) in cells.iter_mut().zip(group) {
            *cell = base.wrapping_add(Self::from(*number));
        }
        out.extend_from_slice(&cells);
    }
}

/// Returns how many bits `value` needs: 0 for 0.
pub(super) fn bit_width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Returns the bytes that `count` numbers of `width` bits take.
pub(super) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends numbers, each below `2^width`.
pub(super) fn put_bits(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>, width: u32) {
    let mut group = [0; GROUP];
    let mut n_pending = 0;
    for number in numbers {
        if let Some(slot) = group.get_mut(n_pending) {
            *slot = number;
        }
        n_pending += 1;
        if n_pending == GROUP {
            put_group(out, &group, width);
            n_pending = 0;
        }
    }
    put_rest(out, group.get(..n_pending).unwrap_or_default(), width);
}

fn put_group(out: &mut Vec<u8>, group: &[u64; GROUP], width: u32) {
    let mut pack = |numbers: [u32; GROUP], width: u32| {
        let at = out.len();
        out.resize(at + packed_bytes(GROUP, width), 0);
        let to = out.get_mut(at..).unwrap_or_default();
        BitPacker4x::new().compress(&numbers, to, width as u8);
    };
    pack(group.map(|number| number as u32), width.min(LOW_BITS));
    if width > LOW_BITS {
        let high = group.map(|number| (number >> LOW_BITS) as u32);
        pack(high, width - LOW_BITS);
    }
}

fn put_rest(out: &mut Vec<u8>, numbers: &[u64], width: u32) {
    let mut pending = 0_u128;
    let mut n_pending = 0;
    for &number in numbers {
        pending |= u128::from(number) << n_pending;
        n_pending += width;
        if n_pending >= u64::BITS {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= u64::BITS;
            n_pending -= u64::BITS;
        }
    }
    let rest = (pending as u64).to_le_bytes();
    out.extend(rest.iter().take(n_pending.div_ceil(8) as usize));
}

/// Numbers as [`put_bits`] left them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    bytes: &'a [u8],
    count: usize,
    width: u32,
    /// Is added to each.
    base: u64,
}

impl<'a> Packed<'a> {
    /// Takes `count` numbers of `width` bits off the front; each stands for itself plus `base`.
    pub(super) fn take(
        bytes: &mut &'a [u8],
        (count, width): (usize, u32),
        base: u64,
    ) -> Option<Self> {
        if width > u64::BITS {
            return None;
        }
        let (packed, rest) = bytes.split_at_checked(packed_bytes(count, width))?;
        *bytes = rest;
        Some(Self {
            bytes: packed,
            count,
            width,
            base,
        })
    }

    /// Whether no number of this width above the base reaches a bound.
    pub(super) fn is_below(self, bound: u64) -> bool {
        let greatest = match self.width {
            0 => 0,
            width => u64::MAX >> (u64::BITS - width),
        };
        let sum = self.base.checked_add(greatest);
        sum.is_some_and(|greatest| greatest < bound)
    }

    /// Appends all numbers.
    pub(super) fn unpack<T: Cell>(self, out: &mut Vec<T>) {
        self.unpack_first(self.count, out);
    }

    /// Appends the first `n` numbers at least, and no more than the groups have that hold them.
    pub(super) fn unpack_first<T: Cell>(self, n: usize, out: &mut Vec<T>) {
        let add = |number: u64| T::from_low_bits(self.base.wrapping_add(number));
        let n = n.min(self.count);
        if self.width == 0 {
            out.extend(std::iter::repeat_n(add(0), n));
            return;
        }
        for group in 0..n.div_ceil(GROUP).min(self.count / GROUP) {
            if self.width <= LOW_BITS {
                T::put_group(out, &self.low(group), self.base);
            } else {
                let (low, high) = (self.low(group), self.high(group));
                let numbers = low.iter().zip(&high);
                out.extend(numbers.map(|(&low, &high)| add(join(low, high))));
            }
        }
        let rest = self.count / GROUP * GROUP..n;
        out.extend(rest.map(|index| add(self.of_rest(index))));
    }

    /// Returns the numbers from a place on that begins a group.
    pub(super) fn from(self, place: usize) -> Option<Self> {
        let groups = place / GROUP;
        (place == groups * GROUP).then_some(())?;
        Some(Self {
            bytes: self.bytes.get(groups * packed_bytes(GROUP, self.width)..)?,
            count: self.count.checked_sub(place)?,
            ..self
        })
    }

    /// Appends the numbers at these places, which ascend and are below the count.
    pub(super) fn pick<T: Cell>(self, places: impl Iterator<Item = usize>, out: &mut Vec<T>) {
        let mut unpacked = usize::MAX;
        let (mut low, mut high) = ([0; GROUP], [0; GROUP]);
        for place in places {
            let group = place / GROUP;
            let number = if self.width == 0 {
                0
            } else if group == self.count / GROUP {
                self.of_rest(place)
            } else {
                if group != unpacked {
                    low = self.low(group);
                    if self.width > LOW_BITS {
                        high = self.high(group);
                    }
                    unpacked = group;
                }
                let at = place % GROUP;
                let part = |numbers: &[u32; GROUP]| numbers.get(at).copied().unwrap_or_default();
                join(part(&low), part(&high))
            };
            out.push(T::from_low_bits(self.base.wrapping_add(number)));
        }
    }

    fn low(self, group: usize) -> [u32; GROUP] {
        let at = group * packed_bytes(GROUP, self.width);
        self.group(at, self.width.min(LOW_BITS))
    }

    fn high(self, group: usize) -> [u32; GROUP] {
        let at = group * packed_bytes(GROUP, self.width) + packed_bytes(GROUP, LOW_BITS);
        self.group(at, self.width - LOW_BITS)
    }

    fn group(self, at: usize, width: u32) -> [u32; GROUP] {
        let mut numbers = [0; GROUP];
        let packed = self.bytes.get(at..at + packed_bytes(GROUP, width));
        // Always there: `take` has seen to it.
        if let Some(packed) = packed {
            BitPacker4x::new().decompress(packed, &mut numbers, width as u8);
        }
        numbers
    }

    /// Returns a number after the last whole group.
    fn of_rest(self, index: usize) -> u64 {
        let groups = self.count / GROUP;
        let rest = self.bytes.get(groups * packed_bytes(GROUP, self.width)..);
        let rest = rest.unwrap_or_default();
        let bit = (index - groups * GROUP) * self.width as usize;
        let low = u128::from(window(rest, bit / 8));
        let high = u128::from(window(rest, bit / 8 + 8));
        let number = ((low | high << 64) >> (bit % 8)) as u64;
        match self.width {
            0 => 0,
            width => number & (u64::MAX >> (u64::BITS - width)),
        }
    }
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << LOW_BITS
}

/// Returns the 8 bytes at `at`, with zeros after the end.
fn window(bytes: &[u8], at: usize) -> u64 {
    let tail = bytes.get(at..).unwrap_or_default();
    if let Some(window) = tail.first_chunk() {
        return u64::from_le_bytes(*window);
    }
    let mut window = [0; 8];
    for (to, from) in window.iter_mut().zip(tail) {
        *to = *from;
    }
    u64::from_le_bytes(window)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_of_every_width_come_back(
            width in 0..=64_u32,
            numbers in prop::collection::vec(any::<u64>(), 0..400),
            base: u64,
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        ) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let numbers: Vec<u64> = numbers.into_iter().map(|n| n & mask).collect();
            let mut bytes = Vec::new();
            put_bits(&mut bytes, numbers.iter().copied(), width);
            prop_assert_eq!(bytes.len(), packed_bytes(numbers.len(), width));
            bytes.push(77);
            let mut rest = bytes.as_slice();
            let packed = Packed::take(&mut rest, (numbers.len(), width), base).unwrap();
            prop_assert_eq!(rest, &[77]);
            let mut back = Vec::<u64>::new();
            packed.unpack(&mut back);
            let expected: Vec<u64> = numbers.iter().map(|n| n.wrapping_add(base)).collect();
            prop_assert_eq!(&back, &expected);
            if !numbers.is_empty() {
                let mut places: Vec<usize> =
                    places.iter().map(|place| place.index(numbers.len())).collect();
                places.sort_unstable();
                let mut picked = Vec::<u64>::new();
                packed.pick(places.iter().copied(), &mut picked);
                let expected: Vec<u64> = places.iter().map(|place| expected[*place]).collect();
                prop_assert_eq!(picked, expected);
            }
        }
    }

    #[test]
    fn too_few_bytes_are_no_numbers() {
        assert!(Packed::take(&mut [0; 3].as_slice(), (5, 7), 0).is_none());
        assert!(Packed::take(&mut [0; 99].as_slice(), (1, 65), 0).is_none());
    }

    /// The layout is the crate's; stores outlive its versions.
    #[test]
    fn the_bytes_of_a_group_stay_what_they_are() {
        let mut bytes = Vec::new();
        put_bits(&mut bytes, (0..GROUP as u64).map(|number| number % 8), 3);
        // Four lanes of 32 bits: number `i` is in lane `i % 4`, the first in the lowest bits.
        let lane = |lane: u64| {
            let numbers = (0..10).map(|at| (at * 4 + lane) % 8);
            numbers
                .enumerate()
                .fold(0_u64, |bits, (at, n)| bits | n << (3 * at))
        };
        for (at, word) in bytes.as_chunks::<4>().0.iter().take(4).enumerate() {
            let low_30 = u32::from_le_bytes(*word) & 0x3fff_ffff;
            assert_eq!(u64::from(low_30), lane(at as u64));
        }
    }
}
