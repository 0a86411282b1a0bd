//! What a violation says, with its placeholders filled in from its witnesses.

use std::fmt::Write;

use crate::{
    block::{AttributeColumn, AttributeScope, Block, BlockError, kind},
    sandbox::{MessagePart, RuleDescription},
    verdict::Violation,
};

/// The most characters of one value.
const VALUE_CHARS_MAX: usize = 200;
/// The most elements of one array.
const ELEMENTS_MAX: usize = 16;

/// What the violations of one rule on one block say.
///
/// Where a placeholder looks is worked out once, for all of them.
#[derive(Debug)]
pub struct Messages<'b> {
    block: &'b Block,
    parts: Vec<Part<'b>>,
    /// What is said where the message is empty.
    otherwise: String,
}

/// A part of a sentence.
#[derive(Debug)]
enum Part<'b> {
    Text(String),
    Value {
        /// The symbol of the name of the witness; `None`: the first witness, whatever its name.
        name: Option<u32>,
        /// The attribute of spans and that of resources.
        own: Option<&'b AttributeColumn>,
        shared: Option<&'b AttributeColumn>,
    },
    /// A placeholder for a span of which the block has none.
    Nowhere,
}

/// Returns the sentence of a violation; see [`Messages`], which does it for many.
///
/// # Errors
///
/// [`BlockError`] where the witnesses cannot be read.
pub fn message(
    rule: &RuleDescription,
    block: &Block,
    violation: &Violation,
) -> Result<String, BlockError> {
    Messages::new(rule, block)?.of(violation)
}

impl<'b> Messages<'b> {
    /// Prepares the rule's message, else its summary, else the signal's name.
    ///
    /// # Errors
    ///
    /// [`BlockError`] where what the message reads cannot be read.
    pub fn new(rule: &RuleDescription, block: &'b Block) -> Result<Self, BlockError> {
        let mut parts = Vec::with_capacity(rule.message.len());
        for part in &rule.message {
            parts.push(match part {
                MessagePart::Text(text) => Part::text(text),
                MessagePart::Value { name, key } => Part::value(block, name, key)?,
            });
        }
        let otherwise = [&rule.summary, &rule.signal];
        let otherwise = otherwise.into_iter().find(|text| !text.is_empty());
        let mut sentence = String::new();
        push(
            &mut sentence,
            otherwise.map_or("", String::as_str),
            usize::MAX,
        );
        Ok(Self {
            block,
            parts,
            otherwise: sentence,
        })
    }

    /// Returns what a violation says.
    ///
    /// # Errors
    ///
    /// [`BlockError`] where the witnesses cannot be read.
    pub fn of(&self, violation: &Violation) -> Result<String, BlockError> {
        let mut sentence = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => sentence.push_str(text),
                Part::Value { name, own, shared } => {
                    let cell = cell(self.block, violation, *name, (*own, *shared))?;
                    match cell {
                        Some((kind::STRING, value)) => {
                            let text = self.block.strings()?.get(value as u32)?;
                            push(&mut sentence, text, VALUE_CHARS_MAX);
                        }
                        Some((kind, value)) => {
                            let text = text(self.block, kind, value, true)?;
                            push(&mut sentence, &text, VALUE_CHARS_MAX);
                        }
                        None => sentence.push('?'),
                    }
                }
                Part::Nowhere => sentence.push('?'),
            }
        }
        if sentence.is_empty() {
            sentence.clone_from(&self.otherwise);
        }
        Ok(sentence)
    }
}

impl<'b> Part<'b> {
    fn text(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        push(&mut shown, text, usize::MAX);
        Self::Text(shown)
    }

    fn value(block: &'b Block, name: &str, key: &str) -> Result<Self, BlockError> {
        let name = match name {
            "" => None,
            name => match block.name_symbol(name)? {
                Some(symbol) => Some(symbol),
                None => return Ok(Self::Nowhere),
            },
        };
        Ok(Self::Value {
            name,
            own: block.attribute(AttributeScope::Span, key)?,
            shared: block.attribute(AttributeScope::Resource, key)?,
        })
    }
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

/// Returns a value of the first witness of a name: the span's, else its resource's.
fn cell(
    block: &Block,
    violation: &Violation,
    name: Option<u32>,
    (own, shared): (Option<&AttributeColumn>, Option<&AttributeColumn>),
) -> Result<Option<(u8, u64)>, BlockError> {
    let names = block.names()?;
    let mut witnesses = violation.witnesses.iter();
    let witness =
        witnesses.find(|row| name.is_none_or(|name| names.get(**row as usize) == Some(&name)));
    let Some(&row) = witness else {
        return Ok(None);
    };
    let is_there = |cell: &(u8, u64)| cell.0 != kind::EMPTY;
    let of_span = own.and_then(|column| column.get(row)).filter(is_there);
    if of_span.is_some() {
        return Ok(of_span);
    }
    let Some(shared) = shared else {
        return Ok(None);
    };
    let resource = block.resources()?.get(row as usize).copied();
    let of_resource = resource.and_then(|row| shared.get(row));
    Ok(of_resource.filter(is_there))
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
