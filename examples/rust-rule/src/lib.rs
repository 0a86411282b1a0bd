//! Rules in Rust: `betrace build` in this folder makes `rust_rule.wasm` of them, and `cargo test` judges by them natively.

use betrace_rules::prelude::*;

mod retries;
#[cfg(test)]
mod tests;

betrace_rules::pack![phi_audit, retries::backs_off, slowest_step];

/// Every read of PHI is audited, for the user who read it.
#[betrace_rules::rule(
    id = "phi-audit",
    signal = "HIPAA_164_312_b_VIOLATION",
    severity = "critical",
    message = "PHI was read by {phi.access.user.id}, and no audit.log span says so",
    controls = ["HIPAA 164.312(b)"],
    spans = ["phi.access", "audit.log"],
    any_of = [["phi.access"]],
    attributes = ["user.id"]
)]
fn phi_audit(trace: Trace<'_>) -> Verdict {
    let audited: HashSet<_> = trace
        .named("audit.log")
        .filter_map(|s| s.text("user.id"))
        .collect();
    trace
        .named("phi.access")
        .every(|s| s.text("user.id").is_some_and(|u| audited.contains(u)))
}

/// No step of an order takes more than half of its time.
#[betrace_rules::rule(
    signal = "ONE_STEP_TAKES_IT_ALL",
    severity = "low",
    message = "more than half of the order went into one span",
    spans = ["order"],
    all_spans,
    any_of = [["order"]],
    reads = [duration, self_duration, parent]
)]
fn slowest_step(trace: Trace<'_>) -> Verdict {
    let longest = trace.named("order").filter_map(Span::duration_ns).max();
    let Some(longest) = longest else {
        return Verdict::NotApplicable;
    };
    let steps = trace
        .spans()
        .filter(|s| s.ancestors().any(|above| above.is("order")));
    Verdict::held_unless(steps.filter(|s| s.self_duration_ns() > Some(longest / 2)))
}
