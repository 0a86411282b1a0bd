//! The `TextMate` grammar for editors: that it can be read, knows the words of the language, and sees what stands where.
//!
//! Its patterns keep to what the `regex` crate has too, without looking around, so that they mean the same here as in
//! editors, which use Oniguruma.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::{collections::BTreeMap, fs, path::Path};

use betrace_dsl::reference::{Topic, WORDS};
use regex::{Captures, Regex};
use serde_json::Value;

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/editors")
        .join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The grammar, with its patterns compiled.
struct Grammar {
    root: Value,
    patterns: BTreeMap<String, Regex>,
}

/// What a line is read by: the rule that was begun, if any, and the scope of what it spans.
type Frame = Option<Value>;

impl Grammar {
    fn read() -> Self {
        let root = read("betrace.tmLanguage.json");
        let mut patterns = BTreeMap::new();
        collect(&root, &mut patterns);
        Self { root, patterns }
    }

    /// The rules that a list stands for, includes resolved.
    fn rules(&self, patterns: &Value) -> Vec<Value> {
        let mut rules = Vec::new();
        for rule in patterns.as_array().into_iter().flatten() {
            let rule = match rule["include"].as_str() {
                Some(name) => {
                    let found = &self.root["repository"][name.strip_prefix('#').unwrap()];
                    assert!(found.is_object(), "{name} is not in the repository");
                    found
                }
                None => rule,
            };
            if rule.get("match").is_none() && rule.get("begin").is_none() {
                rules.extend(self.rules(&rule["patterns"]));
            } else {
                rules.push(rule.clone());
            }
        }
        rules
    }

    /// Returns the innermost scope of each byte.
    fn tokenize(&self, text: &str) -> Vec<String> {
        let mut scopes = Vec::new();
        let mut open: Vec<Frame> = vec![None];
        for line in text.split('\n') {
            let mut of_line = vec![String::new(); line.len()];
            self.tokenize_line(line, &mut open, &mut of_line);
            scopes.append(&mut of_line);
            scopes.push(String::new());
        }
        assert_eq!(open.len(), 1, "{text}: something is not closed");
        scopes
    }

    fn tokenize_line(&self, line: &str, open: &mut Vec<Frame>, scopes: &mut [String]) {
        let mut at = 0;
        loop {
            let frame = open.last().unwrap().clone();
            let list = frame
                .as_ref()
                .map_or(&self.root["patterns"], |rule| &rule["patterns"]);
            let mut best: Option<(Captures<'_>, Option<Value>)> = None;
            let end = frame
                .iter()
                .map(|rule| (rule["end"].as_str().unwrap().to_owned(), None));
            let rules = self.rules(list).into_iter().map(|rule| {
                let pattern = rule
                    .get("match")
                    .unwrap_or(&rule["begin"])
                    .as_str()
                    .unwrap()
                    .to_owned();
                (pattern, Some(rule))
            });
            // Of matches that begin in one place, the end's comes first, then the order counts.
            for (pattern, rule) in end.chain(rules) {
                let Some(found) = self.patterns[&pattern].captures_at(line, at) else {
                    continue;
                };
                let start = found.get(0).unwrap().start();
                if best
                    .as_ref()
                    .is_none_or(|(best, _)| start < best.get(0).unwrap().start())
                {
                    best = Some((found, rule));
                }
            }
            let inner = frame
                .as_ref()
                .and_then(|rule| rule["name"].as_str())
                .unwrap_or_default();
            let Some((found, rule)) = best else {
                scopes[at..].fill(inner.to_owned());
                return;
            };
            let whole = found.get(0).unwrap();
            scopes[at..whole.start()].fill(inner.to_owned());
            let name = rule
                .as_ref()
                .map_or(inner, |rule| rule["name"].as_str().unwrap_or(inner));
            scopes[whole.range()].fill(name.to_owned());
            if let Some(rule) = &rule {
                let captures = rule.get("captures").or(rule.get("beginCaptures"));
                for (number, scope) in captures.and_then(Value::as_object).into_iter().flatten() {
                    if let Some(group) = found.get(number.parse().unwrap()) {
                        scopes[group.range()].fill(scope["name"].as_str().unwrap().to_owned());
                    }
                }
            }
            match rule {
                None => drop(open.pop()),
                Some(rule) if rule.get("begin").is_some() => open.push(Some(rule)),
                Some(_) => assert!(!whole.is_empty(), "a match of nothing"),
            }
            at = whole.end();
        }
    }

    /// The scope of the bytes of a part, which have one.
    fn scope_of<'s>(text: &str, scopes: &'s [String], part: &str) -> &'s str {
        let at = text
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not in {text}"));
        assert!(
            scopes[at..at + part.len()]
                .iter()
                .all(|scope| *scope == scopes[at]),
            "{part}: {:?}",
            &scopes[at..at + part.len()]
        );
        &scopes[at]
    }
}

/// Compiles the patterns of a grammar.
fn collect(value: &Value, patterns: &mut BTreeMap<String, Regex>) {
    match value {
        Value::Object(object) => {
            for key in ["match", "begin", "end"] {
                if let Some(pattern) = object.get(key).and_then(Value::as_str) {
                    assert!(
                        object.get("begin").is_some() == object.get("end").is_some(),
                        "{object:?}"
                    );
                    patterns.insert(pattern.to_owned(), Regex::new(pattern).unwrap());
                }
            }
            object.values().for_each(|value| collect(value, patterns));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, patterns)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_files_for_editors_are_json_and_belong_together() {
    let package = read("package.json");
    let contributes = &package["contributes"];
    assert_eq!(
        contributes["grammars"][0]["scopeName"],
        read("betrace.tmLanguage.json")["scopeName"]
    );
    assert_eq!(
        contributes["grammars"][0]["path"],
        "./betrace.tmLanguage.json"
    );
    let language = &contributes["languages"][0];
    assert_eq!(
        (&language["id"], &language["extensions"][0]),
        (&contributes["grammars"][0]["language"], &".btr".into())
    );
    let configuration = read(language["configuration"].as_str().unwrap());
    assert_eq!(configuration["comments"]["lineComment"], "//");
    let word = Regex::new(configuration["wordPattern"].as_str().unwrap()).unwrap();
    for whole in ["phi.access", "us-east-1", "span:kind", "starts_with"] {
        assert_eq!(word.find(whole).unwrap().as_str(), whole);
    }
}

#[test]
fn every_word_of_the_language_is_seen_in_its_example() {
    let grammar = Grammar::read();
    for word in &WORDS {
        let text =
            if matches!(word.topic, Topic::Property | Topic::Severity) || word.word == "match" {
                format!("rule x {{\n  {}\n}}", word.example)
            } else {
                word.example.to_owned()
            };
        let scopes = grammar.tokenize(&text);
        let wanted = word.word.trim_end_matches('.');
        let is_seen = |at: usize| {
            text[at..]
                .bytes()
                .zip(&scopes[at..])
                .take(wanted.len())
                .all(|(byte, scope)| {
                    byte == b' '
                        || ["keyword.", "support.", "constant.", "storage."]
                            .iter()
                            .any(|kind| scope.starts_with(kind))
                })
        };
        let is_part = |at: usize| {
            let is_name =
                |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
            let bytes = text.as_bytes();
            wanted.starts_with(|c: char| c.is_ascii_alphabetic())
                && (is_name(at.checked_sub(1).and_then(|at| bytes.get(at)))
                    || is_name(bytes.get(at + wanted.len())))
        };
        let places: Vec<usize> = text
            .match_indices(wanted)
            .map(|(at, _)| at)
            .filter(|at| !is_part(*at))
            .collect();
        assert!(
            places.iter().any(|at| is_seen(*at)),
            "`{}` is not seen in {text}",
            word.word
        );
    }
}

const SAMPLE: &str = r#"// Signal: PHI_READ (critical)
let limit = 5s // why
rule phi-audit {
  signal   HIPAA_164 (high)
  message  "read by {phi.access.user.id} \" {{"
  labels   { team: platform, when: never }
  controls ["SOC2 and CC7.2"]
  when     { db.and-or.read.where(not (user.role == "ad\nmin") and span:status in [ok, error] and resource.host.name contains_i x) }
  always   { every audit.log as log after (mfa or my-and) within 15m and count(any.where(matches_x)) >= 2.5e3 }
  never    { ~"^GET" or trace:duration > limit }
}
"#;

#[test]
fn a_sample_is_seen_as_it_is_meant() {
    let scopes = Grammar::read().tokenize(SAMPLE);
    for (part, expect) in [
        ("Signal:", "keyword.other.property.betrace"),
        ("PHI_READ", "entity.name.type.signal.betrace"),
        ("critical", "constant.language.severity.betrace"),
        ("let", "storage.type.betrace"),
        ("limit", "variable.other.constant.betrace"),
        ("5s", "constant.numeric.betrace"),
        ("// why", "comment.line.double-slash.betrace"),
        ("rule", "storage.type.betrace"),
        ("phi-audit", "entity.name.class.rule.betrace"),
        ("HIPAA_164", "entity.name.type.signal.betrace"),
        ("message", "keyword.other.property.betrace"),
        ("read by ", "string.quoted.double.betrace"),
        ("{phi.access.user.id}", "variable.other.placeholder.betrace"),
        ("\\\"", "constant.character.escape.betrace"),
        ("{{", "constant.character.escape.betrace"),
        ("team", "variable.other.label.betrace"),
        ("SOC2 and CC7.2", "string.quoted.double.betrace"),
        ("db.and-or.read", "entity.name.function.span.betrace"),
        ("where", "support.function.betrace"),
        ("not", "keyword.operator.logical.betrace"),
        ("user.role", "variable.other.attribute.betrace"),
        ("==", "keyword.operator.comparison.betrace"),
        ("\\n", "constant.character.escape.betrace"),
        ("span:status", "support.variable.intrinsic.betrace"),
        ("ok", "constant.language.betrace"),
        ("resource", "support.variable.scope.betrace"),
        ("host.name", "variable.other.attribute.betrace"),
        ("contains_i", "keyword.operator.word.betrace"),
        ("every", "keyword.control.betrace"),
        ("audit.log", "entity.name.function.span.betrace"),
        ("after", "keyword.operator.relation.betrace"),
        ("my-and", "entity.name.function.span.betrace"),
        ("15m", "constant.numeric.betrace"),
        ("count", "support.function.betrace"),
        ("matches_x", "variable.other.attribute.betrace"),
        ("2.5e3", "constant.numeric.betrace"),
        ("^GET", "string.regexp.betrace"),
        ("trace:duration", "support.variable.intrinsic.betrace"),
    ] {
        assert_eq!(Grammar::scope_of(SAMPLE, &scopes, part), expect, "{part}");
    }
}

/// What is open at the end of a rule would colour the rest of the file.
#[test]
fn the_rules_of_the_project_are_closed_where_they_end() {
    let grammar = Grammar::read();
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data"),
    ];
    let mut n_files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "btr") {
                grammar.tokenize(&fs::read_to_string(&path).unwrap());
                n_files += 1;
            }
        }
    }
    assert!(n_files > 10);
}
