//! The routes: each turns a request into one call on a thread that may block.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Query, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
    middleware,
};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::{
    Host,
    error::{ApiError, ErrorCode},
    limits::{BODY_BYTES_MAX, REPLAYS_MAX, WAITING_MAX, WORKING_MAX},
};

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
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    replays: Arc<Semaphore>,
}

/// Builds the routes over a host.
pub fn router(host: Arc<dyn Host>) -> Router {
    let shared = Shared {
        host,
        working: Arc::new(Semaphore::new(WORKING_MAX)),
        waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        replays: Arc::new(Semaphore::new(REPLAYS_MAX)),
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

/// A JSON body; what is wrong with it is said in our own form.
struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, ApiError> {
        match Json::from_request(request, shared).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &JsonRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
        _ => ErrorCode::BadRequest,
    };
    ApiError::new(code, rejection.body_text())
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
