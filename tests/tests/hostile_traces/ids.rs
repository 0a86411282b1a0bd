//! One span id ten thousand times: the same span, other spans, and more of them than one trace may have.

use betrace::assemble::limits::TRACE_SPANS_MAX;
use betrace_tests::client::span;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::stage::{Stage, requests_of};

const RULES: &str = "rule unaudited { match { read and not audit } }
rule many { match { count(step) > 1 } }
rule under { match { step under read } }
";

const TIMES: u64 = 10_000;

/// A span of the same id and start as all others, which ends at another time.
fn step(trace: u128, ends: u64) -> Span {
    let one = span(trace, 2, 1, "step");
    Span {
        end_time_unix_nano: one.start_time_unix_nano + ends,
        ..one
    }
}

#[test]
fn a_span_that_is_repeated_counts_once_and_one_that_differs_counts_each_time() {
    let stage = Stage::start(RULES);
    let (repeated, different, cut) = (1, 2, 3);
    let more = TRACE_SPANS_MAX as u64 + 4_000;
    let of_repeated = (0..TIMES).map(|_| step(repeated, 7));
    let of_different = (0..TIMES).map(|ends| step(different, ends));
    let of_cut = (0..more).map(|ends| step(cut, ends));
    let roots = [repeated, different].map(|trace| span(trace, 1, 0, "read"));
    let all = roots
        .into_iter()
        .chain(of_repeated)
        .chain(of_different)
        .chain(of_cut);
    let (_, noticed) = stage.send_beside_calm(requests_of(TIMES as usize, all));
    noticed.assert_bounded(300);

    let mut sizes = stage.listed("limit=10");
    sizes.sort_unstable();
    let missing = |facts: &[&str]| facts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        (repeated, 2, missing(&[])),
        (different, TIMES + 1, missing(&[])),
        (cut, 4_000, missing(&["cut", "parents_missing", "fragment"])),
        (
            cut,
            TRACE_SPANS_MAX as u64,
            missing(&["cut", "parents_missing"]),
        ),
    ];
    assert_eq!(sizes, expected);
    let dropped = || stage.counted("betrace_seal_spans_repeated_total");
    assert_eq!(dropped(), TIMES - 1);
    let expected = ["many: held", "unaudited: violated", "under: violated"];
    assert_eq!(stage.verdicts(repeated), expected);
    let expected = ["many: violated", "unaudited: violated", "under: violated"];
    assert_eq!(stage.verdicts(different), expected);

    // Sent again, it changes nothing: told from what is stored of the cut trace, where all stands in one place.
    let again = (0..more)
        .skip(TRACE_SPANS_MAX / 2)
        .map(|ends| step(cut, ends));
    stage.send_beside_calm(requests_of(TIMES as usize, again));
    assert_eq!(stage.listed("limit=10").len(), 4);
    stage.end();
}
