//! Numbers of a fixed width of bits, one after another, the first in the lowest bits.
//!
//! Unpacking reads a window of 8 bytes for each number and shifts: about 1 ns a number without
//! anything unsafe, which is a tenth of what judging a span costs.

/// A cell that numbers are unpacked into.
pub(super) trait Cell: Copy {
    /// Keeps the low bits of `value`; a caller that reads foreign bytes checks the range afterwards.
    fn from_low_bits(value: u64) -> Self;
}

impl Cell for u8 {
    fn from_low_bits(value: u64) -> Self {
        value as Self
    }
}

impl Cell for u32 {
    fn from_low_bits(value: u64) -> Self {
        value as Self
    }
}

impl Cell for u64 {
    fn from_low_bits(value: u64) -> Self {
        value
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
    let mut pending = 0_u128;
    let mut n_pending = 0;
    for number in numbers {
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

/// Takes `count` numbers of `width` bits off the front and appends `base` plus each.
pub(super) fn take_bits<T: Cell>(
    bytes: &mut &[u8],
    (count, width): (usize, u32),
    base: u64,
    out: &mut Vec<T>,
) -> Option<()> {
    if width > u64::BITS {
        return None;
    }
    let (packed, rest) = bytes.split_at_checked(packed_bytes(count, width))?;
    *bytes = rest;
    let add = |number: u64| T::from_low_bits(base.wrapping_add(number));
    match width {
        0 => out.extend(std::iter::repeat_n(add(0), count)),
        8 => out.extend(packed.iter().map(|&byte| add(u64::from(byte)))),
        1..=56 => {
            let mask = (1 << width) - 1;
            out.extend((0..count).map(|i| {
                let bit = i * width as usize;
                add(window(packed, bit / 8) >> (bit % 8) & mask)
            }));
        }
        _ => out.extend((0..count).map(|i| {
            let bit = i * width as usize;
            let low = u128::from(window(packed, bit / 8));
            let high = u128::from(window(packed, bit / 8 + 8));
            let number = (low | high << 64) >> (bit % 8);
            add(number as u64 & (u64::MAX >> (u64::BITS - width)))
        })),
    }
    Some(())
}

/// Returns the 8 bytes at `at`, with zeros after the end.
#[inline]
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
            numbers in prop::collection::vec(any::<u64>(), 0..70),
            base: u64,
        ) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let numbers: Vec<u64> = numbers.into_iter().map(|n| n & mask).collect();
            let mut bytes = Vec::new();
            put_bits(&mut bytes, numbers.iter().copied(), width);
            prop_assert_eq!(bytes.len(), packed_bytes(numbers.len(), width));
            bytes.push(77);
            let (mut rest, mut back) = (bytes.as_slice(), Vec::<u64>::new());
            take_bits(&mut rest, (numbers.len(), width), base, &mut back).unwrap();
            prop_assert_eq!(rest, &[77]);
            let expected: Vec<u64> = numbers.iter().map(|n| n.wrapping_add(base)).collect();
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn too_few_bytes_are_no_numbers() {
        let mut out = Vec::<u32>::new();
        assert_eq!(take_bits(&mut [0; 3].as_slice(), (5, 7), 0, &mut out), None);
        assert_eq!(
            take_bits(&mut [0; 99].as_slice(), (1, 65), 0, &mut out),
            None
        );
    }
}
