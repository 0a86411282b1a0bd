//! What a tenant may take of the pipeline.

use super::*;
use crate::{
    assemble::Held,
    live::sealer::{BLOCK_BYTES_MAX, BLOCK_HOURS_MAX},
    store::{HOUR_NS, StoreError},
    tenant::{Limit, TenantLimits, TokenName},
};

fn limited(folder: &Path, limits: &[(Limit, u64)]) -> Fixture {
    let host = Fixture::open(folder);
    let mut set = TenantLimits::default();
    for (limit, value) in limits {
        set.set(*limit, Some(*value));
    }
    host.store
        .create_tenant(&tenant(), &TokenName::default_name(), &set)
        .unwrap();
    host.publish(RULE);
    host
}

fn raise(host: &Fixture, limit: Limit) -> Result<TenantLimits, StoreError> {
    host.store.set_limits(&tenant(), &[(limit, None)])
}

#[test]
fn over_its_rate_a_tenant_is_told_how_long_to_wait_and_then_taken() {
    let folder = tempfile::tempdir().unwrap();
    let host = limited(folder.path(), &[(Limit::SpansPerSecond, 1)]);
    let six = (1..=6).map(|id| span(1, id, "a")).collect();
    host.send(six).unwrap();
    let refused = host.send(vec![span(2, 1, "a")]);
    let one_second = Duration::from_secs(1);
    assert!(
        matches!(&refused, Err(Refused::Full { what, retry_after })
            if what.contains("spans_per_second") && *retry_after == one_second),
        "{refused:?}"
    );
    // Before it is decoded too.
    assert!(host.live.sink().admit(&tenant()).is_err());
    host.clock.advance(one_second);
    host.send(vec![span(2, 1, "a")]).unwrap();
    host.settle();
    assert_eq!(host.replay_counts(), (2, 7));
}

#[test]
fn a_tenant_has_so_many_traces_open_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let host = limited(folder.path(), &[(Limit::OpenTraces, 1)]);
    host.send(vec![span(1, 1, "a")]).unwrap();
    host.wait_until_open(&tenant(), 1);
    host.send(vec![child(1, 2, "b")]).unwrap();
    let refused = host.send(vec![span(2, 1, "a")]);
    assert!(
        matches!(&refused, Err(Refused::Full { what, .. }) if what.contains("1 of at most 1 open traces")),
        "{refused:?}"
    );
    raise(&host, Limit::OpenTraces).unwrap();
    host.send(vec![span(2, 1, "a")]).unwrap();
    host.settle();
    assert_eq!(host.replay_counts(), (2, 3));
}

#[test]
fn open_spans_and_bytes_are_bounded_by_what_was_set_for_the_tenant() {
    for limit in [Limit::OpenSpans, Limit::OpenBytes] {
        let folder = tempfile::tempdir().unwrap();
        let host = limited(folder.path(), &[(limit, 1)]);
        let refused = host.send(vec![span(1, 1, "a"), child(1, 2, "b")]);
        assert!(
            matches!(&refused, Err(Refused::Full { what, .. }) if what.contains("of at most 1 ")),
            "{refused:?}"
        );
        raise(&host, limit).unwrap();
        host.send(vec![span(1, 1, "a"), child(1, 2, "b")]).unwrap();
    }
}

#[test]
fn a_tenant_whose_blocks_are_large_enough_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let host = limited(folder.path(), &[(Limit::StoredBytes, 1)]);
    let admit = || host.live.sink().admit(&tenant());
    admit().unwrap();
    host.send(vec![span(1, 1, "a")]).unwrap();
    host.settle();
    let refused = admit();
    assert!(
        matches!(&refused, Err(Refused::OverQuota { what }) if what.contains("at most 1 B")),
        "{refused:?}"
    );
    raise(&host, Limit::StoredBytes).unwrap();
    admit().unwrap();
}

#[test]
fn more_rules_than_a_tenant_may_have_are_refused_and_those_it_has_are_updated() {
    let folder = tempfile::tempdir().unwrap();
    let host = limited(folder.path(), &[(Limit::Rules, 1)]);
    host.publish("rule phi { match { phi.access } }");
    let error = host
        .try_publish("rule phi { match { a } } rule other { match { b } }")
        .unwrap_err()
        .to_string();
    assert!(error.contains("2 rules would be published"), "{error}");
    let phi = RuleId::try_new("phi").unwrap();
    host.registry.remove(&tenant(), &phi).unwrap();
    host.publish("rule other { match { b } }");
    let back = host.registry.roll_back(&tenant(), &phi, None);
    assert!(back.unwrap_err().to_string().contains("may have 1"));
}

#[test]
fn the_defaults_that_tenants_are_shown_are_those_of_assembly() {
    let default = AssembleOptions::default();
    for (limit, max) in [
        (Limit::OpenTraces, default.tenant_open_traces_max),
        (Limit::OpenSpans, default.tenant_open_spans_max),
        (Limit::OpenBytes, default.tenant_open_bytes_max),
    ] {
        assert_eq!(limit.default_value(), Some(max as u64), "{}", limit.name());
    }
}

#[test]
fn a_block_is_closed_by_its_bytes_too() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    let large = "x".repeat(BLOCK_BYTES_MAX / 2);
    for trace in 1..=3 {
        host.send(vec![span(trace, 1, &large)]).unwrap();
    }
    host.send(vec![span(4, 1, "small")]).unwrap();
    host.settle();
    // Two of the large ones are more than a block may have.
    let blocks = host.store.blocks(&tenant());
    let mut n_traces: Vec<u32> = blocks.iter().map(|block| block.meta().n_traces).collect();
    n_traces.sort_unstable();
    assert_eq!(n_traces, [1, 1, 2]);
}

#[test]
fn a_block_is_closed_by_the_hours_of_its_traces_too() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish(RULE);
    let n = 2 * BLOCK_HOURS_MAX as u64 + 44;
    let send = |id: u8, hour_of: fn(u64) -> u64| {
        let spans = (1..=n).map(|trace| Span {
            trace_id: [[0; 8], trace.to_be_bytes()].concat(),
            start_time_unix_nano: hour_of(trace) * HOUR_NS,
            ..span(1, id, "phi.access")
        });
        host.send(spans.collect()).unwrap();
        host.settle();
    };
    let n_traces = || -> Vec<u32> {
        let blocks = host.store.blocks(&tenant());
        let mut n_traces: Vec<u32> = blocks.iter().map(|block| block.meta().n_traces).collect();
        n_traces.sort_unstable();
        n_traces
    };
    let max = BLOCK_HOURS_MAX as u32;
    send(1, |trace| trace);
    assert_eq!(n_traces(), [44, max, max]);
    // All in one hour then, and out of as many as they were in.
    send(2, |_| 0);
    assert_eq!(n_traces().iter().filter(|n| **n > max).count(), 0);
    let sums = host.store.coverage(&tenant(), None).unwrap();
    assert_eq!(sums, [(RuleId::try_new("phi").unwrap(), [0, 0, n, 0])]);
    let cells = host.store.coverage_cells(&tenant(), None).unwrap();
    assert_eq!(cells.len(), 1);
}

#[test]
fn what_can_never_be_open_is_refused_for_good() {
    let small = || vec![span(1, 1, "root")];
    let most = || vec![span(2, 1, &"x".repeat(2_500))];
    let folder = tempfile::tempdir().unwrap();
    // Either of the two has room, and not both.
    let max = memory_bytes(small()) + memory_bytes(most()) - 1;
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.open_memory_bytes_max = max));
    host.send(small()).unwrap();
    let refused = host.send(vec![span(2, 1, &"x".repeat(max))]);
    let told = |what: &str| what.contains("more `memory`");
    assert!(
        matches!(&refused, Err(Refused::TooLarge { what }) if told(what)),
        "{refused:?}"
    );
    // What fits, and not now, may come again.
    let refused = host.send(most());
    assert!(matches!(refused, Err(Refused::Full { .. })), "{refused:?}");
    host.settle();
    host.send(most()).unwrap();
}

fn memory_bytes(spans: Vec<Span>) -> usize {
    let otlp = otlp(spans);
    let records = ingest::decode(&otlp).unwrap().records;
    Held::of(&records, otlp.len()).memory_bytes()
}
