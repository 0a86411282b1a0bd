//! OTLP/gRPC: `opentelemetry.proto.collector.trace.v1.TraceService/Export`.
//!
//! One message in, one out. The frame around them (a flag that says compressed, and the length) is read here and not by
//! tonic, for two reasons: the message is wanted as bytes, since the inbox keeps them, and tonic answers a message
//! that is too large with a code on which OTLP has clients send it again.

use std::{convert::Infallible, future::Future};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse as _,
    routing::post,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::Status;

use super::{
    error::IngestError,
    inflate::Encoding,
    service::{Format, Payload, Receiver},
    status::RpcStatus,
};
use crate::listen::{self, Listener, Versions};

/// The methods that are served.
pub const METHODS: [&str; 1] = [EXPORT];

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const FRAME_HEADER_BYTES: usize = 5;

/// Serves OTLP/gRPC until `shutdown`; requests in flight are finished.
pub async fn serve(listener: Listener, receiver: Receiver, shutdown: impl Future<Output = ()>) {
    let mut router = Router::new();
    for method in METHODS {
        router = router.route(method, post(export));
    }
    let router = router.fallback(unknown_method).with_state(receiver);
    listen::serve(listener, router, Versions::Http2, shutdown).await;
}

async fn export(State(receiver): State<Receiver>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !is_grpc(&parts.headers) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match take(&receiver, &parts.headers, body).await {
        Ok(response) => success(&response),
        Err(error) => failure(&error),
    }
}

/// What is not called as gRPC is not answered as gRPC either:
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, "Content-Type".
fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    content_type.is_some_and(|name| {
        let rest = name.strip_prefix("application/grpc");
        let rest = rest.map(|rest| rest.strip_prefix("+proto").unwrap_or(rest));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(';'))
    })
}

async fn unknown_method(request: Request) -> Response<Body> {
    let method = request.uri().path();
    Status::unimplemented(format!(
        "`{method}` is not served here; traces are: `{EXPORT}`"
    ))
    .into_http()
}

async fn take(
    receiver: &Receiver,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<ExportTraceServiceResponse, IngestError> {
    let tenant = receiver.tenant(headers)?;
    let name = headers.get("grpc-encoding");
    let name = name
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let encoding = Encoding::from_name(name).ok_or_else(|| IngestError::Encoding {
        found: name.to_owned(),
    })?;
    let mut held = receiver.admit(&tenant, headers)?;
    let frame = receiver.read_body(&mut body, &mut held).await?;
    let (compressed, body) = unframe(frame).ok_or_else(|| IngestError::Body {
        what: "it is not one gRPC message".into(),
    })?;
    let payload = Payload {
        format: Format::Protobuf,
        encoding: if compressed {
            encoding
        } else {
            Encoding::Identity
        },
        body,
    };
    receiver.take(tenant, payload, held).await
}

/// Takes a message out of its frame; `None` where it is not exactly one.
fn unframe(mut frame: Bytes) -> Option<(bool, Bytes)> {
    let compressed = match frame.try_get_u8().ok()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let len = frame.try_get_u32().ok()? as usize;
    (frame.len() == len).then_some((compressed, frame))
}

fn success(response: &ExportTraceServiceResponse) -> Response<Body> {
    let len = response.encoded_len();
    let mut frame = BytesMut::with_capacity(FRAME_HEADER_BYTES + len);
    frame.put_u8(0);
    frame.put_u32(len as u32);
    frame.extend_from_slice(&response.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body =
        Full::new(frame.freeze()).with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    response
}

fn failure(error: &IngestError) -> Response<Body> {
    let status = RpcStatus::of(error);
    let details = if status.details.is_empty() {
        Bytes::new()
    } else {
        status.encode_to_vec().into()
    };
    let mut response = Status::with_details(error.grpc_code(), status.message, details).into_http();
    if matches!(error, IngestError::Encoding { .. }) {
        response.headers_mut().insert(
            "grpc-accept-encoding",
            HeaderValue::from_static("identity,gzip,zstd"),
        );
    }
    response
}
