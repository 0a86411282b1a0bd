//! What conditions read beside the filters of their sets, and which sets they read.

use super::{Form, Needs, SPANS_MISSING, Want, presence, visit_tests, want, wants, whole_want};
use crate::ir::{
    Amount, Body, Comparison, Cond, Field, Filter, Fold, Quantity, RelationKind, Rule, SetId,
    SpanSet, Term, Whole,
};

/// The column of parents.
pub(crate) fn parent_want() -> Want {
    Want {
        what: "span",
        key: "parent".to_owned(),
        form: Form::Value,
    }
}

/// Calls `visit` with every condition of a rule, the outer before the inner.
pub(crate) fn visit_conditions<'r>(rule: &'r Rule, visit: &mut impl FnMut(&'r Cond)) {
    match &rule.body {
        Body::Match {
            situation,
            condition,
        } => {
            visit_condition(situation, visit);
            visit_condition(condition, visit);
        }
        Body::Clauses {
            when,
            always,
            never,
        } => {
            for condition in [Some(when), always.as_ref(), never.as_ref()]
                .into_iter()
                .flatten()
            {
                visit_condition(condition, visit);
            }
        }
    }
}

fn visit_condition<'r>(condition: &'r Cond, visit: &mut impl FnMut(&'r Cond)) {
    visit(condition);
    match condition {
        Cond::All(inner) | Cond::Any(inner) => {
            for condition in inner {
                visit_condition(condition, visit);
            }
        }
        Cond::Not(inner) => visit_condition(inner, visit),
        Cond::Exists(_)
        | Cond::Count { .. }
        | Cond::Compare(_)
        | Cond::Root(_)
        | Cond::Relation(_)
        | Cond::Each(_)
        | Cond::Chain(_) => {}
    }
}

/// What is asked of a set where all that is known of it is gathered in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// Nothing: only conditions that have functions of their own read it.
    Elsewhere,
    /// Whether it has spans.
    Found,
    /// How many.
    Counted,
}

/// What is asked of each set of a rule.
pub(crate) fn uses(rule: &Rule) -> Vec<Use> {
    let mut uses = vec![Use::Elsewhere; rule.sets.len()];
    let mut ask = |set: SetId, what: Use| {
        if let Some(slot) = uses.get_mut(set) {
            *slot = what.max(*slot);
        }
    };
    visit_conditions(rule, &mut |condition| match condition {
        Cond::Exists(set) => ask(*set, Use::Found),
        Cond::Count { left, right, .. } => {
            for amount in [left, right] {
                if let Amount::Count(set) = amount {
                    ask(*set, Use::Counted);
                }
            }
        }
        Cond::All(_)
        | Cond::Any(_)
        | Cond::Not(_)
        | Cond::Compare(_)
        | Cond::Root(_)
        | Cond::Relation(_)
        | Cond::Each(_)
        | Cond::Chain(_) => {}
    });
    uses
}

/// The bits of `facts` that concern one condition, the inner ones of it not.
pub(crate) fn condition_facts(rule: &Rule, condition: &Cond) -> u32 {
    let mut needs = Needs::default();
    needs.condition(condition);
    let mut add = |set: SetId| {
        if let Some(set) = rule.sets.get(set) {
            needs.set(set);
        }
    };
    match condition {
        Cond::All(_) | Cond::Any(_) | Cond::Not(_) | Cond::Root(_) => {}
        Cond::Exists(set) => add(*set),
        Cond::Count { left, right, .. } => {
            for amount in [left, right] {
                if let Amount::Count(set) = amount {
                    add(*set);
                }
            }
        }
        Cond::Compare(comparison) => comparison.visit(&mut |quantity| {
            quantity.set().into_iter().for_each(&mut add);
        }),
        Cond::Each(each) => {
            add(each.left);
            each.comparison.visit(&mut |quantity| {
                quantity.set().into_iter().for_each(&mut add);
            });
        }
        Cond::Relation(relation) => {
            add(relation.left);
            add(relation.right);
        }
        Cond::Chain(sets) => sets.iter().copied().for_each(add),
    }
    needs.facts | SPANS_MISSING
}

/// Whether a filter reads the left span of a join.
pub(crate) fn reads_alias(filter: &Filter) -> bool {
    let mut found = false;
    visit_tests(filter, &mut |test| {
        found |= presence(test).iter().any(|(field, _)| is_alias(field));
    });
    found
}

/// Whether a set reads the left span of a join.
pub(crate) fn set_reads_alias(set: &SpanSet) -> bool {
    set.parts.iter().any(|part| reads_alias(&part.filter))
}

/// Whether a quantity reads the left span of a join.
pub(crate) fn quantity_reads_alias(rule: &Rule, quantity: &Quantity) -> bool {
    let term = match quantity {
        Quantity::Groups { key: term, .. } | Quantity::Fold { value: term, .. } => Some(term),
        Quantity::Count(_) | Quantity::Duration => None,
    };
    let set = quantity.set().and_then(|set| rule.sets.get(set));
    set.is_some_and(set_reads_alias)
        || term.is_some_and(|term| matches!(term, Term::Field(field) if is_alias(field)))
}

fn is_alias(field: &Field) -> bool {
    matches!(field, Field::Alias { .. })
}

impl Comparison {
    /// Calls `visit` with every quantity, from left to right.
    pub(crate) fn visit<'c>(&'c self, visit: &mut impl FnMut(&'c Quantity)) {
        self.left.visit(visit);
        self.right.visit(visit);
    }
}

impl Needs {
    /// What a condition needs beside its sets; the inner ones of it not.
    pub(super) fn condition(&mut self, condition: &Cond) {
        match condition {
            Cond::All(_) | Cond::Any(_) | Cond::Not(_) | Cond::Exists(_) | Cond::Count { .. } => {}
            Cond::Compare(comparison) => self.comparison(comparison),
            Cond::Root(filter) => {
                self.want(parent_want());
                self.filter(filter);
            }
            Cond::Relation(relation) => {
                let is_of_tree = relation.kind.is_of_tree();
                if is_of_tree {
                    self.want(parent_want());
                }
                // Siblings are `with` each other, among the children of a parent.
                if !is_of_tree
                    || relation.within.is_some()
                    || relation.kind == RelationKind::SiblingOf
                {
                    self.times();
                }
            }
            Cond::Each(each) => self.comparison(&each.comparison),
            Cond::Chain(_) => self.times(),
        }
    }

    fn times(&mut self) {
        self.want(whole_want(Whole::Start));
        self.want(whole_want(Whole::End));
    }

    fn comparison(&mut self, comparison: &Comparison) {
        comparison.visit(&mut |quantity| match quantity {
            Quantity::Count(_) => {}
            Quantity::Groups { key, .. } => self.class(key),
            Quantity::Fold { fold, value, .. } => match fold {
                Fold::Distinct => self.class(value),
                Fold::Sum | Fold::Min | Fold::Max | Fold::Avg => {
                    wants::term_wants(value, &mut |want| self.want(want));
                }
            },
            Quantity::Duration => {
                self.all_spans = true;
                self.times();
            }
        });
    }

    /// What is needed to tell values apart.
    fn class(&mut self, term: &Term) {
        match term {
            Term::Field(field) => {
                self.want(want(field, Form::Symbol));
                if field.is_attribute() {
                    self.want(want(field, Form::Value));
                }
            }
            Term::Whole(whole) => self.want(whole_want(*whole)),
        }
    }
}
