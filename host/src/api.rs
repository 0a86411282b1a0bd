//! The HTTP API under `/api/v1`: rules, signals, traces, replays and coverage as JSON; health and metrics beside it.
//!
//! What it can do is [`Operations`]: the server answers requests with them, the CLI calls the same ones over a
//! store that it opened itself ([`local`]), or over HTTP. Nothing here judges, stores or assembles.
//!
//! | path | methods |
//! |---|---|
//! | `/api/v1/rules` | GET lists, POST publishes ([`wire::ApplyRequest`]) |
//! | `/api/v1/rules/{id}` | GET shows, POST changes ([`wire::RuleAction`]) |
//! | `/api/v1/signals` | GET lists ([`wire::SignalQuery`]) |
//! | `/api/v1/signals/changes` | GET waits for changes ([`wire::ChangesQuery`]) |
//! | `/api/v1/signals/{id}` | GET shows |
//! | `/api/v1/traces` | GET lists ([`wire::TraceQuery`]) |
//! | `/api/v1/traces/{id}` | GET shows, open ones too |
//! | `/api/v1/replays` | POST replays ([`wire::ReplayRequest`]), answers [`wire::ReplayLine`]s |
//! | `/api/v1/coverage` | GET sums up the verdicts by rule |
//! | `/healthz` `/readyz` `/metrics` | GET |
//!
//! Errors are `{"error": {"code", "message"}}` ([`error::ErrorCode`]). Bodies are JSON with that content type, which
//! a page of another origin cannot send without asking, and bounded ([`limits`]).

use std::{fmt, ops::ControlFlow, sync::Arc};

use crate::{rule_id::RuleId, signal::SignalId, tenant::TenantId, trace::TraceId};

use error::ApiError;
use wire::{
    ApplyReport, ApplyRequest, ChangesQuery, ReplayProgress, ReplayReport, ReplayRequest,
    RuleAction, RuleChanged, RuleCoverage, RuleDetail, RuleView, SignalChanges, SignalPage,
    SignalQuery, SignalView, TraceList, TraceQuery, TraceView,
};

pub use server::router;

pub mod error;
pub mod limits;
pub mod local;
pub mod otlp_json;
mod server;
pub mod wire;

/// Hears how far a replay is, and says whether to go on.
pub type OnProgress<'a> = dyn FnMut(ReplayProgress) -> ControlFlow<()> + 'a;

/// All that a tenant may ask of BeTrace. Calls block; none is to be made from an async task.
pub trait Operations: Send + Sync {
    /// Lists the published rules by id.
    fn rules(&self) -> Result<Vec<RuleView>, ApiError>;
    /// Shows one rule.
    fn rule(&self, id: &RuleId) -> Result<RuleDetail, ApiError>;
    /// Publishes packs, all or none.
    fn apply(&self, request: &ApplyRequest) -> Result<ApplyReport, ApiError>;
    /// Changes one rule.
    fn change_rule(&self, id: &RuleId, action: &RuleAction) -> Result<RuleChanged, ApiError>;
    /// Lists signals.
    fn signals(&self, query: &SignalQuery) -> Result<SignalPage, ApiError>;
    /// Shows one signal.
    fn signal(&self, id: SignalId) -> Result<SignalView, ApiError>;
    /// Lists what changed of the signals, waiting for it where nothing has.
    fn signal_changes(&self, query: &ChangesQuery) -> Result<SignalChanges, ApiError>;
    /// Lists stored traces.
    fn traces(&self, query: &TraceQuery) -> Result<TraceList, ApiError>;
    /// Shows one trace, stored or open.
    fn trace(&self, id: TraceId) -> Result<TraceView, ApiError>;
    /// Judges stored history, and changes nothing.
    fn replay(
        &self,
        request: &ReplayRequest,
        progress: &mut OnProgress<'_>,
    ) -> Result<ReplayReport, ApiError>;
    /// Sums up the verdicts by rule.
    fn coverage(&self) -> Result<Vec<RuleCoverage>, ApiError>;
}

/// What the API needs of the server that it is part of.
pub trait Host: Send + Sync + fmt::Debug {
    /// Returns whose data a bearer token stands for; `None` where it stands for nobody's.
    fn tenant(&self, bearer: Option<&str>) -> Option<TenantId>;
    /// Returns what that tenant may ask.
    fn operations(&self, tenant: TenantId) -> Arc<dyn Operations>;
    /// Whether requests are answered and spans taken in; `Err` says what is not ready.
    fn ready(&self) -> Result<(), String>;
    /// Returns the metrics in the Prometheus text format.
    fn metrics(&self) -> String;
}
