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
use crate::share::{Pool, Turns};

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

/// Builds the routes over a host.
pub fn router(host: Arc<dyn Host>) -> Router {
    let shared = Shared {
        host,
        working: Turns::new(limits::WORKING_MAX),
        showing_metrics: Turns::new(limits::SHOWING_METRICS_MAX),
        waiting: Pool::new(limits::WAITING_MAX),
        replays: Pool::new(limits::REPLAYS_MAX),
        bodies: Pool::new(limits::BODIES_MEMORY_BYTES_MAX),
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
