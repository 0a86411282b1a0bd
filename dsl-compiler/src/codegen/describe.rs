//! The answer of `describe`, laid out in the data as the canonical ABI wants it.
//!
//! ```text
//! rule, 96 bytes:  id 0  signal 8  severity 16  summary 20  message 28  controls 36  labels 44  names 52  all-spans 60
//!                  any-of 64  otherwise 72  reads 76  literals 84  facts 92        (strings and lists: pointer, length)
//! message-part, 20: tag 0, then text 4, or name 4 and key 12     want, 24: what 0, key 8, form 16     label, 16: key 0, value 8
//! ```

use super::module::Builder;
use crate::{
    ir::{MessagePart, Rule},
    reads::{Reads, Want},
};

/// Places the list of rules and returns the address of its pointer and length.
pub(super) fn place_description(builder: &mut Builder, rules: &[Rule], reads: &[Reads]) -> u32 {
    let records: Vec<Vec<u8>> = rules
        .iter()
        .zip(reads)
        .map(|(rule, reads)| rule_record(builder, rule, reads))
        .collect();
    let list = list(builder, &records);
    builder.place(&list)
}

fn rule_record(builder: &mut Builder, rule: &Rule, reads: &Reads) -> Vec<u8> {
    let message: Vec<Vec<u8>> = rule
        .message
        .iter()
        .map(|part| message_part(builder, part))
        .collect();
    let labels: Vec<Vec<u8>> = rule
        .labels
        .iter()
        .map(|(key, value)| [string(builder, key), string(builder, value)].concat())
        .collect();
    let any_of: Vec<Vec<u8>> = reads
        .any_of
        .iter()
        .map(|group| strings(builder, group))
        .collect();
    let wants: Vec<Vec<u8>> = reads
        .wants
        .iter()
        .map(|want| want_record(builder, want))
        .collect();
    let fields = [
        string(builder, &rule.id),
        string(builder, &rule.signal),
        word(rule.severity as u32),
        string(builder, &rule.summary),
        list(builder, &message),
        strings(builder, &rule.controls),
        list(builder, &labels),
        strings(builder, &reads.names),
        word(u32::from(reads.all_spans)),
        list(builder, &any_of),
        word(u32::from(reads.otherwise)),
        list(builder, &wants),
        strings(builder, &reads.literals),
        word(1),
    ];
    let record = fields.concat();
    debug_assert_eq!(record.len(), 96, "the record is laid out as drawn above");
    record
}

fn message_part(builder: &mut Builder, part: &MessagePart) -> Vec<u8> {
    match part {
        MessagePart::Text(text) => [word(0), string(builder, text), vec![0; 8]].concat(),
        MessagePart::Value { name, key } => {
            [word(1), string(builder, name), string(builder, key)].concat()
        }
    }
}

fn want_record(builder: &mut Builder, want: &Want) -> Vec<u8> {
    [
        string(builder, want.what),
        string(builder, &want.key),
        string(builder, want.form.as_str()),
    ]
    .concat()
}

fn word(value: u32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn pair(address: u32, len: usize) -> Vec<u8> {
    [word(address), word(len as u32)].concat()
}

fn string(builder: &mut Builder, text: &str) -> Vec<u8> {
    let address = builder.text(text.as_bytes());
    pair(address, text.len())
}

/// A list of records of one size. Its elements are aligned to four bytes.
fn list(builder: &mut Builder, records: &[Vec<u8>]) -> Vec<u8> {
    let address = builder.place(&records.concat());
    pair(address, records.len())
}

fn strings(builder: &mut Builder, texts: &[String]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = texts.iter().map(|text| string(builder, text)).collect();
    list(builder, &records)
}
