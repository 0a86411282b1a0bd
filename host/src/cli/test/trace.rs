//! The trace of a case that failed, as it is shown.

use super::{compare::named, file::Case};
use crate::{
    cli::spans::{self, SpanView},
    rules::PublishedRule,
    trace::{SealedTrace, SpanId},
    verdict::RuleVerdicts,
};

/// Shows the trace of a case that failed: with the attributes that its rules read, and the witnesses that there are and
/// should be.
pub(super) fn failed(
    case: &Case,
    rules: &[PublishedRule],
    verdicts: &[RuleVerdicts],
    trace: &SealedTrace,
) -> Vec<SpanView> {
    let asked = |rule: &PublishedRule| {
        let id = rule.id.as_str();
        let expected = case.expect.iter().map(|(word, _)| word);
        let told = expected.chain(case.witnesses.iter().map(|(word, _)| word));
        told.chain(case.messages.iter().map(|(word, _)| word))
            .any(|word| word.text == id)
    };
    let shown = || {
        let judged = rules.iter().zip(verdicts);
        judged.filter(|(rule, judged)| asked(rule) || !judged.violations.is_empty())
    };
    let mut keys: Vec<&str> = shown()
        .flat_map(|(rule, _)| spans::attribute_keys(rule))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let of = |rule: &PublishedRule| match shown().count() {
        1 => String::new(),
        _ => format!(" of {}", rule.id),
    };
    let marks = |row: usize| {
        let mut marks = Vec::new();
        let id = trace.spans.get(row).map(|record| &record.span.span_id);
        let id = id.and_then(|id| SpanId::from_bytes(id));
        for (rule, judged) in shown() {
            let mut witnesses = judged.violations.iter().flat_map(|v| &v.witnesses);
            let is = witnesses.any(|witness| *witness as usize == row);
            let mut expected = case.witnesses.iter();
            let expected = expected.find(|(word, _)| word.text == rule.id.as_str());
            let should = expected.map(|(_, spans)| {
                let name = id.map(|id| named(&case.input, id)).unwrap_or_default();
                spans.iter().any(|span| span.text == name)
            });
            match (is, should) {
                (true, Some(true) | None) => marks.push(format!("witness{}", of(rule))),
                (true, Some(false)) => marks.push(format!("witness{}, not expected", of(rule))),
                (false, Some(true)) => marks.push(format!("expected as witness{}", of(rule))),
                (false, Some(false) | None) => {}
            }
        }
        marks
    };
    spans::views(trace, &|id| named(&case.input, id), &keys, &marks)
}
