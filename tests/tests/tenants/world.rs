//! A server with the tenants `acme` and `globex`, and an operator.

use std::net::SocketAddr;

use betrace_tests::{
    client::{request, span},
    server::{Server, run},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use tempfile::TempDir;
use tonic::{Request, Status, metadata::MetadataValue, transport::Channel};
use ureq::{Agent, http};

use super::rows::{self, Row, TRACE};

pub(crate) struct World {
    server: Server,
    agent: Agent,
    runtime: tokio::runtime::Runtime,
    pub(crate) acme: String,
    pub(crate) globex: String,
    pub(crate) admin: String,
    _folder: TempDir,
}

/// All that a client can tell of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    content_type: Option<String>,
    pub(crate) body: String,
}

impl World {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = |args: &[&str]| {
            let data = data.to_str().unwrap();
            let output = run(&[&["tenants"], args, &["--data", data]].concat()).unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let acme = made(&["create", "acme"]);
        let globex = made(&["create", "globex"]);
        let admin = made(&["admin-token"]);
        let mut server = Server::start(&data, &["--settle", "10ms", "--idle", "10ms"]).unwrap();
        server.use_token(&admin);
        // A server may close a connection whose request it refused without reading it.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(0)
            .build();
        Self {
            server,
            agent: config.into(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            acme,
            globex,
            admin,
            _folder: folder,
        }
    }

    /// Gives acme a rule, and a trace that breaks it.
    pub(crate) fn fill(&self) {
        let publish = rows::publish();
        let answer = self.send(self.server.api, &publish, Some(&self.acme));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let held = self.send(self.server.api, &rows::hold(), Some(&self.acme));
        assert_eq!(held.status, 200, "{}", held.body);
        self.export(Some(&self.acme), "phi.access").unwrap();
        self.judged();
    }

    /// Waits until everything that was sent is judged.
    pub(crate) fn judged(&self) {
        self.server.wait_until_judged().unwrap();
    }

    pub(crate) fn ask(&self, row: &Row, token: Option<&str>) -> Answer {
        let at = if row.is_otlp() {
            self.server.http
        } else {
            self.server.api
        };
        let answer = self.send(at, row, token);
        if row.is_otlp() {
            // Another door to the same room.
            let other = self.send(self.server.api, row, token);
            assert_eq!(answer, other, "{}", row.name());
        }
        answer
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.send(self.server.api, &rows::of_path(path), token)
    }

    fn send(&self, at: SocketAddr, row: &Row, token: Option<&str>) -> Answer {
        let mut request = http::Request::builder()
            .method(row.method)
            .uri(format!("http://{at}{}", row.path))
            .header("content-type", row.content_type);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = if row.body.is_empty() {
            self.agent.run(request.body(()).unwrap()).unwrap()
        } else {
            let request = request.body(row.body.clone()).unwrap();
            self.agent.run(request).unwrap()
        };
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Answer {
            status: response.status().as_u16(),
            challenge: header("www-authenticate"),
            content_type: header("content-type"),
            body: response.body_mut().read_to_string().unwrap(),
        }
    }

    /// Sends a span of this name in acme's trace.
    pub(crate) fn export(&self, token: Option<&str>, name: &str) -> Result<(), Status> {
        let sent = request("ehr", vec![span(TRACE, 1, 0, name)]);
        self.runtime.block_on(async {
            let mut client = TraceServiceClient::new(self.channel().await);
            client.export(with_token(sent, token)).await.map(drop)
        })
    }

    /// Calls a method that is not served.
    pub(crate) fn unknown_method(&self, token: Option<&str>) -> Status {
        let origin = http::Uri::from_static("http://betrace/nothing");
        let sent = ExportTraceServiceRequest::default();
        self.runtime.block_on(async {
            let mut client = TraceServiceClient::with_origin(self.channel().await, origin);
            client.export(with_token(sent, token)).await.unwrap_err()
        })
    }

    async fn channel(&self) -> Channel {
        let at = format!("http://{}", self.server.grpc);
        Channel::from_shared(at).unwrap().connect().await.unwrap()
    }
}

fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}
