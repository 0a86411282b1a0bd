//! What is live: for each tenant a rule set, built from packs, swapped as a whole.
//!
//! A rule set is immutable. Publishing loads the packs, checks who may claim which id, commits all changes in
//! one transaction of the store, builds the next set and swaps a pointer; a block that is being judged keeps
//! the set that it began with. Whatever fails before the commit leaves everything as it was.
//! What was published and does not load any more is in its set, and cannot be called.
//!
//! This room decides who may change what. It does not judge, and does not know how a pack is run.

mod error;
mod load;
mod publish;
mod quarantine;
mod registry;
mod set;
#[cfg(test)]
mod tests;
mod trust;
mod unloadable;

pub use self::{
    error::RulesError,
    publish::{Applied, AppliedRule, NewPack, PublishOptions},
    quarantine::{Quarantined, QuarantinedRule},
    registry::Registry,
    set::{InPack, PublishedRule, RuleSet},
    trust::Untrusted,
    unloadable::{NOT_LOADED, Unloadable},
};
