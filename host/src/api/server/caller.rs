//! Who asks, told from the bearer token alone.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts, uri::Authority},
    response::{IntoResponse, Response},
};
use tokio::task::spawn_blocking;

use super::Shared;
use crate::{
    api::{
        Operations, TenantOperations,
        error::{ApiError, ErrorCode},
    },
    share::{Held, NoRoom, Pool, Turn},
    tenant::{Access, TenantId, bearer},
};

/// Who is named in the history of rules where there are no tokens.
const WITHOUT_TOKEN: &str = "api";

/// A tenant that asks.
pub(super) struct Caller {
    tenant: TenantId,
    pub(super) operations: Arc<dyn Operations>,
    pub(super) shared: Shared,
}

impl Caller {
    /// Makes one call on a thread that may block, when it is its turn.
    pub(super) async fn ask<T: serde::Serialize + Send + 'static>(
        self,
        call: impl FnOnce(&dyn Operations) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let turn = self.shared.working.take(Some(&self.tenant)).await;
        let operations = self.operations;
        in_turn(turn, move || call(&*operations)).await
    }

    /// Takes one of the few places for what takes long; `things` says what those do who have the others.
    pub(super) fn place(&self, of: &Pool, things: &str) -> Result<Held, ApiError> {
        let mut place = of.begin(&self.tenant);
        let (n, whose) = match place.grow(1) {
            Ok(()) => return Ok(place),
            Err(NoRoom::OfAll) => (of.max().all, "all tenants together"),
            Err(NoRoom::OfTenant | NoRoom::Ever { .. }) => (of.max().tenant, "this tenant"),
        };
        Err(ApiError::new(
            ErrorCode::Unavailable,
            format!("{n} {things} already, of {whose}; try again later"),
        ))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let (tenant, who) = match access(&parts.headers, shared)? {
            Access::Open => (TenantId::default_tenant(), WITHOUT_TOKEN.to_owned()),
            Access::Tenant { tenant, token } => (tenant, token.to_string()),
            Access::Operator { .. } => {
                return Err(ApiError::new(
                    ErrorCode::Forbidden,
                    "an operator's token stands for no tenant's data; use a token of the tenant",
                ));
            }
            Access::Nobody => return Err(unknown()),
        };
        Ok(Self {
            operations: shared.host.operations(tenant.clone(), who),
            tenant,
            shared: shared.clone(),
        })
    }
}

/// An operator that asks.
pub(super) struct Operator {
    tenants: Arc<dyn TenantOperations>,
    shared: Shared,
}

impl Operator {
    /// Makes one call on a thread that may block, when it is its turn.
    pub(super) async fn ask<T: serde::Serialize + Send + 'static>(
        self,
        call: impl FnOnce(&dyn TenantOperations) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let turn = self.shared.working.take(None).await;
        let tenants = self.tenants;
        in_turn(turn, move || call(&*tenants)).await
    }
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let who = match access(&parts.headers, shared)? {
            Access::Operator { token } => token.to_string(),
            Access::Tenant { .. } => {
                return Err(ApiError::new(
                    ErrorCode::Forbidden,
                    "this needs an operator's token, and this is a tenant's",
                ));
            }
            // The first token would shut out everybody who has none, so whoever owns the store makes it.
            Access::Open => {
                return Err(ApiError::new(
                    ErrorCode::Forbidden,
                    "this server has no tokens: stop it, run `betrace tenants admin-token --data DIR`, \
                     and start it again",
                ));
            }
            Access::Nobody => return Err(unknown()),
        };
        Ok(Self {
            tenants: shared.host.tenants(who),
            shared: shared.clone(),
        })
    }
}

/// Whose metrics may be read.
pub(super) enum Reader {
    /// Those of all tenants, and of the host.
    All,
    /// Those of one.
    Of(TenantId),
}

impl FromRequestParts<Shared> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        match shared.host.access(header_bearer(&parts.headers)) {
            Access::Open | Access::Operator { .. } => Ok(Self::All),
            Access::Tenant { tenant, .. } => Ok(Self::Of(tenant)),
            Access::Nobody => Err(unknown()),
        }
    }
}

pub(super) fn access(headers: &HeaderMap, shared: &Shared) -> Result<Access, ApiError> {
    let access = shared.host.access(header_bearer(headers));
    if access == Access::Open && !is_address(headers) {
        return Err(ApiError::bad_request(
            "without tokens the server answers to its address only, like http://127.0.0.1:4320",
        ));
    }
    Ok(access)
}

fn unknown() -> ApiError {
    ApiError::new(
        ErrorCode::Unauthorized,
        "the bearer token is missing or unknown",
    )
}

/// Whether the server is called by address or as localhost. A page in a browser can make a name of its own
/// mean this machine, and would then be let in where no token is asked for; it cannot make its name an address.
fn is_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        // HTTP/2 has it in the URI, and no browser speaks that in the clear.
        return true;
    };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

fn header_bearer(headers: &HeaderMap) -> Option<&str> {
    bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

async fn in_turn<T: serde::Serialize + Send + 'static>(
    turn: Turn,
    call: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    // It ends with the call: a client that goes away meanwhile leaves the call behind.
    let call = move || {
        let done = call();
        drop(turn);
        done
    };
    answer(spawn_blocking(call).await)
}

pub(super) fn answer<T: serde::Serialize>(
    done: Result<Result<T, ApiError>, tokio::task::JoinError>,
) -> Result<Response, ApiError> {
    match done {
        Ok(result) => result.map(|value| Json(value).into_response()),
        Err(error) => Err(ApiError::internal("answer the request", &error)),
    }
}
