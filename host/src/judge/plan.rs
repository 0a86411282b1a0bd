//! What is known of a rule set before any block: its names, joined and numbered over all rules, and its calls.
//!
//! A *cluster* is what one call may hold of a pack: rules that read the same rows, those of the same names or all
//! of them. Rules of one pack that read different rows would each be shown the rows of all, and look at each; in
//! calls of their own they see what they read, and where a block has too few of those, blocks share a call.
//!
//! Clusters of different packs that read the same are neighbours, so that one batch is made for all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::BuildHasher,
};

use hashbrown::HashMap;

use crate::{
    rule_id::Digest,
    rules::PublishedRule,
    sandbox::{
        FixedColumn, PackPre, RuleDescription, Want, WantColumn, limits::RULES_PER_CALL_MAX,
    },
};

use super::Sees;

/// A rule set made ready to judge blocks.
#[derive(Debug)]
pub struct JudgePlan<'r> {
    rules: &'r [PublishedRule],
    pub(super) clusters: Vec<Cluster<'r>>,
    /// By rule, where it is called; none that is not.
    called: Vec<Option<Called>>,
    /// The number of each name that a rule speaks of.
    names: HashMap<&'r str, u32, foldhash::fast::FixedState>,
    /// By number.
    name_texts: Vec<&'r str>,
    /// By name the groups of any-of that a span of that name satisfies.
    satisfies: Vec<Vec<Group>>,
    /// By rule, the names of each group of its any-of; none where it sees every trace.
    pub(super) any_of: Vec<Vec<Vec<u32>>>,
    /// The rules that see every trace.
    pub(super) unconditional: Vec<u32>,
    /// How many clusters read each column.
    readers: HashMap<&'r Want, u32>,
}

/// One group of one rule's any-of.
#[derive(Clone, Copy, Debug)]
struct Group {
    rule: u32,
    group: u32,
}

/// Where a rule is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called {
    /// The number of its cluster.
    pub(super) cluster: u32,
    /// Its place in its pack.
    pub(super) index: u32,
}

/// Rules of one pack that read the same rows.
#[derive(Debug)]
pub(super) struct Cluster<'r> {
    pub(super) pack: &'r PackPre,
    /// The names, ascending; `None` where the rules read all spans.
    pub(super) names: Option<Vec<u32>>,
}

/// A rule: its place in its pack, and where the caller has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RuleAt {
    index: u32,
    position: u32,
}

/// By the names that the rules read and their pack: the pack, and which rules.
type Clusters<'r> = BTreeMap<(Option<Vec<u32>>, Digest), (&'r PackPre, Vec<RuleAt>)>;

/// Orders clusters so that those which may be shown the same batch follow each other: they read the same names, their
/// packs ask for the same columns, and the same traces are candidates.
fn alike_together(clusters: Clusters<'_>) -> Vec<<Clusters<'_> as IntoIterator>::Item> {
    let hasher = foldhash::fast::FixedState::default();
    let mut clusters: Vec<_> = clusters.into_iter().collect();
    clusters.sort_by_cached_key(|((names, _), (pack, rules))| {
        let first = rules
            .first()
            .and_then(|rule| pack.rules().get(rule.index as usize));
        let any_of = first.map(|rule| hasher.hash_one(&rule.any_of));
        (names.clone(), hasher.hash_one(&pack.plan().wants), any_of)
    });
    clusters
}

impl<'r> JudgePlan<'r> {
    /// Makes rules ready. They may be of any packs, in any order.
    pub fn new(rules: &'r [PublishedRule]) -> Self {
        Self::seeing(Sees::Candidates, rules)
    }

    pub(super) fn seeing(sees: Sees, rules: &'r [PublishedRule]) -> Self {
        let mut plan = Self {
            rules,
            clusters: Vec::new(),
            called: vec![None; rules.len()],
            names: HashMap::default(),
            name_texts: Vec::new(),
            satisfies: Vec::new(),
            any_of: Vec::new(),
            unconditional: Vec::new(),
            readers: HashMap::default(),
        };
        let mut clusters = Clusters::new();
        for (position, rule) in (0..).zip(rules) {
            let description = rule.description();
            let any_of = match sees {
                Sees::Candidates => description.any_of.as_slice(),
                #[cfg(test)]
                Sees::Everything => &[],
            };
            plan.add_any_of(position, any_of);
            // A rule whose pack does not load is in no cluster: of what it would have to see nothing is known.
            let Some(in_pack) = rule.in_pack() else {
                continue;
            };
            let pack = in_pack.pack();
            let names = (!reads_all_rows(description)).then(|| plan.number_all(&description.names));
            let key = (names, pack.digest());
            let (_, of_cluster) = clusters.entry(key).or_insert_with(|| {
                // Columns of names answer with the numbers of all names that the pack declares.
                plan.number_all(&pack.plan().names);
                (pack, Vec::new())
            });
            of_cluster.push(RuleAt {
                index: in_pack.index(),
                position,
            });
        }
        for ((names, _), (pack, mut of_cluster)) in alike_together(clusters) {
            // The contract has a call's rules ascend.
            of_cluster.sort_unstable();
            for rules in of_cluster.chunks(RULES_PER_CALL_MAX) {
                plan.add_readers(pack, rules);
                for rule in rules {
                    if let Some(called) = plan.called.get_mut(rule.position as usize) {
                        *called = Some(Called {
                            cluster: plan.clusters.len() as u32,
                            index: rule.index,
                        });
                    }
                }
                plan.clusters.push(Cluster {
                    pack,
                    names: names.clone(),
                });
            }
        }
        plan
    }

    /// Keeps rules that are quarantined from being called: of what they would have to see nothing is known.
    #[must_use]
    pub fn holding_back(mut self, is_quarantined: impl Fn(&PublishedRule) -> bool) -> Self {
        for (rule, called) in self.rules.iter().zip(&mut self.called) {
            *called = called.filter(|_| !is_quarantined(rule));
        }
        self
    }

    /// Returns the rules, as they were given.
    pub fn rules(&self) -> &'r [PublishedRule] {
        self.rules
    }

    /// Returns a rule, and where it is called, unless it is held back.
    pub(super) fn rule(&self, position: u32) -> Option<(&'r PublishedRule, Option<Called>)> {
        let rule = self.rules.get(position as usize)?;
        Some((rule, *self.called.get(position as usize)?))
    }

    /// Returns the names of the any-of of all rules, each with its number; `None` where a rule has no any-of, so
    /// that no block can be passed over for want of a name.
    pub fn required_names(&self) -> Option<impl Iterator<Item = (&'r str, u32)> + '_> {
        let every = self.unconditional.is_empty() && !self.rules.is_empty();
        every.then(|| {
            let names = self.names.iter();
            names
                .map(|(name, number)| (*name, *number))
                .filter(|(_, number)| self.satisfied_by(*number).next().is_some())
        })
    }

    /// Whether some rule may have a candidate among traces with spans of the names of which `has` says so.
    pub fn may_have_candidates(&self, mut has: impl FnMut(u32) -> bool) -> bool {
        let mut satisfied = |group: &Vec<u32>| group.iter().any(|name| has(*name));
        self.any_of
            .iter()
            .any(|groups| groups.iter().all(&mut satisfied))
    }

    /// Returns about how many bytes judging keeps for each span of a block until its verdicts are there: the block's
    /// columns decoded, those that calls share, and the verdicts.
    pub fn bytes_per_span(&self) -> usize {
        const ROWS: usize = 12;
        const COLUMN: usize = 16;
        // A trace has some ten spans.
        const RULES_PER_BYTE: usize = 10;
        ROWS + COLUMN * self.readers.len() + self.rules.len().div_ceil(RULES_PER_BYTE)
    }

    /// Whether several calls of a block are to be shown a column.
    pub(super) fn shares_column(&self, want: &Want) -> bool {
        self.readers.get(want).is_some_and(|readers| *readers > 1)
    }

    /// Whether so many calls are to be made of a block that its rows are sorted by name once for all of them,
    /// instead of being looked through for each.
    pub(super) fn shares_rows(&self) -> bool {
        self.clusters.len() > 2
    }

    /// Returns how many names there are.
    pub(super) fn n_names(&self) -> usize {
        self.satisfies.len()
    }

    /// Returns the number of a name that a rule speaks of.
    pub(super) fn name(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// Returns the name of a number.
    pub(super) fn name_text(&self, name: u32) -> &'r str {
        self.name_texts
            .get(name as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Returns all names with their numbers, in any order.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'r str, u32)> + '_ {
        self.names.iter().map(|(name, number)| (*name, *number))
    }

    /// Returns the rules and the groups of them that a span of this name satisfies.
    pub(super) fn satisfied_by(&self, name: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let groups = self.satisfies.get(name as usize).into_iter().flatten();
        groups.map(|group| (group.rule, group.group))
    }

    fn add_any_of(&mut self, rule: u32, any_of: &'r [Vec<String>]) {
        if any_of.is_empty() {
            self.unconditional.push(rule);
        }
        let mut groups = Vec::with_capacity(any_of.len());
        for (group, names) in (0..).zip(any_of) {
            let names = self.number_all(names);
            for &name in &names {
                if let Some(satisfies) = self.satisfies.get_mut(name as usize) {
                    satisfies.push(Group { rule, group });
                }
            }
            groups.push(names);
        }
        self.any_of.push(groups);
    }

    fn add_readers(&mut self, pack: &'r PackPre, rules: &[RuleAt]) {
        let of_pack = pack.plan();
        let uses = rules
            .iter()
            .filter_map(|rule| of_pack.by_rule.get(rule.index as usize));
        let wants: BTreeSet<u32> = uses.flat_map(|uses| &uses.wants).copied().collect();
        for want in wants
            .iter()
            .filter_map(|want| of_pack.wants.get(*want as usize))
        {
            *self.readers.entry(want).or_default() += 1;
        }
    }

    /// Numbers names; returns the numbers, ascending, each once.
    fn number_all(&mut self, names: &'r [String]) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            let next = self.satisfies.len() as u32;
            let number = *self.names.entry(name.as_str()).or_insert(next);
            if number == next {
                self.name_texts.push(name);
                self.satisfies.push(Vec::new());
            }
            numbers.push(number);
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// A parent is answered as a row, so it must be there.
fn reads_all_rows(rule: &RuleDescription) -> bool {
    let parent = WantColumn::Fixed(FixedColumn::Parent);
    rule.all_spans || rule.reads.iter().any(|want| want.column == parent)
}
