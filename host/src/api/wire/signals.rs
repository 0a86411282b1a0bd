//! Signals as the API says them, and questions about them.

use serde::{Deserialize, Serialize};

use crate::{rule_id::RuleMode, signal::Signal, time::rfc3339, verdict::Verdict};

/// Which signals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalQuery {
    /// Only of this rule.
    pub rule: Option<String>,
    /// Only of traces that start at this time or later.
    pub from: Option<String>,
    /// Only of traces that start before this time.
    pub to: Option<String>,
    /// Only with this status.
    pub status: Option<String>,
    /// Only of versions in this mode: `live` or `shadow`.
    pub mode: Option<RuleMode>,
    /// At most so many; the server sets its own bound.
    pub limit: Option<usize>,
    /// Only those after the page that ended with this.
    pub after: Option<String>,
}

/// Signals, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalPage {
    /// The signals.
    pub signals: Vec<SignalView>,
    /// What to pass as `after` to read on; none at the end.
    pub next: Option<String>,
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalView {
    /// Its id.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// The rule's version at the latest judging.
    pub version: u32,
    /// `shadow` where that version is on trial: nothing is delivered.
    #[serde(default)]
    pub mode: RuleMode,
    /// The name under which the rule reports violations.
    pub signal: String,
    /// How grave it is.
    pub severity: String,
    /// What happened, in a sentence.
    pub message: String,
    /// The trace.
    pub trace_id: String,
    /// The start of the trace's first span.
    pub time: String,
    /// When it was raised.
    pub opened: String,
    /// When it last changed.
    pub updated: String,
    /// `open`, `amended` or `retracted`.
    pub status: String,
    /// What broke: `match`, `always` or `never`.
    pub clause: String,
    /// The spans that prove it.
    pub witnesses: Vec<WitnessView>,
    /// Every judging that changed it, oldest first.
    pub history: Vec<SignalEventView>,
}

/// A span that proves a violation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WitnessView {
    /// The span's id.
    pub span_id: String,
    /// The span's name.
    pub name: String,
    /// Its service.
    pub service: String,
    /// When it started.
    pub start: String,
    /// How long it took.
    pub duration_ns: u64,
}

/// One judging of a signal's trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalEventView {
    /// The rule's version then.
    pub version: u32,
    /// Its verdict.
    pub verdict: Verdict,
    /// When it was recorded.
    pub when: String,
    /// What broke.
    pub clause: Option<String>,
}

impl From<&Signal> for SignalView {
    fn from(signal: &Signal) -> Self {
        Self {
            id: signal.id.to_string(),
            rule: signal.rule.to_string(),
            version: signal.version.0,
            mode: signal.mode,
            signal: signal.signal.clone(),
            severity: signal.severity.name().to_owned(),
            message: signal.message.clone(),
            trace_id: signal.trace_id.to_string(),
            time: rfc3339(signal.time),
            opened: rfc3339(signal.opened),
            updated: rfc3339(signal.updated),
            status: signal.status.name().to_owned(),
            clause: signal.clause.name().to_owned(),
            witnesses: signal
                .witnesses
                .iter()
                .map(|witness| WitnessView {
                    span_id: witness.span_id.to_string(),
                    name: witness.name.clone(),
                    service: witness.service.clone(),
                    start: rfc3339(witness.start),
                    duration_ns: witness.duration_ns,
                })
                .collect(),
            history: signal
                .history
                .iter()
                .map(|event| SignalEventView {
                    version: event.version.0,
                    verdict: event.verdict,
                    when: rfc3339(event.when),
                    clause: event.clause.map(|clause| clause.name().to_owned()),
                })
                .collect(),
        }
    }
}

/// Which changes to signals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// The changes after this one; those from now on where it is not said.
    pub since: Option<u64>,
    /// How long to wait for one, in milliseconds; the server sets its own bound.
    pub wait_ms: Option<u64>,
    /// Only of this rule.
    pub rule: Option<String>,
}

/// Signals that were raised, amended or retracted, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalChanges {
    /// The signals as they stand.
    pub signals: Vec<SignalView>,
    /// What to pass as `since` to read on.
    pub next: u64,
}
