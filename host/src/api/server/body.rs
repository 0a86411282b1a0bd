//! Bodies of requests: read within bounds, before it is the turn of the request.

use std::{error::Error, iter, ops::Deref};

use axum::{
    Json, RequestExt as _,
    body::Body as HttpBody,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Shared, caller::access};
use crate::{
    api::{
        error::{ApiError, ErrorCode},
        limits::{BODY_COPIES, BODY_GROWTH_BYTES_MAX, BODY_READ_TIMEOUT},
    },
    share::{Held, NoRoom},
};

/// A JSON body, with the room that it takes until it is dropped. What is wrong with it is said in our own form.
pub(super) struct Body<T> {
    value: T,
    /// None of an operator: those are few, and small.
    _held: Option<Held>,
}

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, ApiError> {
        let tenant = access(request.headers(), shared)?.tenant();
        let mut held = tenant.map(|tenant| shared.bodies.begin(&tenant));
        let (parts, body) = request.with_limited_body().into_parts();
        let text = timeout(BODY_READ_TIMEOUT, collect(body, &mut held));
        let text = text.await.map_err(|_| {
            ApiError::new(
                ErrorCode::Unavailable,
                "the request's body did not come in time",
            )
        })??;
        let request = Request::from_parts(parts, HttpBody::from(text));
        match Json::from_request(request, shared).await {
            Ok(Json(value)) => Ok(Self { value, _held: held }),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

async fn collect(mut body: HttpBody, held: &mut Option<Held>) -> Result<Vec<u8>, ApiError> {
    let mut text = Vec::new();
    let mut no_room = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&error))?;
        let Some(data) = frame.data_ref().filter(|_| no_room.is_none()) else {
            // To its end: most clients look at an answer only when they have sent all.
            continue;
        };
        let room = text.capacity() - text.len();
        if room < data.len() {
            let more = (data.len() - room).max(text.capacity().min(BODY_GROWTH_BYTES_MAX));
            let grow = |held: &mut Held| held.grow(more * BODY_COPIES).err();
            no_room = held.as_mut().and_then(grow);
            if no_room.is_some() {
                text = Vec::new();
                *held = None;
                continue;
            }
            text.reserve_exact(room + more);
        }
        text.extend_from_slice(data);
    }
    match no_room {
        None => Ok(text),
        Some(no_room) => Err(no_room_for_it(no_room)),
    }
}

fn no_room_for_it(no_room: NoRoom) -> ApiError {
    let passes = |of: &str| {
        ApiError::new(
            ErrorCode::Unavailable,
            format!(
                "there is no room for the body: those of requests under way, {of}, take as much memory as \
                 there is for them; try again later"
            ),
        )
    };
    match no_room {
        NoRoom::OfTenant => passes("of this tenant"),
        NoRoom::OfAll => passes("of all tenants together"),
        NoRoom::Ever { max } => ApiError::new(
            ErrorCode::TooLarge,
            format!("the body takes more than the {max} B that those of a tenant may take"),
        ),
    }
}

fn unreadable(error: &axum::Error) -> ApiError {
    let first: &(dyn Error + 'static) = error;
    let mut causes = iter::successors(Some(first), |error| (*error).source());
    if causes.any(<dyn Error>::is::<LengthLimitError>) {
        return ApiError::new(
            ErrorCode::TooLarge,
            "the body is larger than this path takes",
        );
    }
    ApiError::bad_request(format!("the body could not be read: {error}"))
}

fn refused(rejection: &JsonRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
        _ => ErrorCode::BadRequest,
    };
    ApiError::new(code, rejection.body_text())
}
