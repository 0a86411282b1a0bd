//! Rules as they judge.

use std::sync::Arc;

use super::unloadable::Unloadable;
use crate::{
    rule_id::{RuleId, RuleMode, RuleVersion},
    sandbox::{PackPre, RuleDescription},
};

/// One version of one rule: in a pack that may be called, or known not to load.
#[derive(Clone, Debug)]
pub struct PublishedRule {
    /// The rule.
    pub id: RuleId,
    /// Its version; 0 of a rule that is not published.
    pub version: RuleVersion,
    /// What comes of its violations.
    pub mode: RuleMode,
    body: Body,
}

/// INVARIANT: whoever would call a rule takes it from its pack, so one that does not load cannot be called.
#[derive(Clone, Debug)]
enum Body {
    Loaded(InPack),
    Unloadable(Arc<Unloadable>),
}

/// A place in a pack that may be called.
#[derive(Clone, Debug)]
pub struct InPack {
    pack: Arc<PackPre>,
    /// INVARIANT: the pack has a rule there.
    index: u32,
}

impl InPack {
    /// Returns the pack.
    pub fn pack(&self) -> &Arc<PackPre> {
        &self.pack
    }

    /// Returns the place of the rule in it.
    pub fn index(&self) -> u32 {
        self.index
    }

    #[expect(clippy::indexing_slicing, reason = "`new` has seen the rule there")]
    fn description(&self) -> &RuleDescription {
        &self.pack.rules()[self.index as usize]
    }
}

impl PublishedRule {
    /// Takes the rule at a place of a pack; `None` where the pack has none there.
    pub fn new(version: RuleVersion, pack: &Arc<PackPre>, index: u32) -> Option<Self> {
        let description = pack.rules().get(index as usize)?;
        Some(Self {
            id: description.id.clone(),
            version,
            mode: RuleMode::Live,
            body: Body::Loaded(InPack {
                pack: Arc::clone(pack),
                index,
            }),
        })
    }

    /// Takes a version whose pack does not load.
    pub(super) fn not_loaded(version: RuleVersion, unloadable: Arc<Unloadable>) -> Self {
        Self {
            id: unloadable.description().id.clone(),
            version,
            mode: RuleMode::Live,
            body: Body::Unloadable(unloadable),
        }
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

    /// Returns where the rule is called; none where its pack does not load.
    pub fn in_pack(&self) -> Option<&InPack> {
        match &self.body {
            Body::Loaded(in_pack) => Some(in_pack),
            Body::Unloadable(_) => None,
        }
    }

    /// Returns why its pack does not load, where it does not.
    pub fn unloadable(&self) -> Option<&Unloadable> {
        match &self.body {
            Body::Loaded(_) => None,
            Body::Unloadable(unloadable) => Some(unloadable),
        }
    }

    /// Whether it was found out to let a verdict hang on more than its trace.
    pub fn is_stateful(&self) -> bool {
        self.in_pack()
            .is_some_and(|of| of.pack.is_stateful(of.index))
    }

    /// Returns what the rule says of itself. One whose pack does not load says nothing: its id, and that it has to see every
    /// trace, is all that there is then.
    pub fn description(&self) -> &RuleDescription {
        match &self.body {
            Body::Loaded(in_pack) => in_pack.description(),
            Body::Unloadable(unloadable) => unloadable.description(),
        }
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
