//! Clocks that are years off: what waits goes by ours, and what asks for times by theirs.

use std::time::Duration;

use betrace::{
    clock::{Clock as _, SystemClock, UnixNanos},
    time::rfc3339,
};
use betrace_tests::client::span;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::stage::{Stage, requests_of};

const RULES: &str = "rule unaudited { match { read and not audit } }\n";

const TEN_YEARS: Duration = Duration::from_hours(24 * 3_652);

fn read_at(trace: u128, start: u64) -> Span {
    Span {
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(1_000_000),
        ..span(trace, 1, 0, "read")
    }
}

#[test]
fn whatever_a_clock_says_a_trace_is_judged_in_time_and_found_where_its_clock_says() {
    let stage = Stage::start(RULES);
    let now = SystemClock::new().unix_nanos().0;
    let years = u64::try_from(TEN_YEARS.as_nanos()).unwrap();
    let starts = [now, now - years, now + years, 0, 1 << 63, u64::MAX];
    let traces: Vec<(u128, u64)> = (1..).zip(starts).collect();
    let spans = traces.iter().map(|(trace, start)| read_at(*trace, *start));
    let (_, noticed) = stage.send_beside_calm(requests_of(1, spans));
    noticed.assert_bounded(150);

    let off = stage.counted("betrace_seal_traces_clock_off_total");
    assert_eq!(off, 5, "all but the one that is right");
    let file = stage.file("replayed.btr", RULES);
    for (trace, start) in traces {
        assert_eq!(stage.verdicts(trace), ["unaudited: violated"], "{start}");
        // To the second, as people write it; the last second there is has no end.
        let from = start / 1_000_000_000 * 1_000_000_000;
        let Some(to) = from.checked_add(1_000_000_000) else {
            continue;
        };
        let (from, to) = (rfc3339(UnixNanos(from)), rfc3339(UnixNanos(to)));
        let listed = stage.listed(&format!("from={from}&to={to}"));
        assert_eq!(listed, [(trace, 1, Vec::new())], "{from}");
        let replayed = ["replay", &file, "--from", &from, "--to", &to, "-o", "json"];
        let replayed: serde_json::Value =
            serde_json::from_str(&stage.loud_command(&replayed)).unwrap();
        assert_eq!(
            (&replayed["traces"], &replayed["rules"][0]["violated"]),
            (&1.into(), &1.into())
        );
    }
    // Of a tenant that keeps an hour, nothing has gone.
    let retired = stage.metrics();
    assert!(retired.contains("betrace_retention_traces_total 0"));
    assert_eq!(stage.listed("limit=10").len(), 6);
    stage.end();
}
