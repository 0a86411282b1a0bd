//! Why a rule gives a trace its verdict.

use std::{fs, path::Path};

use serde_json::Value;

use super::run::{Run, betrace_in};

const RULES: &str = r#"let big = payment.where(amount > 1000 and country == US)
rule checked {
  message "payment of {payment.amount}"
  when { big }
  always { fraud_check and count(http.retry) <= 2 }
}
rule bare { match { phi.access and not audit.log } }
"#;

const TESTS: &str = r#"rules = ["r.btr"]

[[case]]
name = "near"
expect = { checked = "not_applicable" }
spans = [
  { id = "root", name = "checkout", for = "10ms" },
  { id = "p1", parent = "root", name = "payment", attributes = { amount = 10, country = "DE" } },
  { id = "p2", parent = "root", name = "payment", attributes = { amount = 2000, country = "DE" } },
]

[[case]]
name = "broken"
expect = { checked = "violated" }
spans = [
  { id = "p", name = "payment", attributes = { amount = 2000, country = "US" } },
  { id = "r1", name = "http.retry" },
  { id = "r2", name = "http.retry" },
  { id = "r3", name = "http.retry" },
]

[[case]]
name = "incomplete"
expect = { checked = "inconclusive" }
spans = [{ id = "p", parent = "gone", orphan = true, name = "payment", attributes = { amount = 2000, country = "US" } }]
"#;

const OTLP: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"phi.access","startTimeUnixNano":"1767225600000000000","endTimeUnixNano":"1767225600000000002"}]}]}]}"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("r.btr", RULES), ("t.test.toml", TESTS), ("t.json", OTLP)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn explain(folder: &Path, args: &[&str]) -> Run {
    let mut all = vec!["explain"];
    all.extend(args);
    betrace_in(folder, &all, b"")
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let mut all = args.to_vec();
    all.extend(["-o", "json"]);
    serde_json::from_str(&explain(folder, &all).exits(0).stdout).unwrap()
}

#[test]
fn the_span_that_came_closest_is_shown_with_what_it_fails() {
    let folder = folder();
    let args = ["r.btr", "--rule", "checked", "t.test.toml#near"];
    let run = explain(folder.path(), &args).exits(0);
    let expected = "checked: not_applicable

\u{2717} when payment.where(amount > 1000 and country == \"US\")
    closest: p2, which fails country == \"US\"
  \u{2713} all payment  p1 p2
  \u{2713} where amount > 1000  p2
  \u{2717} where country == \"US\"
\u{2717} always fraud_check and count(http.retry) <= 2
  \u{2717} fraud_check
  \u{2713} count(http.retry) <= 2
    \u{2717} spans http.retry  none
";
    assert!(run.stdout.starts_with(expected), "{}", run.stdout);
    let report = json(folder.path(), &args);
    assert_eq!(report["clauses"][0]["closest"]["span"], "p2");
    assert_eq!(report["clauses"][0]["truth"], false);
}

#[test]
fn a_violation_shows_its_clause_and_what_is_too_many() {
    let folder = folder();
    let args = ["r.btr", "--rule", "checked", "t.test.toml#broken"];
    let run = explain(folder.path(), &args).exits(0);
    for says in [
        "checked: violated (always)\n  payment of 2000\n",
        "\n\u{2713} when payment.where(amount > 1000 and country == \"US\")  p\n",
        "\n    \u{2713} spans http.retry  3 spans: r1 r2 r3\n",
        "amount=2000  country=US  <- witness",
    ] {
        assert!(run.stdout.contains(says), "`{says}` in\n{}", run.stdout);
    }
}

#[test]
fn what_is_missing_is_said_and_what_hangs_on_it_is_unknown() {
    let folder = folder();
    let args = ["r.btr", "--rule", "checked", "t.test.toml#incomplete"];
    let report = json(folder.path(), &args);
    assert_eq!(report["verdict"], "inconclusive");
    assert_eq!(
        report["missing"][0],
        "a span names a parent that is not there"
    );
    // The payment is there, whatever else is missing.
    assert_eq!(report["clauses"][0]["truth"], true);
    assert_eq!(report["clauses"][1]["truth"], Value::Null);
}

#[test]
fn a_trace_is_read_from_a_file_and_from_a_store_and_a_rule_by_its_id() {
    let folder = folder();
    let id = "5b8efff798038103d269b633813fc60c";
    for trace in ["t.json".to_owned(), format!("t.json#{id}")] {
        let report = json(folder.path(), &["r.btr", "--rule", "bare", &trace]);
        assert_eq!(report["verdict"], "violated");
        assert_eq!(report["trace"][0]["id"], "eee19b7ec3c1b174");
    }
    let store = |args: &[&str]| betrace_in(folder.path(), args, b"").exits(0);
    store(&["import", "t.json", "--data", "data"]);
    store(&["rules", "apply", "r.btr", "--data", "data"]);
    let report = json(folder.path(), &["bare", id, "--data", "data"]);
    assert_eq!(report["verdict"], "violated");
    assert_eq!(report["clauses"][0]["role"], "situation");
    assert_eq!(report["clauses"][1]["spans"][0], "eee19b7ec3c1b174");
}

#[test]
fn of_a_component_the_verdict_is_told_and_why_there_is_no_more() {
    let folder = folder();
    betrace_in(folder.path(), &["compile", "r.btr", "-o", "r.wasm"], b"").exits(0);
    let report = json(folder.path(), &["r.wasm", "--rule", "bare", "t.json"]);
    assert_eq!(report["verdict"], "violated");
    assert!(report["unexplained"].as_str().unwrap().contains("source"));
    assert_eq!(report["clauses"].as_array().unwrap().len(), 0);
}

#[test]
fn what_is_not_there_is_named_beside_what_is() {
    let folder = folder();
    for (args, says) in [
        (&["r.btr", "t.json"][..], "it has checked, bare"),
        (&["r.btr", "--rule", "x", "t.json"], "has no rule `x`"),
        (&["r.btr", "t.test.toml"], "it has near, broken, incomplete"),
        (&["r.btr", "t.test.toml#far"], "has no case `far`"),
        (&["r.btr", "absent.json"], "absent.json"),
        (&["absent.btr", "t.json"], "failed to read `absent.btr`"),
    ] {
        explain(folder.path(), args).exits(2).says(&[says]);
    }
}

/// Guarantees: what the parts say and what the rule says is one thing, on every case of the examples.
#[test]
fn the_clauses_of_the_examples_add_up_to_their_verdicts() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/packs/healthcare");
    let text = fs::read_to_string(examples.join("healthcare.test.toml")).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let mut n_told = 0;
    for case in file["case"].as_array().unwrap() {
        let Some(expect) = case.get("expect").and_then(toml::Value::as_table) else {
            continue;
        };
        let trace = format!("healthcare.test.toml#{}", case["name"].as_str().unwrap());
        for (rule, verdict) in expect {
            let report = json(&examples, &["healthcare.btr", "--rule", rule, &trace]);
            assert_eq!(
                report["verdict"],
                verdict.as_str().unwrap(),
                "{rule} {trace}"
            );
            let truth = |role: &str| {
                let clauses = report["clauses"].as_array().unwrap();
                let clause = clauses.iter().find(|clause| clause["role"] == role)?;
                clause["truth"].as_bool()
            };
            let added = if let Some(matched) = truth("match") {
                match (matched, truth("situation")) {
                    (true, _) => "violated",
                    (false, Some(false)) => "not_applicable",
                    (false, Some(true) | None) => "held",
                }
            } else {
                match (truth("when"), truth("always"), truth("never")) {
                    (Some(false), ..) => "not_applicable",
                    (Some(true), Some(false), _) | (Some(true), _, Some(true)) => "violated",
                    (Some(true), Some(true), None | Some(false))
                    | (Some(true), None, Some(false)) => "held",
                    (_, _, _) => "inconclusive",
                }
            };
            assert_eq!(added, verdict.as_str().unwrap(), "{rule} {trace}");
            n_told += 1;
        }
    }
    assert!(n_told > 3, "{n_told}");
}
