//! A request of protobuf by its parts. Where the fields of a message are broken there is no telling where the next child
//! begins: then nothing of that message is read, and what stands beside it is.

use std::borrow::Cow;

use prost::encoding::{WireType, encode_key, encode_varint};

use super::{Admit, Divided, Form, Level, Lost, put};
use crate::{
    ingest::reject::{Fault, RejectReason},
    trace::wire::{Fields, Wire},
};

/// What `prost` puts before what is wrong with a message, of the frames that are put around it to be read.
const FRAMES: [&str; 4] = [
    "failed to decode Protobuf message: ",
    "ExportTraceServiceRequest.resource_spans: ",
    "ResourceSpans.scope_spans: ",
    "ScopeSpans.spans: ",
];

/// Protobuf, a part of which is a field.
pub(in crate::ingest) struct Protobuf;

impl<'a> Form<'a> for Protobuf {
    type Part = Wire<'a>;

    fn divide(
        &mut self,
        level: Level,
        part: Wire<'a>,
        _admit: &mut Admit<'_>,
    ) -> Result<Divided<'a, Wire<'a>>, Lost> {
        let message = match bytes(part) {
            Ok(message) => message,
            Err(fault) => return Ok(Divided::not(fault)),
        };
        let number = level.children();
        let (mut own, mut n_children) = (Vec::new(), 0);
        let mut is_whole = true;
        for field in Fields::of(message) {
            match field {
                Ok((found, _)) if found == number => n_children += 1,
                Ok((found, value)) => put_field(found, value, &mut own),
                Err(_) => {
                    is_whole = false;
                    break;
                }
            }
        }
        let own = if is_whole {
            Ok(own)
        } else {
            Err(unreadable("its fields are not protobuf, or are cut short"))
        };
        let children = Fields::of(message)
            .map_while(Result::ok)
            .filter(move |(found, _)| *found == number)
            .map(|(_, value)| value);
        let is_known = is_whole || n_children > 0;
        Ok(Divided {
            own,
            children: is_known.then(|| Box::new(children) as Box<_>),
        })
    }

    fn span(&mut self, part: Wire<'a>) -> Result<Result<Cow<'a, [u8]>, Fault>, Lost> {
        Ok(bytes(part).map(Cow::Borrowed))
    }
}

/// Returns what is wrong with a message, of what `prost` says of it in its frames.
pub(super) fn unframed(what: &str) -> String {
    let what = what.to_owned();
    FRAMES
        .iter()
        .fold(what, |what, frame| what.replacen(frame, "", 1))
}

fn bytes(part: Wire<'_>) -> Result<&[u8], Fault> {
    let found = match part {
        Wire::Bytes(message) => return Ok(message),
        Wire::Varint(_) => "a varint",
        Wire::Fixed64(_) => "64 bits",
        Wire::Fixed32(_) => "32 bits",
    };
    Err(unreadable(&format!("{found}, expected a message")))
}

fn unreadable(what: &str) -> Fault {
    Fault {
        reason: RejectReason::Unreadable,
        what: what.to_owned(),
    }
}

fn put_field(number: u32, value: Wire<'_>, to: &mut Vec<u8>) {
    match value {
        Wire::Varint(value) => {
            encode_key(number, WireType::Varint, to);
            encode_varint(value, to);
        }
        Wire::Fixed64(value) => {
            encode_key(number, WireType::SixtyFourBit, to);
            to.extend(value.to_le_bytes());
        }
        Wire::Bytes(value) => put(number, value, to),
        Wire::Fixed32(value) => {
            encode_key(number, WireType::ThirtyTwoBit, to);
            to.extend(value.to_le_bytes());
        }
    }
}
