//! Reading a column of numbers: all of them, or those of some rows.

use super::{
    CONSTANT, DICTIONARY, DISTINCT_MAX, FRAME_NUMBERS, FRAMES, LZ4, ROWS_MAX, ZSTD, index_width,
};
use crate::block::{
    bits::{Cell, Packed},
    compress::{decompress, decompress_fast},
    varint::take_varint,
};

/// A column that was found in some bytes and is not decoded yet.
#[derive(Clone, Debug)]
pub(in crate::block) struct Numbers<'a> {
    count: usize,
    form: Form<'a>,
}

/// Takes compressed bytes and how many plain ones they hold.
type Decompress = fn(&[u8], usize) -> Option<Vec<u8>>;

#[derive(Clone, Debug)]
enum Form<'a> {
    Constant(u64),
    Frames {
        heads: &'a [u8],
        packed: &'a [u8],
    },
    Dictionary {
        distinct: Vec<u64>,
        indices: Packed<'a>,
    },
    Compressed {
        width_bytes: usize,
        least: u64,
        small: &'a [u8],
        decompress: Decompress,
    },
}

/// Takes a column of `count` numbers off the front, and decodes it.
pub(in crate::block) fn take_numbers<T: Cell>(bytes: &mut &[u8], count: usize) -> Option<Vec<T>> {
    Numbers::take(bytes, count)?.all()
}

impl<'a> Numbers<'a> {
    /// Takes a column of `count` numbers off the front.
    pub(in crate::block) fn take(bytes: &mut &'a [u8], count: usize) -> Option<Self> {
        if count > ROWS_MAX {
            return None;
        }
        let (&form, rest) = bytes.split_first()?;
        *bytes = rest;
        let form = match form {
            CONSTANT => Form::Constant(take_varint(bytes)?),
            FRAMES => take_frames(bytes, count)?,
            DICTIONARY => {
                let distinct = take_dictionary(bytes)?;
                let indices = Packed::take(bytes, (count, index_width(&distinct)), 0)?;
                Form::Dictionary { distinct, indices }
            }
            ZSTD => take_compressed(bytes, decompress)?,
            LZ4 => take_compressed(bytes, decompress_fast)?,
            _ => return None,
        };
        Some(Self { count, form })
    }

    /// Returns the number that all are, where the form says so.
    pub(in crate::block) fn constant(&self) -> Option<u64> {
        match self.form {
            Form::Constant(value) => Some(value),
            Form::Frames { .. } | Form::Dictionary { .. } | Form::Compressed { .. } => None,
        }
    }

    /// Whether the form alone says that all numbers are below a bound.
    pub(in crate::block) fn is_below(&self, bound: u64) -> bool {
        match &self.form {
            Form::Constant(value) => *value < bound,
            Form::Frames { heads, packed } => frames(heads, packed, self.count)
                .all(|frame| frame.is_some_and(|frame| frame.is_below(bound))),
            Form::Dictionary { distinct, .. } => distinct.iter().all(|number| *number < bound),
            Form::Compressed { .. } => false,
        }
    }

    /// Decodes all numbers.
    pub(in crate::block) fn all<T: Cell>(&self) -> Option<Vec<T>> {
        if let Form::Constant(value) = self.form {
            return Some(vec![T::from_low_bits(value); self.count]);
        }
        let mut numbers = Vec::with_capacity(self.count);
        match &self.form {
            Form::Constant(_) => {}
            Form::Frames { heads, packed } => {
                for frame in frames(heads, packed, self.count) {
                    frame?.unpack(&mut numbers);
                }
            }
            Form::Dictionary { distinct, indices } => {
                let mut found = Vec::<u32>::with_capacity(self.count);
                indices.unpack(&mut found);
                look_up(&found, distinct, &mut numbers)?;
            }
            Form::Compressed { .. } => {
                let plain = self.decompressed()?;
                self.plain(&plain)?.unpack(&mut numbers);
            }
        }
        Some(numbers)
    }

    /// Returns the numbers of some rows, which ascend; `None` where one is past the end.
    pub(in crate::block) fn at<T: Cell>(&self, rows: &[u32]) -> Option<Vec<T>> {
        if !rows.is_sorted() || rows.last().is_some_and(|row| *row as usize >= self.count) {
            return None;
        }
        let places = || rows.iter().map(|row| *row as usize);
        let mut numbers = Vec::with_capacity(rows.len());
        match &self.form {
            Form::Constant(value) => numbers.resize(rows.len(), T::from_low_bits(*value)),
            Form::Frames { heads, packed } => {
                let mut rows = rows;
                for (frame, first) in
                    frames(heads, packed, self.count).zip((0..).step_by(FRAME_NUMBERS))
                {
                    let frame = frame?;
                    let n = rows.partition_point(|row| (*row as usize) < first + FRAME_NUMBERS);
                    let (here, later) = rows.split_at_checked(n)?;
                    frame.pick(here.iter().map(|row| *row as usize - first), &mut numbers);
                    rows = later;
                    if rows.is_empty() {
                        break;
                    }
                }
            }
            Form::Dictionary { distinct, indices } => {
                let mut found = Vec::<u32>::with_capacity(rows.len());
                indices.pick(places(), &mut found);
                look_up(&found, distinct, &mut numbers)?;
            }
            Form::Compressed { .. } => {
                let plain = self.decompressed()?;
                self.plain(&plain)?.pick(places(), &mut numbers);
            }
        }
        Some(numbers)
    }

    /// Decodes the numbers from one frame's first, up to `end`, which is in the frame.
    pub(in crate::block) fn range<T: Cell>(&self, start: usize, end: usize) -> Option<Vec<T>> {
        let n = end.checked_sub(start)?;
        if end > self.count || n > FRAME_NUMBERS || !start.is_multiple_of(FRAME_NUMBERS) {
            return None;
        }
        let mut numbers = Vec::with_capacity(FRAME_NUMBERS);
        match &self.form {
            Form::Constant(value) => numbers.resize(n, T::from_low_bits(*value)),
            Form::Frames { heads, packed } => {
                let frame = frames(heads, packed, self.count).nth(start / FRAME_NUMBERS);
                frame??.unpack_first(n, &mut numbers);
            }
            Form::Dictionary { distinct, indices } => {
                let mut found = Vec::<u32>::with_capacity(FRAME_NUMBERS);
                indices.from(start)?.unpack_first(n, &mut found);
                look_up(&found, distinct, &mut numbers)?;
            }
            Form::Compressed { .. } => {
                let rows: Vec<u32> = (start as u32..end as u32).collect();
                return self.at(&rows);
            }
        }
        numbers.truncate(n);
        Some(numbers)
    }

    fn decompressed(&self) -> Option<Vec<u8>> {
        match self.form {
            Form::Compressed {
                width_bytes,
                small,
                decompress,
                ..
            } => decompress(small, self.count * width_bytes),
            Form::Constant(_) | Form::Frames { .. } | Form::Dictionary { .. } => None,
        }
    }

    fn plain<'p>(&self, plain: &'p [u8]) -> Option<WholeBytes<'p>> {
        match self.form {
            Form::Compressed {
                width_bytes, least, ..
            } => Some(WholeBytes {
                plain,
                width_bytes,
                least,
            }),
            Form::Constant(_) | Form::Frames { .. } | Form::Dictionary { .. } => None,
        }
    }
}

/// Numbers of whole bytes, above their least.
struct WholeBytes<'a> {
    plain: &'a [u8],
    width_bytes: usize,
    least: u64,
}

impl WholeBytes<'_> {
    fn unpack<T: Cell>(&self, out: &mut Vec<T>) {
        let add = |number: u64| T::from_low_bits(self.least.wrapping_add(number));
        let plain = self.plain;
        match self.width_bytes {
            1 => out.extend(plain.iter().map(|&byte| add(u64::from(byte)))),
            2 => {
                let numbers = plain.as_chunks::<2>().0.iter();
                out.extend(numbers.map(|bytes| add(u64::from(u16::from_le_bytes(*bytes)))));
            }
            4 => {
                let numbers = plain.as_chunks::<4>().0.iter();
                out.extend(numbers.map(|bytes| add(u64::from(u32::from_le_bytes(*bytes)))));
            }
            _ => {
                let numbers = plain.as_chunks::<8>().0.iter();
                out.extend(numbers.map(|bytes| add(u64::from_le_bytes(*bytes))));
            }
        }
    }

    fn pick<T: Cell>(&self, places: impl Iterator<Item = usize>, out: &mut Vec<T>) {
        out.extend(places.map(|place| {
            let mut number = [0; 8];
            let from = self.plain.get(place * self.width_bytes..);
            let from = from.unwrap_or_default().iter().take(self.width_bytes);
            for (to, from) in number.iter_mut().zip(from) {
                *to = *from;
            }
            T::from_low_bits(self.least.wrapping_add(u64::from_le_bytes(number)))
        }));
    }
}

/// Finds where the frames of `count` numbers end.
fn take_frames<'a>(bytes: &mut &'a [u8], count: usize) -> Option<Form<'a>> {
    let heads = *bytes;
    let mut size_bytes = 0;
    let mut left = count;
    while left > 0 {
        let (&width, rest) = bytes.split_first()?;
        *bytes = rest;
        take_varint(bytes)?;
        let n = left.min(FRAME_NUMBERS);
        // A width that is too great shows when the frame is read.
        size_bytes += super::packed_bytes(n, u32::from(width));
        left -= n;
    }
    let heads = heads.get(..heads.len() - bytes.len())?;
    let (packed, rest) = bytes.split_at_checked(size_bytes)?;
    *bytes = rest;
    Some(Form::Frames { heads, packed })
}

/// Returns the frames, one after another.
fn frames<'a>(
    mut heads: &'a [u8],
    mut packed: &'a [u8],
    count: usize,
) -> impl Iterator<Item = Option<Packed<'a>>> {
    (0..count).step_by(FRAME_NUMBERS).map(move |first| {
        let (&width, rest) = heads.split_first()?;
        heads = rest;
        let least = take_varint(&mut heads)?;
        let n = (count - first).min(FRAME_NUMBERS);
        Packed::take(&mut packed, (n, u32::from(width)), least)
    })
}

fn take_dictionary(bytes: &mut &[u8]) -> Option<Vec<u64>> {
    let count = take_varint(bytes)?;
    if count > DISTINCT_MAX as u64 {
        return None;
    }
    let count = count as usize;
    let Form::Frames { heads, packed } = take_frames(bytes, count)? else {
        return None;
    };
    let mut numbers = Vec::<u64>::with_capacity(count);
    for frame in frames(heads, packed, count) {
        frame?.unpack(&mut numbers);
    }
    let mut before = 0_u64;
    for number in &mut numbers {
        before = before.wrapping_add(*number);
        *number = before;
    }
    Some(numbers)
}

fn look_up<T: Cell>(indices: &[u32], distinct: &[u64], out: &mut Vec<T>) -> Option<()> {
    let mut in_range = true;
    out.extend(indices.iter().map(|&index| {
        let number = distinct.get(index as usize);
        in_range &= number.is_some();
        T::from_low_bits(number.copied().unwrap_or_default())
    }));
    in_range.then_some(())
}

fn take_compressed<'a>(bytes: &mut &'a [u8], decompress: Decompress) -> Option<Form<'a>> {
    let (&width_bytes, rest) = bytes.split_first()?;
    *bytes = rest;
    let least = take_varint(bytes)?;
    let small_bytes = usize::try_from(take_varint(bytes)?).ok()?;
    let (small, rest) = bytes.split_at_checked(small_bytes)?;
    *bytes = rest;
    matches!(width_bytes, 1 | 2 | 4 | 8).then_some(Form::Compressed {
        width_bytes: usize::from(width_bytes),
        least,
        small,
        decompress,
    })
}

#[cfg(test)]
mod tests;
