//! What a hostile client, a crash or a damaged file does to the pipeline.

use std::fs;

use super::*;
use crate::assemble::Held;
use crate::live::pending::Load;
use crate::{
    block::BlockBuilder,
    replay::replay_blocks,
    store::Listing,
    trace::{Facts, SentTrace},
};

/// The stored pieces of a trace that count, oldest first: their spans and facts.
fn pieces(host: &Fixture, trace: u8) -> Vec<(usize, u8)> {
    let id = TraceId([trace; 16]);
    let mut pieces: Vec<(usize, u8)> = host
        .store
        .find_pieces(&tenant(), id, usize::MAX)
        .iter()
        .map(|(listed, row)| {
            let stored = host.store.open_block(listed).unwrap().spans(*row).unwrap();
            (stored.spans.len(), stored.facts.0)
        })
        .collect();
    pieces.reverse();
    pieces
}

fn children(trace: u8, ids: std::ops::RangeInclusive<u8>) -> Vec<Span> {
    ids.map(|id| child(trace, id, "phi.access")).collect()
}

#[test]
fn a_trace_that_never_ends_is_cut_and_not_rewritten_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.trace_spans_max = 10));
    host.publish(RULE);
    host.send(vec![span(1, 1, "root")]).unwrap();
    host.settle();
    for first in [10, 20, 30, 40, 50] {
        host.send(children(1, first..=first + 5)).unwrap();
        host.settle();
    }
    let cut = Facts::CUT;
    let fragment = cut | Facts::FRAGMENT | Facts::PARENTS_MISSING;
    assert_eq!(
        pieces(&host, 1),
        [(13, cut), (6, fragment), (6, fragment), (6, fragment)]
    );
    assert_eq!(host.counts(), [0, 0, 0, 4], "a verdict for each piece");
    assert_eq!(host.replay(1).rules[0].counts, host.counts());
    let [signal] = host.signals().try_into().unwrap();
    assert_eq!(signal.trace_id, TraceId([1; 16]));
}

#[test]
fn what_is_sent_again_of_a_cut_trace_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.trace_spans_max = 10));
    host.publish(RULE);
    let spans = children(1, 10..=34);
    host.send(spans.clone()).unwrap();
    host.settle();
    let stored = pieces(&host, 1);
    assert_eq!(stored.iter().map(|(n_spans, _)| n_spans).sum::<usize>(), 25);
    // Whole, as after a crash before its frame was given up, and in other parts than it was cut into.
    for again in [&spans[..], &spans[5..17]] {
        host.send(again.to_vec()).unwrap();
        host.settle();
        assert_eq!(pieces(&host, 1), stored);
    }
    assert_eq!(host.counts(), [0, 0, 0, 3]);
    assert_eq!(host.store.inbox().scan().count(), 0);
}

#[test]
fn an_inbox_that_holds_more_than_may_be_open_is_stored_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    {
        let host = Fixture::open(folder.path());
        host.publish(RULE);
        for trace in 1..=20 {
            host.send(vec![span(trace, 1, "root"), child(trace, 2, "phi.access")])
                .unwrap();
        }
    }
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.open_spans_max = 6));
    assert!(host.live.shared.assembler().stats().open_spans <= 6);
    host.settle();
    assert_eq!(host.counts(), [0, 0, 20, 0]);
    assert_eq!(host.signals().len(), 20);
    assert_eq!(host.store.inbox().scan().count(), 0);
}

#[test]
fn what_is_on_its_way_to_assembly_counts_as_open() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.open_bytes_max = 10_000));
    let mut waiting = Load::of(&[], 9_990);
    waiting.held.spans = 1;
    host.live.shared.pending.admit(waiting).unwrap();
    let sent = host.send(vec![span(1, 1, "root")]);
    assert!(matches!(sent, Err(Refused::Full { .. })), "{sent:?}");
    assert_eq!(
        host.live.shared.pending.load(),
        waiting,
        "nothing is left of it"
    );
    host.live.shared.pending.forget(waiting);
    host.send(vec![span(1, 1, "root")]).unwrap();
    host.settle();
    assert_eq!(host.live.shared.pending.load(), Load::default());
}

#[test]
fn what_is_being_sealed_counts_as_open() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.open_bytes_max = 10_000));
    let sealing = Load::sealing(Held {
        bytes: 9_990,
        ..Held::default()
    });
    host.live.shared.pending.add(sealing);
    let sent = host.send(vec![span(1, 1, "root")]);
    assert!(matches!(sent, Err(Refused::Full { .. })), "{sent:?}");
    host.live.shared.pending.forget(sealing);
    host.send(vec![span(1, 1, "root")]).unwrap();
}

#[test]
fn repetitions_that_were_dropped_for_room_are_not_open_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open_with(folder.path(), bounded_by(|o| o.trace_spans_max = 32));
    for _ in 0..20 {
        host.send(vec![span(1, 1, "root"), child(1, 2, "a"), child(1, 3, "b")])
            .unwrap();
    }
    host.settle();
    assert_eq!(pieces(&host, 1), [(3, 0)]);
}

#[test]
fn a_damaged_old_file_does_not_hold_up_what_arrives() {
    let folder = tempfile::tempdir().unwrap();
    {
        let host = Fixture::open(folder.path());
        host.publish(RULE);
        host.send(vec![span(1, 1, "root"), child(1, 2, "phi.access")])
            .unwrap();
        host.settle();
        host.clock.advance(Duration::from_hours(25));
        host.send(vec![span(2, 1, "root")]).unwrap();
        host.settle();
    }
    fs::write(folder.path().join("blocks-1.redb"), [7; 8_192]).unwrap();
    let host = Fixture::open(folder.path());
    host.send(children(1, 3..=4)).unwrap();
    host.settle();
    assert_eq!(host.live.failed(), None);
    let [(2, facts), ..] = pieces(&host, 1)[..] else {
        panic!("{:?}", pieces(&host, 1));
    };
    assert_ne!(facts & Facts::FRAGMENT, 0, "it is known to be a part");
    let replayed = host.replay(1);
    assert_eq!((replayed.unreadable.len(), replayed.traces), (1, 2));
}

#[test]
fn a_replay_is_not_misled_by_blocks_that_were_merged_under_it() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish(RULE);
    let mut listed = Vec::new();
    for trace in 1..=70 {
        host.send(vec![span(trace, 1, "root"), child(trace, 2, "phi.access")])
            .unwrap();
        host.settle();
        if trace == 60 {
            listed = host.store.blocks(&tenant());
        }
    }
    assert_eq!(listed.len(), 60);
    while host.store.blocks(&tenant()).len() > 64 {
        thread::yield_now();
    }
    let with = Replaying {
        store: &host.store,
        sandbox: &host.sandbox,
        clock: &host.clock,
    };
    let options = ReplayOptions {
        from: None,
        to: None,
        threads: 1,
    };
    let rules = host.registry.live(&tenant()).unwrap();
    let replayed = replay_blocks(with, &tenant(), listed, rules.rules(), options, &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(replayed.unwrap().rules[0].counts, [0, 0, 60, 0]);
}

#[test]
fn a_block_whose_rules_cannot_be_had_is_judged_once_they_can() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    let mut judging = Judging::new(
        host.store.clone(),
        Arc::clone(&host.registry),
        Arc::clone(&host.sandbox),
        Arc::new(host.clock.clone()),
        Arc::default(),
    );
    let otlp = otlp(vec![span(1, 1, "phi.access")]);
    let trace = SentTrace {
        trace_id: TraceId([1; 16]),
        spans: ingest::decode(&otlp).unwrap().records,
        facts: Facts::default(),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(1),
    };
    let mut builder = BlockBuilder::new(tenant());
    builder.push(trace);
    let next_set = host.registry.live(&tenant()).unwrap().number() + 1;
    let listing = Listing {
        rule_set: next_set,
        ..Listing::default()
    };
    host.store.put_block(&builder.finish(), &listing).unwrap();
    assert_eq!(judging.drain(|| false).unwrap(), 0);
    assert!(judging.puts_off());
    host.publish(RULE);
    assert_eq!(judging.drain(|| false).unwrap(), 1);
    assert!(!judging.puts_off());
    assert_eq!(host.counts(), [0, 0, 1, 0]);
}
