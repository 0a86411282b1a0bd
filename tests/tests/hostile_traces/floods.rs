//! Very many spans: in one trace, and in a trace each.

use betrace::assemble::limits::TRACE_SPANS_MAX;
use betrace_tests::client::span;

use crate::stage::{Stage, requests_of};

const RULES: &str = "rule unaudited { match { read and not audit } }
rule both { match { read and step } }
";

/// How many spans are sent where nothing else is asked for: enough for a trace to be cut three times.
const FLOOD_SPANS: u64 = 200_000;

const REQUEST_SPANS: usize = 10_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a flood of a million takes too long for every run"
)]
fn flood_spans() -> u64 {
    let asked = std::env::var("BETRACE_FLOOD_SPANS").ok();
    asked.map_or(FLOOD_SPANS, |n| n.parse().unwrap())
}

/// The server, and half a kilobyte for each span that is open.
fn memory_max_mib(n_spans: u64) -> u64 {
    200 + n_spans / 2_000
}

/// Ids as they are made by chance: not in the order in which they are sent.
fn spread(n: u128) -> u128 {
    n.reverse_bits()
}

#[test]
fn a_trace_of_a_million_spans_is_cut_and_each_piece_is_judged_as_incomplete() {
    let n = flood_spans();
    let stage = Stage::start(RULES);
    let spans = (1..=n).map(|id| {
        let (parent, name) = if id == 1 { (0, "read") } else { (1, "step") };
        span(1, id, parent, name)
    });
    let (sent, noticed) = stage.send_beside_calm(requests_of(REQUEST_SPANS, spans));
    noticed.assert_bounded(memory_max_mib(n));
    assert_eq!(sent.rejected, 0);

    let pieces = stage.listed("limit=1000");
    let n_pieces = pieces.len() as u64;
    let sizes = pieces.iter().map(|(_, n_spans, _)| *n_spans);
    assert_eq!(sizes.clone().sum::<u64>(), n, "nothing is lost or doubled");
    // A piece that settled since nothing came for a while, and what came then, are one: cut, if that is too much.
    let max = TRACE_SPANS_MAX as u64;
    assert!(sizes.max() < Some(2 * max), "{pieces:?}");
    assert!(
        (n.div_ceil(2 * max)..=n / max + 1).contains(&n_pieces),
        "{n_pieces}"
    );
    let cut = "cut".to_owned();
    assert!(
        pieces
            .iter()
            .all(|(id, _, missing)| *id == 1 && missing.contains(&cut))
    );
    for (metric, expected) in [
        ("betrace_seal_traces_cut_total", 1),
        ("betrace_seal_fragments_total", n_pieces - 1),
        ("betrace_seal_spans_repeated_total", 0),
    ] {
        assert_eq!(stage.counted(metric), expected, "{metric}");
    }
    // What was read first is in another piece, and whether it was audited may be in any.
    let expected = [
        "both: inconclusive, incomplete",
        "unaudited: inconclusive, incomplete",
    ];
    assert_eq!(stage.verdicts(1), expected);
    // The first piece has both spans, and that it has them is certain.
    let signals = stage.loud_gets("/api/v1/signals?limit=10");
    let rules: Vec<_> = signals["signals"].as_array().unwrap().iter().collect();
    assert_eq!((rules.len(), &rules[0]["rule"]), (1, &"both".into()));
    stage.end();
}

#[test]
fn a_million_traces_of_one_span_are_judged_and_the_neighbour_is_not_held_up() {
    let n = flood_spans();
    let stage = Stage::start(RULES);
    let spans = (1..=u128::from(n)).map(|id| {
        let name = if id % 1_000 == 0 { "read" } else { "ping" };
        span(spread(id), 1, 0, name)
    });
    let (sent, noticed) = stage.send_beside_calm(requests_of(REQUEST_SPANS, spans));
    noticed.assert_bounded(memory_max_mib(n));
    assert_eq!(sent.rejected, 0);
    for (metric, expected) in [
        ("betrace_seal_traces_total", n),
        ("betrace_judge_signals_total", n / 1_000),
        // Of each of two rules.
        ("betrace_judge_verdicts_total", 2 * n),
        ("betrace_judge_inconclusive_total", 0),
        ("betrace_seal_traces_cut_total", 0),
    ] {
        assert_eq!(stage.counted(metric), expected, "{metric}");
    }
    let expected = ["both: held", "unaudited: violated"];
    assert_eq!(stage.verdicts(spread(1_000)), expected);
    stage.end();
}

#[test]
fn traces_that_come_again_are_told_from_what_is_stored_block_by_block() {
    let n: u64 = 20_000;
    let stage = Stage::start(RULES);
    let spans = |name: &'static str, step: usize| {
        let ids = (1..=u128::from(n)).rev().step_by(step);
        ids.map(move |id| span(spread(id), 1, 0, name))
    };
    stage.send_beside_calm(requests_of(REQUEST_SPANS, spans("ping", 1)));
    let (_, noticed) = stage.send_beside_calm(requests_of(REQUEST_SPANS, spans("ping", 1)));
    noticed.assert_bounded(memory_max_mib(n));
    let counted = |metric| stage.counted(metric);
    assert_eq!(counted("betrace_seal_traces_total"), n);
    assert_eq!(counted("betrace_seal_traces_reopened_total"), 0);
    // Of every tenth there is more: it is reopened, and judged again.
    let (_, noticed) = stage.send_beside_calm(requests_of(REQUEST_SPANS, spans("read", 10)));
    noticed.assert_bounded(memory_max_mib(n));
    assert_eq!(counted("betrace_seal_traces_reopened_total"), n / 10);
    assert_eq!(counted("betrace_judge_signals_total"), n / 10);
    stage.end();
}
