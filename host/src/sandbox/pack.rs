//! A loaded pack: compiled, checked, and numbered as the contract numbers it.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::rule_id::Digest;

use super::{
    bindings::RulePackPre,
    call::Guest,
    describe::RuleDescription,
    error::LoadError,
    limits::{LITERALS_MAX, NAMES_MAX, WANTS_MAX},
    want::Want,
};

/// A pack that may be called. It is kept; instances of it live for one call.
pub struct PackPre {
    pub(super) pre: RulePackPre<Guest>,
    pub(super) digest: Digest,
    pub(super) rules: Vec<RuleDescription>,
    pub(super) plan: PackPlan,
    /// By rule, whether it was found out to be stateful.
    pub(super) stateful: Vec<AtomicBool>,
    /// How many calls were asked whether they are to be judged again.
    pub(super) n_calls: AtomicU64,
    /// Held for its drop: counts the packs that are loaded.
    pub(super) _loaded: LoadedMark,
}

impl PackPre {
    /// Returns the rules, in the order of `describe`.
    pub fn rules(&self) -> &[RuleDescription] {
        &self.rules
    }

    /// Returns the SHA-256 of what the author shipped.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether a rule was found out to let a verdict hang on more than its trace.
    pub fn is_stateful(&self, rule: u32) -> bool {
        let known = self.stateful.get(rule as usize);
        known.is_some_and(|known| known.load(Ordering::Relaxed))
    }

    /// Remembers, for as long as the pack is loaded, that a rule is stateful. Whoever has the same bytes has the same
    /// rule.
    pub fn mark_stateful(&self, rule: u32) {
        if let Some(known) = self.stateful.get(rule as usize) {
            known.store(true, Ordering::Relaxed);
        }
    }

    /// Counts a call; returns, of one call in `n`, the first among them, how many such there were before.
    pub fn is_sampled(&self, n: u64) -> Option<u64> {
        let before = self.n_calls.fetch_add(1, Ordering::Relaxed);
        let n = n.max(1);
        before.is_multiple_of(n).then_some(before / n)
    }

    /// Returns the id of a rule.
    pub(super) fn id_of(&self, rule: u32) -> String {
        let rule = self.rules.get(rule as usize);
        rule.map_or_else(String::new, |rule| rule.id.to_string())
    }

    /// Returns what the rules ask for, joined and numbered.
    pub fn plan(&self) -> &PackPlan {
        &self.plan
    }
}

impl fmt::Debug for PackPre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackPre")
            .field("digest", &self.digest)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

/// Counts one loaded pack for as long as it lives.
#[derive(Debug)]
pub(super) struct LoadedMark(pub(super) Arc<AtomicUsize>);

impl Drop for LoadedMark {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the rules of a pack ask for: their lists joined in the order of `describe`, without repetitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackPlan {
    /// The name at position `n` has number `n + 1`.
    pub names: Vec<String>,
    /// One column of a batch each.
    pub wants: Vec<Want>,
    /// One entry of `batch.literals` each.
    pub literals: Vec<String>,
    /// For each rule, what of it is the rule's.
    pub by_rule: Vec<RuleUses>,
}

/// The parts of a plan that one rule uses, as positions, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleUses {
    /// Of [`PackPlan::names`].
    pub names: Vec<u32>,
    /// Of [`PackPlan::wants`].
    pub wants: Vec<u32>,
    /// Of [`PackPlan::literals`].
    pub literals: Vec<u32>,
}

impl PackPlan {
    /// Joins the lists of the rules.
    pub(super) fn new(rules: &[RuleDescription]) -> Result<Self, LoadError> {
        let mut names = Joined::default();
        let mut wants = Joined::default();
        let mut literals = Joined::default();
        let by_rule = rules
            .iter()
            .map(|rule| RuleUses {
                names: names.add(&rule.names),
                wants: wants.add(&rule.reads),
                literals: literals.add(&rule.literals),
            })
            .collect();
        let plan = Self {
            names: names.list,
            wants: wants.list,
            literals: literals.list,
            by_rule,
        };
        for (what, n, max) in [
            ("names", plan.names.len(), NAMES_MAX),
            ("columns", plan.wants.len(), WANTS_MAX),
            ("literals", plan.literals.len(), LITERALS_MAX),
        ] {
            if n > max {
                let what = format!("asks for {n} {what} in all, more than {max}");
                return Err(LoadError::Pack { what });
            }
        }
        Ok(plan)
    }
}

/// A list without repetitions, and where each entry stands.
struct Joined<T> {
    list: Vec<T>,
    positions: HashMap<T, u32>,
}

impl<T> Default for Joined<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Joined<T> {
    /// Adds what is not yet there; returns where the items stand.
    fn add(&mut self, items: &[T]) -> Vec<u32> {
        let mut uses: Vec<u32> = items
            .iter()
            .map(|item| {
                *self.positions.entry(item.clone()).or_insert_with(|| {
                    self.list.push(item.clone());
                    self.list.len() as u32 - 1
                })
            })
            .collect();
        uses.sort_unstable();
        uses.dedup();
        uses
    }
}
