//! Of the words that generated traces are made of.

use betrace_rules::prelude::*;

use crate::{S, found, needs};

#[betrace_rules::rule(spans = ["a", "b.c"], any_of = [["a"]])]
pub(crate) fn always(trace: Trace<'_>) -> Verdict {
    needs(trace, "a", trace.has("b.c"))
}

#[betrace_rules::rule(spans = ["a", "b.c"], any_of = [["a"]], facts)]
pub(crate) fn never(trace: Trace<'_>) -> Verdict {
    if !trace.has("a") {
        return Verdict::NotApplicable.lasting(trace);
    }
    match trace.has("b.c") {
        true => Verdict::broken(Clause::Never, trace.named("b.c")),
        false => Verdict::Held.lasting(trace),
    }
}

#[betrace_rules::rule(spans = ["a", "d-e"], any_of = [["a"]])]
pub(crate) fn absent(trace: Trace<'_>) -> Verdict {
    match (trace.has("a"), trace.has("d-e")) {
        (false, _) => Verdict::NotApplicable,
        (true, true) => Verdict::Held,
        (true, false) => Verdict::violated(trace.named("a")),
    }
}

#[betrace_rules::rule(spans = ["a"], any_of = [["a"]], otherwise = "held", facts)]
pub(crate) fn many(trace: Trace<'_>) -> Verdict {
    let is_many = trace.named("a").count() > 2;
    found(trace, trace.named("a").filter(|_| is_many))
}

#[betrace_rules::rule(
    spans = ["a"],
    any_of = [["a"]],
    otherwise = "held",
    attributes = ["k" as symbol],
    literals = ["admin"],
    facts
)]
pub(crate) fn admin(trace: Trace<'_>) -> Verdict {
    found(trace, trace.named("a").filter(|s| s.has("k", "admin")))
}

#[betrace_rules::rule(
    spans = ["a"],
    any_of = [["a"]],
    otherwise = "held",
    attributes = ["k" as symbol],
    literals = ["admin", "adm"],
    facts
)]
pub(crate) fn one_of(trace: Trace<'_>) -> Verdict {
    found(
        trace,
        trace
            .named("a")
            .filter(|s| s.has("k", "admin") || s.has("k", "adm")),
    )
}

#[betrace_rules::rule(spans = ["a"], any_of = [["a"]], otherwise = "held", attributes = ["x" as truth], facts)]
pub(crate) fn is_true(trace: Trace<'_>) -> Verdict {
    found(
        trace,
        trace.named("a").filter(|s| s.truth("x") == Some(true)),
    )
}

#[betrace_rules::rule(spans = ["a"], any_of = [["a"]], otherwise = "held", attributes = ["x" as number], facts)]
pub(crate) fn large(trace: Trace<'_>) -> Verdict {
    found(
        trace,
        trace
            .named("a")
            .filter(|s| s.number("x").is_some_and(|x| x > 41)),
    )
}

#[betrace_rules::rule(
    spans = ["a", "b.c"],
    any_of = [["a"], ["b.c"]],
    otherwise = "held",
    attributes = ["user.role" as symbol, "k" as symbol],
    facts
)]
pub(crate) fn both_said(trace: Trace<'_>) -> Verdict {
    let a = trace
        .named("a")
        .filter(|s| s.attributes().is_there("user.role"));
    let b = trace.named("b.c").filter(|s| s.attributes().is_there("k"));
    let both = a.clone().next().is_some() && b.clone().next().is_some();
    found(trace, a.chain(b).filter(|_| both))
}

#[betrace_rules::rule(spans = ["a", "b.c"], any_of = [["a"]], reads = [parent])]
pub(crate) fn all_under(trace: Trace<'_>) -> Verdict {
    trace
        .named("a")
        .every(|a| a.ancestors().any(|above| above.is("b.c")))
}

#[betrace_rules::rule(spans = ["a", "b.c"], any_of = [["a"], ["b.c"]], otherwise = "held", reads = [parent], facts)]
pub(crate) fn parent(trace: Trace<'_>) -> Verdict {
    let pairs = trace
        .named("a")
        .filter_map(|a| Some((a, a.parent().filter(|above| above.is("b.c"))?)));
    found(trace, pairs.flat_map(|(a, above)| [a, above]))
}

#[betrace_rules::rule(spans = ["a", "d-e"], any_of = [["a"], ["d-e"]], otherwise = "held", reads = [start, end], facts)]
pub(crate) fn in_order(trace: Trace<'_>) -> Verdict {
    // Some second span is after a first where the last of them is, and the other way round.
    let soonest = trace.named("a").filter_map(Span::end_ns).min();
    let latest = trace.named("d-e").filter_map(Span::start_ns).max();
    let (Some(soonest), Some(latest)) = (soonest, latest) else {
        return Verdict::Held.lasting(trace);
    };
    let a = trace.named("a").filter(|a| a.end_ns() <= Some(latest));
    let d = trace.named("d-e").filter(|d| d.start_ns() >= Some(soonest));
    found(trace, a.chain(d))
}

#[betrace_rules::rule(spans = ["d-e"], any_of = [["d-e"]], otherwise = "held", reads = [kind, status], facts)]
pub(crate) fn failed_server(trace: Trace<'_>) -> Verdict {
    let is_failed = |s: &Span<'_>| {
        s.kind() == Some(Kind::Server) && s.status() == Some(betrace_rules::Status::Error)
    };
    found(trace, trace.named("d-e").filter(is_failed))
}

#[betrace_rules::rule(spans = ["f g"], any_of = [["f g"]], otherwise = "held", reads = [duration], facts)]
pub(crate) fn slow(trace: Trace<'_>) -> Verdict {
    found(
        trace,
        trace.named("f g").filter(|s| s.duration_ns() >= Some(S)),
    )
}

#[betrace_rules::rule(spans = ["a"], any_of = [["a"]], otherwise = "held", reads = [duration], facts)]
pub(crate) fn slowest(trace: Trace<'_>) -> Verdict {
    let is_slow = trace.named("a").any(|s| s.duration_ns() > Some(S));
    found(trace, trace.named("a").filter(|_| is_slow))
}

#[betrace_rules::rule(facts)]
pub(crate) fn broad(trace: Trace<'_>) -> Verdict {
    let is_broad = trace.spans().count() >= 8;
    found(trace, trace.spans().filter(|_| is_broad))
}
