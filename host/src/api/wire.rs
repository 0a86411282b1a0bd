//! What the API says and takes, as JSON. The CLI reads and writes the same types.
//!
//! Times are RFC 3339 in UTC, ids lower-case hexadecimal, durations nanoseconds.

mod faults;
mod holds;
mod lists;
mod replays;
mod rules;
mod signals;
mod tenants;
mod traces;

pub use self::{
    faults::{QuarantineView, RuleCostView},
    holds::{AddHold, HoldRemoved, HoldView},
    replays::{
        ReplayLine, ReplayProgress, ReplayReport, ReplayRequest, ReplayedRule, ReplayedViolation,
    },
    rules::{
        AppliedChange, AppliedRule, ApplyReport, ApplyRequest, CoverageView, PackUpload,
        RuleAction, RuleChanged, RuleCoverage, RuleDetail, RuleVersionView, RuleView,
    },
    signals::{
        ChangesQuery, SignalChanges, SignalEventView, SignalPage, SignalQuery, SignalView,
        WitnessView,
    },
    tenants::{
        ChangeLimits, ChangeTrust, CreateTenant, KeyView, NewKey, RotateToken, TenantList,
        TenantRemoved, TenantView, TokenIssued, TokenView, TrustView,
    },
    traces::{TraceList, TraceQuery, TraceSummary, TraceVerdict, TraceView},
};
