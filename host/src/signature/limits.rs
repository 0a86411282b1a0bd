//! What bounds the signatures of a component.

/// The most signatures in a component, over all of its lists of hashes. Each is compared with each key that is trusted,
/// some 50 us a pair.
pub const SIGNATURES_MAX: usize = 16;

/// The most lists of hashes in a component: as many as `wasmsign2` reads.
pub const HASH_LISTS_MAX: usize = 64;

/// The most hashes in a list: as many as `wasmsign2` reads.
pub const HASHES_MAX: usize = 64;
