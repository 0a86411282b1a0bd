//! New versions, tried before they count: dry runs and versions on trial.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    run::{Run, betrace_in},
    store::{LINES, RULE},
};

/// A store with two traces, the first of which violates the rule that is published.
struct Rollout(TempDir);

impl Rollout {
    fn new(apply: &[&str]) -> Self {
        let rollout = Self(tempfile::tempdir().unwrap());
        rollout.write("phi.btr", RULE);
        rollout.write("traces.jsonl", LINES);
        // Publishing makes the store.
        rollout
            .run(&[&["rules", "apply", "phi.btr"], apply].concat())
            .exits(0);
        rollout.run(&["import", "traces.jsonl"]).exits(0);
        rollout
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        betrace_in(self.0.path(), &[args, &["--data", "data"]].concat(), b"")
    }

    fn json(&self, args: &[&str]) -> Value {
        let run = self.run(&[args, &["-o", "json"]].concat()).exits(0);
        serde_json::from_str(&run.stdout).unwrap()
    }
}

#[test]
fn a_dry_run_tells_by_trace_what_would_fire_and_what_would_stop() {
    let rollout = Rollout::new(&[]);
    let (first, second) = (
        "5b8efff798038103d269b633813fc60c",
        "5b8efff798038103d269b633813fc60d",
    );
    rollout.write(
        "phi.btr",
        &RULE.replace("always   { audit.log }", "never    { audit.log }"),
    );
    let dry = [
        "rules",
        "apply",
        "phi.btr",
        "--dry-run",
        "--from",
        "2026-02-01",
    ];
    let said = rollout.json(&dry);
    assert_eq!(said["rules"][0]["change"], "updated");
    let rule = &said["comparison"]["rules"][0];
    assert_eq!(
        (&rule["violated"], &rule["violated_live"]),
        (&json!(1), &json!(1))
    );
    let traces = |what: &str| {
        let violations = rule[what].as_array().unwrap().iter();
        violations
            .map(|of| of["trace_id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (traces("fires"), traces("stops")),
        (vec![json!(second)], vec![json!(first)])
    );

    let human = rollout.run(&dry).exits(0).says(&["nothing was published"]);
    assert!(
        human.stdout.contains("1 newly, 1 no longer"),
        "{}",
        human.stdout
    );
    assert!(human.stdout.contains("+  ") && human.stdout.contains(second));
    // Without --from only the last day counts, and the traces are older.
    let day = rollout.json(&["rules", "apply", "phi.btr", "--dry-run"]);
    assert_eq!(day["comparison"]["traces"], 0);
    assert_eq!(rollout.json(&["rules", "list"])[0]["version"], 1);
    rollout
        .run(&["rules", "apply", "phi.btr", "--from", "1d"])
        .exits(3)
        .says(&["--dry-run"]);
}

#[test]
fn the_rules_of_a_folder_are_of_a_tenant_that_is_there() {
    let rollout = Rollout::new(&[]);
    let free = "127.0.0.1:0";
    let listen = ["--grpc", free, "--http", free, "--api", free];
    let serve = |rules: &str| rollout.run(&[&["serve", "--rules", rules], &listen[..]].concat());
    for rules in ["acme=.", "no tenant=."] {
        serve(rules).exits(3).says(&["tenant"]);
    }
    rollout.run(&["tenants", "create", "acme"]).exits(0);
    // There are tokens from here on, and the folder's tenant is none that has one.
    serve("umbrella=.")
        .exits(3)
        .says(&["there is no tenant `umbrella`", "tenants create umbrella"]);
}

#[test]
fn signals_of_a_version_on_trial_are_marked_until_it_is_published_for_good() {
    let rollout = Rollout::new(&["--shadow"]);
    let signals = |mode: &str| rollout.json(&["signals", "list", "--mode", mode]);
    assert_eq!(signals("shadow")[0]["mode"], "shadow");
    assert_eq!(signals("live"), json!([]));
    let listed = rollout.run(&["signals", "list"]).exits(0).stdout;
    assert!(listed.contains("open (shadow)"), "{listed}");
    let rules = rollout.run(&["rules", "list"]).exits(0).stdout;
    assert!(rules.contains("enabled (shadow)"), "{rules}");
    // It is judged and counted like any other.
    let detail = rollout.json(&["rules", "show", "phi-is-audited"]);
    assert_eq!(detail["coverage"]["violated"], 1);

    let applied = rollout.json(&["rules", "apply", "phi.btr"]);
    assert_eq!(applied["rules"][0]["version"], 2);
    let other = LINES.replace(
        "5b8efff798038103d269b633813fc60",
        "6b8efff798038103d269b633813fc60",
    );
    rollout.write("traces.jsonl", &other);
    rollout.run(&["import", "traces.jsonl"]).exits(0);
    assert_eq!(signals("live").as_array().unwrap().len(), 1);
    assert_eq!(signals("shadow").as_array().unwrap().len(), 1);
    let history = rollout.json(&["rules", "history", "phi-is-audited"]);
    let modes = [&history[0]["mode"], &history[1]["mode"]];
    assert_eq!(modes, ["shadow", "live"]);
}
