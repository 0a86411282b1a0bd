//! What a rule needs to see: names, columns, literals, and which traces it need not see at all.

use std::{collections::HashMap, hash::Hash};

use crate::ir::{Filter, Pack, Rule, Selector, SpanSet, Test};
use any_of::any_of;
pub(crate) use conditions::{
    Use, condition_facts, parent_want, quantity_reads_alias, reads_alias, set_reads_alias, uses,
    visit_conditions,
};
pub(crate) use wants::{
    declared_names, element, ends, equality_form, exists_form, order_number, presence, want,
    whole_want,
};

mod any_of;
mod conditions;
mod wants;

/// The bits of `facts` (of `wit/pack.wit`) that concern every rule: cut, parents missing, a fragment. Spans may be missing.
pub(crate) const SPANS_MISSING: u32 = 1 | 2 | 32;
/// The bits that concern rules that read attributes, events and links.
pub(crate) const ATTRIBUTES_DROPPED: u32 = 4;
pub(crate) const EVENTS_DROPPED: u32 = 8;
pub(crate) const LINKS_DROPPED: u32 = 16;

/// How the host answers for a column: the forms of `wit/pack.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    Declared,
    Symbol,
    Truth,
    Number,
    Text,
    Value,
}

impl Form {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Symbol => "symbol",
            Self::Truth => "truth",
            Self::Number => "number",
            Self::Text => "text",
            Self::Value => "value",
        }
    }
}

/// A column that a rule reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Want {
    pub(crate) what: &'static str,
    pub(crate) key: String,
    pub(crate) form: Form,
}

/// What one rule needs.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    pub(crate) names: Vec<String>,
    pub(crate) all_spans: bool,
    pub(crate) any_of: Vec<Vec<String>>,
    /// The verdict where `any_of` rules a trace out: 0 not applicable, 1 held.
    pub(crate) otherwise: u8,
    pub(crate) wants: Vec<Want>,
    pub(crate) literals: Vec<String>,
    /// The bits of `facts` that concern the rule.
    pub(crate) facts: u32,
}

/// What a rule needs, as far as it is known.
#[derive(Debug, Default)]
struct Needs {
    names: Distinct<String>,
    all_spans: bool,
    wants: Distinct<Want>,
    literals: Distinct<String>,
    facts: u32,
}

impl Needs {
    fn want(&mut self, want: Want) {
        if want.what.ends_with(".attribute") {
            self.facts |= ATTRIBUTES_DROPPED;
        }
        if want.what.starts_with("event") {
            self.facts |= EVENTS_DROPPED;
        }
        if want.what.starts_with("link") {
            self.facts |= LINKS_DROPPED;
        }
        // The tree is told of all spans, whatever their names.
        self.all_spans |= want.what == "span"
            && ["parent", "children", "depth", "self-duration"].contains(&want.key.as_str());
        self.wants.add(want);
    }

    fn set(&mut self, set: &SpanSet) {
        for part in &set.parts {
            match &part.selector {
                Selector::Name(name) => {
                    self.want(declared_names());
                    self.names.add(name.clone());
                }
                Selector::Any => self.all_spans = true,
            }
            self.filter(&part.filter);
        }
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::All(filters) | Filter::Any(filters) => {
                for filter in filters {
                    self.filter(filter);
                }
            }
            Filter::Not(inner) => self.filter(inner),
            Filter::Test(test) => {
                wants::test_wants(test, &mut |want| self.want(want));
                wants::test_literals(test, &mut |text| self.literals.add(text.to_owned()));
            }
            Filter::Some { table, filter } => {
                self.want(ends(*table));
                self.filter(filter);
            }
        }
    }
}

/// Calls `visit` with every test of a filter.
pub(crate) fn visit_tests<'f>(filter: &'f Filter, visit: &mut impl FnMut(&'f Test)) {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            for filter in filters {
                visit_tests(filter, visit);
            }
        }
        Filter::Not(inner) | Filter::Some { filter: inner, .. } => visit_tests(inner, visit),
        Filter::Test(test) => visit(test),
    }
}

/// Says what a rule needs.
pub(crate) fn reads(rule: &Rule) -> Reads {
    let mut needs = Needs::default();
    rule.sets.iter().for_each(|set| needs.set(set));
    visit_conditions(rule, &mut |condition| needs.condition(condition));
    let (any_of, otherwise) = any_of(rule);
    Reads {
        names: needs.names.items,
        all_spans: needs.all_spans,
        any_of,
        otherwise,
        wants: needs.wants.items,
        literals: needs.literals.items,
        facts: needs.facts | SPANS_MISSING,
    }
}

/// A list without repetitions, and the position of each item.
#[derive(Debug, Clone)]
pub(crate) struct Distinct<T> {
    pub(crate) items: Vec<T>,
    positions: HashMap<T, u32>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    pub(crate) fn add(&mut self, item: T) {
        let next = self.items.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(slot) = self.positions.entry(item.clone())
        {
            slot.insert(next);
            self.items.push(item);
        }
    }

    pub(crate) fn position(&self, item: &T) -> Option<u32> {
        self.positions.get(item).copied()
    }
}

/// The joined lists of a pack: what the contract numbers.
#[derive(Debug, Clone)]
pub(crate) struct PackReads {
    pub(crate) rules: Vec<Reads>,
    pub(crate) names: Distinct<String>,
    pub(crate) wants: Distinct<Want>,
    pub(crate) literals: Distinct<String>,
}

/// Says what the rules of a pack need together.
pub(crate) fn pack_reads(pack: &Pack) -> PackReads {
    let rules: Vec<Reads> = pack.rules.iter().map(reads).collect();
    let (mut names, mut wants, mut literals) = (
        Distinct::default(),
        Distinct::default(),
        Distinct::default(),
    );
    for rule in &rules {
        rule.names.iter().for_each(|name| names.add(name.clone()));
        rule.wants.iter().for_each(|want| wants.add(want.clone()));
        rule.literals
            .iter()
            .for_each(|literal| literals.add(literal.clone()));
    }
    PackReads {
        rules,
        names,
        wants,
        literals,
    }
}
