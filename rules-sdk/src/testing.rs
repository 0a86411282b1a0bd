//! Builds traces and judges them by rules, under `cargo test`.
//!
//! A rule is judged natively, over columns made as `wit/pack.wit` says, trace by trace. Where `BETRACE_COMPONENT` names a
//! component, as it does under `betrace build --test`, each judgement is repeated by `betrace test` with that component in
//! the real sandbox, and a difference ends the test: the same tests, of both.
//!
//! Beside the verdict each judgement checks that `any_of` is sound for its trace, and that nothing is read undeclared.

#![expect(clippy::panic, reason = "what is wrong with a rule ends its test")]

use crate::{
    bindings::exports::betrace::rules::pack::Findings,
    pack,
    rule::{Otherwise, Rule},
    trace::Facts,
};

pub use spans::{EventSpec, LinkSpec, SpanSpec, TestValue, TraceSpec, event, link, span, trace};

mod cells;
mod columns;
mod component;
mod spans;

/// What came of a rule on a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The rule does not apply.
    NotApplicable,
    /// The trace holds it.
    Held,
    /// The trace violates it.
    Violated {
        /// The places of its witnesses among the spans as they were given, ascending.
        witnesses: Vec<usize>,
    },
    /// It cannot be told, since part of the trace is missing.
    Inconclusive,
}

/// Returns a violation by the spans at these places of the trace, as it was given.
pub fn violated(witnesses: impl IntoIterator<Item = usize>) -> Judged {
    let mut witnesses: Vec<usize> = witnesses.into_iter().collect();
    witnesses.sort_unstable();
    Judged::Violated { witnesses }
}

/// Judges a trace by a rule.
///
/// # Panics
///
/// Where the rule reads what it does not declare, where its `any_of` rules out a trace that has another verdict than
/// `otherwise`, and where the component that `BETRACE_COMPONENT` names says something else.
pub fn judge(rule: &'static Rule, trace: &TraceSpec) -> Judged {
    let judged = judge_natively(rule, trace);
    component::compare(rule, trace, &judged);
    judged
}

fn judge_natively(rule: &'static Rule, trace: &TraceSpec) -> Judged {
    let rows = trace.rows();
    let batch = columns::batch(rule, trace, &rows);
    let facts = trace.facts();
    let judged = read(&pack::evaluate(&[rule], &[0], &batch), &rows);
    check_undecided(rule, facts, &judged);
    let otherwise = match rule.otherwise {
        Otherwise::NotApplicable => Judged::NotApplicable,
        Otherwise::Held => Judged::Held,
    };
    let lacks = |group: &&&[&str]| {
        !trace
            .spans
            .iter()
            .any(|span| group.contains(&span.name.as_str()))
    };
    if let Some(group) = rule.any_of.iter().find(lacks)
        && facts.is_complete()
        && judged != otherwise
    {
        panic!(
            "rule `{}` says {judged:?} of a trace without {group:?}, which its any_of makes {otherwise:?}: \
             take that group out of any_of, or answer {otherwise:?}",
            rule.id
        );
    }
    if !rule.facts && facts.0 & rule.needs() != 0 {
        return Judged::Inconclusive;
    }
    judged
}

fn check_undecided(rule: &Rule, facts: Facts, judged: &Judged) {
    let may = rule.facts && !facts.is_complete();
    assert!(
        may || *judged != Judged::Inconclusive,
        "rule `{}` answers Undecided: only one that declares facts may, of an incomplete trace",
        rule.id
    );
}

/// Reads the answer to a call of one rule on one trace.
fn read(found: &Findings, rows: &[usize]) -> Judged {
    match found.verdicts.first() {
        Some(0) => Judged::NotApplicable,
        Some(1) => Judged::Held,
        Some(2) => violated(
            found
                .witnesses
                .iter()
                .filter_map(|row| rows.get(*row as usize).copied()),
        ),
        Some(_) | None => Judged::Inconclusive,
    }
}
