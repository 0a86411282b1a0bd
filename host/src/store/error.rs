//! What can go wrong with a store. The messages say which file, and what to do where something can be done.

use std::{io, path::PathBuf, sync::Arc};

use crate::block::{BlockError, BlockId};

/// A failure of the store. Cheap to clone: one failed commit answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error(
        "the store in `{}` is in use by {}: speak to it through its server, or stop it first",
        dir.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The store.
        dir: PathBuf,
        /// Who has it, where the lock says so.
        pid: Option<u32>,
    },
    /// Another version of the program wrote it.
    #[error(
        "`{file}` has store format {found} and this betrace reads format {expected}: {}; nothing was changed",
        other_version(*found, *expected)
    )]
    OtherVersion {
        /// The file.
        file: String,
        /// The format that it has.
        found: u64,
        /// The format that can be read.
        expected: u64,
    },
    /// The directory holds something else.
    #[error(
        "`{}` is no betrace store and not empty (it has `{found}`): name another directory, or an empty one",
        dir.display()
    )]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// Something that is in it.
        found: String,
    },
    /// A file of the store is gone.
    #[error("`{file}` is missing: put it back from a backup")]
    Missing {
        /// The file.
        file: String,
    },
    /// The operating system refused.
    #[error("failed to {doing} `{file}`")]
    Io {
        /// The file.
        file: String,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: Arc<io::Error>,
    },
    /// Writing failed before, and nothing is written since.
    #[error(
        "nothing is written to `{file}` since an earlier failure ({why}): see to the disk, then start again"
    )]
    Stopped {
        /// The file.
        file: String,
        /// The first failure.
        why: String,
    },
    /// What is stored is not what was written.
    #[error("`{file}` is corrupt: table `{table}`, key {key}: {what}")]
    Corrupt {
        /// The file.
        file: String,
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// What is wrong there.
        what: String,
    },
    /// The database within a file failed.
    #[error("`{file}` failed: {what}")]
    Database {
        /// The file.
        file: String,
        /// What failed.
        what: String,
    },
    /// A part of a block cannot be read.
    #[error(transparent)]
    Block(Arc<BlockError>),
    /// No block of that id is listed.
    #[error("block {block} is not listed")]
    UnknownBlock {
        /// The block.
        block: BlockId,
    },
    /// A judgement does not fit its block.
    #[error("the judgement of block {block} does not fit it: {what}")]
    Unfit {
        /// The block.
        block: BlockId,
        /// What does not fit.
        what: String,
    },
    /// A change of a rule that cannot be made.
    #[error("rule `{rule}` {what}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is in the way.
        what: String,
    },
    /// A change of a tenant that cannot be made.
    #[error("tenant `{tenant}` {what}")]
    Tenant {
        /// The tenant.
        tenant: String,
        /// What is in the way.
        what: String,
    },
    /// There is no such tenant.
    #[error("there is no tenant `{tenant}`")]
    UnknownTenant {
        /// The name.
        tenant: String,
    },
    /// A token that cannot be made.
    #[error("no token was made: {what}")]
    Tokens {
        /// What is in the way.
        what: String,
    },
}

fn other_version(found: u64, expected: u64) -> &'static str {
    if found > expected {
        "a newer betrace wrote it, so install that one, or name another data directory"
    } else {
        "an older betrace wrote it, so run that one, or name another data directory"
    }
}

/// As [`StoreError::is_of_disk`], of a block that could not be read.
pub(crate) fn is_of_disk(error: &BlockError) -> bool {
    let BlockError::Read { source, .. } = error else {
        return false;
    };
    source
        .downcast_ref::<StoreError>()
        .is_some_and(StoreError::is_of_disk)
}

impl From<BlockError> for StoreError {
    fn from(error: BlockError) -> Self {
        Self::Block(Arc::new(error))
    }
}

impl StoreError {
    /// Whether the disk did not do what it was told to, or the database would not go on after it did not: the same may go
    /// well once the file was opened again.
    pub fn is_of_disk(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Stopped { .. } => true,
            Self::Block(error) => is_of_disk(error),
            Self::InUse { .. }
            | Self::OtherVersion { .. }
            | Self::NotAStore { .. }
            | Self::Missing { .. }
            | Self::Corrupt { .. }
            | Self::Database { .. }
            | Self::UnknownBlock { .. }
            | Self::Unfit { .. }
            | Self::Rule { .. }
            | Self::Tenant { .. }
            | Self::UnknownTenant { .. }
            | Self::Tokens { .. } => false,
        }
    }

    /// A file that is refused since an operation on it failed.
    pub(super) fn failed_before(file: &str, doing: &'static str) -> Self {
        let source = io::Error::other("an operation on the file failed before");
        Self::io(file, doing, source)
    }

    pub(super) fn io(file: &str, doing: &'static str, source: io::Error) -> Self {
        Self::Io {
            file: file.to_owned(),
            doing,
            source: Arc::new(source),
        }
    }
}
