//! A replay as the API takes it, and what it answers, line by line.

use serde::{Deserialize, Serialize};

use super::{PackUpload, lists::at_most};
use crate::api::{
    error::ApiError,
    limits::{PACKS_PER_REQUEST_MAX, RULES_PER_REQUEST_MAX},
};

/// Which rules to judge which history by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Ids of published rules.
    #[serde(default, deserialize_with = "at_most::<_, _, RULES_PER_REQUEST_MAX>")]
    pub rules: Vec<String>,
    /// Packs that need not be published: all their rules.
    #[serde(default, deserialize_with = "at_most::<_, _, PACKS_PER_REQUEST_MAX>")]
    pub packs: Vec<PackUpload>,
    /// Whether to judge, beside each rule of the packs, by the published rule of the same id, to compare the two.
    #[serde(default)]
    pub beside_published: bool,
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
    /// The version that judged; none of a pack that came with the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
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
