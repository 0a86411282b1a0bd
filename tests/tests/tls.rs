//! Scenario: a server whose three listeners speak TLS, with a certificate that its clients are told to trust.
//!
//! Guarantees: gRPC, OTLP/HTTP and the command line work over TLS; who does not trust the certificate, or speaks in the
//! clear, gets nothing; a handshake that is never finished holds up nobody; files that are no certificate and key are
//! named when the server starts.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Output,
};

use betrace_tests::{
    client::{request, span},
    server::{Server, run},
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// A folder with a certificate for this machine, and its key.
struct Files {
    folder: TempDir,
    cert_pem: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let cert_pem = made.cert.pem();
        fs::write(folder.path().join("cert.pem"), &cert_pem).unwrap();
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("key.pem"), key).unwrap();
        Self { folder, cert_pem }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn serve(&self, cert: &str, key: &str) -> anyhow::Result<Server> {
        let (cert, key) = (self.path(cert), self.path(key));
        let more = ["--tls-cert", &cert, "--tls-key", &key, "--settle", "10ms"];
        Server::start(&self.folder.path().join("data"), &more)
    }
}

fn over_https(server: &Server, args: &[&str]) -> Output {
    let url = format!("https://{}", server.api);
    run(&[args, &["--server", &url]].concat()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn export(at: SocketAddr, trusted: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let endpoint = match trusted {
            None => Endpoint::from_shared(format!("http://{at}"))?,
            Some(pem) => {
                let trust = ClientTlsConfig::new()
                    .ca_certificate(Certificate::from_pem(pem))
                    .domain_name("localhost");
                Endpoint::from_shared(format!("https://{at}"))?.tls_config(trust)?
            }
        };
        let mut client = TraceServiceClient::new(endpoint.connect().await?);
        client
            .export(request("ehr", vec![span(7, 1, 0, "phi.access")]))
            .await?;
        Ok(())
    })
}

#[test]
fn all_listeners_speak_tls_and_nothing_else() {
    let files = Files::new();
    let server = files.serve("cert.pem", "key.pem").unwrap();
    // Handshakes that are never finished.
    let idle: Vec<TcpStream> = [server.grpc, server.http, server.api]
        .iter()
        .flat_map(|at| (0..8).map(|_| TcpStream::connect(*at).unwrap()))
        .collect();

    export(server.grpc, Some(&files.cert_pem)).unwrap();
    let other = Files::new();
    assert!(export(server.grpc, Some(&other.cert_pem)).is_err());
    assert!(export(server.grpc, None).is_err());

    let trusting = |pem: &str| -> Agent {
        let cert = ureq::tls::Certificate::from_pem(pem.as_bytes()).unwrap();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[cert]));
        Agent::config_builder()
            .tls_config(tls.build())
            .build()
            .into()
    };
    let post = |agent: &Agent, scheme: &str, at: SocketAddr| {
        let post = agent.post(format!("{scheme}://{at}/v1/traces"));
        post.header("content-type", "application/json").send("{}")
    };
    let knows = trusting(&files.cert_pem);
    for at in [server.http, server.api] {
        assert_eq!(post(&knows, "https", at).unwrap().status(), 200);
        assert!(post(&knows, "http", at).is_err());
        assert!(post(&trusting(&other.cert_pem), "https", at).is_err());
    }
    drop(idle);
}

#[test]
fn the_command_line_speaks_https_to_those_it_is_told_to_trust() {
    let files = Files::new();
    let server = files.serve("cert.pem", "key.pem").unwrap();
    let listed = over_https(
        &server,
        &[
            "rules",
            "list",
            "-o",
            "json",
            "--ca-cert",
            &files.path("cert.pem"),
        ],
    );
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert_eq!(listed.stdout, b"[]\n");

    let unknown = over_https(&server, &["rules", "list"]);
    assert_eq!(unknown.status.code(), Some(5), "{}", stderr(&unknown));
    assert!(
        stderr(&unknown).contains("ertificate"),
        "{}",
        stderr(&unknown)
    );
    let key = files.path("key.pem");
    let none = over_https(&server, &["rules", "list", "--ca-cert", &key]);
    assert_eq!(none.status.code(), Some(3));
    assert!(
        stderr(&none).contains("holds no certificate"),
        "{}",
        stderr(&none)
    );
}

#[test]
fn files_that_make_no_tls_are_named_and_nothing_is_made() {
    let files = Files::new();
    let other = Files::new();
    fs::copy(other.path("key.pem"), files.path("other.pem")).unwrap();
    fs::write(files.path("text.pem"), "no certificate").unwrap();
    let data = files.path("data");
    for (cert, key, said) in [
        ("absent.pem", "key.pem", "the certificate of TLS"),
        ("text.pem", "key.pem", "BEGIN CERTIFICATE"),
        ("cert.pem", "absent.pem", "the key of TLS"),
        ("cert.pem", "cert.pem", "BEGIN PRIVATE KEY"),
        (
            "cert.pem",
            "other.pem",
            "is the key that of the first certificate",
        ),
    ] {
        let (cert, key) = (files.path(cert), files.path(key));
        let args = [
            "serve",
            "--data",
            &data,
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ];
        let output = run(&args).unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(!PathBuf::from(&data).exists());
    }
    let half = run(&["serve", "--data", &data, "--tls-cert", "c"]).unwrap();
    assert_eq!(half.status.code(), Some(3));
}
