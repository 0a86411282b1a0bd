//! What a pack says of itself, checked field by field before anything relies on it.

use crate::{rule_id::RuleId, signal::Severity, verdict::Verdict};

use super::{
    bindings::exports::betrace::rules::pack as wit,
    error::{LoadError, excerpt},
    limits::{
        ENTRIES_MAX, LABEL_BYTES_MAX, LITERALS_MAX, NAMES_MAX, RULES_MAX, SENTENCE_BYTES_MAX,
        WANTS_MAX, WORD_BYTES_MAX,
    },
    want::Want,
};

/// One rule of a pack, as its author declared it and the host checked it. The fields are those of
/// `record rule` in `wit/pack.wit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDescription {
    /// Unique within a tenant.
    pub id: RuleId,
    /// The name under which a violation is reported.
    pub signal: String,
    /// How grave a violation is.
    pub severity: Severity,
    /// What must hold, in a sentence. May be empty.
    pub summary: String,
    /// What a violation says. May be empty.
    pub message: Vec<MessagePart>,
    /// The controls that the rule gives evidence for.
    pub controls: Vec<String>,
    /// Free labels, key and value.
    pub labels: Vec<(String, String)>,
    /// The span names that the rule speaks of.
    pub names: Vec<String>,
    /// Whether the rule reads spans of other names too.
    pub all_spans: bool,
    /// A complete trace that lacks a span of every name of any of these groups is not judged.
    pub any_of: Vec<Vec<String>>,
    /// The verdict of a trace that `any_of` rules out.
    pub otherwise: Verdict,
    /// The columns that the rule reads.
    pub reads: Vec<Want>,
    /// Strings that the rule compares symbols with.
    pub literals: Vec<String>,
    /// Whether the rule answers for incomplete traces itself.
    pub facts: bool,
}

/// A part of a violation's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// Stands as it is.
    Text(String),
    /// Is filled in from the first witness.
    Value {
        /// The name of the span; empty: the first witness, whatever its name.
        name: String,
        /// The whole key of an attribute.
        key: String,
    },
}

/// Checks what `describe` answered.
pub(super) fn check_description(rules: Vec<wit::Rule>) -> Result<Vec<RuleDescription>, LoadError> {
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(LoadError::Pack {
            what: format!(
                "holds {} rules, and must hold 1 to {RULES_MAX}",
                rules.len()
            ),
        });
    }
    let mut checked = Vec::with_capacity(rules.len());
    for (position, rule) in rules.into_iter().enumerate() {
        let name = match RuleId::try_new(&rule.id) {
            Some(id) => id.to_string(),
            None => format!("number {}", position + 1),
        };
        let rule = check_rule(rule).map_err(|what| LoadError::Description { rule: name, what })?;
        checked.push(rule);
    }
    let mut ids: Vec<_> = checked.iter().map(|rule| &rule.id).collect();
    ids.sort_unstable();
    if let Some([id, _]) = ids.array_windows().find(|[a, b]| a == b) {
        return Err(LoadError::Pack {
            what: format!("holds two rules with the id `{id}`"),
        });
    }
    Ok(checked)
}

fn check_rule(rule: wit::Rule) -> Result<RuleDescription, String> {
    // Destructured whole, so that a new field cannot go unchecked.
    let wit::Rule {
        id,
        signal,
        severity,
        summary,
        message,
        controls,
        labels,
        names,
        all_spans,
        any_of,
        otherwise,
        reads,
        literals,
        facts,
    } = rule;
    let id = RuleId::try_new(&id).ok_or_else(|| {
        format!(
            "its id `{}` is not 1 to 128 of `a-z`, `0-9`, `-`, `_` and `.`",
            excerpt(&id)
        )
    })?;
    check_line("signal", &signal, LABEL_BYTES_MAX)?;
    if signal.is_empty() {
        return Err("its signal has no name".into());
    }
    check_size("summary", summary.len(), SENTENCE_BYTES_MAX)?;
    for control in &controls {
        check_line("controls", control, LABEL_BYTES_MAX)?;
    }
    for (key, value) in &labels {
        check_line("labels", key, LABEL_BYTES_MAX)?;
        check_line("labels", value, LABEL_BYTES_MAX)?;
    }
    for (what, n) in [
        ("controls", controls.len()),
        ("labels", labels.len()),
        ("any-of", any_of.len()),
        ("message", message.len()),
    ] {
        check_count(what, n, ENTRIES_MAX)?;
    }
    check_count("names", names.len(), NAMES_MAX)?;
    check_count("literals", literals.len(), LITERALS_MAX)?;
    for word in names.iter().chain(&literals) {
        check_size("names or literals", word.len(), WORD_BYTES_MAX)?;
    }
    check_any_of(&any_of, &names)?;
    let otherwise = match otherwise {
        0 => Verdict::NotApplicable,
        1 => Verdict::Held,
        other => return Err(format!("its `otherwise` is {other}, and must be 0 or 1")),
    };
    Ok(RuleDescription {
        id,
        signal,
        severity: severity_of(severity),
        summary,
        message: check_message(message)?,
        controls,
        labels,
        names,
        all_spans,
        any_of,
        otherwise,
        reads: check_reads(reads)?,
        literals,
        facts,
    })
}

fn check_any_of(any_of: &[Vec<String>], names: &[String]) -> Result<(), String> {
    let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
    known.sort_unstable();
    for name in any_of.iter().flatten() {
        if known.binary_search(&name.as_str()).is_err() {
            return Err(format!(
                "its any-of speaks of `{}`, which is not among its names",
                excerpt(name)
            ));
        }
    }
    let n = any_of.iter().map(Vec::len).sum();
    check_count("any-of", n, NAMES_MAX)
}

fn check_message(parts: Vec<wit::MessagePart>) -> Result<Vec<MessagePart>, String> {
    let mut bytes = 0;
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| match part {
            wit::MessagePart::Text(text) => {
                bytes += text.len();
                MessagePart::Text(text)
            }
            wit::MessagePart::Value(wit::Placeholder { name, key }) => {
                bytes += name.len() + key.len();
                MessagePart::Value { name, key }
            }
        })
        .collect();
    check_size("message", bytes, SENTENCE_BYTES_MAX)?;
    Ok(parts)
}

fn check_reads(reads: Vec<wit::Want>) -> Result<Vec<Want>, String> {
    check_count("reads", reads.len(), WANTS_MAX)?;
    reads
        .into_iter()
        .map(|wit::Want { what, key, form }| {
            check_size("reads", key.len(), WORD_BYTES_MAX)?;
            Want::parse(&what, &key, &form).ok_or_else(|| {
                format!(
                    "it reads `{}` `{}` as `{}`, which this host does not know",
                    excerpt(&what),
                    excerpt(&key),
                    excerpt(&form)
                )
            })
        })
        .collect()
}

fn severity_of(severity: wit::Severity) -> Severity {
    match severity {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Low => Severity::Low,
        wit::Severity::Medium => Severity::Medium,
        wit::Severity::High => Severity::High,
        wit::Severity::Critical => Severity::Critical,
    }
}

/// Checks what is printed on one line: a terminal is not to be driven by a rule's name.
fn check_line(what: &str, text: &str, max: usize) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("its {what} hold a control character"));
    }
    check_size(what, text.len(), max)
}

fn check_size(what: &str, bytes: usize, max: usize) -> Result<(), String> {
    if bytes > max {
        return Err(format!("its {what} hold {bytes} bytes, more than {max}"));
    }
    Ok(())
}

fn check_count(what: &str, n: usize, max: usize) -> Result<(), String> {
    if n > max {
        return Err(format!("its {what} hold {n} entries, more than {max}"));
    }
    Ok(())
}
