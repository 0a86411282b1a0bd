//! What gRPC and HTTP have in common: from a body to an acknowledgement.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::time::timeout;

use super::{
    Sink, Submission,
    decode::{self, DecodeError, Decoded},
    error::IngestError,
    inflate::{Encoding, inflate},
    json,
    limits::{
        BODY_READ_TIMEOUT, HEADER_MEMORY_BYTES, INLINE_DECODE_BYTES_MAX, REFUSED_BODY_READ_TIMEOUT,
        REQUEST_BODY_BYTES_MAX, REQUEST_MEMORY_BYTES,
    },
};
use crate::{
    share::{Held, NoRoom, Pool, ShareMax},
    tenant::{TenantId, bearer},
};

/// The receiver of OTLP, as gRPC and HTTP serve it. Clones share the bounds on requests in flight.
#[derive(Clone)]
pub struct Receiver {
    sink: Arc<dyn Sink>,
    /// Bytes of memory.
    in_flight: Pool,
    body_read_max: Duration,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// A body that was read but not yet looked into.
pub(super) struct Payload {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    pub(super) body: Bytes,
}

impl Receiver {
    /// Makes a receiver that hands spans to `sink`. Requests in flight hold so many bytes at most.
    pub fn new(sink: Arc<dyn Sink>, in_flight_bytes_max: ShareMax) -> Self {
        Self {
            sink,
            in_flight: Pool::new(in_flight_bytes_max),
            body_read_max: BODY_READ_TIMEOUT,
        }
    }

    #[cfg(test)]
    pub(super) fn with_body_read_max(sink: Arc<dyn Sink>, max: Duration) -> Self {
        Self {
            body_read_max: max,
            ..Self::new(sink, super::tests::ROOM)
        }
    }

    #[cfg(test)]
    pub(super) fn begin(&self, tenant: &TenantId) -> Held {
        self.in_flight.begin(tenant)
    }

    /// Reads a body whole, within its limits.
    pub(super) async fn read_body(
        &self,
        body: &mut Body,
        held: &mut Held,
    ) -> Result<Bytes, IngestError> {
        let collected = timeout(self.body_read_max, collect(body, held)).await;
        collected.map_err(|_| IngestError::BodyTimedOut)?
    }

    /// Lets a request in of which only the head is here.
    pub(super) fn admit(
        &self,
        tenant: &TenantId,
        headers: &HeaderMap,
    ) -> Result<Held, IngestError> {
        let of_header = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + value.len() + HEADER_MEMORY_BYTES
        };
        let of_headers: usize = headers.iter().map(of_header).sum();
        let mut held = self.in_flight.begin(tenant);
        held.grow(REQUEST_MEMORY_BYTES + of_headers)?;
        Ok(held)
    }

    /// Says whose request it is, by its bearer token.
    pub(super) fn tenant(&self, headers: &HeaderMap) -> Result<TenantId, IngestError> {
        let token = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(bearer);
        self.sink.tenant(token).ok_or(IngestError::Unauthenticated)
    }

    /// Decodes a request, has it made durable, and says what of it was refused.
    pub(super) async fn take(
        &self,
        tenant: TenantId,
        payload: Payload,
        mut held: Held,
    ) -> Result<ExportTraceServiceResponse, IngestError> {
        // Not before the body is read: many clients look at an answer only when they have sent all.
        self.sink.admit(&tenant)?;
        let large =
            payload.body.len() >= INLINE_DECODE_BYTES_MAX || payload.encoding != Encoding::Identity;
        // What is held stays so until the sink has answered.
        let (otlp, decoded, _held) = if large {
            let work = tokio::task::spawn_blocking(move || {
                let (otlp, decoded) = read(payload, &mut held)?;
                Ok::<_, IngestError>((otlp, decoded, held))
            });
            work.await.map_err(|error| IngestError::Body {
                what: error.to_string(),
            })??
        } else {
            let (otlp, decoded) = read(payload, &mut held)?;
            (otlp, decoded, held)
        };
        let response = ExportTraceServiceResponse {
            partial_success: decoded
                .rejection()
                .map(|error_message| ExportTracePartialSuccess {
                    rejected_spans: decoded.n_rejected() as i64,
                    error_message,
                }),
        };
        if !decoded.records.is_empty() {
            let submission = Submission {
                tenant,
                otlp,
                records: decoded.records,
            };
            self.sink.accept(submission).await?;
        }
        Ok(response)
    }
}

/// Reads what is left of a request that is refused, and keeps nothing of it: a connection that is closed over an unread
/// body is reset, and many clients then never see the answer. What does not come in time, or does not end, is left.
pub(super) async fn drain(body: &mut Body) {
    let mut read = 0;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > REQUEST_BODY_BYTES_MAX {
                return;
            }
        }
    };
    let _left_or_done = timeout(REFUSED_BODY_READ_TIMEOUT, all).await;
}

async fn collect(body: &mut Body, held: &mut Held) -> Result<Bytes, IngestError> {
    let mut whole = BytesMut::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| IngestError::Body {
            what: error.to_string(),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read += data.len();
        // A little too much is read to its end and dropped: most clients look at an answer only when they have sent all.
        if read > REQUEST_BODY_BYTES_MAX * 2 {
            return Err(IngestError::BodyTooLarge);
        }
        if read > REQUEST_BODY_BYTES_MAX {
            whole = BytesMut::new();
            continue;
        }
        let room = whole.capacity() - whole.len();
        if room < data.len() {
            // As a vector grows, but counted before it does.
            let more = (data.len() - room).max(whole.capacity());
            held.grow(more)?;
            whole.reserve(room + more);
        }
        whole.extend_from_slice(&data);
    }
    if read > REQUEST_BODY_BYTES_MAX {
        return Err(IngestError::BodyTooLarge);
    }
    Ok(whole.freeze())
}

/// Returns the request as protobuf, and its spans.
fn read(payload: Payload, held: &mut Held) -> Result<(Bytes, Decoded), IngestError> {
    let mut no_room = NoRoom::OfAll;
    let admit = &mut |bytes| {
        let grown = held.grow(bytes);
        grown.inspect_err(|whose| no_room = *whose).is_ok()
    };
    decoded(payload, admit)?.ok_or_else(|| no_room.into())
}

/// As [`read`]; `None` where `admit` refuses the memory.
fn decoded(
    payload: Payload,
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<(Bytes, Decoded)>, IngestError> {
    let plain = match payload.encoding {
        Encoding::Identity => payload.body,
        encoding @ (Encoding::Gzip | Encoding::Zstd) => {
            match inflate(encoding, &payload.body, &mut *admit)? {
                Some(plain) => plain.into(),
                None => return Ok(None),
            }
        }
    };
    Ok(match payload.format {
        Format::Protobuf => decode::decode_within(&plain, admit)?.map(|decoded| (plain, decoded)),
        Format::Json => from_json(&plain, admit)?,
    })
}

/// Returns a request of JSON as protobuf, and its spans; `None` where `admit` refuses the memory.
fn from_json(
    text: &[u8],
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<(Bytes, Decoded)>, DecodeError> {
    // Text and messages come to about as much as the JSON that spells them out.
    if !admit(text.len() * 2) {
        return Ok(None);
    }
    match json::decode_json(text) {
        Ok(request) => {
            let otlp = request.encode_to_vec().into();
            let decoded = decode::decode_within(&otlp, admit)?;
            Ok(decoded.map(|decoded| (otlp, decoded)))
        }
        Err(error @ DecodeError::Malformed { .. }) => {
            let salvaged = json::salvage_json(text, admit);
            decode::decode_salvaged(salvaged, error, admit)
        }
        Err(error @ DecodeError::TooMany { .. }) => Err(error),
    }
}
