//! What a rule says of itself: id, signal, severity, message.

use super::{Checked, Checker};
use crate::{
    ast::{self, At},
    diagnostic::{Code, Diagnostic},
    ir::{MessagePart, Selector, Severity, Zone},
    limits::{DIAGNOSTICS_SHOWN_MAX, RULE_ID_BYTES_MAX},
    parser::{Refused, severity},
    source::Span,
    suggest::suggest,
    zone,
};

const SIGNAL_HELP: &str =
    "write `// Signal: NAME (critical)`; the severities are info, low, medium, high, critical";

impl Checker<'_> {
    /// Reads the `// Signal:` comment.
    pub(super) fn check_header(&mut self, file: &ast::File) -> Option<(String, Severity)> {
        let mut found: Option<(String, Severity)> = None;
        let mut first: Option<Span> = None;
        for (span, comment) in self.input.header {
            let Some(text) = comment
                .get(..7)
                .filter(|head| head.eq_ignore_ascii_case("signal:"))
                .and_then(|_| comment.get(7..))
            else {
                continue;
            };
            if file.rules.iter().any(|rule| rule.id.is_some()) {
                let diagnostic = Diagnostic::warning(
                    Code::UnusedSignalHeader,
                    *span,
                    "this comment names no signal: the rules below say their own",
                    "not read",
                )
                .help("write `signal NAME (critical)` inside the rule's braces");
                self.report(diagnostic);
                return None;
            }
            if let Some(first) = first {
                let diagnostic = Diagnostic::error(
                    Code::BadSignalHeader,
                    *span,
                    "a rule has one signal",
                    "the second one",
                )
                .also(first, "the first one");
                self.report(diagnostic.help("keep one of them"));
                continue;
            }
            first = Some(*span);
            match parse_signal(text.trim(), *span) {
                Ok(signal) => found = Some(signal),
                Err(diagnostic) => self.report(*diagnostic),
            }
        }
        found
    }

    /// Completes id, signal and severity.
    pub(super) fn check_identity(
        &mut self,
        rule: &ast::Rule,
        header: Option<&(String, Severity)>,
    ) -> Checked<(String, String, Severity)> {
        let Some(id) = &rule.id else {
            return Ok(if let Some((signal, severity)) = header {
                (to_id(signal), signal.clone(), *severity)
            } else {
                let id = to_id(file_stem(self.input.file_name));
                let signal = to_signal(&id);
                (id, signal, Severity::Medium)
            });
        };
        let begins_well = id
            .value
            .starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_plain = id
            .value
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
        if !begins_well || !is_plain || id.value.len() > RULE_ID_BYTES_MAX {
            let mended = to_id(&id.value);
            let message = format!("`{}` cannot be the id of a rule", id.value);
            let label = format!("expected 1 to {RULE_ID_BYTES_MAX} of a-z, 0-9, `-`, `_` and `.`");
            return self.refuse(
                Diagnostic::error(Code::BadRuleId, id.span, message, label)
                    .help(format!("write `{mended}`"))
                    .fix(id.span, mended),
            );
        }
        let (signal, severity) = match &rule.signal {
            Some((signal, severity)) => {
                (signal.value.clone(), severity.unwrap_or(Severity::Medium))
            }
            None => (to_signal(&id.value), Severity::Medium),
        };
        Ok((id.value.clone(), signal, severity))
    }

    /// Looks a timezone up; `None` is UTC.
    pub(super) fn check_zone(&mut self, zone: Option<&At<String>>) -> Checked<Option<Zone>> {
        let Some(name) = zone.filter(|zone| !zone::is_utc(&zone.value)) else {
            return Ok(None);
        };
        if let Some(known) = self.zones.get(&name.value) {
            return Ok(Some(known.clone()));
        }
        if let Some(zone) = zone::zone(&name.value) {
            self.zones.insert(name.value.clone(), zone.clone());
            return Ok(Some(zone));
        }
        let message = format!("there is no timezone `{}`", name.value);
        let label = format!("not in the IANA database, version {}", zone::tz_version());
        let diagnostic = Diagnostic::error(Code::UnknownTimezone, name.span, message, label);
        // Looked for among all names, and so only where somebody will read it.
        let is_shown = self.diagnostics.len() < DIAGNOSTICS_SHOWN_MAX;
        let near = is_shown.then(|| zone::nearest(&name.value)).flatten();
        self.refuse(match near {
            Some(near) => diagnostic
                .help(format!("did you mean `{near}`?"))
                .fix(name.span, format!("\"{near}\"")),
            None => diagnostic.help(
                "name a city of the zone, as \"America/New_York\" or \"Europe/Berlin\", or \"UTC\"",
            ),
        })
    }

    /// Splits a message into text and placeholders.
    pub(super) fn check_message(&mut self, message: &At<String>) -> Checked<Vec<MessagePart>> {
        let mut parts = Vec::new();
        let mut refused = false;
        let mut rest = message.value.as_str();
        while let Some((text, tail)) = rest.split_once('{') {
            if !text.is_empty() {
                parts.push(MessagePart::Text(text.to_owned()));
            }
            if let Some(tail) = tail.strip_prefix('{') {
                parts.push(MessagePart::Text("{".to_owned()));
                rest = tail;
                continue;
            }
            let Some((inside, tail)) = tail.split_once('}') else {
                let diagnostic = Diagnostic::error(
                    Code::BadPlaceholder,
                    message.span,
                    "a `{` of the message is not closed",
                    "expected `}`",
                );
                return self.refuse(diagnostic.help("write `{{` for a brace itself"));
            };
            match self.check_placeholder(inside, message.span) {
                Ok(part) => parts.push(part),
                Err(Refused) => refused = true,
            }
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(MessagePart::Text(rest.to_owned()));
        }
        if refused {
            return Err(Refused);
        }
        Ok(parts)
    }

    fn check_placeholder(&mut self, inside: &str, span: Span) -> Checked<MessagePart> {
        let selectors = self
            .sets
            .iter()
            .flat_map(|set| &set.parts)
            .map(|part| &part.selector);
        let mut names: Vec<&str> = selectors
            .map(|selector| match selector {
                Selector::Name(name) => name.as_str(),
                Selector::Any => "any",
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let fits = |name: &&&str| {
            inside
                .strip_prefix(**name)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        };
        let longest = names.iter().filter(fits).max_by_key(|name| name.len());
        // A name that `as` gives has no dots: whatever is longer is the name of a span.
        let dot = inside.find('.').unwrap_or(inside.len());
        let longest = longest.filter(|name| {
            name.len() > dot || !self.aliases.iter().any(|alias| alias.name == **name)
        });
        if let Some(name) = longest {
            let key = inside.get(name.len() + 1..).unwrap_or_default().to_owned();
            let any = *name == "any"
                && !self
                    .sets
                    .iter()
                    .flat_map(|set| &set.parts)
                    .any(|part| part.selector == Selector::Name("any".to_owned()));
            return Ok(MessagePart::Value {
                name: if any {
                    String::new()
                } else {
                    (*name).to_owned()
                },
                key,
            });
        }
        let known: Vec<String> = names
            .iter()
            .take(5)
            .map(|name| format!("`{{{name}.key}}`"))
            .collect();
        let near = inside.match_indices('.').find_map(|(dot, _)| {
            let (name, key) = inside.split_at_checked(dot)?;
            Some(format!("{{{}{key}}}", suggest(name, &names)?))
        });
        if let Some(part) = self.check_alias_placeholder(inside, span)? {
            return Ok(part);
        }
        let message = format!("`{{{inside}}}` begins with no span name of this rule");
        let diagnostic = Diagnostic::error(Code::BadPlaceholder, span, message, "in this message");
        if let Some(near) = near {
            return self.refuse(diagnostic.help(format!("did you mean `{near}`?")));
        }
        self.refuse(diagnostic.help(format!(
            "write the span's name and one of its attributes: {}",
            known.join(", ")
        )))
    }
}

fn parse_signal(text: &str, comment: Span) -> Result<(String, Severity), Box<Diagnostic>> {
    let refuse = |message: &str| {
        Box::new(
            Diagnostic::error(Code::BadSignalHeader, comment, message, "this comment")
                .help(SIGNAL_HELP),
        )
    };
    let name_len = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_len);
    if name.is_empty() {
        return Err(refuse("this comment names no signal"));
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok((name.to_owned(), Severity::Medium));
    }
    let Some(word) = rest
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return Err(refuse(
            "after the signal's name, only its severity is expected, in parentheses",
        ));
    };
    severity(word.trim(), comment).map(|severity| (name.to_owned(), severity))
}

/// The file's name without folders and `.btr`.
fn file_stem(name: &str) -> &str {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    base.strip_suffix(".btr").unwrap_or(base)
}

/// A text in kebab-case, made fit for an id.
fn to_id(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '-' | '.') => c,
            _ => '-',
        })
        .take(RULE_ID_BYTES_MAX)
        .collect();
    let trimmed = mapped.trim_start_matches(['-', '.']);
    if trimmed.is_empty() {
        "rule".to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// An id in upper snake case.
fn to_signal(id: &str) -> String {
    id.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}
