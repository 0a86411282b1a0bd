//! A column of numbers as bytes, in whichever form its reading and its size ask for.
//!
//! ```text
//! 0 constant    value
//! 1 frames      per frame of 1,024: width u8, least value | the frames, bit-packed above their least
//! 2 dictionary  count, distinct values as their own gaps in form 1 | numbers into it, bit-packed
//! 3 zstd        width in bytes u8, least value, length | the numbers above the least, whole bytes, zstd
//! 4 lz4         likewise, with lz4
//! ```
//!
//! How many numbers there are is known from elsewhere. Frames keep one outlier from widening a whole
//! column, and numbers of the first three forms are picked without decoding the others. The last two pay
//! where numbers repeat in runs or patterns that packing cannot see; they must be a quarter smaller to be
//! chosen, since they are read slower and whole.

mod read;

use std::iter;

use hashbrown::HashSet;

use super::{
    bits::{bit_width, packed_bytes, put_bits},
    compress::{compress, compress_fast},
    varint::put_varint,
};

pub(super) use read::{Numbers, take_numbers};

const CONSTANT: u8 = 0;
const FRAMES: u8 = 1;
const DICTIONARY: u8 = 2;
const ZSTD: u8 = 3;
const LZ4: u8 = 4;

/// The numbers of a frame.
pub(super) const FRAME_NUMBERS: usize = 1_024;

/// More distinct numbers than this are not tried as a dictionary.
const DISTINCT_MAX: usize = 4_096;

/// Fewer numbers than this are not compressed.
const COMPRESSED_NUMBERS_MIN: usize = 128;

/// Numbers wider than this are noise to a compressor: starts and durations in nanoseconds.
const COMPRESSED_WIDTH_MAX: u32 = 20;

/// The most numbers that a column may claim, so that corrupt bytes cannot ask for more than 1 GiB.
pub(super) const ROWS_MAX: usize = 1 << 27;

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// By nearly every rule, and of few rows where it has few candidates: never compressed.
    Hot,
    /// By many rules: lz4 where that pays.
    Warm,
    /// To show a trace: zstd where that pays.
    Cold,
}

/// Appends a column.
pub(super) fn put_numbers(out: &mut Vec<u8>, numbers: &[u64], reading: Reading) {
    let first = numbers.first().copied().unwrap_or_default();
    if numbers.iter().all(|&number| number == first) {
        out.push(CONSTANT);
        put_varint(out, first);
        return;
    }
    let frames: Vec<Frame> = numbers.chunks(FRAME_NUMBERS).map(Frame::of).collect();
    let frames_bytes: usize = frames.iter().map(Frame::size_bytes).sum();
    let distinct = distinct(numbers, frames_bytes);
    if let Some(compressed) = compressed(numbers, distinct.as_deref(), frames_bytes, reading) {
        out.extend_from_slice(&compressed);
    } else if let Some(distinct) = distinct {
        out.push(DICTIONARY);
        put_dictionary(out, &distinct);
        put_bits(out, indices(numbers, &distinct), index_width(&distinct));
    } else {
        out.push(FRAMES);
        put_frames(out, numbers, &frames);
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

/// Returns the distinct numbers in order, where a dictionary of them is smaller than frames by a sixteenth: it
/// is read at half their speed.
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
    (size_bytes < frames_bytes - frames_bytes / 16).then_some(distinct)
}

fn index_width(distinct: &[u64]) -> u32 {
    bit_width(distinct.len().saturating_sub(1) as u64)
}

fn indices(numbers: &[u64], distinct: &[u64]) -> impl Iterator<Item = u64> {
    numbers
        .iter()
        .map(|number| distinct.partition_point(|other| other < number) as u64)
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

/// Returns the whole of form 3 or 4, where it is worth it.
fn compressed(
    numbers: &[u64],
    distinct: Option<&[u64]>,
    frames_bytes: usize,
    reading: Reading,
) -> Option<Vec<u8>> {
    let form = match reading {
        Reading::Hot => return None,
        Reading::Warm => LZ4,
        Reading::Cold => ZSTD,
    };
    let least = numbers.iter().copied().min()?;
    let width = bit_width(numbers.iter().copied().max()? - least);
    let packed = match distinct {
        Some(distinct) => packed_bytes(numbers.len(), index_width(distinct)),
        None => frames_bytes,
    };
    if numbers.len() < COMPRESSED_NUMBERS_MIN || width > COMPRESSED_WIDTH_MAX {
        return None;
    }
    let width_bytes = whole_bytes(width);
    let mut plain = Vec::with_capacity(numbers.len() * width_bytes);
    for number in numbers {
        plain.extend((number - least).to_le_bytes().iter().take(width_bytes));
    }
    let small = match form {
        LZ4 => compress_fast(&plain)?,
        _ => compress(&plain)?,
    };
    (small.len() < packed / 4 * 3).then(|| {
        let mut out = vec![form, width_bytes as u8];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_chosen_where_it_is_smallest() {
        let noise = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let form = |numbers: Vec<u64>, reading| {
            let mut bytes = Vec::new();
            put_numbers(&mut bytes, &numbers, reading);
            bytes[0]
        };
        let few = || (0..9_000).map(|i| (noise(i) % 3) << 40).collect();
        let runs = || (0..9_000).map(|i| i / 900).collect();
        for reading in [Reading::Hot, Reading::Warm, Reading::Cold] {
            assert_eq!(form(vec![5; 9_000], reading), CONSTANT);
            assert_eq!(form((0..9_000).map(noise).collect(), reading), FRAMES);
            assert_eq!(form(few(), reading), DICTIONARY);
        }
        assert_eq!(form(runs(), Reading::Hot), FRAMES);
        assert_eq!(form(runs(), Reading::Warm), LZ4);
        assert_eq!(form(runs(), Reading::Cold), ZSTD);
    }
}
