//! OTLP/HTTP: `POST /v1/traces`, protobuf or JSON, as <https://opentelemetry.io/docs/specs/otlp/#otlphttp> has it.
//!
//! Errors are a `google.rpc.Status` in the encoding of the request; those that pass say `Retry-After`.

use std::future::Future;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
    routing::post,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};

use super::{
    error::IngestError,
    inflate::Encoding,
    service::{Format, Payload, Receiver, drain},
    status::RpcStatus,
};
use crate::{
    listen::{self, Listener, Versions},
    tenant::CHALLENGE,
};

/// The paths that are served. Each takes POST.
pub const PATHS: [&str; 1] = ["/v1/traces"];

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Serves OTLP/HTTP until `shutdown`; requests in flight are finished.
pub async fn serve(listener: Listener, receiver: Receiver, shutdown: impl Future<Output = ()>) {
    listen::serve(listener, router(receiver), Versions::Both, shutdown).await;
}

/// Returns the routes, for a server that has others too.
pub fn router(receiver: Receiver) -> Router {
    let mut router = Router::new();
    for path in PATHS {
        router = router.route(path, post(export));
    }
    router.with_state(receiver)
}

async fn export(State(receiver): State<Receiver>, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let format = format_of(&parts.headers);
    let result = take(&receiver, &format, &parts.headers, &mut body).await;
    // What did not come in its time is not waited for again; a stream of HTTP/2 ends by itself, and leaves its connection as
    // it is.
    let is_late = matches!(result, Err(IngestError::BodyTimedOut));
    if result.is_err() && !is_late && parts.version < Version::HTTP_2 {
        drain(&mut body).await;
    }
    let format = format.unwrap_or(Format::Json);
    match result {
        Ok(response) => success(format, &response),
        Err(error) => failure(format, &error),
    }
}

async fn take(
    receiver: &Receiver,
    format: &Result<Format, String>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<ExportTraceServiceResponse, IngestError> {
    // First: nothing else is told to who is not known.
    let tenant = receiver.tenant(headers)?;
    let format = format
        .clone()
        .map_err(|found| IngestError::ContentType { found })?;
    let name = text(headers, header::CONTENT_ENCODING);
    let encoding = Encoding::from_name(name).ok_or_else(|| IngestError::Encoding {
        found: name.to_owned(),
    })?;
    let mut held = receiver.admit(&tenant, headers)?;
    let body = receiver.read_body(body, &mut held).await?;
    let payload = Payload {
        format,
        encoding,
        body,
    };
    receiver.take(tenant, payload, held).await
}

/// Returns the format of the content type, or the content type where it is another.
fn format_of(headers: &HeaderMap) -> Result<Format, String> {
    let content_type = text(headers, header::CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(PROTOBUF)
        || essence.eq_ignore_ascii_case("application/protobuf")
    {
        Ok(Format::Protobuf)
    } else if essence.eq_ignore_ascii_case(JSON) {
        Ok(Format::Json)
    } else {
        Err(content_type.to_owned())
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    let value = headers.get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn success(format: Format, response: &ExportTraceServiceResponse) -> Response {
    let json = || match &response.partial_success {
        None => json!({}),
        Some(partial) => json!({ "partialSuccess": {
            "rejectedSpans": partial.rejected_spans.to_string(),
            "errorMessage": partial.error_message,
        }}),
    };
    respond(StatusCode::OK, format, || response.encode_to_vec(), json)
}

fn failure(format: Format, error: &IngestError) -> Response {
    let mut response = respond(
        error.http_status(),
        format,
        || RpcStatus::of(error).encode_to_vec(),
        || RpcStatus::json_of(error),
    );
    if let Some(after) = error.retry_after() {
        // Whole seconds, and never at once.
        let seconds = after.as_millis().div_ceil(1_000).max(1) as u64;
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if matches!(error, IngestError::Unauthenticated) {
        let scheme = HeaderValue::from_static(CHALLENGE);
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn respond(
    status: StatusCode,
    format: Format,
    protobuf: impl FnOnce() -> Vec<u8>,
    json: impl FnOnce() -> Value,
) -> Response {
    let (content_type, body) = match format {
        Format::Protobuf => (PROTOBUF, protobuf()),
        Format::Json => (JSON, json().to_string().into_bytes()),
    };
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}
