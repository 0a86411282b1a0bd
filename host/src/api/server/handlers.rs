//! One function for each route of a tenant: from a request to one call of [`crate::api::Operations`].

use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::task::spawn_blocking;

use super::{
    Asked, Shared,
    body::Body,
    caller::{Caller, Reader, answer},
};
use crate::{
    api::{
        error::ApiError,
        wire::{AddHold, ApplyRequest, ChangesQuery, RuleAction, SignalQuery, TraceQuery},
    },
    rule_id::RuleId,
    signal::SignalId,
    trace::TraceId,
};

pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    match shared.host.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

pub(super) async fn metrics(reader: Reader, State(shared): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let of = match reader {
        Reader::All => None,
        Reader::Of(tenant) => Some(tenant),
    };
    // What is quarantined may have to be read from the store.
    let turn = shared.showing_metrics.take(of.as_ref()).await;
    let show = move || {
        let metrics = shared.host.metrics(of.as_ref());
        drop(turn);
        metrics
    };
    match spawn_blocking(show).await {
        Ok(metrics) => ([(header::CONTENT_TYPE, kind)], metrics).into_response(),
        Err(error) => ApiError::internal("show the metrics", &error).into_response(),
    }
}

pub(super) async fn rules(caller: Caller) -> Result<Response, ApiError> {
    caller.ask(|operations| operations.rules()).await
}

pub(super) async fn apply(
    caller: Caller,
    request: Body<ApplyRequest>,
) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.apply(&request))
        .await
}

pub(super) async fn rule(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = rule_id(&id)?;
    caller.ask(move |operations| operations.rule(&id)).await
}

pub(super) async fn change_rule(
    caller: Caller,
    Path(id): Path<String>,
    action: Body<RuleAction>,
) -> Result<Response, ApiError> {
    let id = rule_id(&id)?;
    caller
        .ask(move |operations| operations.change_rule(&id, &action))
        .await
}

pub(super) async fn signals(
    caller: Caller,
    Asked(query): Asked<SignalQuery>,
) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.signals(&query))
        .await
}

pub(super) async fn signal(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = SignalId::from_hex(&id).ok_or_else(|| ApiError::not_found("signal", &id))?;
    caller.ask(move |operations| operations.signal(id)).await
}

pub(super) async fn signal_changes(
    caller: Caller,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Response, ApiError> {
    let place = caller.place(&caller.shared.waiting, "requests wait for changes")?;
    let operations = caller.operations;
    let wait = move || {
        let changes = operations.signal_changes(&query);
        drop(place);
        changes
    };
    answer(spawn_blocking(wait).await)
}

pub(super) async fn traces(
    caller: Caller,
    Asked(query): Asked<TraceQuery>,
) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.traces(&query))
        .await
}

pub(super) async fn trace(caller: Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = TraceId::from_hex(&id).ok_or_else(|| ApiError::not_found("trace", &id))?;
    caller.ask(move |operations| operations.trace(id)).await
}

pub(super) async fn coverage(caller: Caller) -> Result<Response, ApiError> {
    caller.ask(|operations| operations.coverage()).await
}

pub(super) async fn holds(caller: Caller) -> Result<Response, ApiError> {
    caller.ask(|operations| operations.holds()).await
}

pub(super) async fn add_hold(caller: Caller, request: Body<AddHold>) -> Result<Response, ApiError> {
    caller
        .ask(move |operations| operations.add_hold(&request))
        .await
}

pub(super) async fn remove_hold(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let number = id.parse();
    let number: u64 = number.map_err(|_| ApiError::not_found("hold", &id))?;
    caller
        .ask(move |operations| operations.remove_hold(number))
        .await
}

/// What cannot be a rule's id names no rule.
fn rule_id(id: &str) -> Result<RuleId, ApiError> {
    RuleId::try_new(id).ok_or_else(|| ApiError::not_found("rule", id))
}
