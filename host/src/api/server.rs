//! The routes: each turns a request into one call on a thread that may block.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, Query, rejection::QueryRejection},
    http::request::Parts,
    middleware,
};
use serde::de::DeserializeOwned;

use super::{
    Host,
    error::{ApiError, ErrorCode},
    limits::{self, BODY_BYTES_MAX},
};
use crate::share::{Pool, ShareMax, Turns};

mod body;
mod caller;
mod handlers;
mod replays;
mod routes;
mod tenants;
mod traced;

pub use routes::{Route, Who, route_list};

/// What the routes share.
#[derive(Clone, Debug)]
struct Shared {
    host: Arc<dyn Host>,
    working: Turns,
    showing_metrics: Turns,
    /// How many requests.
    waiting: Pool,
    replays: Pool,
    /// Bytes of memory.
    bodies: Pool,
}

const WORKING: ShareMax = ShareMax {
    all: limits::WORKING_MAX,
    tenant: limits::TENANT_WORKING_MAX,
};
const SHOWING_METRICS: ShareMax = ShareMax {
    all: limits::SHOWING_METRICS_MAX,
    tenant: limits::TENANT_SHOWING_METRICS_MAX,
};
const WAITING: ShareMax = ShareMax {
    all: limits::WAITING_MAX,
    tenant: limits::TENANT_WAITING_MAX,
};
const REPLAYS: ShareMax = ShareMax {
    all: limits::REPLAYS_MAX,
    tenant: limits::TENANT_REPLAYS_MAX,
};
const BODIES_MEMORY_BYTES: ShareMax = ShareMax {
    all: limits::BODIES_MEMORY_BYTES_MAX,
    tenant: limits::TENANT_BODIES_MEMORY_BYTES_MAX,
};

/// Builds the routes over a host.
pub fn router(host: Arc<dyn Host>) -> Router {
    let shared = Shared {
        host,
        working: Turns::new(WORKING),
        showing_metrics: Turns::new(SHOWING_METRICS),
        waiting: Pool::new(WAITING),
        replays: Pool::new(REPLAYS),
        bodies: Pool::new(BODIES_MEMORY_BYTES),
    };
    let mut router = Router::new();
    for (route, handler) in routes::routes() {
        router = router.route(route.path, handler);
    }
    router
        // What a route says of its own body holds for it.
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(traced::traced))
        .fallback(async || ApiError::new(ErrorCode::NotFound, "there is no such path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                ErrorCode::MethodNotAllowed,
                "this path does not take that method",
            )
        })
        .with_state(shared)
}

/// The query of a path.
struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let query: Result<Query<T>, QueryRejection> =
            Query::from_request_parts(parts, shared).await;
        match query {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::bad_request(rejection.body_text())),
        }
    }
}
