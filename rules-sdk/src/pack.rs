//! From the rules of a pack to what its two functions answer.
//!
//! The host numbers names, wants and literals over the whole pack (see the head of `wit/pack.wit`), so both the description
//! and the views of a call come from one joined list.

use std::hash::Hash;

use crate::{
    bindings::exports::betrace::rules::pack::{
        self as wit, Batch, Column, Findings, MessagePart as WitPart, Placeholder, Want,
    },
    collections::HashMap,
    column::{Asked, Bound, Numbers, Shown, View},
    rule::{Form, MessagePart, Otherwise, Read, Rule, Severity, Source},
    trace::{Facts, Of, Trace},
    verdict::{Clause, Verdict},
};

/// The rules of a pack, in the order of `describe`.
pub type Rules<'p> = &'p [&'static Rule];

/// What the host shows a rule of which it asked no such column: what a pack asked for and no rule of the call reads.
static EMPTY: Column = Column {
    table: 0,
    kinds: Vec::new(),
    values: wit::Values::U8s(Vec::new()),
};

/// The column by which the spans of a name are found.
const DECLARED: Read = Read {
    source: Source::Name,
    key: "",
    form: Form::Declared,
};

/// Answers `describe`.
pub fn describe(rules: Rules<'_>) -> Vec<wit::Rule> {
    rules.iter().map(|rule| describe_rule(rule)).collect()
}

fn describe_rule(rule: &Rule) -> wit::Rule {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    wit::Rule {
        id: rule.id.to_owned(),
        signal: rule.signal.to_owned(),
        severity: match rule.severity {
            Severity::Info => wit::Severity::Info,
            Severity::Low => wit::Severity::Low,
            Severity::Medium => wit::Severity::Medium,
            Severity::High => wit::Severity::High,
            Severity::Critical => wit::Severity::Critical,
        },
        summary: rule.summary.to_owned(),
        message: rule.message.iter().map(part).collect(),
        controls: texts(rule.controls),
        labels: rule
            .labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        names: texts(rule.names),
        all_spans: rule.all_spans,
        any_of: rule.any_of.iter().map(|group| texts(group)).collect(),
        otherwise: match rule.otherwise {
            Otherwise::NotApplicable => 0,
            Otherwise::Held => 1,
        },
        reads: reads_of(rule).map(want).collect(),
        literals: texts(rule.literals),
        facts: rule.facts,
    }
}

fn part(part: &MessagePart) -> WitPart {
    match *part {
        MessagePart::Text(text) => WitPart::Text(text.to_owned()),
        MessagePart::Value { name, key } => WitPart::Value(Placeholder {
            name: name.to_owned(),
            key: key.to_owned(),
        }),
    }
}

fn want(read: Read) -> Want {
    let (what, key) = read.source.words();
    Want {
        what: what.to_owned(),
        key: if key.is_empty() { read.key } else { key }.to_owned(),
        form: read.form.word().to_owned(),
    }
}

/// A rule that declares names finds their spans by number.
pub(crate) fn reads_of(rule: &Rule) -> impl Iterator<Item = Read> + '_ {
    let declared = (!rule.names.is_empty()).then_some(DECLARED);
    declared.into_iter().chain(rule.reads.iter().copied())
}

/// The places in joined lists without repetitions.
struct Numbered {
    names: HashMap<&'static str, usize>,
    reads: HashMap<Read, usize>,
    literals: HashMap<&'static str, usize>,
}

fn number<T: Hash + Eq>(items: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut numbered = HashMap::default();
    for item in items {
        let next = numbered.len();
        numbered.entry(item).or_insert(next);
    }
    numbered
}

impl Numbered {
    fn of(rules: Rules<'_>) -> Self {
        Self {
            names: number(rules.iter().flat_map(|rule| rule.names).copied()),
            reads: number(rules.iter().flat_map(|rule| reads_of(rule))),
            literals: number(rules.iter().flat_map(|rule| rule.literals).copied()),
        }
    }

    fn view<'a>(&self, rule: &'static Rule, batch: &'a Batch) -> View<'a> {
        let column = |read: &Read| {
            let at = self.reads.get(read);
            at.and_then(|at| batch.columns.get(*at)).unwrap_or(&EMPTY)
        };
        let number = |name: &str| self.names.get(name).map_or(0, |at| *at as u16 + 1);
        let symbol = |literal: &str| {
            let at = self.literals.get(literal);
            let symbol = at.and_then(|at| batch.literals.get(*at));
            symbol.copied().unwrap_or(u32::MAX)
        };
        let bound = |read: &Read| {
            Bound::new(
                read.key,
                Asked::of(read.source, read.form),
                Shown::of(column(read)),
            )
        };
        View {
            rule,
            batch,
            needs: rule.needs(),
            columns: rule.reads.iter().map(bound).collect(),
            names: rule
                .names
                .iter()
                .map(|name| Bound::new(name, (), number(name)))
                .collect(),
            literals: rule
                .literals
                .iter()
                .map(|text| Bound::new(text, (), symbol(text)))
                .collect(),
            declared: if rule.names.is_empty() {
                Numbers::Bytes(&[])
            } else {
                Numbers::of(column(&DECLARED))
            },
        }
    }
}

/// Answers `evaluate`: judges the traces of a batch by the rules at these places.
pub fn evaluate(rules: Rules<'_>, asked: &[u32], batch: &Batch) -> Findings {
    let numbered = Numbered::of(rules);
    let n_traces = batch.traces as usize;
    let mut found = Findings {
        verdicts: Vec::with_capacity(asked.len() * n_traces),
        violation_rule: Vec::new(),
        violation_trace: Vec::new(),
        clause: Vec::new(),
        witness_ends: Vec::new(),
        witnesses: Vec::new(),
    };
    for (place, asked) in (0..).zip(asked) {
        // The host asks for rules that there are; of another nothing is said, and it finds the answer too short.
        let Some(rule) = rules.get(*asked as usize) else {
            continue;
        };
        let view = numbered.view(rule, batch);
        let mut from = 0;
        for (number, (to, facts)) in (0..).zip(batch.trace_ends.iter().zip(&batch.facts)) {
            let of = Of {
                view: &view,
                from,
                to: *to,
                facts: Facts(*facts),
            };
            from = *to;
            put(&mut found, (place, number), (rule.judge)(Trace { of: &of }));
        }
    }
    found
}

/// Adds what a rule says of a trace; `at`: their places in the call and the batch.
fn put(found: &mut Findings, at: (u32, u32), verdict: Verdict) {
    let number = match verdict {
        Verdict::NotApplicable => 0,
        Verdict::Held => 1,
        Verdict::Violated(violation) => {
            found.violation_rule.push(at.0);
            found.violation_trace.push(at.1);
            found.clause.push(match violation.clause {
                Clause::Match => 0,
                Clause::Always => 1,
                Clause::Never => 2,
            });
            found.witnesses.extend(violation.witnesses);
            found.witness_ends.push(found.witnesses.len() as u32);
            2
        }
        Verdict::Undecided => 3,
    };
    found.verdicts.push(number);
}
