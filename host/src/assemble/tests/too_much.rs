//! More than may be open: what is refused, and to whom.

use super::*;

#[test]
fn over_a_bound_a_request_is_refused_whole_and_nothing_is_lost() {
    let mut assembler = assembler(|o| {
        o.tenant_open_spans_max = 4;
        o.open_spans_max = 6;
        o.open_bytes_max = 1_000;
    });
    let other = TenantId::try_new("other").unwrap();
    put(
        &mut assembler,
        (1..=3).map(|id| span(1, id, 0)).collect(),
        SEC,
        1,
    );

    let two = sent(&[span(2, 1, 0), span(2, 2, 0)]);
    let refused = assembler.add(&tenant(), &two, at(SEC, 2), |_| 0);
    let message = "tenant `default` has 3 of at most 4 spans in open traces";
    assert_eq!(refused.unwrap_err().to_string(), message);
    assert_eq!(assembler.stats().open_spans, 3);

    assembler.add(&other, &two, at(SEC, 3), |_| 0).unwrap();
    let refused = assembler.add(&other, &two, at(SEC, 4), |_| 0);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "5 of at most 6 spans are in open traces"
    );
    let bytes = |bytes| Held {
        spans: 1,
        bytes,
        ..Held::default()
    };
    let refused = assembler.room_for(&other, bytes(1_001));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "0 of at most 1000 bytes are in open traces"
    );

    // What lies in the inbox already is taken all the same.
    assembler.readmit(&other, &two, at(SEC, 4), |_| 0);
    assert_eq!(assembler.stats().open_spans, 7);
    assert_eq!(assembler.due(8 * SEC).len(), 2);
    assert_eq!(assembler.stats().open_spans, 0);
    let four = Held::of(&sent(&[1, 2, 3, 4].map(|id| span(3, id, 0))), 0);
    assert_eq!(assembler.room_for(&tenant(), four), Ok(()));
}

#[test]
fn a_tenant_opens_so_many_traces_and_late_spans_of_them_still_come() {
    let mut assembler = assembler(|_| {});
    let bounds = TenantBounds {
        traces: Some(2),
        ..TenantBounds::default()
    };
    let may = |assembler: &Assembler, spans: &[SentSpan]| {
        assembler.room_for_traces(&tenant(), spans, &bounds)
    };
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assert_eq!(
        may(&assembler, &sent(&[span(2, 1, 0), span(2, 2, 1)])),
        Ok(())
    );
    let refused = may(&assembler, &sent(&[span(2, 1, 0), span(3, 1, 0)]));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "tenant `default` has 1 of at most 2 open traces"
    );
    put(&mut assembler, vec![span(2, 1, 0)], SEC, 2);
    assert!(may(&assembler, &sent(&[span(3, 1, 0)])).is_err());
    let late = sent(&[span(1, 2, 1), span(2, 2, 1), span(2, 3, 1)]);
    assert_eq!(may(&assembler, &late), Ok(()));
    let other = TenantId::try_new("other").unwrap();
    let of_other = assembler.room_for_traces(&other, &sent(&[span(3, 1, 0)]), &bounds);
    assert_eq!(of_other, Ok(()));
}

#[test]
fn what_was_set_for_a_tenant_wins_over_the_options() {
    let assembler = assembler(|options| options.tenant_open_spans_max = 4);
    let room = |spans, bounds: TenantBounds| {
        let more = Held {
            spans,
            ..Held::default()
        };
        assembler.room_beside(&tenant(), more, Held::default(), &bounds)
    };
    let more = TenantBounds {
        spans: Some(5),
        ..TenantBounds::default()
    };
    assert!(room(5, TenantBounds::default()).is_err());
    assert_eq!(room(5, more), Ok(()));
    assert!(room(6, more).is_err());
}

#[test]
fn memory_counts_traces_and_spans_beside_their_bytes() {
    let one = limits::OPEN_TRACE_MEMORY_BYTES
        + limits::OPEN_RUN_MEMORY_BYTES
        + limits::OPEN_SPAN_MEMORY_BYTES
        + 100;
    let mut assembler = assembler(|options| {
        options.tenant_open_memory_bytes_max = 2 * one;
        options.open_memory_bytes_max = 3 * one;
    });
    let other = TenantId::try_new("other").unwrap();
    let arrival = |frame| Arrival {
        bytes: 100,
        ..at(SEC, frame)
    };
    let mut add = |tenant: &TenantId, trace: u8, frame| {
        assembler.add(tenant, &sent(&[span(trace, 1, 0)]), arrival(frame), |_| 0)
    };
    assert_eq!(add(&tenant(), 1, 1), Ok(()));
    assert_eq!(add(&tenant(), 2, 2), Ok(()));
    let refused = add(&tenant(), 3, 3).unwrap_err().to_string();
    let (open, max) = (2 * one, 2 * one);
    let message =
        format!("tenant `default` has {open} of at most {max} bytes of memory in open traces");
    assert_eq!(refused, message);
    assert_eq!(add(&other, 1, 4), Ok(()));
    let refused = add(&other, 2, 5).unwrap_err().to_string();
    let message = format!(
        "{0} of at most {0} bytes of memory are in open traces",
        3 * one
    );
    assert_eq!(refused, message);

    // What can never be open is no matter of waiting.
    let three: Vec<_> = (1..=3).map(|trace| span(trace, 1, 0)).collect();
    let refused = assembler.add(&other, &sent(&three), arrival(6), |_| 0);
    let needed = 3 * one - 200;
    assert_eq!(refused, Err(Refused::Request { needed, max }));

    // Another span of an open trace is no other trace; what is sealed makes room.
    let more = Held::of(&sent(&[span(1, 2, 1)]), 100);
    assert_eq!((more.traces, more.spans), (1, 1));
    assert_eq!(assembler.due(60 * SEC).len(), 3);
    assert_eq!(assembler.room_for(&tenant(), more), Ok(()));
    assert_eq!(assembler.held, Held::default());
}
