//! Rules as they judge.

use std::sync::Arc;

use crate::{
    rule_id::{RuleId, RuleMode, RuleVersion},
    sandbox::{PackPre, RuleDescription},
};

/// One version of one rule, in a pack that may be called.
#[derive(Clone, Debug)]
pub struct PublishedRule {
    /// The rule.
    pub id: RuleId,
    /// Its version; 0 of a rule that is not published.
    pub version: RuleVersion,
    /// What comes of its violations.
    pub mode: RuleMode,
    pack: Arc<PackPre>,
    /// INVARIANT: the pack has a rule there.
    index: u32,
}

impl PublishedRule {
    /// Takes the rule at a place of a pack; `None` where the pack has none there.
    pub fn new(version: RuleVersion, pack: &Arc<PackPre>, index: u32) -> Option<Self> {
        let description = pack.rules().get(index as usize)?;
        Some(Self {
            id: description.id.clone(),
            version,
            mode: RuleMode::Live,
            pack: Arc::clone(pack),
            index,
        })
    }

    /// Returns the rule with another mode.
    #[must_use]
    pub fn with_mode(self, mode: RuleMode) -> Self {
        Self { mode, ..self }
    }

    /// Takes all rules of a pack that is not published: for a replay of a file.
    pub fn all_of(pack: &Arc<PackPre>) -> Vec<Self> {
        (0..pack.rules().len() as u32)
            .filter_map(|index| Self::new(RuleVersion(0), pack, index))
            .collect()
    }

    /// Returns the pack that it is in.
    pub fn pack(&self) -> &Arc<PackPre> {
        &self.pack
    }

    /// Returns its place in the pack.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns what the rule says of itself.
    #[expect(clippy::indexing_slicing, reason = "`new` has seen the rule there")]
    pub fn description(&self) -> &RuleDescription {
        &self.pack.rules()[self.index as usize]
    }
}

/// The rules that judge, of one tenant at one moment. Never changed.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    number: u64,
    /// In order of the ids.
    rules: Vec<PublishedRule>,
}

impl RuleSet {
    /// Takes rules with different ids.
    pub fn new(number: u64, mut rules: Vec<PublishedRule>) -> Self {
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        Self { number, rules }
    }

    /// Returns its number, counted per tenant: a block listed later is judged by this or a greater one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the rules, in order of their ids.
    pub fn rules(&self) -> &[PublishedRule] {
        &self.rules
    }

    /// Returns a rule by its id.
    pub fn get(&self, id: &RuleId) -> Option<&PublishedRule> {
        let found = self.rules.binary_search_by(|rule| rule.id.cmp(id));
        found.ok().and_then(|at| self.rules.get(at))
    }
}
