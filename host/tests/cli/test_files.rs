//! `betrace test`: what passes, what fails, and every mistake in a test file.

use std::fs;

use super::run::{Run, betrace, betrace_in};

const HEAD: &str = r#"source = "trace.has(phi.access) and not trace.has(audit.log)"
"#;

/// Runs a test file that stands in a folder of its own.
fn test(text: &str) -> Run {
    test_with(text, &[])
}

fn test_with(text: &str, files: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("phi.test.toml"), text).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    betrace_in(folder.path(), &["test", "phi.test.toml"], b"")
}

#[test]
fn a_message_is_compared_as_it_is_filled() {
    let case = |message: &str| {
        format!(
            r#"source = '''
rule phi {{
  message "read by {{phi.access.user.id}}"
  match {{ phi.access and not audit.log }}
}}
'''

[[case]]
name = "read"
expect = {{ phi = "violated" }}
messages = {{ phi = "{message}" }}
spans = [{{ name = "phi.access", attributes = {{ "user.id" = "u7" }} }}]
"#
        )
    };
    test(&case("read by u7")).exits(0);
    let run = test(&case("read by u8")).exits(1);
    assert!(
        run.stdout
            .contains("phi: expected the message `read by u8`, got `read by u7`"),
        "{}",
        run.stdout
    );
}

#[test]
fn verdicts_and_witnesses_as_expected_pass() {
    let run = test(&format!(
        r#"{HEAD}
[[case]]
name = "not audited"
expect = {{ phi = "violated" }}
witnesses = {{ phi = ["s1"] }}
spans = [
  {{ id = "s1", name = "phi.access", at = "1ms", for = "12ms", attributes = {{ "user.id" = "u7", n = 3, f = 0.5, ok = true, list = ["a", "b"] }} }},
  {{ id = "s2", parent = "s1", name = "db.query", status = "error", kind = "client", service = "ehr", resource = {{ "deployment.environment" = "prod" }}, events = [{{ name = "exception", attributes = {{ }} }}] }},
]

[[case]]
name = "audited"
start = "2026-03-01T19:30:00Z"
expect = {{ phi = "held" }}
spans = [{{ name = "phi.access" }}, {{ name = "audit.log" }}]

[[case]]
name = "neither"
expect = {{ phi = "not_applicable" }}
spans = [{{ name = "checkout" }}]

[[case]]
name = "a parent is missing, and with it perhaps the audit"
expect = {{ phi = "inconclusive" }}
spans = [{{ name = "phi.access", parent = "gone", orphan = true }}]

[[case]]
name = "another rule, of this case alone"
source = "trace.has(b)"
expect = {{ phi = "violated" }}
spans = [{{ name = "b" }}]

[[case]]
name = "does not compile"
source = "when {{ a }}"
error = "always"
"#
    ))
    .exits(0);
    assert!(
        run.stdout.ends_with("6 passed, 0 failed\n"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn a_case_that_fails_says_what_was_expected_and_exits_with_1() {
    let run = test(&format!(
        r#"{HEAD}
[[case]]
name = "wrongly held"
expect = {{ phi = "held" }}
spans = [{{ id = "s1", name = "phi.access" }}]

[[case]]
name = "other witnesses"
expect = {{ phi = "violated" }}
witnesses = {{ phi = ["s2"] }}
spans = [{{ id = "s1", name = "phi.access" }}, {{ id = "s2", name = "x" }}]

[[case]]
name = "a violation that nobody expects"
source = "rule a {{ match {{ x }} }} rule b {{ match {{ x }} }}"
expect = {{ a = "violated" }}
spans = [{{ name = "x" }}]

[[case]]
name = "compiles after all"
source = "trace.has(a)"
error = "always"
"#
    ))
    .exits(1);
    for says in [
        "phi: expected held, got violated (match: ",
        "phi: expected the witnesses s2, got s1",
        "b: violated, and `expect` does not say so",
        "expected a compile error with `always`, and it compiles",
        "0 passed, 4 failed",
    ] {
        assert!(
            run.stdout.contains(says),
            "`{says}` is not in\n{}",
            run.stdout
        );
    }
}

/// The mistakes within one case: the line, what is said of it, and the mended line.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn a_mistake_shows_the_mended_line_and_exits_with_2() {
    let cases = [
        (
            r#"spans = [{ nmae = "phi.access" }]"#,
            "`nmae` is not a key of a span",
            r#"spans = [{ name = "phi.access" }]"#,
        ),
        (
            r#"spans = [{ name = "a", attributes = { user.id = "u7" } }]"#,
            "a key with dots is quoted",
            r#"spans = [{ name = "a", attributes = { "user.id" = "u7" } }]"#,
        ),
        (
            r#"spans = [{ name = "a", resource = { host.name = "h" } }]"#,
            "a key with dots is quoted",
            r#"spans = [{ name = "a", resource = { "host.name" = "h" } }]"#,
        ),
        (
            r#"spans = [{ name = "a", events = [{ name = "e", attributes = { a.b.c = 1 } }] }]"#,
            "a key with dots is quoted",
            r#"spans = [{ name = "a", events = [{ name = "e", attributes = { "a.b.c" = 1 } }] }]"#,
        ),
        (
            r#"spans = [{ name = "a", events = [{ name = "e", exception.type = "Timeout" }] }]"#,
            "`exception` is not a key of an event",
            r#"spans = [{ name = "a", events = [{ name = "e", attributes = { "exception.type" = "Timeout" } }] }]"#,
        ),
        (
            r#"spans = [{ name = "a", user.id = "u7" }]"#,
            "`user` is not a key of a span",
            r#"spans = [{ name = "a", attributes = { "user.id" = "u7" } }]"#,
        ),
        (
            r#"spans = [{ name = "a", attributes = { user = { id = "u7" } } }]"#,
            "a key with dots is quoted",
            r#"write "user.id" = "u7""#,
        ),
        (
            r#"spans = [{ id = "s1", name = "a" }, { id = "s1", name = "b" }]"#,
            "the id `s1` is used twice",
            r#"spans = [{ id = "s1", name = "a" }, { id = "s1-2", name = "b" }]"#,
        ),
        (
            r#"spans = [{ id = "root", name = "a" }, { parent = "roto", name = "b" }]"#,
            "no span of this case has the id `roto`",
            r#"spans = [{ id = "root", name = "a" }, { parent = "root", name = "b" }]"#,
        ),
        (
            r#"spans = [{ parent = "elsewhere", name = "b" }]"#,
            "no span of this case has the id `elsewhere`",
            r#"spans = [{ parent = "elsewhere", orphan = true, name = "b" }]"#,
        ),
        (
            r#"spans = [{ name = "a", for = 12 }]"#,
            "`for` is a duration with its unit",
            r#"spans = [{ name = "a", for = "12ms" }]"#,
        ),
        (
            r#"spans = [{ name = "a", kind = "clinet" }]"#,
            "`clinet` is not a kind",
            r#"spans = [{ name = "a", kind = "client" }]"#,
        ),
        (
            r#"spans = [{ name = "a", status = "failed" }]"#,
            "`failed` is not a status: they are unset, ok, error",
            "",
        ),
        (
            r#"start = "yesterday""#,
            "`start` is a time",
            r#"start = "2026-03-01T19:30:00Z""#,
        ),
        (
            r#"witness = { phi = ["s1"] }"#,
            "`witness` is not a key of a case",
            "",
        ),
    ];
    for (line, message, mended) in cases {
        let spans = if line.starts_with("spans") {
            ""
        } else {
            "spans = [{ name = \"a\" }]"
        };
        let run = test(&format!(
            "{HEAD}[[case]]\nname = \"c\"\nexpect = {{ phi = \"held\" }}\n{spans}\n{line}\n"
        ))
        .exits(2)
        .says(&["error: ", message, "--> phi.test.toml:6:", line, mended]);
        assert!(
            run.stdout.contains("1 file could not be run"),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn mistakes_in_what_is_expected_show_the_mended_line() {
    for (line, message, mended) in [
        (
            r#"expect = { phi = "violatd" }"#,
            "`violatd` is not a verdict: they are not_applicable, held, violated, inconclusive",
            r#"expect = { phi = "violated" }"#,
        ),
        (
            r#"expect = { hpi = "violated" }"#,
            "there is no rule `hpi` here",
            r#"expect = { phi = "violated" }"#,
        ),
        (
            r#"expect = { phi.v2 = "violated" }"#,
            "a rule id with dots is quoted",
            r#"expect = { "phi.v2" = "violated" }"#,
        ),
        (
            "expect = { phi = true }",
            "a verdict is text, in quotes",
            r#"expect = { phi = "true" }"#,
        ),
        ("", "the case `c` expects nothing", "add expect = "),
    ] {
        test(&format!(
            "{HEAD}[[case]]\nname = \"c\"\n{line}\nspans = [{{ name = \"a\" }}]\n"
        ))
        .exits(2)
        .says(&[message, line, mended]);
    }
}

#[test]
fn mistakes_of_a_whole_file_exit_with_2() {
    for (text, message) in [
        ("", "there are no cases in this file"),
        (HEAD, "there are no cases in this file"),
        (
            "rules = [\"phi.btr\"]\ncases = []\n",
            "`cases` is not a key of a test file",
        ),
        ("rules = [\"phi.btr\"\n", "phi.test.toml:1:"),
        (
            "[[case]]\nname = \"c\"\nexpect = { phi = \"held\" }\nspans = [{ name = \"a\" }]\n",
            "the case `c` has no rules",
        ),
        (
            "rules = [\"absent.btr\"]\n[[case]]\nname = \"c\"\nexpect = { phi = \"held\" }\nspans = [{ name = \"a\" }]\n",
            "`absent.btr` cannot be read",
        ),
        (
            "source = \"when {\"\n[[case]]\nname = \"c\"\nexpect = { phi = \"held\" }\nspans = [{ name = \"a\" }]\n",
            "phi.btr:1:",
        ),
        (
            "source = \"trace.has(a)\"\n[[case]]\nname = \"c\"\nexpect = { phi = \"held\" }\nspans = []\notlp = \"t.json\"\n",
            "has both spans and otlp",
        ),
    ] {
        test(text).exits(2).says(&[message]);
    }
}

#[test]
fn a_trace_is_read_from_otlp_json() {
    let otlp = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"phi.access","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
    let text = "rules = [\"phi.btr\"]
[[case]]
name = \"from a file\"
otlp = \"trace.json\"
expect = { phi = \"violated\" }
witnesses = { phi = [\"eee19b7ec3c1b174\"] }
";
    let rule = "trace.has(phi.access) and not trace.has(audit.log)";
    test_with(text, &[("trace.json", otlp), ("phi.btr", rule)]).exits(0);
    let run = test_with(text, &[("phi.btr", rule)]).exits(2);
    run.says(&["trace.json", "phi.test.toml:4:8"]);
}

#[test]
fn the_tests_of_the_examples_pass() {
    let packs = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/packs");
    let run = betrace(&["test", packs]).exits(0);
    assert!(
        run.stdout.ends_with(" passed, 0 failed\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn results_as_json_name_each_case() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{HEAD}[[case]]\nname = \"c\"\nexpect = {{ phi = \"held\" }}\nspans = [{{ name = \"phi.access\" }}]\n"
    );
    fs::write(folder.path().join("phi.test.toml"), text).unwrap();
    let run = betrace_in(folder.path(), &["test", ".", "-o", "json"], b"").exits(1);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["failed"], 1);
    assert_eq!(report["files"][0]["cases"][0]["name"], "c");
    assert_eq!(report["files"][0]["cases"][0]["passed"], false);
}

const CASES: &str = r#"source = "trace.has(phi.access).where(user.id != x) and not trace.has(audit.log)"

[[case]]
name = "the <first> case"
expect = { phi = "held" }
spans = [
  { id = "a", name = "checkout", for = "30ms", service = "shop" },
  { id = "b", parent = "a", name = "phi.access", at = "2ms", for = "1500us", status = "error", attributes = { "user.id" = "u7", other = 1 } },
  { id = "c", parent = "b", name = "db.query", kind = "client", scope = { name = "lib", version = "1", attributes = { "a.b" = 1 } }, links = [{ span_id = "00000000000000aa", attributes = { x = true } }], events = [{ name = "e", at = "1ms", attributes = { "exception.type" = "T" } }] },
]

[[case]]
name = "the second case"
expect = { phi = "violated" }
spans = [{ name = "phi.access", attributes = { "user.id" = "u7" } }]
"#;

fn run_cases(args: &[&str]) -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("phi.test.toml"), CASES).unwrap();
    let mut all = vec!["test", "phi.test.toml"];
    all.extend(args);
    let run = betrace_in(folder.path(), &all, b"");
    (folder, run)
}

#[test]
fn a_case_that_fails_shows_its_trace_as_a_tree_with_the_witnesses_marked() {
    let (_folder, run) = run_cases(&[]);
    let run = run.exits(1);
    let expected = "\
  FAILED the <first> case (phi.test.toml:4)
         phi: expected held, got violated (match: PHI)
           a  checkout      at   0 for  30ms  shop
         > b    phi.access  at 2ms for 1.5ms  error  user.id=u7  <- witness
           c      db.query  at   0 for     0  client
  ok     the second case
";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
}

#[test]
fn only_the_cases_that_are_asked_for_are_run() {
    run_cases(&["--filter", "second"]).1.exits(0);
    let (_folder, run) = run_cases(&["--filter", "first"]);
    assert!(run.exits(1).stdout.ends_with("0 passed, 1 failed\n"));
    run_cases(&["--filter", "third"])
        .1
        .exits(2)
        .says(&["no case has `third` in its name"]);
}

#[test]
fn warnings_of_tested_rules_are_refused_where_they_are_denied() {
    run_cases(&["--filter", "second", "--deny", "warnings"])
        .1
        .exits(2)
        .says(&[
            "warning[unequal-skips-missing]",
            "--deny warnings refuses them",
        ]);
}

#[test]
fn results_are_written_as_junit_xml() {
    let (folder, run) = run_cases(&["--junit", "out.xml"]);
    run.exits(1);
    let text = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (2, 1, 0));
    assert_eq!(
        report.test_suites[0].test_cases[0].name.as_str(),
        "the <first> case"
    );
    assert!(text.contains("&gt; b    phi.access"), "{text}");

    fs::write(folder.path().join("phi.test.toml"), "[[case]]").unwrap();
    let args = ["test", ".", "--junit", "out.xml"];
    betrace_in(folder.path(), &args, b"").exits(2);
    let text = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (1, 0, 1));
}

#[test]
fn a_failure_as_json_has_the_trace_and_what_is_marked_in_it() {
    let (_folder, run) = run_cases(&["-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&run.exits(1).stdout).unwrap();
    let span = &report["files"][0]["cases"][0]["trace"][1];
    assert_eq!(span["id"], "b");
    assert_eq!(span["parent"], "a");
    assert_eq!(span["start_ns"], 2_000_000);
    assert_eq!(span["attributes"]["user.id"], "u7");
    assert_eq!(span["marks"][0], "witness");
    assert_eq!(report["files"][0]["cases"][1].get("trace"), None);
}

#[test]
fn a_component_is_tested_like_its_source() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("phi.btr"),
        "phi.access and not audit.log",
    )
    .unwrap();
    betrace_in(
        folder.path(),
        &["compile", "phi.btr", "-o", "phi.wasm"],
        b"",
    )
    .exits(0);
    let text = "rules = [\"phi.wasm\"]
[[case]]
name = \"c\"
expect = { phi = \"violated\" }
witnesses = { phi = [\"s\"] }
spans = [{ id = \"s\", name = \"phi.access\" }]
";
    fs::write(folder.path().join("phi.test.toml"), text).unwrap();
    betrace_in(folder.path(), &["test", "."], b"").exits(0);
}
