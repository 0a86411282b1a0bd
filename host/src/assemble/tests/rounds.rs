//! Much that is due at once leaves in rounds, in which tenants take turns.

use super::*;

fn named(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

/// Opens traces of one span each.
fn open(assembler: &mut Assembler, tenant: &TenantId, traces: std::ops::Range<u8>, now: Duration) {
    for trace in traces {
        let arrival = at(now, u64::from(trace));
        let spans = sent(&[span(trace, 1, 0)]);
        assembler.add(tenant, &spans, arrival, |_| 0).unwrap();
    }
}

fn by_tenant(sealed: &[Sealed]) -> Vec<(&str, u8)> {
    let of = |one: &Sealed| one.trace.trace_id.0[0];
    sealed
        .iter()
        .map(|one| (one.tenant.as_str(), of(one)))
        .collect()
}

#[test]
fn a_round_has_its_size_and_what_is_left_is_due_at_once() {
    let mut assembler = assembler(|_| {});
    open(&mut assembler, &tenant(), 1..11, SEC);
    let later = 60 * SEC;
    assert!(assembler.next_due() > Some(SEC));
    for (n, left) in [(4, 6), (4, 2), (2, 0)] {
        let round = assembler.due_in_turns(later, 4, 4);
        assert_eq!((round.len(), assembler.stats().open_spans), (n, left));
        let due = assembler.next_due();
        assert_eq!(due.is_some_and(|due| due <= later), left > 0);
    }
}

#[test]
fn tenants_take_turns_and_who_comes_late_waits_for_one_round() {
    let mut assembler = assembler(|_| {});
    let (loud, calm) = (named("loud"), named("calm"));
    open(&mut assembler, &loud, 1..100, SEC);
    let now = 60 * SEC;
    assert_eq!(assembler.due_in_turns(now, 8, 4).len(), 8);
    open(&mut assembler, &calm, 1..6, 2 * SEC);
    let round = assembler.due_in_turns(now, 8, 2);
    let expected = [
        ("loud", 9),
        ("loud", 10),
        ("calm", 1),
        ("calm", 2),
        ("loud", 11),
        ("loud", 12),
        ("calm", 3),
        ("calm", 4),
    ];
    assert_eq!(by_tenant(&round), expected);
}

#[test]
fn a_trace_longer_than_a_round_comes_alone_and_is_not_put_off_for_ever() {
    let mut assembler = assembler(|_| {});
    let (long, short) = (named("long"), named("short"));
    let spans: Vec<SpanRecord> = (1..10).map(|id| span(1, id, id - 1)).collect();
    open(&mut assembler, &short, 1..9, SEC);
    assembler
        .add(&long, &sent(&spans), at(2 * SEC, 1), |_| 0)
        .unwrap();
    let now = 60 * SEC;
    let mut rounds = Vec::new();
    while assembler.stats().open_spans > 0 {
        let round = assembler.due_in_turns(now, 4, 2);
        let spans: usize = round.iter().map(|one| one.trace.spans.len()).sum();
        assert!(spans <= 4 || round.len() == 1);
        rounds.push((round[0].tenant.to_string(), spans));
    }
    let (long, short) = ("long".to_owned(), "short".to_owned());
    let expected = [
        (short.clone(), 2),
        (long, 9),
        (short.clone(), 4),
        (short, 2),
    ];
    assert_eq!(rounds, expected);
}

#[test]
fn what_is_cut_counts_as_open_until_it_is_taken() {
    let mut assembler = assembler(|o| {
        o.trace_spans_max = 4;
        o.tenant_open_spans_max = 8;
    });
    let spans = |from: u8| {
        (from..from + 4)
            .map(|id| span(1, id, 0))
            .collect::<Vec<_>>()
    };
    put(&mut assembler, spans(1), SEC, 1);
    put(&mut assembler, spans(5), SEC, 2);
    let stats = assembler.stats();
    assert_eq!((stats.open_traces, stats.open_spans), (0, 8));
    let room = |assembler: &Assembler, spans| {
        let more = Held {
            spans,
            ..Held::default()
        };
        assembler.room_for(&tenant(), more)
    };
    assert!(room(&assembler, 1).is_err());
    let pieces: Vec<Sealed> = (0..2)
        .flat_map(|_| assembler.due_in_turns(SEC, 4, 4))
        .collect();
    assert_eq!(ids(&pieces), [(trace_id(1), 4), (trace_id(1), 4)]);
    assert_eq!(room(&assembler, 8), Ok(()));
}

#[test]
fn ten_thousand_spans_of_one_place_are_told_from_as_many_late_ones() {
    let of = |ends: std::ops::Range<u64>| {
        let spans = ends.map(|end| changed(span(1, 1, 0), |s| s.end_time_unix_nano = end));
        seal(spans.collect())
    };
    let (stored, late) = (of(0..10_000), of(5_000..15_000));
    let rest = without(late, &stored.spans).unwrap();
    let ends = rest.spans.iter().map(|span| span.end_time_unix_nano);
    assert!(ends.eq(10_000..15_000));
    assert_eq!(without(stored.clone(), &stored.spans), None);
}
