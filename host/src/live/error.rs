//! Why the pipeline does not start, or stops.

use std::io;

use thiserror::Error;

use crate::{rules::RulesError, store::StoreError};

/// Why the pipeline does not start, or stops. What was acknowledged is in the inbox.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules that are to judge cannot be loaded.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A thread of the pipeline ended as it must not.
    #[error("a thread panicked; this is a mistake in betrace")]
    Panicked,
    /// There is no thread to be had.
    #[error("failed to start a thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}
