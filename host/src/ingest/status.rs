//! `google.rpc.Status`, in which OTLP has errors told, with `google.rpc.RetryInfo` where the client is to come again.

use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};

use super::error::IngestError;

/// The fields of `google/rpc/status.proto` and of what it is used with here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<RetryDelay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct RetryDelay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

const RETRY_INFO_URL: &str = "type.googleapis.com/google.rpc.RetryInfo";

impl RpcStatus {
    pub(super) fn of(error: &IngestError) -> Self {
        let retry_info = |after: Duration| Any {
            type_url: RETRY_INFO_URL.into(),
            value: RetryInfo {
                retry_delay: Some(RetryDelay {
                    seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                    nanos: after.subsec_nanos() as i32,
                }),
            }
            .encode_to_vec(),
        };
        Self {
            code: error.grpc_code() as i32,
            message: error.to_string(),
            details: error.retry_after().map(retry_info).into_iter().collect(),
        }
    }

    /// Returns the protobuf JSON of the status of `error`.
    pub(super) fn json_of(error: &IngestError) -> Value {
        let retry_info = |after: Duration| json!({ "@type": RETRY_INFO_URL, "retryDelay": format!("{}s", after.as_secs_f64()) });
        json!({
            "code": error.grpc_code() as i32,
            "message": error.to_string(),
            "details": Vec::from_iter(error.retry_after().map(retry_info)),
        })
    }
}
