//! What the API answers where it cannot do what was asked.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::limits::RETRY_AFTER;
use crate::tenant::CHALLENGE;

/// An error as the wire carries it: `{"error": {"code", "message"}}`. Says nothing of the host's insides:
/// those are logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind of error, for programs.
    pub code: ErrorCode,
    /// What is wrong, for people: lower case, no full stop; may be several lines.
    pub message: String,
    /// Why, where that is the host's own matter: logged, and never sent.
    #[serde(skip)]
    pub cause: Option<String>,
}

/// The kinds of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense.
    BadRequest,
    /// The bearer token is missing or unknown.
    Unauthorized,
    /// The bearer token is known, and does not stand for this.
    Forbidden,
    /// There is no such rule, signal, trace or path.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// What is published stands against it.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// A rule does not compile, or the host does not load it.
    InvalidRule,
    /// A pack is not signed by a key that the tenant trusts, which it requires.
    Untrusted,
    /// The host cannot do it just now; later it may.
    Unavailable,
    /// The host failed.
    Internal,
}

impl ErrorCode {
    /// Returns the HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidRule | Self::Untrusted => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The body of an error.
#[derive(Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

impl ApiError {
    /// Makes an error.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
        }
    }

    /// There is no `what` of this name.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no {what} `{name}`"))
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// The host failed at `doing`; the chain of causes stays with the host.
    pub fn internal(doing: &str, error: &dyn std::error::Error) -> Self {
        let mut causes = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push_str(": ");
            causes.push_str(&cause.to_string());
            source = cause.source();
        }
        Self {
            cause: Some(causes),
            ..Self::new(ErrorCode::Internal, format!("failed to {doing}"))
        }
    }

    /// Returns the error as a client may see it; what it may not is logged.
    #[must_use]
    pub fn outward(self) -> Self {
        let Self {
            code,
            message,
            cause: Some(cause),
        } = self
        else {
            return self;
        };
        tracing::error!(error = cause, "{message}");
        Self::new(code, format!("{message}; the server's log says why"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = self.outward();
        let code = error.code;
        let mut response = (code.status(), Json(ErrorBody { error })).into_response();
        if code == ErrorCode::Unavailable {
            let after = HeaderValue::from(RETRY_AFTER.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        if code == ErrorCode::Unauthorized {
            let scheme = HeaderValue::from_static(CHALLENGE);
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
