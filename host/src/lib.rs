//! `BeTrace` judges OpenTelemetry traces by rules that run as WebAssembly components.
//!
//! | room | what it does |
//! |---|---|
//! | [`ingest`] | OTLP over gRPC, HTTP and from files becomes spans, acknowledged when durable |
//! | [`assemble`] | spans gather into traces until these can be judged |
//! | [`block`] | sealed traces as columns: the unit of judging, storage and replay |
//! | [`judge`] | from a block and rules to verdicts: the one place |
//! | [`rules`] | what is live, per tenant; publishing |
//! | [`sandbox`] | runs packs where they can do no harm; the only user of wasmtime |
//! | [`signature`] | who vouches for the bytes of a component |
//! | [`live`] | the pipeline from a request to its verdicts, and its recovery |
//! | [`replay`] | rules over stored history |
//! | [`listen`] | ports, in the clear or under TLS |
//! | [`memory`] | how the memory that a server may have is shared out |
//! | [`share`] | how much of what tenants share one of them may have |
//! | [`store`] | what outlives the process |
//! | [`clock`] [`tenant`] [`rule_id`] [`trace`] [`verdict`] [`signal`] | the words that the rooms share |

pub mod api;
pub mod assemble;
pub mod block;
pub mod cli;
pub mod clock;
pub mod ingest;
pub mod judge;
pub mod listen;
pub mod live;
pub mod memory;
mod random;
pub mod replay;
pub mod rule_id;
pub mod rules;
pub mod sandbox;
pub mod share;
pub mod signal;
pub mod signature;
mod size;
pub mod store;
pub mod telemetry;
pub mod tenant;
pub mod time;
pub mod trace;
pub mod verdict;

#[cfg(test)]
mod guest;
