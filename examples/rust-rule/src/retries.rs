//! A rule that the rule language has no words for: each wait between tries is at least as long as the one before.

use betrace_rules::prelude::*;

/// Retries of a call back off.
#[betrace_rules::rule(
    signal = "RETRY_WITHOUT_BACKOFF",
    severity = "high",
    message = "a retry came sooner than the one before it",
    labels = ["team" = "platform"],
    spans = ["http.retry"],
    any_of = [["http.retry"]],
    reads = [start, end],
    attributes = ["url.full" as symbol]
)]
pub(crate) fn backs_off(trace: Trace<'_>) -> Verdict {
    // By what is called: when its last try ended, and how long was waited for that.
    let mut last: HashMap<Symbol, (u64, u64)> = HashMap::default();
    trace.named("http.retry").every(|retry| {
        let (Some(url), Some(start), Some(end)) =
            (retry.symbol("url.full"), retry.start_ns(), retry.end_ns())
        else {
            return true;
        };
        let (ended, waited) = last.get(&url).copied().unwrap_or((start, 0));
        let wait = start.saturating_sub(ended);
        last.insert(url, (end, wait));
        wait >= waited
    })
}
