//! What the API says and takes, as JSON. The CLI reads and writes the same types.
//!
//! Times are RFC 3339 in UTC, ids lower-case hexadecimal, durations nanoseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use crate::{rule_id::RuleVersion, signal::Signal, verdict::Verdict};

/// A published rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The version that judges, or would if the rule were enabled.
    pub version: u32,
    /// Whether traces are judged by it.
    pub enabled: bool,
    /// The pack that it comes from, `sha256:…`.
    pub digest: String,
    /// The name of its signals.
    pub signal: String,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// What must hold, in a sentence.
    pub summary: String,
    /// The controls that it gives evidence for.
    pub controls: Vec<String>,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// When this version was published.
    pub published_at: String,
}

/// A published rule with what its pack says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub rule: RuleView,
    /// The text that it was compiled from, where it was sent along.
    pub source: Option<String>,
    /// Its versions, oldest first.
    pub versions: Vec<RuleVersionView>,
    /// Its verdicts so far, over all versions.
    pub coverage: CoverageView,
}

/// One version of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleVersionView {
    /// Its number.
    pub version: u32,
    /// The pack that it comes from.
    pub digest: String,
    /// When it was published.
    pub published_at: String,
    /// Who published it.
    pub published_by: String,
    /// Whether it is the version that judges.
    pub live: bool,
}

/// A pack to publish or to replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackUpload {
    /// The file's name: errors mention it, and a rule that names no signal takes its id from it.
    pub name: String,
    /// The component, in base64. Where there is none the server compiles `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The text of the rules, kept to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Packs to publish, all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The packs.
    pub packs: Vec<PackUpload>,
    /// Whether to change nothing and say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether to take over ids that belong to another pack.
    #[serde(default)]
    pub take_over: bool,
}

/// What publishing did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// The rule set that judges every trace stored from then on.
    pub rule_set: u64,
    /// The rules of the packs.
    pub rules: Vec<AppliedRule>,
    /// Whether nothing was changed because it was asked so.
    pub dry_run: bool,
}

/// What publishing did to one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedRule {
    /// The rule's id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its pack.
    pub digest: String,
    /// What happened to it.
    pub change: AppliedChange,
}

/// What publishing did to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliedChange {
    /// There was no such rule.
    Added,
    /// It has a version more.
    Updated,
    /// It was published from the same bytes already.
    Unchanged,
}

/// A change to one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum RuleAction {
    /// Go back to a version.
    Rollback {
        /// Which; the one before the live one where it is not said.
        #[serde(default)]
        to: Option<RuleVersion>,
    },
    /// Judge by it.
    Enable,
    /// Do not judge by it.
    Disable,
    /// Take it out.
    Remove,
}

/// How a rule stands after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleChanged {
    /// The rule's id.
    pub id: String,
    /// The version that judges now; none once removed.
    pub version: Option<u32>,
    /// Whether traces are judged by it.
    pub enabled: bool,
    /// The rule set that judges every trace stored from then on.
    pub rule_set: u64,
}

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
        use crate::time::rfc3339;
        Self {
            id: signal.id.to_string(),
            rule: signal.rule.to_string(),
            version: signal.version.0,
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

/// Which traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceQuery {
    /// Only those that start at this time or later.
    pub from: Option<String>,
    /// Only those that start before this time.
    pub to: Option<String>,
    /// At most so many; the server sets its own bound.
    pub limit: Option<usize>,
}

/// Stored traces, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceList {
    /// The traces.
    pub traces: Vec<TraceSummary>,
}

/// A trace in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// Its id.
    pub trace_id: String,
    /// The start of its first span.
    pub start: String,
    /// From there to its last end.
    pub duration_ns: u64,
    /// How many spans it has.
    pub n_spans: usize,
    /// The name of the root that starts first, else of the first span.
    pub name: String,
    /// The services that took part.
    pub services: Vec<String>,
    /// How many spans are in error.
    pub n_errors: usize,
    /// What is missing of it: `cut`, `parents_missing`, …
    pub missing: Vec<String>,
}

/// A trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceView {
    /// In a line.
    #[serde(flatten)]
    pub summary: TraceSummary,
    /// Whether it is still open: not judged yet, and spans may come.
    pub open: bool,
    /// The verdicts on it, where it is not open.
    pub verdicts: Vec<TraceVerdict>,
    /// The trace as OTLP/JSON: `{"resourceSpans": […]}`.
    pub otlp: serde_json::Value,
}

/// The verdict of one rule on a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceVerdict {
    /// The rule.
    pub rule: String,
    /// Its version.
    pub version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where it is inconclusive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Which rules to judge which history by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Ids of published rules.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Packs that need not be published: all their rules.
    #[serde(default)]
    pub packs: Vec<PackUpload>,
    /// Only traces that start at this time or later.
    #[serde(default)]
    pub from: Option<String>,
    /// Only traces that start before this time.
    #[serde(default)]
    pub to: Option<String>,
}

/// One line of a replay's answer. The last is `report` or `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayLine {
    /// How far it is.
    Progress(ReplayProgress),
    /// What it found.
    Report(ReplayReport),
    /// Why it stopped.
    Error(ApiError),
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayProgress {
    /// Traces done.
    pub traces: u64,
    /// Traces in all.
    pub traces_total: u64,
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// By rule, in the order asked for.
    pub rules: Vec<ReplayedRule>,
    /// How many traces were judged.
    pub traces: u64,
    /// How many spans they have.
    pub spans: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// Whether it ended early: the counts are then of a part of the range.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Blocks that cannot be read, and why. Their traces are not counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// What a replay found of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedRule {
    /// The rule's id.
    pub id: String,
    /// Traces that behaved.
    pub held: u64,
    /// Traces that did not.
    pub violated: u64,
    /// Traces that it does not speak of.
    pub not_applicable: u64,
    /// Traces of which it cannot be told.
    pub inconclusive: u64,
    /// The start of the first violating trace.
    pub first_violation: Option<String>,
    /// The start of the last.
    pub last_violation: Option<String>,
    /// The violations, in order of time.
    pub violations: Vec<ReplayedViolation>,
}

/// A violation that a replay found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayedViolation {
    /// The trace.
    pub trace_id: String,
    /// The start of its first span.
    pub time: String,
    /// What broke.
    pub clause: String,
    /// The ids of the spans that prove it.
    pub witnesses: Vec<String>,
    /// What happened, in a sentence.
    pub message: String,
}

/// How the verdicts of a rule add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoverageView {
    /// Traces that behaved.
    pub held: u64,
    /// Traces that did not.
    pub violated: u64,
    /// Traces that it does not speak of.
    pub not_applicable: u64,
    /// Traces of which it cannot be told.
    pub inconclusive: u64,
    /// `held / (held + violated)`; none where there is neither.
    pub coverage: Option<f64>,
}

/// The coverage of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleCoverage {
    /// The rule.
    pub rule: String,
    /// Over all versions and hours.
    #[serde(flatten)]
    pub coverage: CoverageView,
}
