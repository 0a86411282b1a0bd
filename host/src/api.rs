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
//! | `/api/v1/holds` | GET lists, POST makes one ([`wire::AddHold`]) |
//! | `/api/v1/holds/{id}` | DELETE removes it |
//! | `/api/v1/tenants` | GET lists, POST creates ([`wire::CreateTenant`]) |
//! | `/api/v1/tenants/{name}` | DELETE removes it, and all that is its |
//! | `/api/v1/tenants/{name}/token` | POST gives it another ([`wire::RotateToken`]) |
//! | `/api/v1/tenants/{name}/limits` | POST changes them ([`wire::ChangeLimits`]) |
//! | `/api/v1/tenants/{name}/trust` | POST changes whose signatures it trusts ([`wire::ChangeTrust`]) |
//! | `/api/v1/admin-token` | POST gives operators another token ([`wire::RotateToken`]) |
//! | `/healthz` `/readyz` | GET, without a token |
//! | `/metrics` | GET: a tenant's token reads what is labelled with the tenant, an operator's everything |
//!
//! Where there are tokens, whose data a request is about is told from `authorization: Bearer` alone. What is another
//! tenant's is not there. The routes of tenants are for operators ([`Who`]).
//!
//! Errors are `{"error": {"code", "message"}}` ([`error::ErrorCode`]). Bodies are JSON with that content type, which
//! a page of another origin cannot send without asking, and bounded ([`limits`]).

use std::{fmt, ops::ControlFlow, sync::Arc};

use crate::{
    rule_id::RuleId,
    signal::SignalId,
    tenant::{Access, TenantId},
    trace::TraceId,
};

use error::ApiError;
use wire::{
    AddHold, ApplyReport, ApplyRequest, ChangesQuery, HoldRemoved, HoldView, ReplayProgress,
    ReplayReport, ReplayRequest, RuleAction, RuleChanged, RuleCoverage, RuleDetail, RuleView,
    SignalChanges, SignalPage, SignalQuery, SignalView, TraceList, TraceQuery, TraceView,
};

pub use server::{Route, Who, route_list, router};
pub use tenants::{LocalTenants, TenantOperations, TenantRooms};

pub mod error;
pub mod limits;
pub mod local;
pub mod otlp_json;
mod server;
mod tenants;
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
    /// Lists the holds on the traces.
    fn holds(&self) -> Result<Vec<HoldView>, ApiError>;
    /// Keeps the traces that start in a range, whatever retention says.
    fn add_hold(&self, request: &AddHold) -> Result<HoldView, ApiError>;
    /// Removes a hold.
    fn remove_hold(&self, id: u64) -> Result<HoldRemoved, ApiError>;
}

/// What the API needs of the server that it is part of.
pub trait Host: Send + Sync + fmt::Debug {
    /// Returns whom a bearer token stands for.
    fn access(&self, bearer: Option<&str>) -> Access;
    /// Returns what that tenant may ask; `who` is named in histories.
    fn operations(&self, tenant: TenantId, who: String) -> Arc<dyn Operations>;
    /// Returns what an operator may ask; `who` is named in the log.
    fn tenants(&self, who: String) -> Arc<dyn TenantOperations>;
    /// Whether requests are answered and spans taken in; `Err` says what is not ready.
    fn ready(&self) -> Result<(), String>;
    /// Whether the server is told to end: what takes long is to end early then.
    fn is_ending(&self) -> bool;
    /// Returns the metrics in the Prometheus text format: all of them, or those of one tenant. May block.
    fn metrics(&self, of: Option<&TenantId>) -> String;
}
