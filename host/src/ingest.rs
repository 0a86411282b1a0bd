//! OTLP requests become spans here, over gRPC, over HTTP and from files, and are acknowledged when the [`Sink`] has made
//! them durable.
//!
//! ```text
//! grpc ─┐            ┌ inflate ─────── walk ─┐
//!       ├─ service ──┤  (within limits)      ├── Sink ── acknowledgement
//! http ─┘            └ json ─ encode ─ walk ─┘
//! file ─── the same decoding, one request at a time
//! ```
//!
//! A request of which nothing can be read is refused whole, with what is wrong; a span that cannot be read or used is
//! refused alone, a resource or scope with its own spans, and counted in `partial_success` with reason and place. No
//! bytes, however wrong, panic or allocate beyond [`limits`].
//!
//! What becomes of spans is not known here.

use std::{future::Future, pin::Pin};

use bytes::Bytes;

use crate::{tenant::TenantId, trace::SentSpan};

mod decode;
mod error;
pub mod file;
pub mod grpc;
pub mod http;
mod inflate;
mod json;
pub mod limits;
mod reject;
mod salvage;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod walk;
mod wire;

pub use decode::{DecodeError, Decoded, decode};
pub use error::Refused;
pub use json::decode_json;
pub use reject::{Place, RejectReason, Rejected};
pub use service::Receiver;

/// Where spans go.
pub trait Sink: Send + Sync + 'static {
    /// Says whose spans come with this bearer token; `None` where nobody's do. Without tokens everything is the default
    /// tenant's.
    fn tenant(&self, token: Option<&str>) -> Option<TenantId> {
        let _ = token;
        Some(TenantId::default_tenant())
    }

    /// Says whether requests of the tenant are taken at all just now: asked before one is decoded.
    fn admit(&self, tenant: &TenantId) -> Result<(), Refused> {
        let _ = tenant;
        Ok(())
    }

    /// Makes spans durable. The request is acknowledged when this returns, and was not taken at all where it refuses.
    fn accept(&self, submission: Submission) -> Accepting<'_>;
}

/// What [`Sink::accept`] returns.
pub type Accepting<'a> = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + 'a>>;

/// The spans of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Whose they are.
    pub tenant: TenantId,
    /// The whole request as protobuf, with the spans that were refused: [`decode`] leaves them out again.
    pub otlp: Bytes,
    /// Its spans, at least one.
    pub records: Vec<SentSpan>,
}
