//! The bounds of connections: how many, how long, and what one may have in flight.

use std::time::Duration;

/// Connections of one port. With one more, the one that has been quiet for longest goes. Fewer where the process may not
/// open as many files.
pub const CONNECTIONS_MAX: usize = 4_096;

/// Files that a process needs beside its connections: the store, rules, what is compiled.
pub const FILES_BESIDE_CONNECTIONS: u64 = 512;

/// Ports that share the files of a process.
pub const PORTS: u64 = 3;

/// A connection on which nothing moved for so long is closed. Longer than what the API lets a client wait for changes.
pub const CONNECTION_IDLE_MAX: Duration = Duration::from_mins(5);

/// How often it is looked for idle connections.
pub const IDLE_LOOKED_FOR_EVERY: Duration = Duration::from_secs(15);

/// How long the head of an HTTP/1 request may take to come.
pub const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The bytes of all headers of a request.
pub const HEADERS_BYTES_MAX: u32 = 32 << 10;

/// Requests that one HTTP/2 connection may have in flight.
pub const CONCURRENT_STREAMS_MAX: u32 = 128;

/// Streams that a client opened and took back before they were looked at (CVE-2023-44487): with more, the connection ends.
pub const STREAMS_TAKEN_BACK_MAX: usize = 32;

/// Streams that were reset here for what the client did on them (CVE-2025-8671): with more, the connection ends.
pub const STREAMS_RESET_MAX: usize = 256;

/// How often an HTTP/2 client is asked whether it is there.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);

/// How long it may take to say so.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// What of connections a server may be told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// See [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`CONNECTION_IDLE_MAX`].
    pub idle_max: Duration,
    /// See [`IDLE_LOOKED_FOR_EVERY`].
    pub idle_looked_for_every: Duration,
    /// See [`HEAD_READ_TIMEOUT`].
    pub head_read_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            idle_max: CONNECTION_IDLE_MAX,
            idle_looked_for_every: IDLE_LOOKED_FOR_EVERY,
            head_read_timeout: HEAD_READ_TIMEOUT,
        }
    }
}
