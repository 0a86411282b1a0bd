//! Takes what cannot be read out of a request, so that the rest is not lost with it.
//!
//! Knows that a request holds resources, these hold scopes, and these spans, and nothing of how it is written, which is
//! for a [`Form`] to know: [`protobuf`] and [`json`] are the two. Each span, and what each resource and scope says
//! beside its children, is read as a request of its own, by the same readers and to the same depth. What cannot be read
//! is left out with what belongs to it, counted, and told of with its place.

use std::borrow::Cow;

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::{
    decode::{DecodeError, Decoded, decode_unusual},
    limits::{REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX},
    reject::{Fault, Place, RejectReason},
    walk::{Stop, walk},
};

pub(super) mod protobuf;
#[cfg(test)]
mod tests;

/// What is left of a request.
pub(super) struct Salvaged {
    /// Protobuf of what can be read and used.
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

/// Is asked before memory is taken, with how much.
pub(super) type Admit<'a> = dyn FnMut(usize) -> bool + 'a;

/// A way to write a request.
pub(super) trait Form<'a> {
    /// What may be a message. It is not looked into yet.
    type Part: Copy;

    /// Tells what a message says itself from its children.
    fn divide(
        &mut self,
        level: Level,
        part: Self::Part,
        admit: &mut Admit<'_>,
    ) -> Result<Divided<'a, Self::Part>, Lost>;

    /// Writes a span as protobuf, which need not be right.
    fn span(&mut self, part: Self::Part) -> Result<Result<Cow<'a, [u8]>, Fault>, Lost>;
}

/// A message and its children.
pub(super) struct Divided<'a, P> {
    /// Protobuf of the message without its children, which need not be right.
    pub(super) own: Result<Vec<u8>, Fault>,
    /// `None` where it cannot be told how many there are.
    pub(super) children: Option<Box<dyn Iterator<Item = P> + 'a>>,
}

impl<P> Divided<'_, P> {
    pub(super) fn not(fault: Fault) -> Self {
        Self {
            own: Err(fault),
            children: None,
        }
    }
}

/// What holds children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Request,
    Resource,
    Scope,
}

impl Level {
    /// Returns the number of the field that holds the children.
    fn children(self) -> u32 {
        match self {
            Self::Request => 1,
            Self::Resource | Self::Scope => 2,
        }
    }

    /// Returns the numbers of the fields around the children, from the inside out.
    fn around_children(self) -> &'static [u32] {
        match self {
            Self::Request => &[1],
            Self::Resource => &[2, 1],
            Self::Scope => &[2, 2, 1],
        }
    }

    /// Returns what the children are; `None` where they are spans.
    fn below(self) -> Option<Self> {
        match self {
            Self::Request => Some(Self::Resource),
            Self::Resource => Some(Self::Scope),
            Self::Scope => None,
        }
    }

    fn place(self, of: Place, child: usize) -> Place {
        match self {
            Self::Request => Place {
                resource: child,
                ..of
            },
            Self::Resource => Place {
                scope: Some(child),
                ..of
            },
            Self::Scope => Place {
                span: Some(child),
                ..of
            },
        }
    }
}

/// Copies what can be read.
pub(super) fn salvage<'a, F: Form<'a>>(
    form: &mut F,
    request: F::Part,
    admit: &mut Admit<'_>,
) -> Result<Salvaged, Lost> {
    let mut salvage = Salvage {
        form,
        admit,
        rejected: Decoded::default(),
        is_read: false,
        n_kept: 0,
        n_frames: 0,
    };
    let divided = salvage
        .form
        .divide(Level::Request, request, salvage.admit)?;
    let (Ok(_), Some(children)) = (divided.own, divided.children) else {
        return Err(Lost::Unreadable);
    };
    let mut kept = Vec::new();
    salvage.children(Level::Request, Place::default(), children, &mut kept)?;
    if !salvage.is_read {
        return Err(Lost::Unreadable);
    }
    Ok(Salvaged {
        otlp: kept.into(),
        rejected: salvage.rejected,
    })
}

type Children<'a, P> = Box<dyn Iterator<Item = P> + 'a>;

struct Salvage<'s, F> {
    form: &'s mut F,
    admit: &'s mut Admit<'s>,
    rejected: Decoded,
    /// Whether a span can be read, be it of use or not.
    is_read: bool,
    n_kept: u64,
    n_frames: u64,
}

impl<'a, F: Form<'a>> Salvage<'_, F> {
    /// Copies those children that can be read, each in its frame.
    fn children(
        &mut self,
        level: Level,
        place: Place,
        children: Children<'a, F::Part>,
        to: &mut Vec<u8>,
    ) -> Result<(), Lost> {
        for (idx, child) in children.enumerate() {
            let place = level.place(place, idx);
            let kept = match level.below() {
                Some(below) => self.group(below, place, child)?.map(Cow::Owned),
                None => self.span(place, child)?,
            };
            if let Some(kept) = kept {
                put(level.children(), &kept, to);
            }
        }
        Ok(())
    }

    /// Returns a resource or scope with those of its children that can be read.
    fn group(
        &mut self,
        level: Level,
        place: Place,
        part: F::Part,
    ) -> Result<Option<Vec<u8>>, Lost> {
        self.count_frame()?;
        let Divided { own, children } = self.form.divide(level, part, self.admit)?;
        let around = match level {
            Level::Request => &[],
            Level::Resource => Level::Request.around_children(),
            Level::Scope => Level::Resource.around_children(),
        };
        let own = match own {
            Ok(own) => match self.fault(around, &own)? {
                None => Ok(own),
                Some(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        match (own, children) {
            (Ok(mut kept), Some(children)) => {
                self.children(level, place, children, &mut kept)?;
                return Ok(Some(kept));
            }
            // What its spans say cannot be told without it.
            (Err(fault), Some(children)) => {
                self.reject_all(level, place, children, &fault)?;
            }
            (Err(fault), None) => self.reject(place, fault)?,
            (Ok(_), None) => {}
        }
        Ok(None)
    }

    fn span(&mut self, place: Place, part: F::Part) -> Result<Option<Cow<'a, [u8]>>, Lost> {
        let (message, fault) = match self.form.span(part)? {
            Ok(message) => {
                let fault = self.fault(Level::Scope.around_children(), &message)?;
                (message, fault)
            }
            Err(fault) => (Cow::default(), Some(fault)),
        };
        match fault {
            None => {
                self.is_read = true;
                self.n_kept += 1;
                self.count_spans()?;
                Ok(Some(message))
            }
            Some(fault) => {
                self.reject(place, fault)?;
                Ok(None)
            }
        }
    }

    /// Refuses the spans of a resource or scope that cannot be read.
    fn reject_all(
        &mut self,
        level: Level,
        place: Place,
        children: Children<'a, F::Part>,
        fault: &Fault,
    ) -> Result<(), Lost> {
        for child in children {
            let Some(below) = level.below() else {
                self.reject(place, fault.clone())?;
                continue;
            };
            self.count_frame()?;
            match self.form.divide(below, child, self.admit)?.children {
                Some(children) => self.reject_all(below, place, children, fault)?,
                None => self.reject(place, fault.clone())?,
            }
        }
        Ok(())
    }

    fn reject(&mut self, place: Place, fault: Fault) -> Result<(), Lost> {
        self.is_read |= is_of_ids(fault.reason);
        self.rejected.reject(place, fault.reason, || fault.what);
        self.count_spans()
    }

    /// Returns what is wrong with a message, by the numbers of the fields around it; `None` where it can be used.
    fn fault(&mut self, around: &[u32], message: &[u8]) -> Result<Option<Fault>, Lost> {
        let otlp = framed(around, message);
        let reason = match walk(&otlp, self.admit) {
            Ok(decoded) => return Ok(of_ids(decoded)),
            Err(Stop::NoRoom) => return Err(Lost::NoRoom),
            Err(Stop::NotUtf8) => RejectReason::NotUtf8,
            Err(Stop::TooDeep) => RejectReason::TooDeep,
            Err(Stop::Unusual) => RejectReason::Unreadable,
        };
        let is_told = reason != RejectReason::Unreadable && self.rejected.has(reason);
        if is_told || reason == RejectReason::TooDeep {
            return Ok(Some(Fault {
                reason,
                what: String::new(),
            }));
        }
        match decode_unusual(&otlp, self.admit) {
            Ok(Some(decoded)) => Ok(of_ids(decoded)),
            Ok(None) => Err(Lost::NoRoom),
            Err(DecodeError::Malformed { what }) => Ok(Some(Fault {
                reason,
                what: protobuf::unframed(&what),
            })),
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

fn is_of_ids(reason: RejectReason) -> bool {
    match reason {
        RejectReason::TraceId | RejectReason::SpanId | RejectReason::ParentSpanId => true,
        RejectReason::NotUtf8 | RejectReason::TooDeep | RejectReason::Unreadable => false,
    }
}

/// Returns why the one span of a request cannot be used, though it can be read.
fn of_ids(decoded: Decoded) -> Option<Fault> {
    let rejected = decoded.rejected.into_iter().next()?;
    Some(Fault {
        reason: rejected.reason,
        what: rejected.what,
    })
}

/// Frames a message, by the numbers of the fields around it from the inside out.
fn framed(numbers: &[u32], message: &[u8]) -> Bytes {
    let mut whole = message.to_vec();
    for number in numbers {
        let mut frame = Vec::with_capacity(whole.len() + 16);
        put(*number, &whole, &mut frame);
        whole = frame;
    }
    whole.into()
}

/// Writes a field that holds a message.
fn put(number: u32, message: &[u8], to: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, to);
    encode_varint(message.len() as u64, to);
    to.extend(message);
}
