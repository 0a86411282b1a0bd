//! Scenario: a server sends the traces of its own work to another, which judges them.
//!
//! Guarantees: requests of ingest and of the API, sealing, judging and recording are spans of the service `betrace`; what is
//! left is sent when the server ends; nobody who takes them is no reason not to serve.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;

use betrace_tests::{
    client::{Client, request, span},
    server::{Server, run},
};
use serde_json::Value;

/// A rule for each kind of work, which each trace of that work violates.
const RULES: &str = r#"
rule taken    { match { ingest.where(span:service == betrace and betrace.spans == 1 and betrace.tenant.id == default) } }
rule sealed   { match { seal.where(betrace.traces == 1) } }
rule judged   { match { judge.where(betrace.blocks == 1) } }
rule recorded { match { record.where(betrace.groups == 1) } }
rule asked    { match { any.where(span:name == "GET /api/v1/signals" and http.response.status_code == 200) } }
"#;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn send(server: &Server) {
    runtime().block_on(async {
        let mut client = Client::connect(server.grpc).await.unwrap();
        let sent = request("shop", vec![span(7, 1, 0, "checkout")]);
        client.send(sent).await.unwrap();
    });
    server.wait_until_judged().unwrap();
    server.get("/api/v1/signals").unwrap();
}

#[test]
fn a_server_is_judged_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("betrace.btr");
    fs::write(&rules, RULES).unwrap();
    let (rules, watching) = (rules.to_str().unwrap(), folder.path().join("watching"));
    let watching = Server::start(&watching, &["--rules", rules, "--settle", "10ms"]).unwrap();
    let to = format!("http://{}", watching.grpc);
    let more = ["--traces-to", &to, "--settle", "10ms"];
    let watched = Server::start(&folder.path().join("watched"), &more).unwrap();
    send(&watched);
    assert!(watched.terminate().unwrap().success());

    watching.wait_until_judged().unwrap();
    let Value::Array(signals) = watching.get("/api/v1/signals").unwrap()["signals"].take() else {
        panic!("signals are a list");
    };
    let mut rules: Vec<&str> = signals
        .iter()
        .map(|signal| signal["rule"].as_str().unwrap())
        .collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules, ["asked", "judged", "recorded", "sealed", "taken"]);
}

#[test]
fn nobody_who_takes_the_traces_is_no_reason_not_to_serve() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and let go: nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let more = ["--traces-to", &to, "--settle", "10ms"];
    let server = Server::start(&folder.path().join("data"), &more).unwrap();
    send(&server);
    assert!(server.terminate().unwrap().success());

    let data = folder.path().join("other");
    let args = ["serve", "--data", data.to_str().unwrap()];
    for address in [
        "localhost:4317",
        "https://collector:4317",
        "http://not an address",
    ] {
        let wrong = run(&[&args[..], &["--traces-to", address]].concat()).unwrap();
        let said = String::from_utf8(wrong.stderr).unwrap();
        assert_eq!(wrong.status.code(), Some(3), "{said}");
        assert!(
            said.contains("expected http://, a host and a port"),
            "{said}"
        );
    }
}
