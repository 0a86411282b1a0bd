//! What a case expects against what came.

use std::collections::BTreeSet;

use super::{
    file::{Case, Input},
    run::Failures,
    spans::TestSpan,
};
use crate::{
    block::Block,
    judge::message,
    rules::PublishedRule,
    trace::SpanId,
    verdict::{RuleVerdicts, Verdict},
};

/// Returns what is not as the case expects of one rule; of rules given `inline` none may be violated unsaid.
pub(super) fn compare(
    case: &Case,
    inline: bool,
    rule: &PublishedRule,
    judged: &RuleVerdicts,
    block: &Block,
) -> anyhow::Result<Failures> {
    let id = rule.id.as_str();
    let got = judged
        .verdicts
        .first()
        .copied()
        .unwrap_or(Verdict::Inconclusive);
    let expected = case.expect.iter().find(|(word, _)| word.text == id);
    let mut failures = Vec::new();
    match expected {
        Some((_, expected)) if *expected != got => {
            let why = why(rule, judged, block)?;
            failures.push(format!(
                "{id}: expected {}, got {}{why}",
                expected.name(),
                got.name()
            ));
        }
        None if inline && got == Verdict::Violated => {
            let why = why(rule, judged, block)?;
            failures.push(format!("{id}: violated, and `expect` does not say so{why}"));
        }
        Some(_) | None => {}
    }
    if let Some((_, expected)) = case.messages.iter().find(|(word, _)| word.text == id) {
        failures.extend(compare_message(&expected.text, rule, judged, block)?);
    }
    let Some((_, expected)) = case.witnesses.iter().find(|(word, _)| word.text == id) else {
        return Ok(failures);
    };
    let expected: BTreeSet<&str> = expected.iter().map(|word| word.text.as_str()).collect();
    let got = witnesses(case, judged, block)?;
    if expected != got.iter().map(String::as_str).collect() {
        let list = |ids: Vec<&str>| {
            if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(", ")
            }
        };
        failures.push(format!(
            "{id}: expected the witnesses {}, got {}",
            list(expected.into_iter().collect()),
            list(got.iter().map(String::as_str).collect())
        ));
    }
    Ok(failures)
}

fn compare_message(
    expected: &str,
    rule: &PublishedRule,
    judged: &RuleVerdicts,
    block: &Block,
) -> anyhow::Result<Option<String>> {
    let id = rule.id.as_str();
    let Some(violation) = judged.violations.first() else {
        return Ok(Some(format!(
            "{id}: expected the message `{expected}`, and it is not violated"
        )));
    };
    let got = message(rule.description(), block, violation)?;
    Ok((got != expected).then(|| format!("{id}: expected the message `{expected}`, got `{got}`")))
}

/// Says what is known of an unexpected verdict.
fn why(rule: &PublishedRule, judged: &RuleVerdicts, block: &Block) -> anyhow::Result<String> {
    if let Some(violation) = judged.violations.first() {
        let message = message(rule.description(), block, violation)?;
        return Ok(format!(" ({}: {message})", violation.clause.name()));
    }
    let reason = judged
        .inconclusive
        .first()
        .map(|(_, reason)| format!(" ({})", reason.name()));
    Ok(reason.unwrap_or_default())
}

/// Returns the witnesses by the names that the case gives its spans.
fn witnesses(case: &Case, judged: &RuleVerdicts, block: &Block) -> anyhow::Result<Vec<String>> {
    let ids = block.span_ids()?;
    let rows = judged
        .violations
        .iter()
        .flat_map(|violation| &violation.witnesses);
    let span_ids = rows.filter_map(|row| ids.get(*row as usize));
    Ok(span_ids.map(|id| named(&case.input, SpanId(*id))).collect())
}

pub(super) fn named(input: &Input, id: SpanId) -> String {
    let Input::Spans(spans) = input else {
        return id.to_string();
    };
    let same = |span: &&TestSpan| span.record.span.span_id == id.0;
    spans
        .iter()
        .find(same)
        .map_or_else(|| id.to_string(), |span| span.id.clone())
}
