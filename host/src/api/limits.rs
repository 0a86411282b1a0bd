//! What bounds the API.

/// The largest body of a request that carries packs: base64 of a few of the largest components.
pub const PACKS_BODY_BYTES_MAX: usize = 32 << 20;

/// The largest body of any other request.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// The most packs in one request.
pub const PACKS_PER_REQUEST_MAX: usize = 1_024;

/// The longest reference of a pack: the exact place that it came from.
pub const REFERENCE_BYTES_MAX: usize = 512;

/// The most signals in one answer.
pub const SIGNALS_PER_PAGE_MAX: usize = 1_000;

/// The most traces in one answer.
pub const TRACES_PER_PAGE_MAX: usize = 1_000;

/// The longest that a request waits for a change: shorter than a server that stops waits for its clients.
pub const WAIT_MS_MAX: u64 = 5_000;

/// The most requests that wait for a change at once.
pub const WAITING_MAX: usize = 64;

/// The most requests that are at work at once; more wait for their turn.
pub const WORKING_MAX: usize = 16;

/// The most replays at once; more are told to come back.
pub const REPLAYS_MAX: usize = 2;

/// How many lines of a replay may wait for a slow reader.
pub const REPLAY_LINES_QUEUED_MAX: usize = 16;
