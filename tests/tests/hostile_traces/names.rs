//! A hundred thousand names of spans, and as many keys of attributes.

use betrace_tests::client::{span, text};

use crate::stage::{Stage, requests_of};

const RULES: &str = "rule unaudited { match { zz-read and not audit } }
rule last { match { n99999.where(k99999 == v) } }
";

const NAMES: u64 = 100_000;
const SPANS_PER_TRACE: u64 = 10_000;

#[test]
fn a_hundred_thousand_names_and_keys_are_judged_and_are_no_labels() {
    let stage = Stage::start(RULES);
    let n_series = || stage.metrics().lines().count();
    let spans = (0..NAMES).map(|n| {
        let (trace, id) = (n / SPANS_PER_TRACE + 1, n % SPANS_PER_TRACE + 1);
        // In every other trace the name that a rule is about, which comes after all others.
        let name = if id == 1 && trace % 2 == 0 {
            "zz-read".to_owned()
        } else {
            format!("n{n:05}")
        };
        let mut one = span(trace.into(), id, u64::from(id > 1), &name);
        one.attributes.push(text(&format!("k{n:05}"), "v"));
        one
    });
    // So that all series are there that a tenant and its rules have.
    stage.send_beside_calm(requests_of(1, [span(0xabc, 1, 0, "zz-read")].into_iter()));
    let before = n_series();
    let (_, noticed) = stage.send_beside_calm(requests_of(5_000, spans));
    noticed.assert_bounded(250);

    let n_traces = NAMES / SPANS_PER_TRACE;
    for trace in 1..=n_traces {
        let unaudited = if trace % 2 == 0 {
            "violated"
        } else {
            "not_applicable"
        };
        let last = if trace == n_traces {
            "violated"
        } else {
            "held"
        };
        let expected = [format!("last: {last}"), format!("unaudited: {unaudited}")];
        assert_eq!(stage.verdicts(trace.into()), expected, "{trace}");
    }
    // What is replayed is led to by postings, which no more names have than `POSTINGS_NAMES_MAX`.
    let file = stage.file("replayed.btr", RULES);
    let replayed = stage.loud_command(&["replay", &file, "-o", "json"]);
    let replayed: serde_json::Value = serde_json::from_str(&replayed).unwrap();
    let violated = |rule: usize| replayed["rules"][rule]["violated"].as_u64().unwrap();
    assert_eq!((violated(0), violated(1)), (n_traces / 2 + 1, 1));

    let all = stage.metrics();
    assert!(!all.contains("n00001") && !all.contains("k00001"));
    assert!(n_series() < before + 20, "{before} series before");
    stage.end();
}
