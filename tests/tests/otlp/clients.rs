//! The SDKs that programs really use: each exporter sends the same trace, and it is stored whole.
//!
//! Rust's is always there. Python's is looked for in the interpreter that `PYTHON` names, else in `python3`; Node's
//! along `NODE_PATH`. Where there is none, the test says that it skips.

use std::{
    path::Path,
    process::{Command, Output},
};

use betrace_tests::server::Server;
use opentelemetry::{
    Array, Context, KeyValue, StringValue, Value as Attribute,
    trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{
    Compression, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use serde_json::{Value, json};

use super::wire::World;

/// Spans of the trace below its root.
const CHILDREN: usize = 100;

/// Checks that a trace of an SDK is there, whole and as it was made.
fn check(server: &Server, exporter: &str, trace_id: &str) {
    let found = server.get(&format!("/api/v1/traces/{trace_id}")).unwrap();
    let [resource] = &found["otlp"]["resourceSpans"].as_array().unwrap()[..] else {
        panic!("{exporter}: one resource in {found}");
    };
    let service = json!({ "key": "service.name", "value": { "stringValue": "shop" } });
    let attributes = resource["resource"]["attributes"].as_array().unwrap();
    assert!(attributes.contains(&service), "{exporter}: {attributes:?}");
    let scope = &resource["scopeSpans"][0];
    assert_eq!(scope["scope"]["name"], "shop.checkout", "{exporter}");
    assert_eq!(scope["scope"]["version"], "1.2.3", "{exporter}");

    let spans = scope["spans"].as_array().unwrap();
    let (roots, children): (Vec<&Value>, Vec<&Value>) = spans
        .iter()
        .partition(|span| span["parentSpanId"].is_null());
    assert_eq!((roots.len(), children.len()), (1, CHILDREN), "{exporter}");
    assert_eq!(roots[0]["name"], "checkout", "{exporter}");
    assert_eq!(roots[0]["kind"], 2, "{exporter}");
    let mut numbers: Vec<usize> = children
        .iter()
        .map(|child| {
            assert_eq!(child["parentSpanId"], roots[0]["spanId"], "{exporter}");
            check_child(exporter, child)
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..CHILDREN), "{exporter}");
}

/// Returns which child it is.
fn check_child(exporter: &str, child: &Value) -> usize {
    assert_eq!(child["name"], "charge", "{exporter}");
    assert_eq!(child["kind"], 3, "{exporter}");
    assert_eq!(
        child["status"],
        json!({ "code": 2, "message": "declined" }),
        "{exporter}"
    );
    let [event] = &child["events"].as_array().unwrap()[..] else {
        panic!("{exporter}: one event in {child}");
    };
    assert_eq!(event["name"], "retry", "{exporter}");
    let attempt = json!([{ "key": "attempt", "value": { "intValue": "2" } }]);
    assert_eq!(event["attributes"], attempt, "{exporter}");
    let value_of = |key: &str| {
        let mut attributes = child["attributes"].as_array().unwrap().iter();
        let found = attributes.find(|attribute| attribute["key"] == key);
        found.map(|attribute| attribute["value"].clone())
    };
    let texts = json!([{ "stringValue": "a" }, { "stringValue": "b" }]);
    for (key, value) in [
        ("share", json!({ "doubleValue": 0.5 })),
        ("paid", json!({ "boolValue": true })),
        ("text", json!({ "stringValue": "gr\u{fc}\u{df}" })),
        ("list", json!({ "arrayValue": { "values": texts } })),
    ] {
        assert_eq!(value_of(key), Some(value), "{exporter}: {key}");
    }
    value_of("n").unwrap()["intValue"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Sends the trace by an exporter of the Rust SDK; returns its id.
fn send(exporter: SpanExporter) -> String {
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(exporter)
        .build();
    let scope = opentelemetry::InstrumentationScope::builder("shop.checkout").with_version("1.2.3");
    let tracer = provider.tracer_with_scope(scope.build());
    let root = tracer
        .span_builder("checkout")
        .with_kind(SpanKind::Server)
        .start(&tracer);
    let trace_id = root.span_context().trace_id().to_string();
    let within = Context::new().with_span(root);
    for n in 0..CHILDREN {
        let list = ["a", "b"].map(StringValue::from).to_vec();
        let mut child = tracer
            .span_builder("charge")
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("n", n as i64),
                KeyValue::new("share", 0.5),
                KeyValue::new("paid", true),
                KeyValue::new("text", "gr\u{fc}\u{df}"),
                KeyValue::new("list", Attribute::Array(Array::String(list))),
            ])
            .start_with_context(&tracer, &within);
        child.add_event("retry", vec![KeyValue::new("attempt", 2)]);
        child.set_status(Status::error("declined"));
        child.end();
    }
    within.span().end();
    provider.shutdown().unwrap();
    trace_id
}

fn over_grpc(server: &Server, compression: Option<Compression>) -> SpanExporter {
    let exporter = SpanExporter::builder().with_tonic();
    let exporter = exporter.with_endpoint(format!("http://{}", server.grpc));
    match compression {
        Some(compression) => exporter.with_compression(compression).build(),
        None => exporter.build(),
    }
    .unwrap()
}

fn over_http(
    server: &Server,
    protocol: Protocol,
    compression: Option<Compression>,
) -> SpanExporter {
    let exporter = SpanExporter::builder().with_http().with_protocol(protocol);
    let exporter = exporter.with_endpoint(format!("http://{}/v1/traces", server.http));
    match compression {
        Some(compression) => exporter.with_compression(compression).build(),
        None => exporter.build(),
    }
    .unwrap()
}

#[test]
fn the_rust_sdk_sends_all_of_a_trace() {
    let world = World::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let within = runtime.enter();
    let sent_over_grpc = [None, Some(Compression::Gzip), Some(Compression::Zstd)]
        .map(|how| (format!("grpc {how:?}"), send(over_grpc(&world.server, how))));
    drop(within);
    // The client of HTTP is built for TLS too, and of this workspace no crate has a default for whose.
    betrace::listen::use_ring();
    let mut sent = Vec::from(sent_over_grpc);
    for protocol in [Protocol::HttpBinary, Protocol::HttpJson] {
        for how in [None, Some(Compression::Gzip), Some(Compression::Zstd)] {
            let exporter = over_http(&world.server, protocol, how);
            sent.push((format!("{protocol:?} {how:?}"), send(exporter)));
        }
    }
    world.server.wait_until_judged().unwrap();
    for (name, trace_id) in sent {
        check(&world.server, &name, &trace_id);
    }
}

/// Runs a program of another SDK, and checks what each of its exporters sent.
fn program_sends_all(mut program: Command, exporters: &[&str]) {
    let world = World::start();
    let addresses = [world.server.http.to_string(), world.server.grpc.to_string()];
    let Output {
        status,
        stdout,
        stderr,
    } = program.args(addresses).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    // An SDK that fails to send says so, and ends well all the same.
    assert!(status.success() && said.is_empty(), "{status}: {said}");
    let stdout = String::from_utf8(stdout).unwrap();
    let sent: Vec<(&str, &str)> = stdout
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    assert_eq!(
        sent.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        exporters
    );
    world.server.wait_until_judged().unwrap();
    for (name, trace_id) in sent {
        check(&world.server, name, trace_id);
    }
}

/// Says whether a command can be started and ends well.
fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/otlp/clients")
        .join(name)
}

#[test]
fn the_python_sdk_sends_all_of_a_trace() {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let needs =
        "import opentelemetry.exporter.otlp.proto.grpc, opentelemetry.exporter.otlp.proto.http";
    if !works(Command::new(&python).args(["-c", needs])) {
        println!("skipped: {python:?} has no opentelemetry-exporter-otlp-proto-grpc and -http");
        return;
    }
    let mut program = Command::new(python);
    program.arg(script("send.py"));
    program_sends_all(program, &["http", "http-gzip", "grpc"]);
}

#[test]
fn the_node_sdk_sends_all_of_a_trace() {
    let needs = ["grpc", "http", "proto"]
        .map(|of| format!("require('@opentelemetry/exporter-trace-otlp-{of}')"))
        .join(";");
    if !works(Command::new("node").args(["-e", &needs])) {
        println!(
            "skipped: no `node` that finds @opentelemetry/exporter-trace-otlp-* along NODE_PATH"
        );
        return;
    }
    let mut program = Command::new("node");
    program.arg(script("send.cjs"));
    program_sends_all(program, &["json", "json-gzip", "http", "grpc"]);
}
