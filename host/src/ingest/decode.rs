//! From an OTLP request to spans that are fit to be assembled.
//!
//! A span that cannot be read, or whose ids cannot be used, is refused alone, and counted. A request of which no span can
//! be read is refused whole.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use thiserror::Error;

use super::{
    limits::{MESSAGE_DEPTH_MAX, REQUEST_ITEMS_MAX, REQUEST_SPANS_MAX, SALVAGE_COPIES},
    reject::{Place, RejectReason, Rejected, shortened},
    salvage::{Lost, Salvaged, protobuf::Protobuf, salvage},
    walk::{Stop, walk},
    wire::{self, Cost},
};
use crate::trace::{SentSpan, wire::Wire};

/// The spans of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// In the order in which they stand in the request.
    pub records: Vec<SentSpan>,
    /// What was left out, one entry for each reason that occurred.
    pub rejected: Vec<Rejected>,
}

/// Why a request is refused whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It is not the protobuf or JSON of an `ExportTraceServiceRequest`.
    #[error("the request is not an OTLP trace request: {what}")]
    Malformed {
        /// What is wrong, and where.
        what: String,
    },
    /// It holds more than one request may.
    #[error("the request holds more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

impl Decoded {
    /// Returns how many spans were refused.
    pub fn n_rejected(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.spans).sum()
    }

    /// Says what was refused and why, for `partial_success`; `None` where nothing was.
    pub fn rejection(&self) -> Option<String> {
        let reasons: Vec<String> = self.rejected.iter().map(Rejected::to_string).collect();
        (!reasons.is_empty()).then(|| format!("spans refused: {}", reasons.join("; ")))
    }

    /// Counts a span that is refused; `what` is asked where it is the first of its reason.
    pub(super) fn reject(
        &mut self,
        place: Place,
        reason: RejectReason,
        what: impl FnOnce() -> String,
    ) {
        match self.rejected.iter_mut().find(|r| r.reason == reason) {
            Some(rejected) => rejected.spans += 1,
            None => self.rejected.push(Rejected {
                spans: 1,
                reason,
                first: place,
                what: shortened(what()),
            }),
        }
    }

    pub(super) fn has(&self, reason: RejectReason) -> bool {
        self.rejected
            .iter()
            .any(|rejected| rejected.reason == reason)
    }
}

/// Decodes the protobuf of an `ExportTraceServiceRequest`. The spans are slices of it, nearly always.
pub fn decode(otlp: &Bytes) -> Result<Decoded, DecodeError> {
    decode_within(otlp, &mut |_| true).map(Option::unwrap_or_default)
}

/// Decodes as [`decode`] does, and asks `admit` before memory is taken, with how much; `None` where it refuses.
pub(super) fn decode_within(
    otlp: &Bytes,
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Decoded>, DecodeError> {
    let too_deep = match walk(otlp, admit) {
        Ok(decoded) => return Ok(Some(decoded)),
        Err(Stop::NoRoom) => return Ok(None),
        Err(Stop::TooDeep) => true,
        Err(Stop::Unusual | Stop::NotUtf8) => false,
    };
    let error = match decode_unusual(otlp, admit) {
        Err(DecodeError::Malformed { .. }) if too_deep => DecodeError::Malformed {
            what: format!("its messages are nested more than {MESSAGE_DEPTH_MAX} deep"),
        },
        Err(DecodeError::Malformed { what }) => DecodeError::Malformed {
            what: shortened(what),
        },
        done => return done,
    };
    if !admit(otlp.len() * SALVAGE_COPIES) {
        return Ok(None);
    }
    let salvaged = salvage(&mut Protobuf, Wire::Bytes(otlp), admit);
    Ok(decode_salvaged(salvaged, error, admit)?.map(|(_, decoded)| decoded))
}

/// Decodes what is left of a request, if something is; `error` is what is wrong with the whole. Returns its protobuf, too.
pub(super) fn decode_salvaged(
    salvaged: Result<Salvaged, Lost>,
    error: DecodeError,
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<(Bytes, Decoded)>, DecodeError> {
    let Salvaged { otlp, rejected } = match salvaged {
        Ok(salvaged) => salvaged,
        Err(Lost::Unreadable) => return Err(error),
        Err(Lost::NoRoom) => return Ok(None),
        Err(Lost::Refused(error)) => return Err(error),
    };
    let kept = match walk(&otlp, admit) {
        Ok(kept) => Some(kept),
        Err(Stop::NoRoom) => None,
        Err(Stop::Unusual | Stop::NotUtf8 | Stop::TooDeep) => decode_unusual(&otlp, admit)?,
    };
    let of_all = |kept: Decoded| Decoded {
        records: kept.records,
        ..rejected
    };
    Ok(kept.map(|kept| (otlp, of_all(kept))))
}

/// Decodes with `prost`, which says what is wrong; where nothing is, what it writes is walked.
pub(super) fn decode_unusual(
    otlp: &Bytes,
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Decoded>, DecodeError> {
    let cost = measure(otlp)?;
    if !admit(cost.memory_bytes() + otlp.len()) {
        return Ok(None);
    }
    let malformed = |what: String| DecodeError::Malformed { what };
    let request = ExportTraceServiceRequest::decode(&otlp[..]);
    let request = request.map_err(|error| malformed(error.to_string()))?;
    let plain = Bytes::from(request.encode_to_vec());
    drop(request);
    match walk(&plain, admit) {
        Ok(decoded) => Ok(Some(decoded)),
        Err(Stop::NoRoom) => Ok(None),
        Err(Stop::Unusual | Stop::NotUtf8 | Stop::TooDeep) => {
            Err(malformed("it cannot be read".into()))
        }
    }
}

/// Counts what a request holds, before anything of it is allocated.
fn measure(otlp: &[u8]) -> Result<Cost, DecodeError> {
    let cost = wire::measure(otlp).ok_or_else(|| DecodeError::Malformed {
        what: "it is not protobuf".into(),
    })?;
    for (count, max, what) in [
        (cost.spans, REQUEST_SPANS_MAX, "spans"),
        (
            cost.items,
            REQUEST_ITEMS_MAX,
            "attributes, events and links",
        ),
    ] {
        if count > max {
            return Err(DecodeError::TooMany { what, max });
        }
    }
    Ok(cost)
}
