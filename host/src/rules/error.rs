//! Why rules were not changed.

use crate::{
    rule_id::{Digest, RuleId, RuleVersion},
    sandbox::LoadError,
    store::StoreError,
};

use super::trust::Untrusted;

/// Why rules were not changed, or not loaded. What was live is live.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A pack was refused.
    #[error("`{origin}`: {source}")]
    Load {
        /// Where it came from.
        origin: String,
        /// Why.
        source: LoadError,
    },
    /// The tenant requires signatures by its keys.
    #[error("{what}: {source}")]
    Untrusted {
        /// Of what.
        what: String,
        /// What is wrong with it.
        source: Untrusted,
    },
    /// The id is another pack's.
    #[error("rule `{id}` of `{origin}` is published by `{holder}`; pass --take-over to replace it")]
    Claimed {
        /// The rule.
        id: RuleId,
        /// Who claims it.
        origin: String,
        /// Whose it is.
        holder: String,
    },
    /// Two packs of one change hold the same id.
    #[error("rule `{id}` is both in `{first}` and in `{second}`")]
    Twice {
        /// The rule.
        id: RuleId,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// The tenant may not have so many.
    #[error(
        "{would} rules would be published, and this tenant may have {max}: remove some, or have an operator raise its limit `rules`"
    )]
    TooMany {
        /// How many there would be.
        would: u64,
        /// How many there may be.
        max: u64,
    },
    /// No such rule.
    #[error("no rule `{id}` is published")]
    Unknown {
        /// The rule.
        id: RuleId,
    },
    /// No such version.
    #[error("rule `{id}` has no version {}", version.0)]
    NoVersion {
        /// The rule.
        id: RuleId,
        /// The version.
        version: RuleVersion,
    },
    /// There is nothing to go back to.
    #[error("rule `{id}` has no version before {}", version.0)]
    NothingBefore {
        /// The rule.
        id: RuleId,
        /// Its version.
        version: RuleVersion,
    },
    /// No such rule set.
    #[error("there is no rule set {number}")]
    NoRuleSet {
        /// Its number.
        number: u64,
    },
    /// The store lacks a pack, or has another under its digest.
    #[error("the store does not have the pack {digest}: publish it again")]
    NoPack {
        /// Of the pack.
        digest: Digest,
    },
    /// The store has a pack that is not what was published.
    #[error("the pack {digest} is damaged in the store: publish it again")]
    DamagedPack {
        /// Of the pack.
        digest: Digest,
        /// Where, and what is wrong there.
        source: Box<StoreError>,
    },
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RulesError {
    /// Returns why a pack does not load, where it is the pack that is to blame; the error itself where it is the host, and
    /// the same pack may load later.
    pub(super) fn why_unloadable(self) -> Result<String, Self> {
        match self {
            Self::Load { source, .. } if !source.is_of_host() => Ok(source.to_string()),
            Self::NoPack { .. } | Self::DamagedPack { .. } => Ok(self.to_string()),
            Self::Load { .. }
            | Self::Untrusted { .. }
            | Self::Claimed { .. }
            | Self::Twice { .. }
            | Self::TooMany { .. }
            | Self::Unknown { .. }
            | Self::NoVersion { .. }
            | Self::NothingBefore { .. }
            | Self::NoRuleSet { .. }
            | Self::Store(_) => Err(self),
        }
    }
}
