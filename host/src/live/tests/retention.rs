//! Retention while the pipeline runs: what is gone answers like what never was, and its signals stay.

use super::*;
use crate::{api::Operations as _, api::local::Local, api::local::Rooms, api::wire::TraceQuery};

const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_trace_that_is_gone_answers_like_one_that_never_was_and_its_signal_still_shows() {
    let folder = tempfile::tempdir().unwrap();
    let options = LiveOptions {
        retention: RetentionOptions {
            age: Some(3 * DAY),
            ..RetentionOptions::default()
        },
        ..LiveOptions::default()
    };
    let host = Fixture::open_with(folder.path(), options);
    host.publish(RULE);
    host.send(vec![span(1, 1, "root"), child(1, 2, "phi.access")])
        .unwrap();
    host.settle();
    let before = (host.counts(), host.signals());
    assert_eq!((before.0, before.1.len()), ([0, 0, 1, 0], 1));
    host.clock.advance(4 * DAY);
    // What comes in wakes the thread, when it is judged; how long that takes is not what is tested.
    host.send(vec![span(2, 1, "root")]).unwrap();
    host.settle();
    let telemetry = &host.live.shared.telemetry;
    while telemetry.retired_traces.get() == 0 {
        thread::yield_now();
    }
    let rooms = Rooms {
        store: host.store.clone(),
        registry: Arc::clone(&host.registry),
        sandbox: Arc::clone(&host.sandbox),
        clock: Arc::new(host.clock.clone()),
        open: None,
    };
    let local = Local::new(rooms, tenant(), "test".to_owned());
    let told = |trace: u8| {
        let error = local.trace(TraceId([trace; 16])).unwrap_err();
        let id = TraceId([trace; 16]).to_string();
        (error.code, error.message.replace(&id, "ID"))
    };
    assert_eq!(told(1), told(77));
    let listed = local.traces(&TraceQuery::default()).unwrap();
    assert_eq!(listed.traces.len(), 1);
    assert_eq!(host.replay_counts(), (1, 1));
    let signals = host.signals();
    assert_eq!(signals, before.1, "with its witnesses");
    assert_eq!(
        host.counts(),
        [1, 0, 1, 0],
        "coverage is of what was judged"
    );
    let metrics = telemetry.render();
    assert!(
        metrics.contains("betrace_retention_traces_total 1"),
        "{metrics}"
    );

    // Spans that come later make a trace of their own.
    host.send(vec![child(1, 3, "audit.log")]).unwrap();
    host.settle();
    let found = local.trace(TraceId([1; 16])).unwrap();
    assert_eq!(found.summary.n_spans, 1);
}
