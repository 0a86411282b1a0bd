//! Rules whose packs do not load, though they did when they were published.
//!
//! Nothing of it is stored: what does not load is found again by whoever opens the store next, and may load there. What is
//! known is kept, so that a pack that takes long to be refused is not tried again for each of its rules and each set.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::registry::lock;
use crate::{
    clock::UnixNanos,
    rule_id::{Digest, RuleId, RuleVersion},
    sandbox::RuleDescription,
    signal::Severity,
    tenant::TenantId,
    verdict::Verdict,
};

/// The reason that surfaces give where a rule is not called since its pack does not load.
pub const NOT_LOADED: &str = "not_loaded";

/// Why the pack of a version does not load.
#[derive(Debug)]
pub struct Unloadable {
    /// For the rule's author.
    pub why: String,
    /// When this process found it.
    pub since: UnixNanos,
    digest: Digest,
    description: RuleDescription,
}

impl Unloadable {
    /// Of a rule of the pack with that digest.
    pub(super) fn new(id: RuleId, digest: Digest, why: String, since: UnixNanos) -> Self {
        Self {
            why,
            since,
            digest,
            description: unknown(id),
        }
    }

    /// Returns what is to be taken for what the rule says of itself.
    pub(super) fn description(&self) -> &RuleDescription {
        &self.description
    }
}

/// What is known of a rule of which only the id is: any trace may be one that it has to see.
fn unknown(id: RuleId) -> RuleDescription {
    RuleDescription {
        id,
        signal: String::new(),
        severity: Severity::Info,
        summary: String::new(),
        message: Vec::new(),
        controls: Vec::new(),
        labels: Vec::new(),
        names: Vec::new(),
        all_spans: true,
        any_of: Vec::new(),
        otherwise: Verdict::NotApplicable,
        reads: Vec::new(),
        literals: Vec::new(),
        facts: false,
    }
}

/// A version of a tenant's rule.
pub(super) type VersionKey = (TenantId, RuleId, RuleVersion);

/// The versions that were found not to load. No more than the store has versions.
#[derive(Debug, Default)]
pub(super) struct Unloadables(Mutex<BTreeMap<VersionKey, Arc<Unloadable>>>);

impl Unloadables {
    pub(super) fn get(&self, version: &VersionKey) -> Option<Arc<Unloadable>> {
        lock(&self.0).get(version).cloned()
    }

    /// Returns why a pack does not load, where that is known of another of its rules.
    pub(super) fn why(&self, digest: Digest) -> Option<String> {
        let known = lock(&self.0);
        let of_pack = known.values().find(|of| of.digest == digest);
        of_pack.map(|of| of.why.clone())
    }

    pub(super) fn note(&self, version: VersionKey, unloadable: Arc<Unloadable>) {
        lock(&self.0).insert(version, unloadable);
    }

    /// The pack loads, or may: all its rules are tried again when they are asked for.
    pub(super) fn forget_pack(&self, digest: Digest) {
        lock(&self.0).retain(|_, of| of.digest != digest);
    }

    pub(super) fn forget_tenant(&self, tenant: &TenantId) {
        lock(&self.0).retain(|(of, ..), _| of != tenant);
    }
}
