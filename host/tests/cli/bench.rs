//! `betrace bench`: that it measures everything it says, and that what it measures is right. How long things take is
//! nobody's business here.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::run::betrace_in;

/// Runs the bench over some traces and reads its figures.
fn figures(folder: &Path, traces: &str, args: &[&str]) -> Vec<Value> {
    let usual = [
        "bench",
        "--traces",
        traces,
        "--run-for",
        "0ms",
        "--threads",
        "2",
        "-o",
        "json",
    ];
    let run = betrace_in(folder, &[&usual[..], args].concat(), b"").exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    report
        .pointer("/figures")
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap()
}

/// The verdicts by case and threads.
fn verdicts(figures: &[Value]) -> Vec<(String, u64, Value)> {
    let of_row = |row: &Value| {
        let threads = row["threads"].as_u64().unwrap();
        (
            text(row, "case").to_owned(),
            threads,
            row["verdicts"].clone(),
        )
    };
    figures.iter().map(of_row).collect()
}

#[test]
fn bench_reports_every_figure_and_agrees_with_native_code() {
    let folder = tempfile::tempdir().unwrap();
    let figures = figures(folder.path(), "300", &[]);
    let found: BTreeSet<String> = figures
        .iter()
        .map(|row| {
            format!(
                "{}: {}, {}",
                text(row, "part"),
                text(row, "case"),
                text(row, "unit")
            )
        })
        .collect();
    insta::assert_snapshot!(found.into_iter().collect::<Vec<_>>().join("\n"));
    for row in &figures {
        assert!(row["figure"].as_f64().unwrap() > 0.0, "{row}");
        let is_judged = ["judge", "replay"].contains(&text(row, "part"));
        // Where they are there, the counts of native code were the same: the command fails otherwise.
        assert_eq!(row["native"].is_number(), is_judged, "{row}");
        assert_eq!(row["ratio_to_native"].is_number(), is_judged, "{row}");
        if is_judged {
            let counts = row["verdicts"].as_object().unwrap().values();
            let judged: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(judged, 300 * row["rules"].as_u64().unwrap(), "{row}");
            assert_eq!(row["verdicts"]["inconclusive"], 0, "{row}");
        }
    }
}

#[test]
fn bench_counts_the_same_in_a_store_that_it_makes_again_and_in_one_that_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = ["--only", "disk,replay", "--data", "kept"];
    let made = figures(folder.path(), "300", &kept);
    let again = figures(folder.path(), "300", &kept);
    let temporary = figures(folder.path(), "300", &["--only", "disk,replay"]);
    assert_eq!(verdicts(&made), verdicts(&again));
    assert_eq!(verdicts(&made), verdicts(&temporary));
    // One trace in a thousand has the anchor of the rare question, and the first trace is it.
    let rare = made.iter().find(|row| row["case"] == "rare").unwrap();
    assert_eq!(rare["verdicts"]["not_applicable"], 299);

    let people = [
        "bench",
        "--traces",
        "300",
        "--run-for",
        "0ms",
        "--data",
        "kept",
        "--only",
        "replay",
    ];
    let run = betrace_in(folder.path(), &people, b"").exits(0);
    let table = run.stdout.lines().next().unwrap().split_whitespace();
    let heading = "PART CASE RULES THREADS SPANS FIGURE UNIT CPU NATIVE RATIO";
    assert_eq!(table.collect::<Vec<_>>().join(" "), heading);
    assert_eq!(run.stderr, "");

    let other = [
        "bench", "--traces", "301", "--data", "kept", "--only", "disk",
    ];
    betrace_in(folder.path(), &other, b"").exits(3).says(&[
        "was made of 300 traces",
        "not of 301 traces",
        "help:",
    ]);
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/file"), "").unwrap();
    let mine = ["bench", "--data", "mine", "--only", "disk"];
    betrace_in(folder.path(), &mine, b"")
        .exits(3)
        .says(&["holds something"]);
}

#[test]
fn exported_traces_are_imported_with_the_verdicts_of_the_bench() {
    let folder = tempfile::tempdir().unwrap();
    let made = figures(
        folder.path(),
        "300",
        &["--only", "replay", "--export", "traces.jsonl"],
    );
    let rule =
        "rule structure { when { phi.access } always { every phi.access child_of http.server } }";
    fs::write(folder.path().join("rule.btr"), rule).unwrap();
    let import = ["import", "traces.jsonl", "--data", "imported"];
    betrace_in(folder.path(), &import, b"").exits(0);
    let replay = ["replay", "rule.btr", "--data", "imported", "-o", "json"];
    let run = betrace_in(folder.path(), &replay, b"").exits(0);
    let replayed: Value = serde_json::from_str(&run.stdout).unwrap();
    let of_bench = made.iter().find(|row| row["case"] == "structure").unwrap();
    let of_replay = &replayed["rules"][0];
    assert_eq!(of_bench["traces"], replayed["traces"]);
    for verdict in ["held", "violated", "not_applicable", "inconclusive"] {
        assert_eq!(
            of_bench["verdicts"][verdict], of_replay[verdict],
            "{verdict}"
        );
    }
}

#[test]
fn bench_grows_stores_and_traces() {
    let folder = tempfile::tempdir().unwrap();
    let figures = figures(folder.path(), "900", &["--only", "grow"]);
    let cases: Vec<&str> = figures.iter().map(|row| text(row, "case")).collect();
    for case in [
        "store: make and put",
        "store: open",
        "store: look up what is not there",
        "store: replay order",
        "traces of 10: judge common",
        "traces of 100000: judge order",
    ] {
        assert!(cases.contains(&case), "{case}: {cases:?}");
    }
}

#[test]
fn bench_replays_the_users_rules_over_the_users_store() {
    let folder = tempfile::tempdir().unwrap();
    figures(folder.path(), "300", &["--only", "disk", "--data", "kept"]);
    fs::write(folder.path().join("a.btr"), "phi.access and not audit.log").unwrap();
    fs::write(folder.path().join("b.btr"), "auth.check before phi.access").unwrap();
    let args = [
        "bench",
        "--data",
        "kept",
        "--run-for",
        "0ms",
        "--threads",
        "2",
        "-o",
        "json",
    ];
    let args = [&args[..], &["--rules", "a.btr", "b.btr"]].concat();
    let run = betrace_in(folder.path(), &args, b"").exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let figures = report.get("figures").unwrap().as_array().unwrap();
    let cases: Vec<_> = figures
        .iter()
        .map(|row| (text(row, "case"), row["threads"].as_u64().unwrap()))
        .collect();
    let all = "all in one pass";
    let expected = [
        ("a.btr", 1),
        ("a.btr", 2),
        ("b.btr", 1),
        ("b.btr", 2),
        (all, 1),
        (all, 2),
    ];
    assert_eq!(cases, expected);
    for row in figures {
        assert_eq!(row["traces"], 300);
        assert_eq!(row["native"], Value::Null);
    }
    let nowhere = ["bench", "--data", "nowhere", "--rules", "a.btr"];
    betrace_in(folder.path(), &nowhere, b"")
        .exits(3)
        .says(&["there is no store in `nowhere`"]);
    betrace_in(folder.path(), &["bench", "--rules", "a.btr"], b"")
        .exits(3)
        .says(&["--data"]);
}
