//! An explanation as data: what `-o json` prints and people are shown.

use serde::Serialize;

use crate::{cli::spans::SpanView, verdict::Verdict};

/// Why a rule gives a trace its verdict.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) rule: String,
    pub(super) trace_id: String,
    pub(super) verdict: Verdict,
    /// Of a violation: which clause broke.
    pub(super) clause: Option<&'static str>,
    pub(super) message: Option<String>,
    /// Of an inconclusive verdict.
    pub(super) reason: Option<&'static str>,
    /// What is missing of the trace, in words.
    pub(super) missing: Vec<&'static str>,
    /// Why there is no more than the verdict, where that is so.
    pub(super) unexplained: Option<String>,
    pub(super) clauses: Vec<PieceView>,
    /// The spans, depth first.
    pub(super) trace: Vec<SpanView>,
}

/// A part of the rule, and what is so of it in this trace.
#[derive(Debug, Serialize)]
pub(super) struct PieceView {
    pub(super) role: &'static str,
    pub(super) text: String,
    /// `null` where it cannot be told.
    pub(super) truth: Option<bool>,
    /// The spans that make it true, at most 100.
    pub(super) spans: Vec<String>,
    /// The spans that make it false, where there are such.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) broken_by: Vec<String>,
    /// The span that came closest, where it is false, and what that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closest: Option<Closest>,
    pub(super) parts: Vec<PieceView>,
}

/// A span that nearly belongs to a set.
#[derive(Debug, Serialize)]
pub(super) struct Closest {
    pub(super) span: String,
    /// The conditions of the filter that it does not pass.
    pub(super) fails: Vec<String>,
}
