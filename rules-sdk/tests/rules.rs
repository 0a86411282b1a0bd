//! Rules as their authors write them, judged natively.

use betrace_rules::{
    prelude::*,
    testing::{Judged, event, judge, link, span, trace, violated},
};

/// Nobody waits for more than a second on a payment that failed.
#[betrace_rules::rule(spans = ["pay"], reads = [status, duration, status_message], attributes = ["amount" as number])]
fn slow_failure(trace: Trace<'_>) -> Verdict {
    trace.named("pay").none(|pay| {
        pay.status() == Some(Status::Error)
            && pay.status_message() == Some("refused")
            && pay.duration_ns() > Some(1_000_000_000)
            && pay.number("amount").is_some_and(|amount| amount >= 10)
    })
}

#[test]
fn what_a_rule_says_of_itself_is_what_it_declares() {
    assert_eq!(slow_failure.id, "slow-failure");
    assert_eq!(slow_failure.signal, "slow-failure");
    assert_eq!(
        slow_failure.summary,
        "Nobody waits for more than a second on a payment that failed."
    );
    assert!(!slow_failure.all_spans);
}

#[test]
fn numbers_times_and_status_are_read() {
    let pay = |amount: &str, ms| {
        span("pay")
            .failed("refused")
            .for_ms(ms)
            .with("amount", amount)
    };
    assert_eq!(
        judge(&slow_failure, &trace([pay("10.5", 1_001)])),
        violated([0])
    );
    assert_eq!(
        judge(&slow_failure, &trace([pay("9", 1_001)])),
        Judged::Held
    );
    assert_eq!(
        judge(&slow_failure, &trace([pay("10", 1_000)])),
        Judged::Held
    );
    assert_eq!(
        judge(&slow_failure, &trace([span("other")])),
        Judged::NotApplicable
    );
}

#[test]
fn a_trace_that_misses_what_is_read_is_inconclusive() {
    let pay = || span("pay").with("amount", 1);
    assert_eq!(
        judge(&slow_failure, &trace([pay().drops_attributes()])),
        Judged::Inconclusive
    );
    assert_eq!(
        judge(&slow_failure, &trace([pay().orphan()])),
        Judged::Inconclusive
    );
    assert_eq!(
        judge(&slow_failure, &trace([pay().kind(Kind::Server).orphan()])),
        Judged::Held
    );
}

/// Reads are under a handler, which is a server's.
#[betrace_rules::rule(spans = ["read"], reads = [parent, kind, depth, children, self_duration])]
fn handled(trace: Trace<'_>) -> Verdict {
    trace.named("read").every(|read| {
        let above = read
            .ancestors()
            .find(|span| span.kind() == Some(Kind::Server));
        above.is_some_and(|server| {
            server.child_count() == Some(2) && server.self_duration_ns() == Some(4_000_000)
        }) && read.depth() == Some(2)
    })
}

#[test]
fn the_tree_is_seen_beyond_the_declared_names() {
    let spans = |kind| {
        [
            span("read").id("r").child_of("q").at_ms(3),
            span("GET").id("g").kind(kind).for_ms(10),
            span("query").id("q").child_of("g").at_ms(2).for_ms(4),
            span("log").child_of("g").at_ms(5).for_ms(3),
        ]
    };
    assert_eq!(judge(&handled, &trace(spans(Kind::Server))), Judged::Held);
    assert_eq!(judge(&handled, &trace(spans(Kind::Client))), violated([0]));
}

/// What failed says why, in an event, and links to what it came from.
#[betrace_rules::rule(
    all_spans,
    reads = [name, start, events, event_name, event_time, links, link_trace_id, link_span_id],
    event_attributes = ["exception.type"],
    link_attributes = ["why" as symbol],
    literals = ["retry"]
)]
fn told(trace: Trace<'_>) -> Verdict {
    let id = "0123456789abcdef0123456789abcdef";
    trace
        .spans()
        .filter(|span| span.name() != Some("quiet"))
        .every(|span| {
            let told = |event: Event<'_>| {
                event.name() == Some("exception")
                    && event.attributes().text("exception.type") == Some("Timeout")
                    && event.time_ns() == span.start_ns().map(|start| start + 1_000_000)
            };
            let linked = |link: Link<'_>| {
                link.trace_id() == Some(id)
                    && link.span_id() == Some("00f067aa0ba902b7")
                    && link.attributes().has("why", "retry")
            };
            span.events().any(told) && span.links().any(linked)
        })
}

#[test]
fn events_and_links_belong_to_their_span() {
    let timeout = |ms| {
        event("exception")
            .with("exception.type", "Timeout")
            .at_ms(ms)
    };
    let from = || link("0123456789abcdef0123456789abcdef", "00f067aa0ba902b7").with("why", "retry");
    let told_of = [
        span("a")
            .at_ms(1)
            .event(event("log"))
            .event(timeout(2))
            .link(from()),
        span("b").at_ms(1).event(timeout(3)).link(from()),
        span("c").at_ms(1).event(timeout(2)),
        span("quiet").event(timeout(2)),
    ];
    assert_eq!(judge(&told, &trace(told_of)), violated([1, 2]));
}

/// Compares each form of one attribute.
#[betrace_rules::rule(
    spans = ["a"],
    attributes = ["k", "k" as symbol, "k" as number, "k" as truth, "k" as value],
    resource_attributes = ["service.name"],
    scope_attributes = ["lib"],
    span_attributes = ["service.name"],
    literals = ["7", "true"]
)]
fn forms(trace: Trace<'_>) -> Verdict {
    trace.named("a").every(|a| {
        a.resource().text("service.name") == Some("shop")
            && a.own().text("service.name").is_none()
            && a.scope().text("lib") == Some("x")
            && (a.has("k", "7") && a.number("k").is_some_and(|seven| seven == 7)
                || a.has("k", "true") && a.truth("k") == Some(true))
            && a.text("k").is_some()
                == matches!(
                    a.attributes().value("k"),
                    Some(betrace_rules::Value::Text(_))
                )
            && a.symbol("k").is_some()
    })
}

#[test]
fn an_attribute_is_read_in_the_forms_that_are_declared() {
    let a = || {
        span("a")
            .resource("service.name", "shop")
            .scope_with("lib", "x")
    };
    for good in [a().with("k", 7), a().with("k", "7"), a().with("k", "true")] {
        assert_eq!(judge(&forms, &trace([good])), Judged::Held);
    }
    // Of these none is a text: a bool has no symbol.
    for bad in [
        a().with("k", true),
        a().with("k", 7.0),
        a(),
        a().with("k", vec![7]),
    ] {
        assert_eq!(judge(&forms, &trace([bad])), violated([0]));
    }
}

/// Says what it must not.
#[betrace_rules::rule(spans = ["a", "b"], any_of = [["b"]], facts)]
fn unsound(trace: Trace<'_>) -> Verdict {
    match (trace.has("a"), trace.has("b"), trace.facts().is_complete()) {
        (true, false, true) => Verdict::violated(trace.named("a")),
        (true, true, true) | (_, _, false) => Verdict::Undecided,
        (false, _, true) => Verdict::NotApplicable,
    }
}

#[test]
fn an_answer_that_the_host_would_not_take_ends_the_test() {
    let says = |spans: Vec<betrace_rules::testing::SpanSpec>| {
        let judged = std::panic::catch_unwind(|| judge(&unsound, &trace(spans)));
        let said = judged.expect_err("ends the test");
        said.downcast_ref::<String>().cloned().expect("in words")
    };
    let without = says(vec![span("a")]);
    assert!(
        without.contains("take that group out of any_of"),
        "{without}"
    );
    let undecided = says(vec![span("a"), span("b")]);
    assert!(undecided.contains("answers Undecided"), "{undecided}");
    assert_eq!(
        judge(&unsound, &trace([span("a").orphan()])),
        Judged::Inconclusive
    );
}

/// Reads what it does not declare.
#[betrace_rules::rule(spans = ["a"], attributes = ["k" as symbol], literals = ["x"])]
fn careless(trace: Trace<'_>) -> Verdict {
    trace.spans().every(|span| match span.symbol("k") {
        None => span.text("other").is_some(),
        Some(_) if span.has("k", "x") => span.text("k").is_some(),
        Some(_) if span.has("k", "y") => false,
        Some(_) => span.start_ns().is_some() && span.is("b"),
    })
}

#[test]
fn a_read_that_is_not_declared_is_an_error_that_says_what_to_add() {
    let says = |value: Option<&'static str>| {
        let judged = std::panic::catch_unwind(|| {
            let a = span("a");
            judge(
                &careless,
                &trace([value.map_or(a.clone(), |value| a.with("k", value))]),
            )
        });
        let said = judged.expect_err("ends the test");
        said.downcast_ref::<String>().cloned().expect("in words")
    };
    assert!(
        says(None).contains("add \"other\" as text to its attributes"),
        "{}",
        says(None)
    );
    assert!(says(Some("x")).contains("declares it as symbol: add \"k\" as text to its attributes"));
    assert!(
        says(Some("z")).contains("add \"y\" to its literals"),
        "{}",
        says(Some("z"))
    );
}

/// A violation of it lasts, whatever is missing.
#[betrace_rules::rule(spans = ["a", "b"], attributes = ["k" as symbol], literals = ["x"], facts)]
fn lasts(trace: Trace<'_>) -> Verdict {
    Verdict::held_unless(trace.named("a").filter(|a| a.has("k", "x"))).lasting(trace)
}

#[test]
fn a_lasting_violation_stays_and_nothing_else_does() {
    let with = || span("a").with("k", "x");
    let without = || span("a").with("k", "y");
    assert_eq!(judge(&lasts, &trace([with().orphan()])), violated([0]));
    assert_eq!(
        judge(&lasts, &trace([with().drops_attributes()])),
        violated([0])
    );
    assert_eq!(
        judge(&lasts, &trace([without().orphan()])),
        Judged::Inconclusive
    );
    assert_eq!(judge(&lasts, &trace([without()])), Judged::Held);
}
