//! The meaning of a rule, computed the slow and plain way: over whole traces, pair by pair, straight from the language.
//!
//! For tests alone. It shares the IR with `codegen` and nothing else: no columns, no symbols, no thresholds.
//!
//! | file | says |
//! |---|---|
//! | `trace` | what a trace is |
//! | `tree` | which span is whose parent |
//! | `value`, `pattern`, `read`, `filter` | what values are worth, what a span has, whether it passes |
//! | `amount`, `relation`, `condition` | numbers of a trace, pairs of spans, and what rules ask of both |

pub use trace::{Attribute, Event, Link, Scope, Span, Trace};

use std::collections::BTreeMap;

use regex::Regex;

use crate::{
    Source,
    ir::{Body, Cond, Pack, Pattern, Rule, Selector, SetId},
    limits::WITNESSES_MAX,
};
use condition::Missing;
use read::Here;
use truth::Truth;

mod amount;
mod condition;
mod filter;
mod pattern;
mod read;
mod relation;
mod trace;
mod tree;
mod truth;
mod value;

/// The verdict of one rule on one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The situation did not occur.
    NotApplicable,
    /// It occurred, and the trace behaved.
    Held,
    /// The trace did not behave.
    Violated,
    /// What is missing could change the verdict.
    Undecided,
}

/// A verdict and, of a violation, what broke and which spans show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// 0 the condition, 1 `always`, 2 `never`; 0 where nothing broke.
    pub clause: u8,
    /// Positions in the trace's spans, at most 100.
    pub witnesses: Vec<usize>,
}

/// Checked rules.
#[derive(Debug, Clone)]
pub struct Rules {
    pack: Pack,
    regexes: BTreeMap<Pattern, Regex>,
}

impl Rules {
    /// Reads a source, if nothing is wrong with it.
    pub fn read(source: &Source<'_>) -> Option<Self> {
        let (pack, _) = crate::front(source, &mut crate::pattern::Tables::default()).0?;
        let regexes = pattern::compile_all(&pack)?;
        Some(Self { pack, regexes })
    }

    /// How many rules there are.
    pub fn count(&self) -> usize {
        self.pack.rules.len()
    }

    /// The id of the rule at a position.
    pub fn id(&self, rule: usize) -> Option<&str> {
        self.pack.rules.get(rule).map(|rule| rule.id.as_str())
    }

    /// Judges a trace by the rule at a position; `None` where there is no such rule.
    pub fn judge(&self, rule: usize, trace: &Trace) -> Option<Judged> {
        let view = View {
            rule: self.pack.rules.get(rule)?,
            trace,
            regexes: &self.regexes,
            parents: tree::parents(&trace.spans),
            missing: Missing::of(trace.facts),
        };
        Some(view.judge())
    }
}

/// A rule and the trace that it looks at.
struct View<'a> {
    rule: &'a Rule,
    trace: &'a Trace,
    regexes: &'a BTreeMap<Pattern, Regex>,
    parents: Vec<Option<usize>>,
    missing: Missing,
}

impl View<'_> {
    fn judge(&self) -> Judged {
        let (verdict, clause, mut witnesses) = match &self.rule.body {
            Body::Match {
                situation,
                condition,
            } => self.judge_match(situation, condition),
            Body::Clauses {
                when,
                always,
                never,
            } => self.judge_clauses(when, always.as_ref(), never.as_ref()),
        };
        if verdict != Verdict::Violated && self.is_incomplete() {
            return Judged {
                verdict: Verdict::Undecided,
                clause: 0,
                witnesses: Vec::new(),
            };
        }
        witnesses.sort_unstable();
        witnesses.dedup();
        witnesses.truncate(WITNESSES_MAX as usize);
        Judged {
            verdict,
            clause,
            witnesses,
        }
    }

    fn judge_match(&self, situation: &Cond, condition: &Cond) -> (Verdict, u8, Vec<usize>) {
        match (self.truth(condition), self.truth(situation)) {
            (Truth::True, _) => (Verdict::Violated, 0, self.witnesses(condition)),
            (Truth::False | Truth::Unknown, Truth::True) => (Verdict::Held, 0, Vec::new()),
            (Truth::False | Truth::Unknown, Truth::False | Truth::Unknown) => {
                (Verdict::NotApplicable, 0, Vec::new())
            }
        }
    }

    fn judge_clauses(
        &self,
        when: &Cond,
        always: Option<&Cond>,
        never: Option<&Cond>,
    ) -> (Verdict, u8, Vec<usize>) {
        let broken_always = always.filter(|always| self.truth(always) == Truth::False);
        let broken_never = never.filter(|never| self.truth(never) == Truth::True);
        let mut witnesses = Vec::new();
        if let Some(never) = broken_never {
            witnesses.extend(self.witnesses(never));
        }
        if let Some(always) = broken_always {
            let mut broken = self.broken(always);
            if broken.is_empty() {
                broken = self.witnesses(when);
            }
            witnesses.extend(broken);
        }
        let broken = (broken_never.is_some(), broken_always.is_some());
        match (self.truth(when), broken) {
            (Truth::True, (true, _)) => (Verdict::Violated, 2, witnesses),
            (Truth::True, (false, true)) => (Verdict::Violated, 1, witnesses),
            (Truth::True, (false, false)) => (Verdict::Held, 0, Vec::new()),
            (Truth::False | Truth::Unknown, _) => (Verdict::NotApplicable, 0, Vec::new()),
        }
    }

    /// Whether something is missing that the rule reads.
    fn is_incomplete(&self) -> bool {
        conditions(&self.rule.body)
            .into_iter()
            .any(|condition| self.concerns(condition))
    }

    fn here(&self, row: usize, left: Option<usize>) -> Here<'_> {
        Here {
            view: self,
            row,
            left,
            event: None,
            link: None,
        }
    }

    /// Whether each span of the trace belongs to a set; `left` is the span that aliases stand for.
    fn members(&self, set: SetId, left: Option<usize>) -> Vec<Truth> {
        let parts = self.rule.sets.get(set).map_or(&[][..], |set| &set.parts);
        let belongs = |(row, span): (usize, &Span)| {
            let here = self.here(row, left);
            let parts = parts.iter().filter(|part| match &part.selector {
                Selector::Name(name) => *name == span.name,
                Selector::Any => true,
            });
            Truth::any(parts.map(|part| here.passes(&part.filter)))
        };
        self.trace.spans.iter().enumerate().map(belongs).collect()
    }

    /// The rows of the spans that surely belong to a set.
    fn surely(&self, set: SetId, left: Option<usize>) -> Vec<usize> {
        let members = self.members(set, left).into_iter().enumerate();
        members
            .filter(|(_, truth)| *truth == Truth::True)
            .map(|(row, _)| row)
            .collect()
    }
}

fn conditions(body: &Body) -> Vec<&Cond> {
    match body {
        Body::Match {
            situation,
            condition,
        } => vec![situation, condition],
        Body::Clauses {
            when,
            always,
            never,
        } => [Some(when), always.as_ref(), never.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
    }
}
