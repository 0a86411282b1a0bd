//! Each request of the API as a span of the host's own traces. How the server is, and its metrics, is asked all the time
//! and told to none of them.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use crate::telemetry::spans;

pub(super) async fn traced(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let Some(route) = route.filter(|route| route.as_str().starts_with("/api/")) else {
        return next.run(request).await;
    };
    let span = spans::request(request.method().as_str(), route.as_str());
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        spans::failed(&span);
    }
    response
}
