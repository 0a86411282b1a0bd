//! What a registry answers where it cannot do what was asked, and whose mistake that is.

use anyhow::anyhow;
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};

use super::Place;
use crate::cli::exit::Failure;

/// What kind of failure it is.
enum Kind {
    /// There is no such artifact.
    Absent,
    /// Whoever asks may not.
    Refused,
    /// Nobody answers.
    Unreachable,
    /// Something else came than its digest says.
    Altered,
    /// Whatever else: it says itself what.
    Other,
}

/// Says whose mistake it is.
pub(super) fn failed(doing: &str, place: &Place, error: OciDistributionError) -> Failure {
    let kind = kind_of(&error);
    let error = anyhow::Error::new(error).context(format!("failed to {doing} `{place}`"));
    match kind {
        Kind::Absent => Failure::wrong(anyhow!("there is no `{place}`")),
        Kind::Refused => Failure::usage(error)
            .help("log in with `docker login`, or pass --username NAME and --password-stdin"),
        Kind::Unreachable => Failure::unreachable(error).help(
            "is the registry there, and does it speak TLS? One that does not needs --plain-http",
        ),
        Kind::Altered => Failure::wrong(error),
        Kind::Other => Failure::usage(error),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list of the crate grows, and what is not ours to explain says itself what it is"
)]
fn kind_of(error: &OciDistributionError) -> Kind {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => Kind::Absent,
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 403, .. } => Kind::Refused,
        OciDistributionError::RequestError(error) => {
            let status = error.status().map(|status| status.as_u16());
            match status {
                Some(401 | 403) => Kind::Refused,
                None if error.is_connect() || error.is_timeout() => Kind::Unreachable,
                Some(_) | None => Kind::Other,
            }
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let mut codes = envelope.errors.iter().map(|error| &error.code);
            codes.next().map_or(Kind::Other, kind_of_code)
        }
        OciDistributionError::DigestError(_) => Kind::Altered,
        // As it is told while a layer comes.
        OciDistributionError::IoError(error) => {
            let inner = error.get_ref();
            match inner.and_then(|inner| inner.downcast_ref::<DigestError>()) {
                Some(_) => Kind::Altered,
                None => Kind::Other,
            }
        }
        _ => Kind::Other,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the others nothing is to be said that they do not say"
)]
fn kind_of_code(code: &OciErrorCode) -> Kind {
    match code {
        OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound => {
            Kind::Absent
        }
        OciErrorCode::Unauthorized | OciErrorCode::Denied => Kind::Refused,
        _ => Kind::Other,
    }
}
