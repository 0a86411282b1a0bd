use std::time::Duration;

use super::*;
use crate::{
    clock::Clock as _,
    rule_id::{RuleMode, RuleVersion},
    signal::{Raised, Severity, Witness},
    store::{
        examine as examine_store,
        tests::{Nobody, TempStore, rule, tenant},
    },
    tenant::Limit,
    trace::{SpanId, TraceId},
    verdict::{Clause, Verdict},
};

pub(in crate::store) fn raised(rule_id: &str, trace: u8, time: u64) -> Raised {
    Raised {
        mode: RuleMode::Live,
        rule: rule(rule_id),
        version: RuleVersion(1),
        signal: "S".into(),
        severity: Severity::High,
        message: format!("trace {trace} broke {rule_id}"),
        trace_id: TraceId([trace; 16]),
        time: UnixNanos(time),
        clause: Clause::Never,
        witnesses: vec![Witness {
            span_id: SpanId([trace; 8]),
            name: "phi.access".into(),
            service: "ehr".into(),
            start: UnixNanos(time),
            duration_ns: 5,
        }],
    }
}

fn put(store: &Store, signals: &[Signal]) {
    let catalog = &store.inner.catalog;
    let last = catalog
        .write(|txn| {
            let mut tables = SignalTables::open(txn, catalog.name())?;
            let mut last = 0;
            for signal in signals {
                last = tables.put(signal)?;
            }
            Ok(last)
        })
        .unwrap();
    store.inner.signal_changes.send_replace(last);
}

fn signal(tenant_name: &str, rule_id: &str, trace: u8, time: u64) -> Signal {
    Signal::raise(
        &tenant(tenant_name),
        raised(rule_id, trace, time),
        UnixNanos(7),
    )
}

#[test]
fn a_signal_is_read_back_as_it_was_put_after_a_restart_too() {
    let temp = TempStore::new();
    let mut retracted = signal("a", "r", 1, 10);
    retracted.not_violated(RuleVersion(2), Verdict::Held, UnixNanos(9));
    put(&temp.open(), std::slice::from_ref(&retracted));
    let store = temp.open();
    assert_eq!(
        store.signal(&tenant("a"), retracted.id).unwrap(),
        Some(retracted.clone())
    );
    assert_eq!(store.signal(&tenant("b"), retracted.id).unwrap(), None);
    assert_eq!(*store.signal_changes().borrow(), 1);
}

#[test]
fn a_listing_is_by_time_filtered_and_continued() {
    let temp = TempStore::new();
    let store = temp.open();
    let all: Vec<Signal> = (1..=5)
        .map(|i| {
            signal(
                "a",
                if i % 2 == 0 { "even" } else { "odd" },
                i,
                u64::from(i) * 10,
            )
        })
        .collect();
    put(&store, &all);
    put(&store, &[signal("b", "odd", 9, 30)]);
    let times = |filter: SignalFilter| -> Vec<u64> {
        let listed = store.signals(&tenant("a"), &filter).unwrap();
        listed.iter().map(|s| s.time.0).collect()
    };
    let all_of = SignalFilter::default();
    assert_eq!(times(all_of.clone()), [50, 40, 30, 20, 10]);
    let odd = SignalFilter {
        rule: Some(rule("odd")),
        ..all_of.clone()
    };
    assert_eq!(times(odd), [50, 30, 10]);
    let between = SignalFilter {
        from: Some(UnixNanos(20)),
        to: Some(UnixNanos(40)),
        ..all_of.clone()
    };
    assert_eq!(times(between.clone()), [30, 20]);
    let first = SignalFilter {
        limit: 2,
        ..all_of.clone()
    };
    assert_eq!(times(first), [50, 40]);
    let after = Some(SignalCursor {
        time: UnixNanos(40),
        id: all[3].id,
    });
    assert_eq!(
        times(SignalFilter {
            after,
            ..all_of.clone()
        }),
        [30, 20, 10]
    );
    assert_eq!(times(SignalFilter { after, ..between }), [30, 20]);
    let amended = SignalFilter {
        status: Some(SignalStatus::Amended),
        ..all_of.clone()
    };
    assert_eq!(times(amended), [0; 0]);
    let backwards = SignalFilter {
        from: Some(UnixNanos(40)),
        to: Some(UnixNanos(20)),
        ..all_of
    };
    assert_eq!(times(backwards), [0; 0]);
}

#[test]
fn who_follows_changes_sees_each_signal_once_as_it_stands() {
    let temp = TempStore::new();
    let store = temp.open();
    let mut follower = store.signal_changes();
    let mut first = signal("a", "r", 1, 10);
    put(
        &store,
        &[
            first.clone(),
            signal("a", "r", 2, 20),
            signal("b", "r", 3, 5),
        ],
    );
    assert!(follower.has_changed().unwrap());
    assert_eq!(*follower.borrow_and_update(), 3);
    let mut moved = raised("r", 1, 5);
    moved.message = "earlier".into();
    first.judged_again(moved, UnixNanos(11));
    put(&store, std::slice::from_ref(&first));
    let changed = |since| -> Vec<(u64, u64)> {
        let changed = store.signals_changed_since(&tenant("a"), since, 0).unwrap();
        changed.iter().map(|(n, s)| (*n, s.time.0)).collect()
    };
    // The change of another tenant in between is not to be seen.
    assert_eq!(changed(0), [(2, 20), (3, 5)]);
    assert_eq!(changed(2), [(3, 5)]);
    assert_eq!(changed(3), []);
    let last = |name| store.last_signal_change(&tenant(name)).unwrap();
    assert_eq!((last("a"), last("b"), last("c")), (3, 1, 0));
    assert_eq!(changed(u64::MAX), []);
    let listed = store
        .signals(&tenant("a"), &SignalFilter::default())
        .unwrap();
    assert_eq!(listed.iter().map(|s| s.time.0).collect::<Vec<_>>(), [20, 5]);
}

#[test]
fn a_damaged_signal_is_an_error_that_names_it() {
    let temp = TempStore::new();
    let store = temp.open();
    let signal = signal("a", "r", 1, 10);
    put(&store, std::slice::from_ref(&signal));
    let catalog = &store.inner.catalog;
    catalog
        .write(|txn| {
            let mut table = txn.open_table(SIGNALS)?;
            let mut value = table.get(("a", &signal.id.0))?.unwrap().value().to_vec();
            value[20] ^= 1;
            table.insert(("a", &signal.id.0), value.as_slice())?;
            Ok(())
        })
        .unwrap();
    let error = store
        .signal(&tenant("a"), signal.id)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("catalog.redb` is corrupt: table `signals`"),
        "{error}"
    );
    assert!(error.contains(&signal.id.to_string()), "{error}");
}

#[test]
fn signals_go_when_they_have_not_changed_for_long_whatever_their_traces_t() {
    const DAY: Duration = Duration::from_hours(24);
    let temp = TempStore::new();
    let store = temp.open();
    let raise = |name: &str, trace: u8, time: u64| {
        let raised = raised("r", trace, time);
        put(
            &store,
            &[Signal::raise(
                &tenant(name),
                raised,
                temp.clock.unix_nanos(),
            )],
        );
    };
    let ids = |name: &str| -> Vec<u8> {
        let signals = store
            .signals(&tenant(name), &SignalFilter::default())
            .unwrap();
        signals
            .iter()
            .rev()
            .map(|signal| signal.trace_id.0[0])
            .collect()
    };
    // T of the first is of 1970, as that of what is imported.
    for trace in 1..=5 {
        raise("a", trace, u64::from(trace) * 1_000);
        raise("b", trace, u64::from(trace) * 1_000);
        temp.clock.advance(DAY);
    }
    // The second changes today.
    let id = SignalId::of(&tenant("a"), &rule("r"), TraceId([2; 16]));
    let mut second = store.signal(&tenant("a"), id).unwrap().unwrap();
    assert!(second.not_violated(RuleVersion(2), Verdict::Held, temp.clock.unix_nanos()));
    put(&store, &[second]);
    for (name, from, to) in [("a", 1, 2), ("b", 2_000, 3_000)] {
        store
            .add_hold(&tenant(name), UnixNanos(from), UnixNanos(to), "who")
            .unwrap();
    }
    let limits = [(Limit::SignalsAge, Some((4 * DAY).as_secs()))];
    store.set_limits(&tenant("b"), &limits).unwrap();

    assert_eq!(store.expire_signals(5 * DAY).unwrap(), 1);
    assert_eq!(
        (ids("a"), ids("b")),
        (vec![1, 2, 3, 4, 5], vec![2, 3, 4, 5])
    );
    temp.clock.advance(Duration::from_nanos(1));
    assert_eq!(store.expire_signals(5 * DAY).unwrap(), 1, "of a");
    assert_eq!((ids("a"), ids("b")), (vec![2, 3, 4, 5], vec![2, 3, 4, 5]));
    temp.clock.advance(30 * DAY);
    let changes = ["a", "b"].map(|name| store.last_signal_change(&tenant(name)).unwrap());
    assert_eq!(store.expire_signals(5 * DAY).unwrap(), 3 + 2);
    assert_eq!(store.expire_signals(5 * DAY).unwrap(), 0);
    // Of each the last change, and what is held.
    assert_eq!((ids("a"), ids("b")), (vec![2], vec![2, 5]));
    raise("a", 9, 1);
    let numbers: Vec<u64> = store
        .signals_changed_since(&tenant("a"), changes[0], 10)
        .unwrap()
        .iter()
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(numbers, [changes[0] + 1], "nobody who follows misses one");
    drop(store);
    let found = examine_store(&temp.path(), &mut Nobody).unwrap();
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}
