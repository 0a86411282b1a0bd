//! What is live: for each tenant a rule set, built from packs, swapped as a whole.
//!
//! A rule set is immutable. Publishing loads the packs, checks who may claim which id, commits all changes in
//! one transaction of the store, builds the next set and swaps a pointer; a block that is being judged keeps
//! the set that it began with. Whatever fails before the commit leaves everything as it was.
//!
//! This room decides who may change what. It does not judge, and does not know how a pack is run.

mod error;
mod publish;
mod quarantine;
mod registry;
mod set;
#[cfg(test)]
mod tests;
mod trust;

pub use self::{
    error::RulesError,
    publish::{Applied, AppliedRule, NewPack, PublishOptions},
    quarantine::Quarantined,
    registry::Registry,
    set::{PublishedRule, RuleSet},
    trust::Untrusted,
};
