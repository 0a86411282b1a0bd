//! What a client is told when its request is not taken.

use std::time::Duration;

use thiserror::Error;

use super::{
    decode::DecodeError,
    inflate::InflateError,
    limits::{REQUEST_BODY_BYTES_MAX, RETRY_AFTER},
};
use crate::share::NoRoom;

/// Why the sink does not take spans.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is no room at the moment.
    #[error("{what}")]
    Full {
        /// Of what there is too much, for the client to read.
        what: String,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant has as much as it may have. Sending them again soon is of no use.
    #[error("{what}")]
    OverQuota {
        /// Of what, for the client to read.
        what: String,
    },
    /// It is more than there will ever be room for.
    #[error("{what}")]
    TooLarge {
        /// Of what, for the client to read.
        what: String,
    },
    /// Nothing can be made durable at the moment.
    #[error("{what}")]
    Unavailable {
        /// What does not work, for the client to read.
        what: String,
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Why a request is not taken.
#[derive(Debug, Error)]
pub(super) enum IngestError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("the request could not be read: {what}")]
    Body { what: String },
    #[error("the request's body is larger than {REQUEST_BODY_BYTES_MAX} B")]
    BodyTooLarge,
    #[error("the request is too large: {0}")]
    InflatedTooLarge(InflateError),
    #[error("the request's body did not come in time")]
    BodyTimedOut,
    #[error("content type `{found}` is not taken; send application/x-protobuf or application/json")]
    ContentType { found: String },
    #[error("encoding `{found}` is not taken; send gzip, zstd or identity")]
    Encoding { found: String },
    #[error("the bearer token is missing or unknown")]
    Unauthenticated,
    #[error(
        "the request takes more memory while it is read than the {max} B that all requests of a tenant may take: \
         send fewer spans at once, or have the server configured with more `memory`"
    )]
    TooMuchMemory { max: usize },
    #[error(
        "too many requests are in flight, those of all tenants together: there is no room for another"
    )]
    Overloaded,
    #[error(
        "too many requests of this tenant are in flight: it has as much memory for them as one may have"
    )]
    TenantOverloaded,
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<InflateError> for IngestError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLarge { .. } => Self::InflatedTooLarge(error),
            InflateError::Broken(_) => Self::Body {
                what: error.to_string(),
            },
        }
    }
}

impl From<NoRoom> for IngestError {
    fn from(no_room: NoRoom) -> Self {
        match no_room {
            NoRoom::OfAll => Self::Overloaded,
            NoRoom::OfTenant => Self::TenantOverloaded,
            NoRoom::Ever { max } => Self::TooMuchMemory { max },
        }
    }
}

impl IngestError {
    /// Returns the code of `google.rpc.Code`. Of those that OTLP has clients retry, only what passes is used.
    pub(super) fn grpc_code(&self) -> tonic::Code {
        use tonic::Code;
        match self {
            Self::Decode(_)
            | Self::Body { .. }
            | Self::BodyTooLarge
            | Self::InflatedTooLarge(_)
            | Self::TooMuchMemory { .. }
            | Self::ContentType { .. }
            | Self::Refused(Refused::TooLarge { .. }) => Code::InvalidArgument,
            Self::Encoding { .. } => Code::Unimplemented,
            Self::Unauthenticated => Code::Unauthenticated,
            // Without `RetryInfo` OTLP has clients not retry it.
            Self::Overloaded
            | Self::TenantOverloaded
            | Self::Refused(Refused::Full { .. } | Refused::OverQuota { .. }) => {
                Code::ResourceExhausted
            }
            Self::BodyTimedOut | Self::Refused(Refused::Unavailable { .. }) => Code::Unavailable,
        }
    }

    pub(super) fn http_status(&self) -> axum::http::StatusCode {
        use axum::http::StatusCode as S;
        match self {
            Self::Decode(DecodeError::TooMany { .. })
            | Self::BodyTooLarge
            | Self::InflatedTooLarge(_)
            | Self::TooMuchMemory { .. }
            | Self::Refused(Refused::TooLarge { .. }) => S::PAYLOAD_TOO_LARGE,
            Self::Decode(DecodeError::Malformed { .. }) | Self::Body { .. } => S::BAD_REQUEST,
            Self::ContentType { .. } | Self::Encoding { .. } => S::UNSUPPORTED_MEDIA_TYPE,
            Self::Unauthenticated => S::UNAUTHORIZED,
            Self::Overloaded | Self::TenantOverloaded | Self::Refused(Refused::Full { .. }) => {
                S::TOO_MANY_REQUESTS
            }
            // 429 is retried by every client of OTLP.
            Self::Refused(Refused::OverQuota { .. }) => S::INSUFFICIENT_STORAGE,
            // Not 408: no client of OTLP retries it.
            Self::BodyTimedOut | Self::Refused(Refused::Unavailable { .. }) => {
                S::SERVICE_UNAVAILABLE
            }
        }
    }

    /// Returns how long the client is to wait; `None` where sending again is of no use.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded | Self::TenantOverloaded | Self::BodyTimedOut => Some(RETRY_AFTER),
            Self::Refused(
                Refused::Full { retry_after, .. } | Refused::Unavailable { retry_after, .. },
            ) => Some(*retry_after),
            Self::Decode(_)
            | Self::Body { .. }
            | Self::BodyTooLarge
            | Self::InflatedTooLarge(_)
            | Self::ContentType { .. }
            | Self::Encoding { .. }
            | Self::Unauthenticated
            | Self::TooMuchMemory { .. }
            | Self::Refused(Refused::OverQuota { .. } | Refused::TooLarge { .. }) => None,
        }
    }
}
