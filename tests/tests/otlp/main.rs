//! Scenario: clients of OTLP, right and wrong, send to a running server, over gRPC and over HTTP, protobuf and JSON.
//!
//! Guarantees: what the specification allows is taken and stored as it was sent; what it does not allow is answered as
//! the specification has it, and costs nobody else's spans; a client is told to come again where that is of use, and
//! only there. The SDKs of Rust, Python and Node send what they were given, whole.
//!
//! The specification: <https://opentelemetry.io/docs/specs/otlp/>.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod clients;
mod connection;
mod requests;
mod retry;
mod spans;
mod wire;
