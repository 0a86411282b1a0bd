//! What bounds the API. Of what all tenants share, one has less than all: what of it is asked too much says so, with
//! `Retry-After`.

use std::time::Duration;

use crate::share::ShareMax;

/// The largest body of a request that carries packs: base64 of a few of the largest components.
pub const PACKS_BODY_BYTES_MAX: usize = 32 << 20;

/// The largest body of any other request.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// What a body takes in memory: its text, and what is read of it.
pub const BODY_COPIES: usize = 2;

/// What the bodies of all requests take in memory, with their copies, from their first byte until they are answered. It is
/// beside what `memory` shares out, so that a flood of spans keeps nobody from the rules. One tenant has room for its largest
/// request, and a little.
pub const BODIES_MEMORY_BYTES_MAX: ShareMax = ShareMax {
    all: 96 << 20,
    tenant: 72 << 20,
};

/// By how much the memory of a body grows at once, while it comes.
pub const BODY_GROWTH_BYTES_MAX: usize = 1 << 20;

// Every request that may be sent fits what its tenant may have.
const _: () = assert!(
    (PACKS_BODY_BYTES_MAX + BODY_GROWTH_BYTES_MAX) * BODY_COPIES <= BODIES_MEMORY_BYTES_MAX.tenant
);

/// How long a body may take to come.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The most packs in one request.
pub const PACKS_PER_REQUEST_MAX: usize = 1_024;

/// The most ids of rules in one request.
pub const RULES_PER_REQUEST_MAX: usize = 1_024;

/// The longest reference of a pack: the exact place that it came from.
pub const REFERENCE_BYTES_MAX: usize = 512;

/// The most signals in one answer.
pub const SIGNALS_PER_PAGE_MAX: usize = 1_000;

/// The most traces in one answer.
pub const TRACES_PER_PAGE_MAX: usize = 1_000;

/// The longest that a request waits for a change: shorter than a server that stops waits for its clients.
pub const WAIT_MS_MAX: u64 = 5_000;

/// The most requests that wait for a change at once.
pub const WAITING_MAX: ShareMax = ShareMax {
    all: 64,
    tenant: 48,
};

/// The most requests that are at work at once; more wait for their turn.
pub const WORKING_MAX: ShareMax = ShareMax {
    all: 16,
    tenant: 12,
};

/// The most requests at once that are shown metrics; more wait for their turn.
pub const SHOWING_METRICS_MAX: ShareMax = ShareMax { all: 4, tenant: 3 };

/// The most replays at once; more are told to come back.
pub const REPLAYS_MAX: ShareMax = ShareMax { all: 3, tenant: 2 };

/// What a client is told to wait that is told to come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How many lines of a replay may wait for a slow reader.
pub const REPLAY_LINES_QUEUED_MAX: usize = 16;
