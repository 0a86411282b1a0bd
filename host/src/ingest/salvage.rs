//! Takes the spans that cannot be read out of a protobuf request, so that the others are not lost with them.
//!
//! Knows the frames around spans, and nothing of what a span holds: each span, and what each resource and scope has
//! beside its spans, is read as a request of its own, by the same readers and to the same depth. Where a frame is
//! broken there is no telling where the next span begins, and nothing is salvaged.

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{
    decode::{DecodeError, Decoded, RejectReason, decode_unusual},
    limits::{REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX, SALVAGE_COPIES},
    walk::{Stop, walk},
};
use crate::trace::wire::{Fields, NotPlain, Wire};

#[cfg(test)]
mod tests;

/// The number of the spans in a scope's message, of the scopes in a resource's.
const CHILDREN: u32 = 2;

/// What is left of a request.
pub(super) struct Salvaged {
    /// A request of what can be read.
    pub(super) otlp: Bytes,
    /// What was left out; it has no records.
    pub(super) rejected: Decoded,
}

/// Why nothing is left of a request.
pub(super) enum Lost {
    /// It cannot be told apart, or no span of it can be read.
    Unreadable,
    NoRoom,
    Refused(DecodeError),
}

impl From<NotPlain> for Lost {
    fn from(NotPlain: NotPlain) -> Self {
        Self::Unreadable
    }
}

/// Copies what can be read. `admit` is asked before memory is taken, with how much.
pub(super) fn salvage(otlp: &[u8], admit: &mut dyn FnMut(usize) -> bool) -> Result<Salvaged, Lost> {
    if !admit(otlp.len() * SALVAGE_COPIES) {
        return Err(Lost::NoRoom);
    }
    let mut salvage = Salvage {
        admit,
        rejected: Decoded::default(),
        n_kept: 0,
        n_frames: 0,
    };
    let mut kept = Vec::new();
    for field in Fields::of(otlp) {
        match field? {
            (1, Wire::Bytes(message)) => salvage.group(message, Level::Resource, &mut kept)?,
            // How many spans it was to have is not known.
            (1, _) => salvage.reject(RejectReason::Unreadable)?,
            _ => {}
        }
    }
    if salvage.n_kept == 0 {
        return Err(Lost::Unreadable);
    }
    Ok(Salvaged {
        otlp: kept.into(),
        rejected: salvage.rejected,
    })
}

/// Whose children a message holds, as a request of it is written: one frame within another.
#[derive(Clone, Copy)]
enum Level {
    Resource,
    Scope,
}

struct Salvage<'a> {
    admit: &'a mut dyn FnMut(usize) -> bool,
    rejected: Decoded,
    n_kept: u64,
    n_frames: u64,
}

impl Salvage<'_> {
    /// Copies a `ResourceSpans` or `ScopeSpans` with those of its children that can be read.
    fn group(&mut self, message: &[u8], level: Level, to: &mut Vec<u8>) -> Result<(), Lost> {
        self.count_frame()?;
        let mut kept = Vec::new();
        for field in Fields::of(message) {
            let (number, value) = field?;
            if number != CHILDREN {
                put(number, value, &mut kept);
            }
        }
        let alone = match level {
            Level::Resource => framed(&[1], &kept),
            Level::Scope => framed(&[CHILDREN, 1], &kept),
        };
        if let Some(reason) = self.unreadable(&alone)? {
            return self.reject_all(message, level, reason);
        }
        for field in Fields::of(message) {
            match (field?, level) {
                ((CHILDREN, Wire::Bytes(child)), Level::Resource) => {
                    self.group(child, Level::Scope, &mut kept)?;
                }
                ((CHILDREN, Wire::Bytes(child)), Level::Scope) => self.span(child, &mut kept)?,
                ((CHILDREN, _), _) => self.reject(RejectReason::Unreadable)?,
                _ => {}
            }
        }
        let number = match level {
            Level::Resource => 1,
            Level::Scope => CHILDREN,
        };
        put(number, Wire::Bytes(&kept), to);
        Ok(())
    }

    fn span(&mut self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Lost> {
        if let Some(reason) = self.unreadable(&framed(&[CHILDREN, CHILDREN, 1], message))? {
            return self.reject(reason);
        }
        self.n_kept += 1;
        self.count_spans()?;
        put(CHILDREN, Wire::Bytes(message), to);
        Ok(())
    }

    /// Refuses the spans of a resource or scope that cannot be read: what they say cannot be told without it.
    fn reject_all(
        &mut self,
        message: &[u8],
        level: Level,
        reason: RejectReason,
    ) -> Result<(), Lost> {
        for field in Fields::of(message) {
            let (CHILDREN, Wire::Bytes(child)) = field? else {
                continue;
            };
            match level {
                Level::Resource => self.reject_all(child, Level::Scope, reason)?,
                Level::Scope => self.reject(reason)?,
            }
        }
        Ok(())
    }

    fn reject(&mut self, reason: RejectReason) -> Result<(), Lost> {
        self.rejected.reject(reason);
        self.count_spans()
    }

    /// Returns why a request cannot be read; `None` where it can.
    fn unreadable(&mut self, otlp: &Bytes) -> Result<Option<RejectReason>, Lost> {
        let unusual = match walk(otlp, self.admit) {
            Ok(_) => return Ok(None),
            Err(Stop::NoRoom) => return Err(Lost::NoRoom),
            Err(Stop::NotUtf8) => return Ok(Some(RejectReason::NotUtf8)),
            Err(Stop::TooDeep) => return Ok(Some(RejectReason::TooDeep)),
            Err(Stop::Unusual) => decode_unusual(otlp, self.admit),
        };
        match unusual {
            Ok(Some(_)) => Ok(None),
            Ok(None) => Err(Lost::NoRoom),
            Err(DecodeError::Malformed { .. }) => Ok(Some(RejectReason::Unreadable)),
            Err(error @ DecodeError::TooMany { .. }) => Err(Lost::Refused(error)),
        }
    }

    fn count_spans(&self) -> Result<(), Lost> {
        let n_spans = self.n_kept.saturating_add(self.rejected.n_rejected());
        at_most(REQUEST_SPANS_MAX, n_spans, "spans")
    }

    fn count_frame(&mut self) -> Result<(), Lost> {
        self.n_frames += 1;
        at_most(
            REQUEST_ITEMS_MAX,
            self.n_frames,
            "attributes, events and links",
        )
    }
}

fn at_most(max: usize, count: u64, what: &'static str) -> Result<(), Lost> {
    if count > max as u64 {
        return Err(Lost::Refused(DecodeError::TooMany { what, max }));
    }
    Ok(())
}

/// Frames a message, by the numbers of the fields around it from the inside out.
fn framed(numbers: &[u32], message: &[u8]) -> Bytes {
    let mut whole = message.to_vec();
    for number in numbers {
        let mut frame = Vec::with_capacity(whole.len() + 16);
        put(*number, Wire::Bytes(&whole), &mut frame);
        whole = frame;
    }
    whole.into()
}

fn put(number: u32, value: Wire<'_>, to: &mut Vec<u8>) {
    match value {
        Wire::Varint(value) => {
            encode_key(number, WireType::Varint, to);
            encode_varint(value, to);
        }
        Wire::Fixed64(value) => {
            encode_key(number, WireType::SixtyFourBit, to);
            to.extend(value.to_le_bytes());
        }
        Wire::Bytes(value) => {
            encode_key(number, WireType::LengthDelimited, to);
            encode_varint(value.len() as u64, to);
            to.extend(value);
        }
        Wire::Fixed32(value) => {
            encode_key(number, WireType::ThirtyTwoBit, to);
            to.extend(value.to_le_bytes());
        }
    }
}
