//! Requests as bytes, sent to a running server in each way that OTLP has, and what comes back.
//!
//! gRPC too is sent bytes, by a codec that leaves them alone: no generated client could send what is wrong.

use std::time::Duration;

use betrace_tests::server::Server;
use bytes::{Buf as _, BufMut as _, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use ureq::Agent;

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How often a trace is asked for that is not there yet, half a minute in all.
const ASKED_MAX: usize = 300;
const BETWEEN: Duration = Duration::from_millis(100);

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    HttpProtobuf,
    HttpJson,
    Grpc,
}

/// A server and its clients.
pub(crate) struct World {
    pub(crate) server: Server,
    agent: Agent,
    pub(crate) runtime: tokio::runtime::Runtime,
    token: Option<String>,
    _folder: TempDir,
}

/// What a client of HTTP can tell of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl World {
    pub(crate) fn start() -> Self {
        Self::over(tempfile::tempdir().unwrap(), None)
    }

    /// Starts a server over the `data` of a folder, and sends with a token from here on.
    pub(crate) fn over(folder: TempDir, token: Option<&str>) -> Self {
        let more = ["--settle", "10ms", "--idle", "10ms"];
        let mut server = Server::start(&folder.path().join("data"), &more).unwrap();
        if let Some(token) = token {
            server.use_token(token);
        }
        Self {
            server,
            agent: Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            token: token.map(|token| format!("Bearer {token}")),
            _folder: folder,
        }
    }

    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = self
            .agent
            .post(format!("http://{}/v1/traces", self.server.http));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let mut response = request.send(body).unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Answer {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            body: response.body_mut().read_to_vec().unwrap(),
        }
    }

    pub(crate) fn call(
        &self,
        encoding: Option<CompressionEncoding>,
        body: &[u8],
    ) -> Result<ExportTraceServiceResponse, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.server.grpc)).unwrap();
        let mut request = Request::new(Bytes::copy_from_slice(body));
        if let Some(token) = &self.token {
            let token = MetadataValue::try_from(token).unwrap();
            request.metadata_mut().insert("authorization", token);
        }
        self.runtime.block_on(async {
            let channel = endpoint.connect().await.unwrap();
            export(channel, encoding, request).await
        })
    }

    /// Sends a request that is taken; returns what the client is told of spans that were not.
    pub(crate) fn taken(&self, via: Via, body: &[u8]) -> Option<ExportTracePartialSuccess> {
        match via {
            Via::Grpc => self.call(None, body).unwrap().partial_success,
            Via::HttpProtobuf => {
                let answer = self.post(&[PROTOBUF], body);
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(answer.content_type, PROTOBUF.1);
                let response = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
                response.partial_success
            }
            Via::HttpJson => {
                let answer = self.post(&[JSON], body);
                let said = String::from_utf8_lossy(&answer.body);
                assert_eq!(answer.status, 200, "{said}");
                assert_eq!(answer.content_type, JSON.1);
                let partial = answer.json().get_mut("partialSuccess")?.take();
                Some(ExportTracePartialSuccess {
                    // A 64-bit integer is a string in the JSON of protobuf.
                    rejected_spans: partial["rejectedSpans"].as_str().unwrap().parse().unwrap(),
                    error_message: partial["errorMessage"].as_str().unwrap().to_owned(),
                })
            }
        }
    }

    /// Returns the stored spans of a trace, once it is sealed.
    pub(crate) fn stored(&self, trace: u128) -> Vec<Value> {
        let path = format!("/api/v1/traces/{trace:032x}");
        let mut asked = 0;
        let found = loop {
            match self.server.get(&path) {
                // What is open is shown from memory.
                Ok(found) if found["open"] == false => break found,
                answer => assert!(asked < ASKED_MAX, "trace {trace} is not stored: {answer:?}"),
            }
            asked += 1;
            std::thread::sleep(BETWEEN);
        };
        let lists = found["otlp"]["resourceSpans"].as_array().unwrap().iter();
        lists
            .flat_map(|resource| resource["scopeSpans"].as_array().unwrap())
            .flat_map(|scope| scope["spans"].as_array().unwrap())
            .cloned()
            .collect()
    }
}

/// Sends bytes as a call over a connection that may have others.
pub(crate) async fn export(
    channel: Channel,
    encoding: Option<CompressionEncoding>,
    request: Request<Bytes>,
) -> Result<ExportTraceServiceResponse, Status> {
    let mut client = Grpc::new(channel);
    if let Some(encoding) = encoding {
        client = client.send_compressed(encoding);
    }
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(EXPORT);
    let answer = client.unary(request, path, Plain).await?.into_inner();
    Ok(ExportTraceServiceResponse::decode(answer).unwrap())
}

/// Messages that are the bytes that they are.
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
