//! Places as the protocol counts them, in lines and UTF-16 units from 0, and as the compiler does, in bytes.

use betrace_dsl::Span;
use lsp_types::{Position, Range};

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines {
    /// In bytes; the first is 0.
    starts: Vec<usize>,
}

impl Lines {
    /// A line ends with `\n`, `\r\n` or `\r`.
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        Self {
            starts: std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    /// Returns the place of a byte; of one inside a character, that of the character.
    pub(super) fn position(&self, text: &str, offset: u32) -> Position {
        let offset = text.floor_char_boundary(offset as usize);
        let line = self
            .starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = text.get(start..offset).unwrap_or_default();
        Position {
            line: line as u32,
            character: before.encode_utf16().count() as u32,
        }
    }

    pub(super) fn range(&self, text: &str, span: Span) -> Range {
        Range {
            start: self.position(text, span.start),
            end: self.position(text, span.end),
        }
    }

    /// Returns the byte at a place: behind the end of a line its end, behind the last line the end of the text, inside
    /// a character its beginning.
    pub(super) fn offset(&self, text: &str, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else {
            return text.len();
        };
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        let line = text
            .get(start..end)
            .unwrap_or_default()
            .trim_end_matches(['\r', '\n']);
        let mut n_units = 0;
        for (at, c) in line.char_indices() {
            n_units += c.len_utf16() as u64;
            if n_units > u64::from(position.character) {
                return start + at;
            }
        }
        start + line.len()
    }

    /// Returns the bytes of a range, which may be given the wrong way round.
    pub(super) fn bytes(&self, text: &str, range: Range) -> std::ops::Range<usize> {
        let (start, end) = (self.offset(text, range.start), self.offset(text, range.end));
        start.min(end)..start.max(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn columns_count_utf16_units() {
        let text = "a\u{e9}\u{1f600}b\r\n\u{4e2d}\n\rz";
        let lines = Lines::new(text);
        for (offset, position) in [
            (0, at(0, 0)),
            (1, at(0, 1)),
            (3, at(0, 2)),
            (7, at(0, 4)),
            (8, at(0, 5)),
            (10, at(1, 0)),
            (13, at(1, 1)),
            (14, at(2, 0)),
            (15, at(3, 0)),
            (16, at(3, 1)),
        ] {
            assert_eq!(lines.position(text, offset), position, "{offset}");
            assert_eq!(
                lines.offset(text, position),
                offset as usize,
                "{position:?}"
            );
        }
    }

    #[test]
    fn places_that_are_none_are_the_nearest_before() {
        let text = "a\u{1f600}b\r\nc";
        let lines = Lines::new(text);
        assert_eq!(lines.offset(text, at(0, 2)), 1, "inside a surrogate pair");
        assert_eq!(lines.offset(text, at(0, 99)), 6);
        assert_eq!(lines.offset(text, at(0, u32::MAX)), 6);
        assert_eq!(lines.offset(text, at(7, 0)), text.len());
        assert_eq!(lines.position(text, 3), at(0, 1), "inside a character");
        assert_eq!(lines.position(text, 99), at(1, 1));
        let wrong_way = Range {
            start: at(1, 0),
            end: at(0, 0),
        };
        assert_eq!(lines.bytes(text, wrong_way), 0..8);
    }

    proptest! {
        #[test]
        fn every_place_leads_back(text in "[a\u{e9}\u{1f600}\r\n]{0,40}", line in any::<u32>(), character in any::<u32>()) {
            let lines = Lines::new(&text);
            for (offset, _) in text.char_indices() {
                let position = lines.position(&text, offset as u32);
                // Between the two characters of a line's end is no place.
                if !text[..offset].ends_with('\r') || !text[offset..].starts_with('\n') {
                    prop_assert_eq!(lines.offset(&text, position), offset);
                }
            }
            for position in [at(line, character), at(line % 8, character % 16)] {
                prop_assert!(text.is_char_boundary(lines.offset(&text, position)));
            }
        }
    }
}
