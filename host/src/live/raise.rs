//! What a signal keeps of a violation: it is to outlive the spans.

use crate::{
    block::{AttributeColumn, AttributeScope, Block, BlockError, kind},
    clock::UnixNanos,
    judge::Messages,
    rules::PublishedRule,
    signal::{Raised, Witness},
    trace::{SpanId, TraceId},
    verdict::Violation,
};

/// Copies the violations of a rule and their witnesses out of the block.
pub(super) fn raise(
    rule: &PublishedRule,
    block: &Block,
    violations: &[Violation],
) -> Result<Vec<Raised>, BlockError> {
    if violations.is_empty() {
        return Ok(Vec::new());
    }
    let messages = Messages::new(rule.description(), block)?;
    let each = violations.iter();
    each.map(|violation| raise_one(rule, block, &messages, violation))
        .collect()
}

fn raise_one(
    rule: &PublishedRule,
    block: &Block,
    messages: &Messages<'_>,
    violation: &Violation,
) -> Result<Raised, BlockError> {
    let trace = violation.trace as usize;
    let description = rule.description();
    let witnesses: Result<Vec<_>, _> = violation
        .witnesses
        .iter()
        .map(|row| witness(block, *row))
        .collect();
    Ok(Raised {
        rule: rule.id.clone(),
        version: rule.version,
        mode: rule.mode,
        signal: description.signal.clone(),
        severity: description.severity,
        message: messages.of(violation)?,
        trace_id: block
            .trace_ids()?
            .get(trace)
            .copied()
            .unwrap_or(TraceId([0; 16])),
        time: UnixNanos(
            block
                .trace_starts()?
                .get(trace)
                .copied()
                .unwrap_or_default(),
        ),
        clause: violation.clause,
        witnesses: witnesses?,
    })
}

fn witness(block: &Block, row: u32) -> Result<Witness, BlockError> {
    let strings = block.strings()?;
    let at = row as usize;
    let name = block
        .names()?
        .get(at)
        .map(|symbol| strings.get(*symbol))
        .transpose()?
        .unwrap_or_default();
    let service = match (
        block.attribute(AttributeScope::Resource, "service.name")?,
        block.resources()?.get(at),
    ) {
        (Some(column), Some(resource)) => text(column, *resource)
            .map(|symbol| strings.get(symbol))
            .transpose()?,
        (None, _) | (_, None) => None,
    };
    Ok(Witness {
        span_id: SpanId(block.span_ids()?.get(at).copied().unwrap_or_default()),
        name: name.to_owned(),
        service: service.unwrap_or_default().to_owned(),
        start: UnixNanos(block.starts()?.get(at).copied().unwrap_or_default()),
        duration_ns: block.durations()?.get(at).copied().unwrap_or_default(),
    })
}

/// The symbol of a string attribute of a row; `None` where it has none.
fn text(column: &AttributeColumn, row: u32) -> Option<u32> {
    let (of_kind, value) = column.get(row)?;
    (of_kind == kind::STRING).then_some(value as u32)
}
