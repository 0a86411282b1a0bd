//! Where one request of a file ends and the next begins.
//!
//! | framing | a request is | after a bad one |
//! |---|---|---|
//! | lines | a line of JSON | the next line |
//! | documents | a JSON object over several lines, alone, one after another or in an array | the object after it |
//! | delimited | a protobuf message after its length | the next message |
//! | single | a `ResourceSpans` of one protobuf message, which is a request itself | the next `ResourceSpans` |

use memchr::memchr;

use super::input::Input;
use crate::ingest::{limits::FILE_REQUEST_BYTES_MAX, wire::varint};

/// How a file is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Lines,
    Documents,
    Delimited,
    Single,
}

/// What was found at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A request of so many bytes after so many to be skipped, both to be consumed.
    Whole { skip: usize, len: usize },
    /// More than [`FILE_REQUEST_BYTES_MAX`]; what was at hand of it is consumed, so many line feeds with it.
    TooLarge { line_feeds: u64 },
    /// Something that no request can begin with; what follows cannot be read.
    Foreign,
    /// The input ends within a request.
    Cut,
    /// The input ends.
    End,
}

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// As many as a protobuf file is recognized by.
const HEAD_BYTES: usize = 32;

/// Tells how the file is divided, from its first bytes and lines; `None` where it can be neither JSON nor protobuf.
pub(super) fn detect(input: &mut Input) -> Option<Framing> {
    input.fill_to(HEAD_BYTES);
    if input.bytes().starts_with(&UTF8_MARK) {
        input.consume(UTF8_MARK.len());
    }
    let head = input.bytes();
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    if is_object(head) {
        return Some(detect_json(input));
    }
    if is_single(head).is_some() {
        return Some(Framing::Single);
    }
    if is_delimited(head).is_some() {
        return Some(Framing::Delimited);
    }
    let is_text = |b: &u8| *b >= b' ' || b.is_ascii_whitespace();
    if !head.iter().all(is_text) {
        return None;
    }
    Some(detect_json(input))
}

/// Whether it begins as a JSON object does. Asked first: `{` and a line feed could be a length and a tag.
fn is_object(head: &[u8]) -> bool {
    let inner = head.trim_ascii_start().strip_prefix(b"{");
    inner.is_some_and(|inner| matches!(inner.trim_ascii_start().first(), Some(b'"' | b'}')))
}

/// Whether the message begins with a `ResourceSpans` that begins with a resource, scope spans or schema.
fn is_single(mut head: &[u8]) -> Option<()> {
    if varint(&mut head)? != 0x0a {
        return None;
    }
    let len = varint(&mut head)?;
    let inner = head.first();
    (len == 0 || inner.is_some_and(|tag| [0x0a, 0x12, 0x1a].contains(tag))).then_some(())
}

/// Whether a length comes first and then a `ResourceSpans` that fits into it.
fn is_delimited(mut head: &[u8]) -> Option<()> {
    let len = varint(&mut head)?;
    if len == 0 {
        return Some(());
    }
    let before = head.len();
    if varint(&mut head)? != 0x0a {
        return None;
    }
    let inner = varint(&mut head)?;
    let headers = (before - head.len()) as u64;
    (inner.checked_add(headers)? <= len).then_some(())
}

/// Documents are told from lines by a first line that ends within an object and a second that does not begin one.
fn detect_json(input: &mut Input) -> Framing {
    let mut scan = Scan::default();
    let mut at = 0;
    loop {
        while at >= input.bytes().len() {
            if at > FILE_REQUEST_BYTES_MAX || !input.fill() {
                return Framing::Lines;
            }
        }
        let rest = input.bytes().get(at..).unwrap_or_default();
        let Some(&byte) = rest.first() else {
            return Framing::Lines;
        };
        match byte {
            b'[' if !scan.begun => return Framing::Documents,
            b'\n' if scan.begun => break,
            _ if !scan.begun && !byte.is_ascii_whitespace() && byte != b'{' => {
                return Framing::Lines;
            }
            _ => {}
        }
        if scan.step(byte) {
            return Framing::Lines;
        }
        at += 1;
    }
    input.fill_to(at + 2);
    match input.bytes().get(at + 1) {
        Some(b'{') | None => Framing::Lines,
        Some(_) => Framing::Documents,
    }
}

impl Framing {
    /// Finds the next request.
    pub(super) fn next(self, input: &mut Input) -> Frame {
        match self {
            Self::Lines => line(input),
            Self::Documents => document(input),
            Self::Delimited => delimited(input),
            Self::Single => single(input),
        }
    }
}

/// Finds a line. Its line feed is not part of it, but stands behind it where the file has one.
fn line(input: &mut Input) -> Frame {
    let mut seen = 0;
    let mut too_large = false;
    loop {
        let rest = input.bytes().get(seen..).unwrap_or_default();
        if let Some(at) = memchr(b'\n', rest) {
            let len = seen + at;
            if too_large || len > FILE_REQUEST_BYTES_MAX {
                input.consume(len);
                return Frame::TooLarge { line_feeds: 0 };
            }
            return Frame::Whole { skip: 0, len };
        }
        seen += rest.len();
        if seen > FILE_REQUEST_BYTES_MAX {
            too_large = true;
            input.consume(seen);
            seen = 0;
        }
        if !input.fill() {
            return match (too_large, seen) {
                (true, _) => Frame::TooLarge { line_feeds: 0 },
                (false, 0) => Frame::End,
                (false, len) => Frame::Whole { skip: 0, len },
            };
        }
    }
}

/// Finds an object by its braces. What separates the elements of an array is passed over.
fn document(input: &mut Input) -> Frame {
    let mut scan = Scan::default();
    let (mut skip, mut len) = (0, 0);
    let mut too_large = false;
    let mut line_feeds = 0;
    loop {
        let at = skip + len;
        if at >= input.bytes().len() && !input.fill() {
            return match (too_large, scan.begun) {
                (true, _) => Frame::TooLarge { line_feeds },
                (false, true) => Frame::Cut,
                (false, false) => Frame::End,
            };
        }
        let Some(&byte) = input.bytes().get(at) else {
            continue;
        };
        line_feeds += u64::from(byte == b'\n');
        if !scan.begun && byte != b'{' {
            if !byte.is_ascii_whitespace() && !b"[],".contains(&byte) {
                return Frame::Foreign;
            }
            skip += 1;
            continue;
        }
        len += 1;
        if scan.step(byte) {
            if too_large {
                input.consume(skip + len);
                return Frame::TooLarge { line_feeds };
            }
            return Frame::Whole { skip, len };
        }
        if len > FILE_REQUEST_BYTES_MAX {
            too_large = true;
            input.consume(skip + len);
            (skip, len) = (0, 0);
        }
    }
}

/// Follows the braces of an object, and the strings in which they mean nothing.
#[derive(Default)]
struct Scan {
    begun: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes a byte; `true` where it closes the object.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_string {
            let ends = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.in_string = !ends;
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => {
                self.begun = true;
                self.depth += 1;
            }
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                return self.begun && self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

fn delimited(input: &mut Input) -> Frame {
    let Some((len, header)) = peek_varint(input, 0) else {
        return end_or_cut(input);
    };
    message(input, header, len, 0)
}

/// The tag and length stay with the `ResourceSpans`, which makes it a request.
fn single(input: &mut Input) -> Frame {
    let Some((tag, tag_len)) = peek_varint(input, 0) else {
        return end_or_cut(input);
    };
    if tag != 0x0a {
        return Frame::Foreign;
    }
    let Some((len, len_len)) = peek_varint(input, tag_len) else {
        return Frame::Cut;
    };
    message(input, 0, len, tag_len + len_len)
}

fn message(input: &mut Input, skip: usize, payload: u64, header: usize) -> Frame {
    let Some(len) = usize::try_from(payload)
        .ok()
        .and_then(|len| len.checked_add(header))
        .filter(|len| *len <= FILE_REQUEST_BYTES_MAX)
    else {
        return Frame::TooLarge { line_feeds: 0 };
    };
    if input.fill_to(skip + len) {
        Frame::Whole { skip, len }
    } else {
        Frame::Cut
    }
}

fn end_or_cut(input: &Input) -> Frame {
    if input.bytes().is_empty() {
        Frame::End
    } else {
        Frame::Cut
    }
}

/// Reads a varint at `at` without consuming it. Returns it with its length.
fn peek_varint(input: &mut Input, at: usize) -> Option<(u64, usize)> {
    loop {
        let mut rest = input.bytes().get(at..).unwrap_or_default();
        let before = rest.len();
        if let Some(value) = varint(&mut rest) {
            return Some((value, before - rest.len()));
        }
        if !input.fill() {
            return None;
        }
    }
}
