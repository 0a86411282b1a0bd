//! A column of numbers as bytes, in whichever of four forms is the smallest.
//!
//! ```text
//! 0 constant    value
//! 1 frames      per frame of 1,024: width u8, least value | the frames, bit-packed above their least
//! 2 dictionary  count, distinct values as their own gaps in form 1 | numbers into it, bit-packed
//! 3 zstd        width in bytes u8, least value, length | the numbers above the least, whole bytes, zstd
//! ```
//!
//! How many numbers there are is known from elsewhere. Frames keep one outlier from widening a whole
//! column. Form 3 pays where numbers repeat in runs or patterns that packing cannot see; it must be a
//! quarter smaller to be chosen, since it is read slower.

use std::iter;

use hashbrown::HashSet;

use super::{
    bits::{Cell, bit_width, packed_bytes, put_bits, take_bits},
    compress::{compress, decompress},
    varint::{put_varint, take_varint},
};

const CONSTANT: u8 = 0;
const FRAMES: u8 = 1;
const DICTIONARY: u8 = 2;
const ZSTD: u8 = 3;

/// The numbers of a frame.
const FRAME_NUMBERS: usize = 1_024;

/// More distinct numbers than this are not tried as a dictionary.
const DISTINCT_MAX: usize = 4_096;

/// Fewer numbers than this are not tried with zstd.
const ZSTD_NUMBERS_MIN: usize = 128;

/// Numbers wider than this are noise to zstd: starts and durations in nanoseconds.
const ZSTD_WIDTH_MAX: u32 = 20;

/// The most numbers that a column may claim, so that corrupt bytes cannot ask for more than 1 GiB.
pub(super) const ROWS_MAX: usize = 1 << 27;

/// Appends a column.
pub(super) fn put_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    let first = numbers.first().copied().unwrap_or_default();
    if numbers.iter().all(|&number| number == first) {
        out.push(CONSTANT);
        put_varint(out, first);
        return;
    }
    let frames: Vec<Frame> = numbers.chunks(FRAME_NUMBERS).map(Frame::of).collect();
    let frames_bytes: usize = frames.iter().map(Frame::size_bytes).sum();
    let distinct = distinct(numbers, frames_bytes);
    let zstd = zstd(numbers, distinct.as_deref(), frames_bytes);
    if let Some(zstd) = zstd {
        out.extend_from_slice(&zstd);
    } else if let Some(distinct) = distinct {
        out.push(DICTIONARY);
        put_dictionary(out, &distinct);
        put_bits(out, indices(numbers, &distinct), index_width(&distinct));
    } else {
        out.push(FRAMES);
        put_frames(out, numbers, &frames);
    }
}

/// Takes a column of `count` numbers off the front.
pub(super) fn take_numbers<T: Cell>(bytes: &mut &[u8], count: usize) -> Option<Vec<T>> {
    if count > ROWS_MAX {
        return None;
    }
    let (&form, rest) = bytes.split_first()?;
    *bytes = rest;
    match form {
        CONSTANT => {
            let value = take_varint(bytes)?;
            Some(vec![T::from_low_bits(value); count])
        }
        FRAMES => take_frames(bytes, count),
        DICTIONARY => {
            let distinct = take_dictionary(bytes)?;
            let mut indices = Vec::<u32>::with_capacity(count);
            take_bits(bytes, (count, index_width(&distinct)), 0, &mut indices)?;
            look_up(&indices, &distinct)
        }
        ZSTD => take_zstd(bytes, count),
        _ => None,
    }
}

/// One frame's least number, and the width of what lies above it.
struct Frame {
    count: usize,
    least: u64,
    width: u32,
}

impl Frame {
    fn of(numbers: &[u64]) -> Self {
        let least = numbers.iter().copied().min().unwrap_or_default();
        let greatest = numbers.iter().copied().max().unwrap_or_default();
        Self {
            count: numbers.len(),
            least,
            width: bit_width(greatest - least),
        }
    }

    fn size_bytes(&self) -> usize {
        1 + (bit_width(self.least).max(1) as usize).div_ceil(7)
            + packed_bytes(self.count, self.width)
    }
}

fn put_frames(out: &mut Vec<u8>, numbers: &[u64], frames: &[Frame]) {
    for frame in frames {
        out.push(frame.width as u8);
        put_varint(out, frame.least);
    }
    for (frame, numbers) in frames.iter().zip(numbers.chunks(FRAME_NUMBERS)) {
        let above = numbers.iter().map(|number| number - frame.least);
        put_bits(out, above, frame.width);
    }
}

fn take_frames<T: Cell>(bytes: &mut &[u8], count: usize) -> Option<Vec<T>> {
    let mut heads = Vec::new();
    for _ in 0..count.div_ceil(FRAME_NUMBERS) {
        let (&width, rest) = bytes.split_first()?;
        *bytes = rest;
        heads.push((u32::from(width), take_varint(bytes)?));
    }
    let mut numbers = Vec::with_capacity(count);
    for (width, least) in heads {
        let count = (count - numbers.len()).min(FRAME_NUMBERS);
        take_bits(bytes, (count, width), least, &mut numbers)?;
    }
    Some(numbers)
}

/// Returns the distinct numbers in order, where a dictionary of them is smaller than frames.
fn distinct(numbers: &[u64], frames_bytes: usize) -> Option<Vec<u64>> {
    let mut seen = HashSet::with_hasher(foldhash::fast::FixedState::default());
    let mut last = None;
    for &number in numbers {
        if last != Some(number) && seen.insert(number) && seen.len() > DISTINCT_MAX {
            return None;
        }
        last = Some(number);
    }
    let mut distinct: Vec<u64> = seen.into_iter().collect();
    distinct.sort_unstable();
    let mut head = Vec::new();
    put_dictionary(&mut head, &distinct);
    let size_bytes = head.len() + packed_bytes(numbers.len(), index_width(&distinct));
    (size_bytes < frames_bytes).then_some(distinct)
}

fn index_width(distinct: &[u64]) -> u32 {
    bit_width(distinct.len().saturating_sub(1) as u64)
}

fn indices(numbers: &[u64], distinct: &[u64]) -> impl Iterator<Item = u64> {
    numbers
        .iter()
        .map(|number| distinct.partition_point(|other| other < number) as u64)
}

fn look_up<T: Cell>(indices: &[u32], distinct: &[u64]) -> Option<Vec<T>> {
    let distinct: Vec<T> = distinct.iter().map(|&d| T::from_low_bits(d)).collect();
    let mut numbers = Vec::with_capacity(indices.len());
    for &index in indices {
        numbers.push(*distinct.get(index as usize)?);
    }
    Some(numbers)
}

fn put_dictionary(out: &mut Vec<u8>, distinct: &[u64]) {
    let gaps: Vec<u64> = iter::once(0)
        .chain(distinct.iter().copied())
        .zip(distinct)
        .map(|(before, number)| number - before)
        .collect();
    put_varint(out, distinct.len() as u64);
    let frames: Vec<Frame> = gaps.chunks(FRAME_NUMBERS).map(Frame::of).collect();
    put_frames(out, &gaps, &frames);
}

fn take_dictionary(bytes: &mut &[u8]) -> Option<Vec<u64>> {
    let count = take_varint(bytes)?;
    if count > DISTINCT_MAX as u64 {
        return None;
    }
    let mut numbers = take_frames::<u64>(bytes, count as usize)?;
    let mut before = 0_u64;
    for number in &mut numbers {
        before = before.wrapping_add(*number);
        *number = before;
    }
    Some(numbers)
}

/// Returns the whole of form 3, where it is worth it.
fn zstd(numbers: &[u64], distinct: Option<&[u64]>, frames_bytes: usize) -> Option<Vec<u8>> {
    let least = numbers.iter().copied().min()?;
    let width = bit_width(numbers.iter().copied().max()? - least);
    let packed = match distinct {
        Some(distinct) => packed_bytes(numbers.len(), index_width(distinct)),
        None => frames_bytes,
    };
    if numbers.len() < ZSTD_NUMBERS_MIN || width > ZSTD_WIDTH_MAX {
        return None;
    }
    let width_bytes = whole_bytes(width);
    let mut plain = Vec::with_capacity(numbers.len() * width_bytes);
    for number in numbers {
        plain.extend((number - least).to_le_bytes().iter().take(width_bytes));
    }
    let small = compress(&plain)?;
    (small.len() < packed / 4 * 3).then(|| {
        let mut out = vec![ZSTD, width_bytes as u8];
        put_varint(&mut out, least);
        put_varint(&mut out, small.len() as u64);
        out.extend_from_slice(&small);
        out
    })
}

fn whole_bytes(width: u32) -> usize {
    match width {
        0..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

fn take_zstd<T: Cell>(bytes: &mut &[u8], count: usize) -> Option<Vec<T>> {
    let (&width_bytes, rest) = bytes.split_first()?;
    *bytes = rest;
    let least = take_varint(bytes)?;
    let small_bytes = usize::try_from(take_varint(bytes)?).ok()?;
    let (small, rest) = bytes.split_at_checked(small_bytes)?;
    *bytes = rest;
    if !matches!(width_bytes, 1 | 2 | 4 | 8) {
        return None;
    }
    let width_bytes = usize::from(width_bytes);
    let plain = decompress(small, count * width_bytes)?;
    let mut numbers = Vec::with_capacity(count);
    let mut plain = plain.as_slice();
    let shape = (count, width_bytes as u32 * 8);
    take_bits(&mut plain, shape, least, &mut numbers)?;
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> impl Strategy<Value = Vec<u64>> {
        let few = prop::collection::vec(any::<u64>(), 1..5);
        prop_oneof![
            prop::collection::vec(any::<u64>(), 0..50),
            prop::collection::vec(0..40_u64, 0..2_500),
            prop::collection::vec(1_000_000..1_000_300_u64, 0..2_500),
            (
                few,
                prop::collection::vec(any::<prop::sample::Index>(), 0..1_500)
            )
                .prop_map(|(few, picks)| picks.iter().map(|pick| *pick.get(&few)).collect()),
            (any::<u64>(), 0..3_000_usize).prop_map(|(value, n)| vec![value; n]),
        ]
    }

    proptest! {
        #[test]
        fn columns_come_back(numbers in columns()) {
            let mut bytes = Vec::new();
            put_numbers(&mut bytes, &numbers);
            bytes.push(77);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_numbers::<u64>(&mut rest, numbers.len()), Some(numbers));
            prop_assert_eq!(rest, &[77]);
        }

        #[test]
        fn any_bytes_are_a_column_or_nothing(
            form in 0..5_u8,
            tail: Vec<u8>,
            count in 0..5_000_usize,
        ) {
            let bytes = [vec![form], tail].concat();
            if let Some(column) = take_numbers::<u32>(&mut bytes.as_slice(), count) {
                prop_assert_eq!(column.len(), count);
            }
        }
    }

    #[test]
    fn each_form_is_chosen_where_it_is_smallest() {
        let noise = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let form = |numbers: Vec<u64>| {
            let mut bytes = Vec::new();
            put_numbers(&mut bytes, &numbers);
            bytes[0]
        };
        assert_eq!(form(vec![5; 9_000]), CONSTANT);
        assert_eq!(form((0..9_000).map(noise).collect()), FRAMES);
        assert_eq!(
            form((0..9_000).map(|i| (noise(i) % 3) << 40).collect()),
            DICTIONARY
        );
        assert_eq!(form((0..9_000).map(|i| i / 900).collect()), ZSTD);
    }

    #[test]
    fn a_claim_of_too_many_rows_is_refused_before_memory_is_taken() {
        assert_eq!(
            take_numbers::<u8>(&mut [CONSTANT, 0].as_slice(), ROWS_MAX + 1),
            None
        );
    }
}
