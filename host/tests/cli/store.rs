//! A store opened directly: import, replay, rules, signals, traces, and stores that cannot be opened.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use betrace::{clock::SystemClock, store::Store};
use serde_json::Value;
use tempfile::TempDir;

use super::run::{Run, betrace_in};

pub(crate) const RULE: &str = "rule phi-is-audited {
  signal   PHI_NOT_AUDITED (high)
  summary  \"PHI is read without an audit record\"
  message  \"PHI read by {phi.access.user.id}\"
  when     { phi.access }
  always   { audit.log }
}
";

/// Two traces, the first without an audit record.
pub(crate) const LINES: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"ehr"}}]},"scopeSpans":[{"scope":{"name":"s","version":"1"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"phi.access","kind":2,"startTimeUnixNano":"1772323200000000000","endTimeUnixNano":"1772323200012000000","attributes":[{"key":"user.id","value":{"stringValue":"u7"}},{"key":"rows","value":{"intValue":"3"}},{"key":"share","value":{"doubleValue":0.5}},{"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"boolValue":true}]}}},{"key":"raw","value":{"bytesValue":"AAEC"}}],"events":[{"timeUnixNano":"1772323200001000000","name":"read"}],"status":{"message":"denied","code":2}}]}]}]}
{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b175","name":"phi.access","startTimeUnixNano":"1772409600000000000","endTimeUnixNano":"1772409600012000000"},{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b176","parentSpanId":"eee19b7ec3c1b175","name":"audit.log","startTimeUnixNano":"1772409600001000000","endTimeUnixNano":"1772409600002000000"}]}]}]}
"#;

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// A folder with a rule and traces.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.write("phi.btr", RULE);
        bench.write("traces.jsonl", LINES);
        bench
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a command over the store `data`.
    fn run(&self, args: &[&str]) -> Run {
        let mut args = args.to_vec();
        args.extend(["--data", "data"]);
        betrace_in(self.path(), &args, b"")
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.extend(["-o", "json"]);
        let run = self.run(&args).exits(0);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

#[test]
fn an_import_counts_what_it_took_and_judges_it_by_the_published_rules() {
    let bench = Bench::new();
    // An empty store first, so that there is one to publish to.
    bench.write("empty.jsonl", LINES.lines().nth(1).unwrap());
    bench.run(&["import", "empty.jsonl"]).exits(0);
    let applied = bench.json(&["rules", "apply", "phi.btr"]);
    assert_eq!(applied["rules"][0]["id"], "phi-is-audited");
    assert_eq!(applied["rules"][0]["version"], 1);
    assert_eq!(applied["rules"][0]["change"], "added");

    let imported = bench.json(&["import", "traces.jsonl"]);
    assert_eq!(
        (
            &imported["requests"],
            &imported["spans"],
            &imported["traces"]
        ),
        (&2.into(), &3.into(), &2.into())
    );

    let signals = bench.json(&["signals", "list"]);
    assert_eq!(signals.as_array().unwrap().len(), 1);
    let signal = &signals[0];
    assert_eq!(signal["rule"], "phi-is-audited");
    assert_eq!(signal["severity"], "high");
    assert_eq!(signal["trace_id"], TRACE);
    assert_eq!(signal["status"], "open");
    assert_eq!(signal["message"], "PHI read by u7");
    assert_eq!(signal["witnesses"][0]["span_id"], "eee19b7ec3c1b174");
    assert_eq!(signal["time"], "2026-03-01T00:00:00Z");

    let shown = bench
        .run(&["signals", "show", signal["id"].as_str().unwrap()])
        .exits(0);
    assert!(shown.stdout.contains("PHI read by u7") && shown.stdout.contains("phi.access"));
    let none = bench.json(&["signals", "list", "--from", "2026-03-02"]);
    assert_eq!(none, Value::Array(Vec::new()));
    let open = bench.json(&[
        "signals",
        "list",
        "--status",
        "open",
        "--rule",
        "phi-is-audited",
    ]);
    assert_eq!(open, signals);
}

#[test]
fn of_a_line_the_spans_that_can_be_read_are_kept_and_the_others_are_named() {
    let bench = Bench::new();
    let wrong = r#"{"spanId":"eee19b7ec3c1b177","kind":"LATER"},"#;
    bench.write("mixed.jsonl", &LINES.replace(r#"{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b176""#, &format!(r#"{wrong}{{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b176""#)));
    let run = bench.run(&["import", "mixed.jsonl", "-o", "json"]).exits(2);
    let imported: Value = serde_json::from_str(&run.stdout).unwrap();
    for (count, n) in [
        ("requests", 2),
        ("spans", 3),
        ("spans_refused", 1),
        ("requests_refused", 0),
    ] {
        assert_eq!(imported[count], n, "{count}: {imported}");
    }
    run.says(&["mixed.jsonl, line 2: spans refused: it cannot be read \
         (1, at resourceSpans[0].scopeSpans[0].spans[1]: kind: `LATER` is no name here)"]);
}

#[test]
fn a_file_that_is_not_there_makes_no_store() {
    let bench = Bench::new();
    let run = bench.run(&["import", "absent.jsonl"]).exits(2);
    run.says(&["failed to open `absent.jsonl`"]);
    assert!(!bench.path().join("data").exists());
}

#[test]
fn an_import_that_is_interrupted_keeps_what_it_read_and_says_so() {
    let bench = Bench::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_betrace"))
        .args(["import", "-", "--data", "data"])
        .current_dir(bench.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (first, _rest) = LINES.split_once('\n').unwrap();
    writeln!(stdin, "{first}").unwrap();
    // It listens before it makes the store, and has read nothing but the first line.
    while !bench.path().join("data").exists() {
        assert_eq!(child.try_wait().unwrap(), None);
        thread::yield_now();
    }
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("keeping what was read"), "{said}");
    drop(stdin);
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("import the same files again"), "{said}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let counts = String::from_utf8(output.stdout).unwrap();
    assert!(
        counts.starts_with("imported 1 request, 1 span, 1 trace in "),
        "{counts}"
    );

    bench.run(&["import", "traces.jsonl"]).exits(0);
    assert_eq!(bench.json(&["replay", "phi.btr"])["spans"], 3);
}

#[test]
fn a_range_that_can_hold_nothing_is_refused() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    for command in [
        &["replay", "phi.btr"][..],
        &["signals", "list"],
        &["traces", "list"],
    ] {
        let mut args = command.to_vec();
        args.extend(["--from", "2026-03-02", "--to", "2026-03-01"]);
        bench
            .run(&args)
            .exits(3)
            .says(&["`from` (2026-03-02T00:00:00Z) is not before `to` (2026-03-01T00:00:00Z)"]);
    }
}

#[test]
fn signals_of_a_rule_that_was_never_published_come_with_a_warning() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    bench
        .run(&["signals", "list", "--rule", "phi-is-audit"])
        .exits(0)
        .says(&[
            "no signals",
            "there is no rule `phi-is-audit`",
            "rules list",
        ]);
}

#[test]
fn only_files_that_end_as_rules_do_are_rules() {
    let bench = Bench::new();
    bench.write("notes.txt", "hello");
    for command in [&["check"][..], &["rules", "apply"], &["replay"]] {
        let mut args = command.to_vec();
        args.push("notes.txt");
        betrace_in(bench.path(), &args, b"")
            .exits(2)
            .says(&["`notes.txt` is not a .btr"]);
    }
    betrace_in(bench.path(), &["test", "phi.btr"], b"")
        .exits(2)
        .says(&["`phi.btr` is not a .test.toml file"]);
}

#[test]
fn a_file_imported_twice_is_stored_once() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    bench
        .run(&["import", "traces.jsonl", "traces.jsonl"])
        .exits(0);
    let replayed = bench.json(&["replay", "phi.btr"]);
    assert_eq!(replayed["traces"], 2);
    assert_eq!(replayed["spans"], 3);
}

#[test]
fn a_line_that_is_no_otlp_is_named_and_the_rest_is_kept() {
    let bench = Bench::new();
    let (first, second) = LINES.trim_end().split_once('\n').unwrap();
    bench.write(
        "bad.jsonl",
        &format!("{first}\nthis is no JSON\n{second}\n{{\"a\": 1\n"),
    );
    let run = bench.run(&["import", "bad.jsonl", "absent.jsonl"]).exits(2);
    let run = run.says(&["bad.jsonl, line 2", "bad.jsonl, line 4", "absent.jsonl"]);
    assert!(
        run.stdout
            .starts_with("imported 2 requests, 3 spans, 2 traces in "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("refused 2 requests and 0 spans"),
        "{}",
        run.stdout
    );
    assert_eq!(bench.json(&["replay", "phi.btr"])["traces"], 2);
}

#[test]
fn of_a_file_that_is_cut_short_what_is_whole_is_kept() {
    let bench = Bench::new();
    let first = LINES.lines().next().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for n in 1..=5_000_u32 {
        let id = format!("{:032x}", u128::from(n) * 0x9e37_79b9_7f4a_7c15);
        let line = first.replace(TRACE, &id);
        writeln!(gzip, "{line}").unwrap();
    }
    let whole = gzip.finish().unwrap();
    fs::write(bench.path().join("cut.gz"), &whole[..whole.len() / 2]).unwrap();
    let run = bench.run(&["import", "cut.gz", "-o", "json"]).exits(2);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let requests = report["requests"].as_u64().unwrap();
    assert!((1_000..4_000).contains(&requests), "{requests}");
    let cut = format!("`cut.gz` cannot be read from line {} on", requests + 1);
    run.says(&[&cut]);
    assert_eq!(bench.json(&["replay", "phi.btr"])["traces"], requests);
}

#[test]
fn a_replay_counts_verdicts_and_fails_only_where_it_is_asked_to() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    let report = bench.json(&["replay", "phi.btr"]);
    let rule = &report["rules"][0];
    assert_eq!(rule["id"], "phi-is-audited");
    assert_eq!((&rule["held"], &rule["violated"]), (&1.into(), &1.into()));
    assert_eq!(
        (&rule["not_applicable"], &rule["inconclusive"]),
        (&0.into(), &0.into())
    );
    assert_eq!(rule["first_violation"], "2026-03-01T00:00:00Z");
    assert_eq!(rule["last_violation"], rule["first_violation"]);
    let violation = &rule["violations"][0];
    assert_eq!(violation["trace_id"], TRACE);
    assert_eq!(violation["clause"], "always");
    assert_eq!(violation["witnesses"][0], "eee19b7ec3c1b174");
    assert_eq!(violation["message"], "PHI read by u7");
    assert!(report["elapsed_ms"].is_u64());

    let later = bench.json(&["replay", "phi.btr", "--from", "2026-03-02T00:00:00Z"]);
    assert_eq!(
        (&later["traces"], &later["rules"][0]["violated"]),
        (&1.into(), &0.into())
    );
    bench
        .run(&["replay", "phi.btr", "--fail-on", "violated"])
        .exits(1);
    bench
        .run(&["replay", "phi.btr", "--fail-on", "inconclusive"])
        .exits(0);
    let human = bench.run(&["replay", "phi.btr"]).exits(0).stdout;
    assert!(
        human.contains("PHI read by u7") && human.contains("2 traces, 3 spans in "),
        "{human}"
    );
    // It published nothing and raised nothing.
    assert_eq!(bench.json(&["signals", "list"]), Value::Array(Vec::new()));
    assert_eq!(bench.json(&["rules", "list"]), Value::Array(Vec::new()));
}

#[test]
fn an_incomplete_trace_exits_with_4_where_that_is_asked_for() {
    let bench = Bench::new();
    let orphan = LINES.replace(
        "\"name\":\"phi.access\",\"kind\":2",
        "\"parentSpanId\":\"0102030405060708\",\"name\":\"phi.access\",\"kind\":3",
    );
    bench.write("orphan.jsonl", &orphan);
    bench.run(&["import", "orphan.jsonl"]).exits(0);
    bench
        .run(&["replay", "phi.btr", "--fail-on", "violated,inconclusive"])
        .exits(4);
}

#[test]
fn a_rule_has_versions_and_goes_back_and_forth() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    let apply = |text: &str| {
        bench.write("phi.btr", text);
        let report = bench.json(&["rules", "apply", "phi.btr"]);
        let rule = &report["rules"][0];
        (
            rule["version"].as_u64().unwrap(),
            rule["change"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(apply(RULE), (1, "added".into()));
    assert_eq!(apply(RULE), (1, "unchanged".into()));
    let second = RULE.replace("high", "critical");
    bench.write("phi.btr", &second);
    let dry = bench.json(&["rules", "apply", "phi.btr", "--dry-run"]);
    assert_eq!(
        (&dry["dry_run"], &dry["rules"][0]["version"]),
        (&true.into(), &2.into())
    );
    assert_eq!(bench.json(&["rules", "list"])[0]["severity"], "high");
    assert_eq!(apply(&second), (2, "updated".into()));
    assert_eq!(bench.json(&["rules", "list"])[0]["severity"], "critical");

    let shown = bench.json(&["rules", "show", "phi-is-audited"]);
    assert_eq!(shown["source"], second.as_str());
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    let back = bench.run(&["rules", "rollback", "phi-is-audited"]).exits(0);
    assert_eq!(back.stdout, "phi-is-audited  version 1, enabled\n");
    bench
        .run(&["rules", "rollback", "phi-is-audited"])
        .exits(2)
        .says(&["no version before 1"]);
    bench
        .run(&["rules", "rollback", "phi-is-audited", "--to", "2"])
        .exits(0);
    bench
        .run(&["rules", "rollback", "phi-is-audited", "--to", "9"])
        .exits(2)
        .says(&["no version 9"]);
    let off = bench.run(&["rules", "disable", "phi-is-audited"]).exits(0);
    assert_eq!(off.stdout, "phi-is-audited  version 2, disabled\n");
    assert_eq!(bench.json(&["rules", "list"])[0]["enabled"], false);
    bench.run(&["rules", "enable", "phi-is-audited"]).exits(0);
    let history = bench.json(&["rules", "history", "phi-is-audited"]);
    assert_eq!(
        (&history[0]["live"], &history[1]["live"]),
        (&false.into(), &true.into())
    );
    let gone = bench.run(&["rules", "remove", "phi-is-audited"]).exits(0);
    assert_eq!(gone.stdout, "phi-is-audited  removed\n");
    let shown = bench.run(&["rules", "show", "phi-is-audited"]).exits(0);
    assert!(shown.stdout.contains("2 (removed)"), "{}", shown.stdout);
    assert_eq!(bench.json(&["rules", "list"]), Value::Array(Vec::new()));
    for command in ["show", "history", "rollback", "enable", "disable", "remove"] {
        bench
            .run(&["rules", command, "no-such-rule"])
            .exits(2)
            .says(&["rule `no-such-rule`"]);
    }
}

#[test]
fn rules_are_published_all_or_none() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    fs::create_dir(bench.path().join("rules")).unwrap();
    bench.write("rules/a.btr", RULE);
    bench.write("rules/b.btr", "when { a }");
    bench
        .run(&["rules", "apply", "rules"])
        .exits(2)
        .says(&["b.btr:1:", "nothing was sent"]);
    bench.write("rules/b.btr", RULE);
    bench
        .run(&["rules", "apply", "rules"])
        .exits(2)
        .says(&["is both in `a.btr` and in `b.btr`"]);
    assert_eq!(bench.json(&["rules", "list"]), Value::Array(Vec::new()));
}

#[test]
fn an_id_of_another_pack_is_taken_over_only_where_that_is_said() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    bench.run(&["rules", "apply", "phi.btr"]).exits(0);
    bench.write("other.btr", &RULE.replace("high", "low"));
    bench
        .run(&["rules", "apply", "other.btr"])
        .exits(2)
        .says(&["published by `phi.btr`", "--take-over"]);
    bench
        .run(&["rules", "apply", "other.btr", "--take-over"])
        .exits(0);
}

#[test]
fn a_trace_is_shown_as_a_tree_and_as_the_otlp_that_it_came_as() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    let human = bench.run(&["traces", "show", TRACE]).exits(0).stdout;
    assert!(
        human.contains("phi.access error ehr") && human.contains("1 span, 1 in error"),
        "{human}"
    );
    let otlp = bench
        .run(&["traces", "show", TRACE, "-o", "otlp-json"])
        .exits(0)
        .stdout;
    let sent: Value = serde_json::from_str(LINES.lines().next().unwrap()).unwrap();
    let shown: Value = serde_json::from_str(&otlp).unwrap();
    assert_eq!(shown, sent);
    let list = bench.json(&["traces", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[1]["trace_id"], TRACE);
    assert_eq!(list[1]["services"][0], "ehr");
    assert_eq!(
        bench.json(&["traces", "list", "--limit", "1", "--to", "2026-03-02"])[0]["trace_id"],
        TRACE
    );
    bench
        .run(&["traces", "show", &TRACE.replace('5', "6")])
        .exits(2)
        .says(&["there is no trace"]);
}

#[test]
fn a_store_in_use_is_an_error_that_names_the_process() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    let _held = Store::open(&bench.path().join("data"), Arc::new(SystemClock::new())).unwrap();
    let process = format!("in use by process {}", std::process::id());
    bench
        .run(&["signals", "list"])
        .exits(3)
        .says(&[&process, "--server"]);
    bench
        .run(&["import", "traces.jsonl"])
        .exits(3)
        .says(&[&process, "--server"]);
}

#[test]
fn what_is_no_store_exits_with_3_and_is_left_alone() {
    let bench = Bench::new();
    bench
        .run(&["rules", "list"])
        .exits(3)
        .says(&["there is no store in `data`"]);
    assert!(!bench.path().join("data").exists());
    let run = betrace_in(bench.path(), &["rules", "list", "--data", "."], b"").exits(3);
    run.says(&["is no betrace store"]);
    let run = betrace_in(
        bench.path(),
        &["import", "traces.jsonl", "--data", "."],
        b"",
    )
    .exits(3);
    run.says(&["is no betrace store"]);
    let both = [
        "rules",
        "list",
        "--data",
        "data",
        "--server",
        "http://127.0.0.1:1",
    ];
    betrace_in(bench.path(), &both, b"")
        .exits(3)
        .says(&["--data and --server"]);
}

#[test]
fn a_store_that_nobody_writes_cannot_be_watched() {
    let bench = Bench::new();
    bench.run(&["import", "traces.jsonl"]).exits(0);
    bench
        .run(&["signals", "watch"])
        .exits(3)
        .says(&["does not change", "--server"]);
}
