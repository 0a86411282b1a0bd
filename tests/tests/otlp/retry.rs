//! Refusals that pass: a tenant over its rate is told when to come again, in the way of each protocol.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling>,
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling>

use betrace_tests::{
    client::{request, span},
    server::run,
};
use prost::Message as _;
use tonic::Code;

use super::wire::{JSON, PROTOBUF, World};

/// `google.rpc.Status`, as far as it is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// A `google.protobuf.Any` that holds a `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// A `google.rpc.RetryInfo`; a `Duration` in it has its seconds first.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Returns the delay that a status holds.
fn delay(status: &[u8]) -> Delay {
    let status = RpcStatus::decode(status).unwrap();
    assert_eq!(status.code, Code::ResourceExhausted as i32);
    let [detail] = <[Detail; 1]>::try_from(status.details).unwrap();
    assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    RetryInfo::decode(&detail.value[..])
        .unwrap()
        .retry_delay
        .unwrap()
}

#[test]
fn over_its_rate_a_tenant_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let args = [
        "tenants",
        "create",
        "acme",
        "--limit",
        "spans-per-second=1",
        "--data",
    ];
    let made = run(&[&args[..], &[data.to_str().unwrap()]].concat()).unwrap();
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap();
    let world = World::over(folder, Some(token.trim()));

    // Taken whole, and paid off for minutes: no clock decides what follows.
    let many = (1..=1_000).map(|n| span(1, n, 0, "many")).collect();
    world
        .call(None, &request("shop", many).encode_to_vec())
        .unwrap();

    let one = request("shop", vec![span(2, 1, 0, "one")]).encode_to_vec();
    let status = world.call(None, &one).unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("spans_per_second"), "{status}");
    assert!(delay(status.details()).seconds > 0);

    let answer = world.post(&[PROTOBUF], &one);
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.content_type, PROTOBUF.1);
    let after: i64 = answer.retry_after.as_ref().unwrap().parse().unwrap();
    let told = delay(&answer.body);
    // `Retry-After` has whole seconds, rounded up.
    assert_eq!(after, told.seconds + i64::from(told.nanos > 0));

    let answer = world.post(&[JSON], b"{}");
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.retry_after.is_some());
    let status = answer.json();
    assert_eq!(status["code"], Code::ResourceExhausted as i32);
    assert!(
        status["details"][0]["retryDelay"]
            .as_str()
            .unwrap()
            .ends_with('s')
    );
}
