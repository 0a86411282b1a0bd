//! A request of JSON by its parts, each a text that is read by itself.
//!
//! A part may be nested to the depth that `serde_json` has for a whole request. What is then too deep for protobuf is
//! told where that is walked.

use std::{borrow::Cow, fmt};

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Deserializer, value::RawValue};
use serde_path_to_error::Track;

use super::{
    Budget,
    object::{Fields, Key, Object},
    words,
};
use crate::ingest::{
    limits::{SALVAGE_COPIES, SALVAGE_TEXT_COPIES},
    reject::{Fault, RejectReason},
    salvage::{Admit, Divided, Form, Level, Lost, Salvaged, salvage},
};

#[cfg(test)]
mod tests;

/// Reads what can be read of a request. `admit` is asked before memory is taken, with how much.
pub(in crate::ingest) fn salvage_json(
    text: &[u8],
    admit: &mut Admit<'_>,
) -> Result<Salvaged, Lost> {
    let text = match str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) if admit(text.len() * SALVAGE_TEXT_COPIES) => Cow::Owned(escaped(text)),
        Err(_) => return Err(Lost::NoRoom),
    };
    if !admit(text.len() * SALVAGE_COPIES) {
        return Err(Lost::NoRoom);
    }
    salvage(&mut Json::default(), &*text, admit)
}

/// Writes what is not UTF-8 as half of a surrogate pair: a text may be passed over with it, and not be read.
///
/// Takes at most four times the memory of what it is given.
fn escaped(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut is_after_escape = false;
    for chunk in text.utf8_chunks() {
        escaped.push_str(chunk.valid());
        is_after_escape &= chunk.valid().is_empty();
        if !chunk.invalid().is_empty() && !is_after_escape {
            escaped.push_str("\\ud800");
            is_after_escape = true;
        }
    }
    escaped
}

/// JSON, a part of which is the text of any value.
#[derive(Default)]
struct Json {
    budget: Budget,
}

type Read<T> = Result<Result<T, Fault>, Lost>;

impl Json {
    /// Reads a message and writes it as protobuf.
    fn message<T: Fields + Message>(&self, text: &str) -> Read<Vec<u8>> {
        let mut from = Deserializer::from_str(text);
        let mut track = Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut from, &mut track);
        let error = match Object::<T>::new(&self.budget).deserialize(tracked) {
            Ok(message) => return Ok(Ok(message.unwrap_or_default().encode_to_vec())),
            Err(error) => error,
        };
        if let Some(over) = self.budget.over.take() {
            return Err(Lost::Refused(over));
        }
        // A root is a dot, and a key that is no text a question mark.
        let path = track.path().to_string();
        let path = path.trim_end_matches(['.', '?']);
        Ok(Err(fault(
            (!path.is_empty()).then(|| path.to_owned()),
            &error,
        )))
    }
}

impl<'a> Form<'a> for Json {
    type Part = &'a str;

    fn divide(
        &mut self,
        level: Level,
        part: &'a str,
        admit: &mut Admit<'_>,
    ) -> Result<Divided<'a, &'a str>, Lost> {
        let mut is_refused = false;
        let divider = Divider {
            children: match level {
                Level::Request => "resourceSpans",
                Level::Resource => "scopeSpans",
                Level::Scope => "spans",
            },
            admit: &mut |bytes| {
                let is_admitted = admit(bytes);
                is_refused |= !is_admitted;
                is_admitted
            },
        };
        let mut from = Deserializer::from_str(part);
        let divided = from.deserialize_any(divider);
        let divided = divided.and_then(|divided| from.end().map(|()| divided));
        let (own, children) = match divided {
            Ok(divided) => divided,
            Err(_) if is_refused => return Err(Lost::NoRoom),
            Err(error) => return Ok(Divided::not(fault(None, &error))),
        };
        let own = match level {
            Level::Request => Ok(Vec::new()),
            Level::Resource => self.message::<ResourceSpans>(&own)?,
            Level::Scope => self.message::<ScopeSpans>(&own)?,
        };
        Ok(Divided {
            own,
            children: Some(Box::new(children.into_iter())),
        })
    }

    fn span(&mut self, part: &'a str) -> Read<Cow<'a, [u8]>> {
        Ok(self.message::<Span>(part)?.map(Cow::Owned))
    }
}

/// Tells what is wrong, and in which field.
fn fault(path: Option<String>, error: &serde_json::Error) -> Fault {
    let words = words(error);
    // As it is said of protobuf; half a pair is no text either, or stands for what was none.
    let reason = match words.as_str() {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            RejectReason::NotUtf8
        }
        "recursion limit exceeded" => RejectReason::TooDeep,
        _ => RejectReason::Unreadable,
    };
    let what = match (reason, path) {
        (RejectReason::Unreadable, Some(path)) => format!("{path}: {words}"),
        (RejectReason::Unreadable, None) => words,
        (_, path) => path.unwrap_or_default(),
    };
    Fault { reason, what }
}

/// Tells the children of an object from its other fields, whose text it returns as an object of its own.
struct Divider<'s> {
    children: &'static str,
    admit: &'s mut Admit<'s>,
}

impl<'de> Visitor<'de> for Divider<'_> {
    type Value = (String, Vec<&'de str>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.children)
    }

    /// `null` is a message without fields.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(("{}".to_owned(), Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { children, admit } = self;
        let (mut own, mut parts) = (String::from("{"), Vec::new());
        while let Some(Key(key)) = map.next_key()? {
            if key == children {
                let parts = Parts {
                    to: &mut parts,
                    admit,
                };
                let read = map.next_value_seed(parts);
                read.map_err(|error| A::Error::custom(format!("{children}: {error}")))?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            if own.len() > 1 {
                own.push(',');
            }
            own.push_str(&serde_json::to_string(&key).map_err(A::Error::custom)?);
            own.push(':');
            own.push_str(value.get());
        }
        own.push('}');
        Ok((own, parts))
    }
}

/// Adds the elements of an array to those that there are; of `null` there are none.
struct Parts<'s, 'de> {
    to: &'s mut Vec<&'de str>,
    admit: &'s mut Admit<'s>,
}

impl<'de> DeserializeSeed<'de> for Parts<'_, 'de> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Parts<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(part) = seq.next_element::<&RawValue>()? {
            if self.to.len() == self.to.capacity() {
                let more = self.to.len().max(4);
                if !(self.admit)(more * size_of::<&str>()) {
                    return Err(A::Error::custom("out of room"));
                }
                self.to.reserve_exact(more);
            }
            self.to.push(part.get());
        }
        Ok(())
    }
}
