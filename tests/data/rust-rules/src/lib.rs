//! The rules of rules.btr in Rust, in the same order. Where a violation lasts, whatever is missing of its trace, the rule
//! says so itself, as the compiler's does.

use betrace_rules::prelude::*;

mod generated;
mod trains;

betrace_rules::pack![
    generated::always,
    generated::never,
    generated::absent,
    generated::many,
    generated::admin,
    generated::one_of,
    generated::is_true,
    generated::large,
    generated::both_said,
    generated::all_under,
    generated::parent,
    generated::in_order,
    generated::failed_server,
    generated::slow,
    generated::slowest,
    generated::broad,
    trains::refunded,
    trains::posts_gets,
    trains::query_storm,
    trains::without_food,
    trains::slow_search,
    trains::config_seats,
    trains::siblings,
    trains::slow_client,
    trains::quick_insert,
    trains::slow_config,
];

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Violated, lastingly, by spans that should not be there.
fn found<'a>(trace: Trace<'a>, spans: impl Iterator<Item = Span<'a>>) -> Verdict {
    Verdict::held_unless(spans).lasting(trace)
}

/// What the first kind of span must always have beside it: violated by those of the first kind.
fn needs(trace: Trace<'_>, first: &'static str, second: bool) -> Verdict {
    if !trace.has(first) {
        return Verdict::NotApplicable;
    }
    if second {
        Verdict::Held
    } else {
        Verdict::broken(Clause::Always, trace.named(first))
    }
}
