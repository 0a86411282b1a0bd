//! A client of the OTLP port, on the generated gRPC client of the specification's protobuf.

use std::net::SocketAddr;

use anyhow::Result;
use betrace::ingest::limits::RETRY_AFTER;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use tonic::{Code, Status, transport::Channel};

/// The base of the times of spans: 2026-03-01T12:00:00Z.
pub const START_UNIX_NANO: u64 = 1_772_366_400_000_000_000;

/// Sends requests over one connection.
#[derive(Clone, Debug)]
pub struct Client(TraceServiceClient<Channel>);

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Where nobody listens.
    pub async fn connect(grpc: SocketAddr) -> Result<Self> {
        Ok(Self(
            TraceServiceClient::connect(format!("http://{grpc}")).await?,
        ))
    }

    /// Sends one request; returns when the server has acknowledged it.
    ///
    /// # Errors
    ///
    /// Where it has not.
    pub async fn send(&mut self, request: ExportTraceServiceRequest) -> Result<()> {
        let response = self.0.export(request).await?.into_inner();
        anyhow::ensure!(
            response
                .partial_success
                .is_none_or(|partial| partial.rejected_spans == 0)
        );
        Ok(())
    }

    /// As [`Self::send`], and again as long as the server has too much, as OTLP says ("Failures").
    ///
    /// # Errors
    ///
    /// As [`Self::send`], for every other reason.
    pub async fn send_until_taken(&mut self, request: ExportTraceServiceRequest) -> Result<()> {
        loop {
            let sent = self.send(request.clone()).await;
            let refused = sent.as_ref().err().and_then(|e| e.downcast_ref::<Status>());
            if refused.is_none_or(|status| status.code() != Code::ResourceExhausted) {
                return sent;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// Wraps spans of one service into a request.
pub fn request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![text("service.name", service)],
        ..Resource::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource = Some(resource);
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource,
            scope_spans,
            ..ResourceSpans::default()
        }],
    }
}

/// Makes a span of 1 ms that starts `n` ms after the base; `parent` 0 is a root.
pub fn span(trace: u128, n: u64, parent: u64, name: &str) -> Span {
    let start = START_UNIX_NANO + n * 1_000_000;
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: n.to_be_bytes().to_vec(),
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            parent.to_be_bytes().to_vec()
        },
        name: name.to_owned(),
        start_time_unix_nano: start,
        end_time_unix_nano: start + 1_000_000,
        ..Span::default()
    }
}

/// Makes an attribute that is a string.
pub fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}
