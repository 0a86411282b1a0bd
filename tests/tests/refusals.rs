//! Scenario: requests that no waiting helps, to a server over its real ports.
//!
//! Guarantees: they are refused for good, by HTTP and by gRPC, with what to do about it and without a time to come again;
//! who sends what fits is served all the same.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use betrace_tests::{
    client::{request, span, text},
    server::{Server, run},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use prost::Message as _;
use tonic::{Code, Request};

/// What came of a request: a status, whether it says when to come again, and what it says.
type Answer = (u16, bool, String);

fn post(server: &Server, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let mut post = agent.post(format!("http://{}/v1/traces", server.http));
    for (name, value) in headers {
        post = post.header(*name, *value);
    }
    let post = post.content_type("application/x-protobuf");
    let mut answer = post.send(body).unwrap();
    let said = answer.body_mut().read_to_vec().unwrap();
    (
        answer.status().as_u16(),
        answer.headers().contains_key("retry-after"),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A span whose value has so many bytes.
fn with_value(trace: u128, n_bytes: usize) -> ExportTraceServiceRequest {
    let mut sent = span(trace, 1, 0, "step");
    sent.attributes.push(text("payload", &"x".repeat(n_bytes)));
    request("loud", vec![sent])
}

#[test]
fn what_is_too_large_is_refused_for_good() {
    let too_large = vec![0; (16 << 20) + 1];
    let too_much = with_value(2, 14 << 20);
    let gzip = [("content-encoding", "gzip")];
    // Larger than any body may be as it comes; larger than there is ever room for.
    for (memory, headers, body, why) in [
        ("1GiB", &gzip[..], too_large, "larger than 16777216 B"),
        ("256MiB", &[], too_much.encode_to_vec(), "more `memory`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), &["--memory", memory]).unwrap();
        let (status, again, said) = post(&server, headers, &body);
        assert_eq!((status, again), (413, false), "{said}");
        assert!(said.contains(why), "{said}");
        let small = with_value(1, 10).encode_to_vec();
        assert_eq!(post(&server, &[], &small).0, 200);
        assert!(server.terminate().unwrap().success());
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--memory", "256MiB"]).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(async {
        let grpc = format!("http://{}", server.grpc);
        let mut client = TraceServiceClient::connect(grpc).await.unwrap();
        client.export(too_much).await.unwrap_err()
    });
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert!(refused.details().is_empty(), "{refused:?}");
    assert!(server.terminate().unwrap().success());
}

#[test]
fn whoever_stores_as_much_as_it_may_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let args = ["tenants", "create", "acme", "--limit", "stored-bytes=1"];
    let made = run(&[&args[..], &["--data", data.to_str().unwrap()]].concat()).unwrap();
    assert!(made.status.success(), "{made:?}");
    let token = String::from_utf8(made.stdout).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let mut server = Server::start(&data, &["--settle", "50ms"]).unwrap();
    server.use_token(token.trim());
    let authorized = [("authorization", &bearer[..])];
    let small = with_value(1, 10).encode_to_vec();
    assert_eq!(post(&server, &authorized, &small).0, 200);
    // Metrics of a tenant do not tell what is open; that it is stored does.
    while server.get("/api/v1/traces").unwrap()["traces"] == serde_json::json!([]) {
        std::thread::yield_now();
    }
    let (status, again, said) = post(&server, &authorized, &small);
    assert_eq!((status, again), (507, false), "{said}");
    assert!(said.contains("stored_bytes"), "{said}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(async {
        let grpc = format!("http://{}", server.grpc);
        let mut client = TraceServiceClient::connect(grpc).await.unwrap();
        let mut sent = Request::new(with_value(2, 10));
        let bearer = bearer.parse().unwrap();
        sent.metadata_mut().insert("authorization", bearer);
        client.export(sent).await.unwrap_err()
    });
    // Without `RetryInfo` it is not to be sent again.
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.details().is_empty(), "{refused:?}");
    assert!(server.terminate().unwrap().success());
}
