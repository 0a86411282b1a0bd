//! The routes: each turns a request into one call of [`Operations`] on a thread that may block.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header, request::Parts, uri::Authority},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    Host, Operations,
    error::{ApiError, ErrorCode},
    limits::{BODY_BYTES_MAX, PACKS_BODY_BYTES_MAX, REPLAYS_MAX, WAITING_MAX, WORKING_MAX},
    wire::{ApplyRequest, ChangesQuery, RuleAction, SignalQuery, TraceQuery},
};
use crate::{rule_id::RuleId, signal::SignalId, trace::TraceId};

mod replays;

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
    let packs = Router::new()
        .route("/api/v1/rules", get(rules).post(apply))
        .route("/api/v1/replays", post(replays::replay))
        .layer(DefaultBodyLimit::max(PACKS_BODY_BYTES_MAX));
    Router::new()
        .route("/api/v1/rules/{id}", get(rule).post(change_rule))
        .route("/api/v1/signals", get(signals))
        .route("/api/v1/signals/changes", get(signal_changes))
        .route("/api/v1/signals/{id}", get(signal))
        .route("/api/v1/traces", get(traces))
        .route("/api/v1/traces/{id}", get(trace))
        .route("/api/v1/coverage", get(coverage))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(packs)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || ApiError::new(ErrorCode::NotFound, "there is no such path"))
        .method_not_allowed_fallback(async || {
            ApiError::new(
                ErrorCode::MethodNotAllowed,
                "this path does not take that method",
            )
        })
        .with_state(shared)
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.host.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.host.metrics())
}

async fn rules(caller: Caller) -> Result<Response, ApiError> {
    caller.ask(|operations| operations.rules()).await
}

async fn apply(caller: Caller, Body(request): Body<ApplyRequest>) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.apply(&request))
        .await
}

async fn rule(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = rule_id(&id)?;
    caller.ask(move |operations| operations.rule(&id)).await
}

async fn change_rule(
    caller: Caller,
    Path(id): Path<String>,
    Body(action): Body<RuleAction>,
) -> Result<Response, ApiError> {
    let id = rule_id(&id)?;
    caller
        .ask(move |operations| operations.change_rule(&id, &action))
        .await
}

async fn signals(caller: Caller, Asked(query): Asked<SignalQuery>) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.signals(&query))
        .await
}

async fn signal(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = SignalId::from_hex(&id).ok_or_else(|| ApiError::not_found("signal", &id))?;
    caller.ask(move |operations| operations.signal(id)).await
}

async fn signal_changes(
    caller: Caller,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Response, ApiError> {
    let waiting = Arc::clone(&caller.shared.waiting);
    let Ok(_place) = waiting.try_acquire() else {
        return Err(ApiError::new(
            ErrorCode::Unavailable,
            format!("{WAITING_MAX} requests wait for changes already"),
        ));
    };
    let operations = caller.operations;
    answer(spawn_blocking(move || operations.signal_changes(&query)).await)
}

async fn traces(caller: Caller, Asked(query): Asked<TraceQuery>) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.traces(&query))
        .await
}

async fn trace(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = TraceId::from_hex(&id).ok_or_else(|| ApiError::not_found("trace", &id))?;
    caller.ask(move |operations| operations.trace(id)).await
}

async fn coverage(caller: Caller) -> Result<Response, ApiError> {
    caller.ask(|operations| operations.coverage()).await
}

/// What cannot be a rule's id names no rule.
fn rule_id(id: &str) -> Result<RuleId, ApiError> {
    RuleId::try_new(id).ok_or_else(|| ApiError::not_found("rule", id))
}

/// Who asks: a tenant, told from the bearer token alone.
struct Caller {
    operations: Arc<dyn Operations>,
    shared: Shared,
}

impl Caller {
    /// Makes one call on a thread that may block, when it is its turn.
    async fn ask<T: serde::Serialize + Send + 'static>(
        self,
        call: impl FnOnce(&dyn Operations) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let working = Arc::clone(&self.shared.working);
        // The semaphore is never closed; were it, there would be no bound to keep.
        let _turn = working.acquire().await;
        let operations = self.operations;
        answer(spawn_blocking(move || call(&*operations)).await)
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let bearer = bearer(&parts.headers);
        if bearer.is_none() && !is_address(&parts.headers) {
            return Err(ApiError::bad_request(
                "without a token the server answers to its address only, like http://127.0.0.1:4320",
            ));
        }
        let tenant = shared.host.tenant(bearer).ok_or_else(|| {
            ApiError::new(
                ErrorCode::Unauthorized,
                "the bearer token is missing or unknown",
            )
        })?;
        Ok(Self {
            operations: shared.host.operations(tenant),
            shared: shared.clone(),
        })
    }
}

/// Whether the server is called by address or as localhost. A page in a browser can make a name of its own
/// mean this machine, and would then be let in without a token; it cannot make its name an address.
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn answer<T: serde::Serialize>(
    done: Result<Result<T, ApiError>, tokio::task::JoinError>,
) -> Result<Response, ApiError> {
    match done {
        Ok(result) => result.map(|value| Json(value).into_response()),
        Err(error) => Err(ApiError::internal("answer the request", &error)),
    }
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
