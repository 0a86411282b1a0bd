//! What a violation says, with its placeholders filled in from its witnesses.

use std::fmt::Write;

use crate::{
    block::{AttributeScope, Block, BlockError, kind},
    sandbox::{MessagePart, RuleDescription},
    verdict::Violation,
};

/// The most characters of one value.
const VALUE_CHARS_MAX: usize = 200;
/// The most elements of one array.
const ELEMENTS_MAX: usize = 16;

/// Returns the sentence of a violation: the rule's message, else its summary, else the signal's name.
///
/// # Errors
///
/// [`BlockError`] where the witnesses cannot be read.
pub fn message(
    rule: &RuleDescription,
    block: &Block,
    violation: &Violation,
) -> Result<String, BlockError> {
    let mut sentence = String::new();
    for part in &rule.message {
        match part {
            MessagePart::Text(text) => push(&mut sentence, text, usize::MAX),
            MessagePart::Value { name, key } => match value(block, violation, name, key)? {
                Some(value) => push(&mut sentence, &value, VALUE_CHARS_MAX),
                None => sentence.push('?'),
            },
        }
    }
    if sentence.is_empty() {
        let fallback = [&rule.summary, &rule.signal];
        let fallback = fallback.into_iter().find(|text| !text.is_empty());
        push(
            &mut sentence,
            fallback.map_or("", String::as_str),
            usize::MAX,
        );
    }
    Ok(sentence)
}

/// Appends text for people: what a span carries may be anything, and a terminal obeys control characters.
fn push(sentence: &mut String, text: &str, chars_max: usize) {
    let mut chars = text.chars();
    let shown = chars.by_ref().take(chars_max);
    sentence.extend(shown.map(|c| if c.is_control() { ' ' } else { c }));
    if chars.next().is_some() {
        sentence.push_str("...");
    }
}

/// Returns a value of the first witness of a name.
fn value(
    block: &Block,
    violation: &Violation,
    name: &str,
    key: &str,
) -> Result<Option<String>, BlockError> {
    let names = block.names()?;
    let wanted = match name {
        "" => None,
        name => match block.strings()?.lookup(name)? {
            Some(symbol) => Some(symbol),
            None => return Ok(None),
        },
    };
    let mut witnesses = violation.witnesses.iter();
    let witness = witnesses
        .find(|row| wanted.is_none_or(|wanted| names.get(**row as usize) == Some(&wanted)));
    let Some(&row) = witness else {
        return Ok(None);
    };
    let own = block.attribute(AttributeScope::Span, key)?;
    let cell = own.and_then(|column| column.get(row));
    if let Some((kind, value)) = cell.filter(|(kind, _)| *kind != kind::EMPTY) {
        return text(block, kind, value, true).map(Some);
    }
    let resource = block.resources()?.get(row as usize).copied();
    let shared = block.attribute(AttributeScope::Resource, key)?;
    let cell = shared
        .zip(resource)
        .and_then(|(column, row)| column.get(row));
    match cell.filter(|(kind, _)| *kind != kind::EMPTY) {
        Some((kind, value)) => text(block, kind, value, true).map(Some),
        None => Ok(None),
    }
}

/// Writes a value; what is nested in an array is not opened again.
fn text(block: &Block, kind: u8, value: u64, opens: bool) -> Result<String, BlockError> {
    Ok(match kind {
        kind::BOOL => (value != 0).to_string(),
        kind::INT => (value as i64).to_string(),
        kind::DOUBLE => f64::from_bits(value).to_string(),
        kind::STRING => block.strings()?.get(value as u32)?.to_owned(),
        kind::BYTES => {
            let blob = block.blobs()?.get(value as u32)?;
            let shown = blob.iter().take(VALUE_CHARS_MAX);
            shown.fold(String::from("0x"), |mut text, byte| {
                // Writing into a string does not fail.
                write!(text, "{byte:02x}").ok();
                text
            })
        }
        kind::ARRAY | kind::KVLIST if opens => elements(block, value)?,
        _ => "...".to_owned(),
    })
}

fn elements(block: &Block, value: u64) -> Result<String, BlockError> {
    let first = (value >> 32) as usize;
    let count = (value & u64::from(u32::MAX)) as usize;
    let (kinds, values, keys) = (
        block.element_kinds()?,
        block.element_values()?,
        block.element_keys()?,
    );
    let mut parts = Vec::new();
    for row in first..first + count.min(ELEMENTS_MAX) {
        let (Some(&kind), Some(&value)) = (kinds.get(row), values.get(row)) else {
            break;
        };
        let shown = text(block, kind, value, false)?;
        parts.push(match keys.get(row) {
            Some(&key) if key != crate::block::NONE => {
                format!("{}: {shown}", block.strings()?.get(key)?)
            }
            _ => shown,
        });
    }
    if count > ELEMENTS_MAX {
        parts.push("...".to_owned());
    }
    Ok(format!("[{}]", parts.join(", ")))
}
