//! IR to a core module.
//!
//! | file | emits |
//! |---|---|
//! | `module` | the module around everything, and its memory layout |
//! | `describe` | the answer of `describe`, as data |
//! | `runtime` | what every pack has: allocation, the lists of findings, `evaluate` |
//! | `text` | a function for each text predicate, with its memo |
//! | `bound`, `test`, `filter` | comparisons, and filters in two forms (below) |
//! | `judge` | for each rule, the function that passes over the traces |
//! | `leaf`, `relation` | relations and comparisons of aggregates, which have functions of their own |
//! | `tool`, `list` | what these call: scratch memory, sorting, sums |
//! | `weigh` | for each rule, the function that explains a violation and judges incomplete traces |
//!
//! A rule is emitted twice. `judge` is what runs: exact, inlined, short-circuiting, one pass over a trace. Where it finds
//! a violation, or a trace is incomplete, it hands over to `weigh`, which computes with three values (false, unknown, true)
//! and knows the witnesses. On a complete trace nothing is unknown, and the two agree; `weigh` traps if they do not.

use crate::{
    ir::{Body, Cond, Each, Field, Filter, Pack, Place, Quantity, Rule, Term, Test, Zone},
    limits::{COMPONENT_BYTES_PER_RULE_MAX, PACK_NAMES_MAX},
    pattern::Tables,
    reads::{Distinct, PackReads, order_number, visit_tests},
};
use frame::Plan;
use member::Members;
use module::{Builder, FuncId, INTERFACE};
use runtime::Runtime;
use text::Predicate;
use tool::Shop;

mod asm;
mod bound;
mod describe;
mod filter;
mod frame;
mod judge;
mod leaf;
mod list;
mod member;
mod module;
mod number;
mod relation;
mod runtime;
mod test;
#[cfg(test)]
mod tests;
mod text;
mod tool;
mod weigh;
mod zone;

/// Why a checked pack is not compiled after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// More names than can be numbered.
    Names,
    /// This rule, by its position, took the module over its limit.
    Rule(usize),
}

/// wasm engines refuse functions with more locals than 50,000.
const LOCALS_MAX: usize = 49_000;

/// Returns the core module of a pack.
pub(crate) fn emit(
    pack: &Pack,
    reads: &PackReads,
    tables: &mut Tables,
) -> Result<Vec<u8>, TooLarge> {
    if reads.names.items.len() > PACK_NAMES_MAX {
        return Err(TooLarge::Names);
    }
    for (index, rule) in pack.rules.iter().enumerate() {
        let bytes = tables_of(rule, tables).ok_or(TooLarge::Rule(index))?;
        if bytes > COMPONENT_BYTES_PER_RULE_MAX {
            return Err(TooLarge::Rule(index));
        }
    }
    let uses = Uses::of(pack);
    let mut builder = Builder::new(uses.predicates.items.len() as u32);
    let description = describe::place_description(&mut builder, &pack.rules, &reads.rules);
    let runtime = Runtime::declare(&mut builder, &uses);
    let plan = Plan::declare(&mut builder, reads, &uses, runtime);
    runtime::define(&mut builder, &runtime, &uses);
    text::define(&mut builder, &plan, &uses.predicates, tables);
    test::define_searches(&mut builder, &plan, &uses.searches);
    zone::define(&mut builder, &plan, &uses.zones);
    let mut rules = Vec::new();
    let mut shop = Shop::new(&mut builder, &plan);
    for (index, (rule, needs)) in pack.rules.iter().zip(&reads.rules).enumerate() {
        let before = shop.builder.size_bytes();
        let functions = emit_rule(&mut shop, rule, needs);
        let Some(judge) = functions
            .filter(|_| shop.builder.size_bytes() - before <= COMPONENT_BYTES_PER_RULE_MAX)
        else {
            return Err(TooLarge::Rule(index));
        };
        rules.push(judge);
    }
    let describe = runtime::define_describe(&mut builder, description);
    let exports = [
        (format!("{INTERFACE}#describe"), describe),
        (format!("{INTERFACE}#evaluate"), runtime.evaluate),
        ("cabi_realloc".to_owned(), runtime.realloc),
    ];
    let exports: Vec<(&str, FuncId)> = exports
        .iter()
        .map(|(name, id)| (name.as_str(), *id))
        .collect();
    Ok(builder.finish(&rules, &exports))
}

fn emit_rule(shop: &mut Shop<'_, '_>, rule: &Rule, needs: &crate::reads::Reads) -> Option<FuncId> {
    let weigh = weigh::declare(shop.builder);
    let judge = judge::declare(shop.builder);
    let members = Members::define(shop.builder, shop.plan, rule);
    let leaves = leaf::define(shop, rule, &members)?;
    let weighing = weigh::emit(shop, rule, &members, &leaves);
    let judging = judge::emit(shop.plan, rule, needs, weigh, &leaves);
    if weighing.locals_len() > LOCALS_MAX || judging.locals_len() > LOCALS_MAX {
        return None;
    }
    shop.builder.define(weigh, weighing.finish());
    shop.builder.define(judge, judging.finish());
    Some(judge)
}

/// Makes the tables of a rule's patterns, and says how many bytes they take together.
fn tables_of(rule: &Rule, tables: &mut Tables) -> Option<usize> {
    let mut uses = Uses::default();
    uses.rule(rule);
    let mut bytes = 0;
    for predicate in &uses.predicates.items {
        if let Predicate::Matches(pattern) = predicate {
            bytes += tables.compile(&pattern.0).ok()?.size_bytes();
        }
    }
    Some(bytes)
}

/// What the rules of a pack use beside what every pack has, each once.
#[derive(Debug, Default)]
struct Uses {
    predicates: Distinct<Predicate>,
    /// The tests that look into strings and arrays.
    searches: Distinct<Test>,
    zones: Distinct<Zone>,
    /// Whether numbers are computed with, texts are read as decimal numbers, or one is looked for in another.
    computes: bool,
    decimals: bool,
    finds: bool,
}

impl Uses {
    fn of(pack: &Pack) -> Self {
        let mut uses = Self::default();
        for rule in &pack.rules {
            uses.rule(rule);
        }
        uses
    }

    fn rule(&mut self, rule: &Rule) {
        if let Some(zone) = &rule.zone {
            self.zones.add(zone.clone());
        }
        for part in rule.sets.iter().flat_map(|set| &set.parts) {
            self.filter(&part.filter);
        }
        match &rule.body {
            Body::Match {
                situation,
                condition,
            } => [situation, condition]
                .into_iter()
                .for_each(|condition| self.condition(condition)),
            Body::Clauses {
                when,
                always,
                never,
            } => [Some(when), always.as_ref(), never.as_ref()]
                .into_iter()
                .flatten()
                .for_each(|condition| self.condition(condition)),
        }
    }

    fn condition(&mut self, condition: &Cond) {
        match condition {
            Cond::All(conditions) | Cond::Any(conditions) => {
                for condition in conditions {
                    self.condition(condition);
                }
            }
            Cond::Not(inner) => self.condition(inner),
            Cond::Root(filter) => self.filter(filter),
            Cond::Compare(comparison) | Cond::Each(Each { comparison, .. }) => {
                self.computes = true;
                for side in [&comparison.left, &comparison.right] {
                    side.visit(&mut |quantity| {
                        if let Quantity::Fold { value, .. } = quantity {
                            self.term(value);
                        }
                    });
                }
            }
            Cond::Exists(_) | Cond::Count { .. } | Cond::Relation(_) | Cond::Chain(_) => {}
        }
    }

    fn term(&mut self, term: &Term) {
        self.computes = true;
        if let Term::Field(field) = term {
            self.number(field);
        }
    }

    /// A field that is read as a number.
    fn number(&mut self, field: &Field) {
        self.computes = true;
        self.decimals |= !field.is_attribute();
    }

    fn filter(&mut self, filter: &Filter) {
        visit_tests(filter, &mut |test| {
            if let Some(predicate) = Predicate::of(test) {
                self.predicates.add(predicate);
            }
            match test {
                Test::ContainsFolded { element, .. } => {
                    self.predicates.add(Predicate::Matches(element.clone()));
                    self.searches.add(test.clone());
                }
                Test::Contains { .. } => self.searches.add(test.clone()),
                Test::TextFields { at, .. } => {
                    self.finds |= *at == Place::Anywhere;
                    self.searches.add(test.clone());
                }
                Test::Compute { left, right, .. } => {
                    for side in [left, right] {
                        side.visit(&mut |term| self.term(term));
                    }
                }
                Test::OrderFields { left, right, .. } => {
                    self.number(left);
                    self.number(right);
                }
                Test::Order { field, value, .. } => {
                    if order_number(value).is_some() && !field.is_attribute() {
                        self.number(field);
                    }
                }
                Test::Exists(_)
                | Test::In { .. }
                | Test::Text { .. }
                | Test::Matches { .. }
                | Test::EqualFields { .. }
                | Test::Whole { .. }
                | Test::WholePair { .. } => {}
            }
        });
    }
}
