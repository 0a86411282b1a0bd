//! What the whole-system tests share: the binary as a child process, and a client of its OTLP port.
//!
//! The tests drive the `betrace` binary as its users do. Nothing here looks inside it.

pub mod client;
pub mod server;
