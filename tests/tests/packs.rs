//! The packs of `examples/packs` are whole: laid out, without a warning, tested from all sides, and told about.
//!
//! That their cases pass is checked by `host/tests/cli/test_files.rs`, which runs `betrace test` over them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read the packs is to fail"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use betrace::{
    cli::test::{TestText, cases},
    verdict::Verdict,
};
use betrace_dsl::{RuleHeader, Source, compile, format};

/// The fields that give evidence for a standard, and how its controls begin.
const STANDARDS: [(&str, &str); 6] = [
    ("soc2", "SOC2 "),
    ("hipaa", "HIPAA 164."),
    ("gdpr", "GDPR Art. "),
    ("pci-dss", "PCI-DSS "),
    ("iso-27001", "ISO27001 A."),
    ("fedramp", "NIST "),
];

/// Examples that came as they are, without names of rules or a page.
const AS_GIVEN: &str = "founding";

/// Rules that came as they are, and speak of every trace: a bare condition in which nothing is negated.
const OF_EVERY_TRACE: [&str; 3] = [
    "agent-goal-deviation",
    "policy-violation",
    "security-incident",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/packs")
}

/// The files of all fields whose names end so, by field, in order.
fn files(ending: &str) -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    for field in fs::read_dir(folder()).unwrap() {
        let field = field.unwrap();
        if !field.path().is_dir() {
            continue;
        }
        let name = field.file_name().into_string().unwrap();
        for file in fs::read_dir(field.path()).unwrap() {
            let path = file.unwrap().path();
            if path.to_str().unwrap().ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((name.clone(), path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Compiles all packs as `betrace check --deny warnings` does, and returns their rules, by field. They may all be published
/// to one tenant: no two have one id.
fn packed() -> Vec<(String, RuleHeader)> {
    let mut all = Vec::new();
    for (field, path, text) in files(".btr") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let source = Source {
            name,
            text: text.as_bytes(),
        };
        let (compiled, diagnostics) = compile(&source);
        assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
        assert_eq!(format(&source).unwrap(), text, "{name}: `betrace fmt`");
        let rules = compiled.unwrap().rules;
        if field != AS_GIVEN {
            // In the one layout that there is, a property stands so.
            let messages = text.matches("\n  message  \"").count();
            assert_eq!(messages, rules.len(), "{name}: a message for each rule");
        }
        all.extend(rules.into_iter().map(|rule| (field.clone(), rule)));
    }
    let ids: BTreeSet<&str> = all.iter().map(|(_, rule)| rule.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "an id is used twice");
    all
}

#[test]
fn each_rule_is_tested_where_it_is_broken_where_it_is_kept_and_where_it_says_nothing() {
    let mut tested: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for (field, path, text) in files(".test.toml") {
        let test = TestText {
            name: "test",
            path: &path,
            text: &text,
            rules: None,
        };
        for case in cases(&test) {
            for (rule, verdict) in case.expect {
                let witnessed = case.witnesses.iter().any(|(of, _)| *of == rule);
                let seen = tested.entry((field.clone(), rule)).or_default();
                if verdict != Verdict::Violated || witnessed {
                    seen.insert(verdict.name());
                }
            }
        }
    }
    let mut missing = Vec::new();
    for (field, RuleHeader { id, .. }) in packed() {
        let seen = tested.get(&(field, id.clone())).cloned();
        let seen = seen.unwrap_or_default();
        for verdict in ["violated", "held", "not_applicable"] {
            let never = verdict == "not_applicable" && OF_EVERY_TRACE.contains(&id.as_str());
            if seen.contains(verdict) == never {
                missing.push(format!("{id}: {verdict}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "a case with its witnesses for each violation, one that holds, one that is not spoken of: {missing:#?}"
    );
}

#[test]
fn each_rule_of_a_standard_names_its_controls_and_there_are_enough() {
    let packed = packed();
    let mut of_standards = 0;
    for (field, control) in STANDARDS {
        let rules = packed.iter().filter(|(of, _)| of == field);
        let before = of_standards;
        for (_, RuleHeader { id, controls, .. }) in rules {
            let named = controls.iter().any(|named| named.starts_with(control));
            assert!(named, "{id}: {controls:?}");
            of_standards += 1;
        }
        assert!(of_standards > before, "{field}");
    }
    let of_agents = packed.iter().filter(|(of, _)| of == "agents").count();
    assert!(of_standards >= 40, "{of_standards} rules of standards");
    assert!(of_agents >= 20, "{of_agents} rules of agents");
}

#[test]
fn each_rule_is_on_the_page_of_its_field_and_beside_each_of_its_controls() {
    let index = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut controls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (field, rule) in packed().into_iter().filter(|(field, _)| field != AS_GIVEN) {
        assert!(!rule.summary.is_empty(), "{}: a summary", rule.id);
        let of = rule.controls.join(", ");
        let row = format!("| `{}` | {of} | {} |", rule.id, rule.summary);
        expected.entry(field).or_default().insert(row);
        for control in rule.controls {
            let rules = controls.entry(control).or_default();
            rules.push(format!("`{}`", rule.id));
        }
    }
    for (field, expected) in &expected {
        let page = fs::read_to_string(folder().join(field).join("README.md")).unwrap();
        let rows = rows_after(&page, "| rule | controls | what must hold |");
        let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
        assert_eq!(&rows, expected, "the table of {field}/README.md");
        let link = format!("]({field}/README.md)");
        assert!(index.contains(&link), "{field} is not in the index");
    }
    let rows = rows_after(&index, "| control | its title, shortened | rules |");
    let listed: BTreeMap<String, Vec<String>> = rows.map(control_row).collect();
    assert_eq!(listed, controls, "the table of controls of README.md");
}

/// The rows of the table that begins with this line.
fn rows_after<'t>(page: &'t str, head: &str) -> impl Iterator<Item = &'t str> {
    let lines = page.lines().skip_while(move |line| *line != head).skip(2);
    lines.take_while(|line| line.starts_with('|'))
}

/// A control and its rules; a control without a title fails.
fn control_row(row: &str) -> (String, Vec<String>) {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [control, title, rules] = cells[..] else {
        panic!("{row}");
    };
    assert!(title.len() > 3, "{row}");
    let rules = rules.split(", ").map(str::to_owned);
    (control.to_owned(), rules.collect())
}
