//! Traces as the API says them.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

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
