//! Of the words of the trains of `nezha`.

use betrace_rules::prelude::*;

use crate::{MS, found, needs};

#[betrace_rules::rule(
    spans = ["CancelController.cancelTicket", "InsidePaymentController.drawBack"],
    any_of = [["CancelController.cancelTicket"]]
)]
pub(crate) fn refunded(trace: Trace<'_>) -> Verdict {
    needs(
        trace,
        "CancelController.cancelTicket",
        trace.has("InsidePaymentController.drawBack"),
    )
}

#[betrace_rules::rule(spans = ["HTTP GET", "HTTP POST"], any_of = [["HTTP GET"]])]
pub(crate) fn posts_gets(trace: Trace<'_>) -> Verdict {
    let (gets, posts) = (
        trace.named("HTTP GET").count(),
        trace.named("HTTP POST").count(),
    );
    needs(trace, "HTTP GET", posts >= gets)
}

#[betrace_rules::rule(
    attributes = ["db.system" as symbol, "db.operation.name" as symbol],
    literals = ["mysql", "SELECT"],
    facts
)]
pub(crate) fn query_storm(trace: Trace<'_>) -> Verdict {
    let reads = trace
        .spans()
        .filter(|s| s.has("db.system", "mysql") && s.has("db.operation.name", "SELECT"));
    let is_storm = reads.clone().count() > 40;
    found(trace, reads.filter(|_| is_storm))
}

#[betrace_rules::rule(
    spans = ["INSERT ts.orders", "FoodController.createFoodOrder"],
    any_of = [["INSERT ts.orders"]]
)]
pub(crate) fn without_food(trace: Trace<'_>) -> Verdict {
    match (
        trace.has("INSERT ts.orders"),
        trace.has("FoodController.createFoodOrder"),
    ) {
        (false, _) => Verdict::NotApplicable,
        (true, true) => Verdict::Held,
        (true, false) => Verdict::violated(trace.named("INSERT ts.orders")),
    }
}

#[betrace_rules::rule(
    spans = ["TravelController.queryInfo"],
    any_of = [["TravelController.queryInfo"]],
    otherwise = "held",
    reads = [duration],
    facts
)]
pub(crate) fn slow_search(trace: Trace<'_>) -> Verdict {
    found(
        trace,
        trace
            .named("TravelController.queryInfo")
            .filter(|s| s.duration_ns() > Some(1_500 * MS)),
    )
}

#[betrace_rules::rule(
    spans = ["ConfigController.retrieve", "SeatController.getLeftTicketOfInterval"],
    any_of = [["ConfigController.retrieve"]],
    reads = [parent]
)]
pub(crate) fn config_seats(trace: Trace<'_>) -> Verdict {
    let is_under = |s: Span<'_>| {
        s.ancestors()
            .any(|above| above.is("SeatController.getLeftTicketOfInterval"))
    };
    trace.named("ConfigController.retrieve").every(is_under)
}

#[betrace_rules::rule(
    spans = ["SELECT ts.route_stations", "SELECT ts.route_distances"],
    any_of = [["SELECT ts.route_stations"], ["SELECT ts.route_distances"]],
    otherwise = "held",
    reads = [parent],
    facts
)]
pub(crate) fn siblings(trace: Trace<'_>) -> Verdict {
    let stations = || {
        trace
            .named("SELECT ts.route_stations")
            .filter_map(|s| Some((s, s.parent()?)))
    };
    let distances = || {
        trace
            .named("SELECT ts.route_distances")
            .filter_map(|s| Some((s, s.parent()?)))
    };
    let of_stations =
        stations().filter(|(_, parent)| distances().any(|(_, other)| other == *parent));
    let of_distances =
        distances().filter(|(_, parent)| stations().any(|(_, other)| other == *parent));
    found(trace, of_stations.chain(of_distances).map(|(s, _)| s))
}

#[betrace_rules::rule(
    spans = ["HTTP GET"],
    any_of = [["HTTP GET"]],
    otherwise = "held",
    reads = [kind, duration],
    facts
)]
pub(crate) fn slow_client(trace: Trace<'_>) -> Verdict {
    let is_slow = |s: &Span<'_>| s.kind() == Some(Kind::Client) && s.duration_ns() > Some(30 * MS);
    found(trace, trace.named("HTTP GET").filter(is_slow))
}

#[betrace_rules::rule(
    attributes = ["db.operation.name" as symbol],
    reads = [duration],
    literals = ["INSERT", "UPDATE"],
    facts
)]
pub(crate) fn quick_insert(trace: Trace<'_>) -> Verdict {
    let is_insert = |s: &Span<'_>| s.has("db.operation.name", "INSERT");
    let writes = trace
        .spans()
        .any(|s| is_insert(&s) || s.has("db.operation.name", "UPDATE"));
    if !writes {
        return Verdict::NotApplicable.lasting(trace);
    }
    let mut slow = trace
        .spans()
        .filter(is_insert)
        .filter(|s| s.duration_ns() >= Some(10 * MS))
        .peekable();
    match slow.peek() {
        Some(_) => Verdict::broken(Clause::Never, slow),
        None => Verdict::Held.lasting(trace),
    }
}

#[betrace_rules::rule(
    spans = ["SELECT ts.config"],
    any_of = [["SELECT ts.config"]],
    otherwise = "held",
    reads = [duration],
    facts
)]
pub(crate) fn slow_config(trace: Trace<'_>) -> Verdict {
    let is_slow = trace
        .named("SELECT ts.config")
        .any(|s| s.duration_ns() > Some(5 * MS));
    found(trace, trace.named("SELECT ts.config").filter(|_| is_slow))
}
