//! The rule and its pieces, judged.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use betrace_dsl::{Explanation, Piece, Role, Source};

use super::{
    Failure, Rule, one_of,
    report::{Closest, PieceView, Report},
    trace::Found,
};
use crate::{
    block::{Block, BlockBuilder},
    cli::spans,
    judge::{JudgeOptions, judge, message},
    rules::PublishedRule,
    sandbox::{PackPre, Sandbox},
    tenant::TenantId,
    trace::{Facts, SpanId},
    verdict::{RuleVerdicts, Verdict},
};

/// A trace in the form that rules are shown.
struct Judged<'a> {
    sandbox: &'a Sandbox,
    found: &'a Found,
    block: Block,
    /// What each row is called.
    rows: Vec<String>,
}

/// Judges the rule, then its pieces.
pub(super) fn explain(sandbox: &Sandbox, rule: &Rule, found: &Found) -> Result<Report, Failure> {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    builder.push(found.trace.clone());
    let block = builder.finish().to_block();
    let ids = block.span_ids().map_err(Failure::wrong)?;
    let rows = ids.iter().map(|id| found.name(SpanId(*id))).collect();
    let judged = Judged {
        sandbox,
        found,
        block,
        rows,
    };
    match &rule.component {
        Some(component) => judged.by_component(rule, component),
        None => judged.by_store(rule),
    }
}

impl Judged<'_> {
    fn by_component(&self, rule: &Rule, component: &[u8]) -> Result<Report, Failure> {
        let all = self.load(&rule.name, component)?;
        let ids: Vec<String> = all.iter().map(|rule| rule.id.to_string()).collect();
        let chosen = match (&rule.id, all.as_slice()) {
            (Some(id), all) => all.iter().find(|rule| rule.id.as_str() == id),
            (None, [only]) => Some(only),
            (None, _) => {
                let what = format!("`{}` has several rules: name one with --rule ID", rule.name);
                return Err(one_of(&what, &ids));
            }
        };
        let Some(chosen) = chosen else {
            let id = rule.id.as_deref().unwrap_or_default();
            return Err(one_of(&format!("`{}` has no rule `{id}`", rule.name), &ids));
        };
        let verdicts = self.judge(std::slice::from_ref(chosen))?;
        let verdicts = verdicts.first().context("the rule was not judged");
        let verdicts = verdicts.map_err(Failure::usage)?;
        let explanation = rule.source.as_ref().and_then(|text| {
            let source = Source {
                name: &rule.name,
                text: text.as_bytes(),
            };
            betrace_dsl::explain(&source, chosen.id.as_str()).0
        });
        let mut report = self.report(chosen.id.as_str(), verdict_of(verdicts));
        report.reason = verdicts
            .inconclusive
            .first()
            .map(|(_, reason)| reason.name());
        if let Some(violation) = verdicts.violations.first() {
            report.clause = Some(violation.clause.name());
            let text = message(chosen.description(), &self.block, violation);
            report.message = Some(text.map_err(Failure::wrong)?);
        }
        if let Some(explanation) = explanation {
            report.clauses = self.pieces(&explanation)?;
        } else {
            let why = match &rule.source {
                None => {
                    "the rule is a component: its source, which says of what it is made, is not at hand"
                }
                Some(_) => "its parts are too many to be judged one by one",
            };
            report.unexplained = Some(why.to_owned());
        }
        let witnesses = self.spans_of(verdicts);
        let mut marks: Vec<Vec<String>> = vec![Vec::new(); self.rows.len()];
        self.mark(&mut marks, &witnesses, "witness");
        for clause in &report.clauses {
            self.mark_closest(&mut marks, clause);
        }
        let mut keys: Vec<&str> = spans::attribute_keys(chosen).collect();
        keys.sort_unstable();
        keys.dedup();
        report.trace = self.trace(&keys, &marks)?;
        Ok(report)
    }

    /// Of a rule that is not at hand, what the store says.
    fn by_store(&self, rule: &Rule) -> Result<Report, Failure> {
        let id = rule.id.as_deref().unwrap_or_default();
        let known = self.found.verdicts.iter().find(|known| known.rule == id);
        let Some(known) = known else {
            let error =
                anyhow!("the source of `{id}` is not kept, and no verdict of it on this trace");
            return Err(Failure::wrong(error).help("name the rule's file in place of its id"));
        };
        let mut report = self.report(id, known.verdict);
        let why = format!(
            "the rule was published as a component, without its source: this is the verdict of its version {}{}",
            known.version,
            known
                .reason
                .as_ref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default()
        );
        report.unexplained = Some(why);
        report.trace = self.trace(&[], &[])?;
        Ok(report)
    }

    fn report(&self, rule: &str, verdict: Verdict) -> Report {
        Report {
            rule: rule.to_owned(),
            trace_id: self.found.trace.trace_id.to_string(),
            verdict,
            clause: None,
            message: None,
            reason: None,
            missing: missing(self.found.trace.facts),
            unexplained: None,
            clauses: Vec::new(),
            trace: Vec::new(),
        }
    }

    fn load(&self, name: &str, component: &[u8]) -> Result<Vec<PublishedRule>, Failure> {
        let pack: Arc<PackPre> = self
            .sandbox
            .load(component)
            .with_context(|| format!("`{name}` cannot be loaded"))
            .map_err(Failure::wrong)?;
        Ok(PublishedRule::all_of(&pack))
    }

    fn judge(&self, rules: &[PublishedRule]) -> Result<Vec<RuleVerdicts>, Failure> {
        judge(self.sandbox, rules, &self.block, &JudgeOptions::default()).map_err(Failure::usage)
    }

    fn pieces(&self, explanation: &Explanation) -> Result<Vec<PieceView>, Failure> {
        let rules = self.load("the rule's parts", &explanation.component)?;
        let verdicts = self.judge(&rules)?;
        let clauses = explanation.clauses.iter();
        Ok(clauses.map(|piece| self.piece(piece, &verdicts)).collect())
    }

    fn piece(&self, piece: &Piece, verdicts: &[RuleVerdicts]) -> PieceView {
        let of = |rule: Option<usize>| rule.and_then(|rule| verdicts.get(rule));
        let own = of(piece.rule);
        let truth = own.and_then(|own| match verdict_of(own) {
            Verdict::Violated => Some(true),
            Verdict::Held | Verdict::NotApplicable => Some(false),
            Verdict::Inconclusive => None,
        });
        let spans = own.map(|own| self.spans_of(own)).unwrap_or_default();
        let broken_by = of(piece.broken_by).map(|broken| self.spans_of(broken));
        let parts: Vec<PieceView> = piece
            .parts
            .iter()
            .map(|part| self.piece(part, verdicts))
            .collect();
        PieceView {
            role: role_word(piece.role),
            text: piece.text.clone(),
            truth,
            spans,
            broken_by: broken_by.unwrap_or_default(),
            closest: if truth == Some(true) {
                None
            } else {
                closest(&parts)
            },
            parts,
        }
    }

    fn spans_of(&self, verdicts: &RuleVerdicts) -> Vec<String> {
        let rows = verdicts.violations.iter().flat_map(|v| &v.witnesses);
        rows.filter_map(|row| self.rows.get(*row as usize).cloned())
            .collect()
    }

    fn mark(&self, marks: &mut [Vec<String>], spans: &[String], text: &str) {
        for (marks, name) in marks.iter_mut().zip(&self.rows) {
            if spans.contains(name) && !marks.iter().any(|mark| mark == text) {
                marks.push(text.to_owned());
            }
        }
    }

    fn mark_closest(&self, marks: &mut [Vec<String>], piece: &PieceView) {
        if let Some(closest) = &piece.closest {
            let text = format!("closest to `{}`", piece.text);
            self.mark(marks, std::slice::from_ref(&closest.span), &text);
        }
        self.mark(marks, &piece.broken_by, &format!("breaks `{}`", piece.text));
        for part in &piece.parts {
            self.mark_closest(marks, part);
        }
    }

    fn trace(&self, keys: &[&str], marks: &[Vec<String>]) -> Result<Vec<spans::SpanView>, Failure> {
        let trace = self.block.spans(0).map_err(Failure::wrong)?;
        let name = |id: SpanId| self.found.name(id);
        let marks = |row: usize| marks.get(row).cloned().unwrap_or_default();
        Ok(spans::views(&trace, &name, keys, &marks))
    }
}

fn verdict_of(verdicts: &RuleVerdicts) -> Verdict {
    let verdict = verdicts.verdicts.first().copied();
    verdict.unwrap_or(Verdict::Inconclusive)
}

/// Of a set's spans before its filter, the one that passes most of the filter's conditions: the first of those.
fn closest(parts: &[PieceView]) -> Option<Closest> {
    let word = role_word(Role::Unfiltered);
    let all = parts.iter().find(|part| part.role == word)?;
    let word = role_word(Role::Passing);
    let passing: Vec<&PieceView> = parts.iter().filter(|part| part.role == word).collect();
    let fails = |span: &String| -> Vec<String> {
        let failed = passing.iter().filter(|part| !part.spans.contains(span));
        failed.map(|part| part.text.clone()).collect()
    };
    let closest = all.spans.iter().min_by_key(|span| fails(span).len())?;
    Some(Closest {
        span: closest.clone(),
        fails: fails(closest),
    })
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Situation => "situation",
        Role::Match => "match",
        Role::When => "when",
        Role::Always => "always",
        Role::Never => "never",
        Role::Operand => "operand",
        Role::Set => "set",
        Role::Unfiltered => "unfiltered",
        Role::Passing => "passing",
        Role::Instead => "instead",
    }
}

/// Says in words what is missing of a trace.
fn missing(facts: Facts) -> Vec<&'static str> {
    let words = [
        (
            Facts::CUT,
            "it was cut at a size limit: later spans were not judged",
        ),
        (
            Facts::PARENTS_MISSING,
            "a span names a parent that is not there",
        ),
        (Facts::ATTRIBUTES_DROPPED, "the SDK dropped attributes"),
        (Facts::EVENTS_DROPPED, "the SDK dropped events"),
        (Facts::LINKS_DROPPED, "the SDK dropped links"),
        (Facts::FRAGMENT, "its earlier part is gone"),
    ];
    let missing = words.iter().filter(|(bit, _)| facts.0 & bit != 0);
    missing.map(|(_, words)| *words).collect()
}
