//! The bounds of ingest. Each is checked before what it bounds is allocated.

use std::time::Duration;

use crate::trace::SentSpan;

/// A request's body as it came, compressed or not.
pub const REQUEST_BODY_BYTES_MAX: usize = 16 << 20;

/// A request after decompression, counted while inflating.
pub const REQUEST_BYTES_MAX: usize = 32 << 20;

/// Spans of one request. A span takes 2 B on the wire, and in memory what [`SENT_SPAN_MEMORY_BYTES`] says.
pub const REQUEST_SPANS_MAX: usize = 262_144;

/// Attributes, events, links, array elements, resources and scopes of one request, together.
pub const REQUEST_ITEMS_MAX: usize = 2_097_152;

/// What JSON that is not UTF-8 takes in memory once that is escaped, in copies of its text.
pub const SALVAGE_TEXT_COPIES: usize = 4;

/// What a request takes while what cannot be read is left out: what is kept is copied into its scope, its resource, and the
/// request.
pub const SALVAGE_COPIES: usize = 3;

/// What a client is told of one span, resource or scope that cannot be read, or of a request.
pub const FAULT_BYTES_MAX: usize = 300;

/// Levels of protobuf messages within one another; that of `prost`, which decodes them. JSON is held to 128 levels by
/// `serde_json`, which come to fewer here, since a message takes at least one level of JSON and a list another.
pub const MESSAGE_DEPTH_MAX: usize = 100;

/// What a request takes in memory before anything of its body has come, beside its headers: its task and its stream. So
/// requests of which no more ever comes are bounded as others are.
pub const REQUEST_MEMORY_BYTES: usize = 8 << 10;

/// What a header takes in memory beside its name and value.
pub const HEADER_MEMORY_BYTES: usize = 64;

/// What a span takes in memory that stays bytes, beside these.
pub const SENT_SPAN_MEMORY_BYTES: usize = size_of::<SentSpan>();

/// What a span that is spelled out is taken to cost in memory, beside its bytes.
pub const SPAN_MEMORY_BYTES: usize = 512;

/// What an attribute, event or link that is spelled out is taken to cost in memory, beside its bytes.
pub const ITEM_MEMORY_BYTES: usize = 96;

/// How long a request's body may take to come.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the rest of a request that is refused may take to come.
pub const REFUSED_BODY_READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client is told to wait where too much is in flight.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bodies from this size on are decoded on a thread for blocking work, lest they hold up the others.
pub const INLINE_DECODE_BYTES_MAX: usize = 128 << 10;

/// The window of a zstd stream in a request: 2^23 B, what RFC 8878 asks of every decoder.
pub const REQUEST_ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The window of a zstd file: 2^27 B, what the `zstd` program reads unasked.
pub const FILE_ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// A line, document or message of an imported file, after decompression.
pub const FILE_REQUEST_BYTES_MAX: usize = 64 << 20;
