//! The operations over the rooms of this process: what the server answers with, and the CLI over a store.

use std::{fmt, sync::Arc};

use super::{
    OnProgress, Operations,
    error::{ApiError, ErrorCode},
    wire::{
        AddHold, ApplyReport, ApplyRequest, ChangesQuery, HoldRemoved, HoldView, ReplayReport,
        ReplayRequest, RuleAction, RuleChanged, RuleCoverage, RuleDetail, RuleView, SignalChanges,
        SignalPage, SignalQuery, SignalView, TraceList, TraceQuery, TraceView,
    },
};
use crate::{
    clock::{Clock, UnixNanos},
    rule_id::RuleId,
    rules::{Registry, RulesError},
    sandbox::{LoadError, Sandbox},
    signal::SignalId,
    store::{Store, StoreError},
    tenant::TenantId,
    time::{TimeArg, rfc3339},
    trace::{SealedTrace, TraceId},
};

mod coverage;
mod faults;
mod holds;
mod packs;
mod replay;
mod rules;
mod signals;
mod summary;
mod traces;

/// Where traces are that are not sealed yet.
pub trait OpenTraces: Send + Sync {
    /// Returns a trace as it would be sealed at this moment.
    fn open_trace(&self, tenant: &TenantId, trace: TraceId) -> Option<SealedTrace>;
}

/// The rooms that operations work on. Cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    /// What is stored.
    pub store: Store,
    /// What is published.
    pub registry: Arc<Registry>,
    /// What runs packs.
    pub sandbox: Arc<Sandbox>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What is not sealed yet; none where nothing comes in.
    pub open: Option<Arc<dyn OpenTraces>>,
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// The operations of one tenant.
#[derive(Clone, Debug)]
pub struct Local {
    rooms: Rooms,
    tenant: TenantId,
    /// Who publishes, for the history.
    who: String,
}

impl Local {
    /// Takes the rooms for a tenant; `who` is named in the history of rules.
    pub fn new(rooms: Rooms, tenant: TenantId, who: String) -> Self {
        Self { rooms, tenant, who }
    }

    /// Returns whose operations these are.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Returns the rooms.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Reads a time of a query, an age counting back from this moment.
    fn time(&self, name: &str, text: Option<&str>) -> Result<Option<UnixNanos>, ApiError> {
        let Some(text) = text else {
            return Ok(None);
        };
        let time: TimeArg = text
            .parse()
            .map_err(|error| ApiError::bad_request(format!("`{name}`: {error}")))?;
        Ok(Some(time.resolve(self.rooms.clock.unix_nanos())))
    }

    /// Reads a range of times. One that can hold nothing is a mistake, and would look like a system that behaves.
    fn range(
        &self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(Option<UnixNanos>, Option<UnixNanos>), ApiError> {
        let (start, end) = (self.time("from", from)?, self.time("to", to)?);
        match (start, end) {
            (Some(start), Some(end)) if start >= end => Err(ApiError::bad_request(format!(
                "`from` ({}) is not before `to` ({}): nothing lies between them",
                rfc3339(start),
                rfc3339(end)
            ))),
            range => Ok(range),
        }
    }
}

impl Operations for Local {
    fn rules(&self) -> Result<Vec<RuleView>, ApiError> {
        self.list_rules()
    }

    fn rule(&self, id: &RuleId) -> Result<RuleDetail, ApiError> {
        self.show_rule(id)
    }

    fn apply(&self, request: &ApplyRequest) -> Result<ApplyReport, ApiError> {
        self.apply_packs(request)
    }

    fn change_rule(&self, id: &RuleId, action: &RuleAction) -> Result<RuleChanged, ApiError> {
        self.change(id, action)
    }

    fn signals(&self, query: &SignalQuery) -> Result<SignalPage, ApiError> {
        self.list_signals(query)
    }

    fn signal(&self, id: SignalId) -> Result<SignalView, ApiError> {
        self.show_signal(id)
    }

    fn signal_changes(&self, query: &ChangesQuery) -> Result<SignalChanges, ApiError> {
        self.follow_signals(query)
    }

    fn traces(&self, query: &TraceQuery) -> Result<TraceList, ApiError> {
        self.list_traces(query)
    }

    fn trace(&self, id: TraceId) -> Result<TraceView, ApiError> {
        self.show_trace(id)
    }

    fn replay(
        &self,
        request: &ReplayRequest,
        progress: &mut OnProgress<'_>,
    ) -> Result<ReplayReport, ApiError> {
        self.replay_rules(request, progress)
    }

    fn coverage(&self) -> Result<Vec<RuleCoverage>, ApiError> {
        self.sum_coverage()
    }

    fn holds(&self) -> Result<Vec<HoldView>, ApiError> {
        self.list_holds()
    }

    fn add_hold(&self, request: &AddHold) -> Result<HoldView, ApiError> {
        self.make_hold(request)
    }

    fn remove_hold(&self, id: u64) -> Result<HoldRemoved, ApiError> {
        self.drop_hold(id)
    }
}

/// Tells whose mistake it is.
impl From<RulesError> for ApiError {
    fn from(error: RulesError) -> Self {
        match &error {
            RulesError::Load {
                source: LoadError::Host { .. },
                ..
            } => Self::internal("load the pack", &error),
            RulesError::Load {
                source: LoadError::Busy { .. },
                ..
            } => Self::new(ErrorCode::Unavailable, error.to_string()),
            RulesError::Load { .. }
            | RulesError::NoPack { .. }
            | RulesError::DamagedPack { .. } => {
                Self::new(ErrorCode::InvalidRule, error.to_string())
            }
            RulesError::Untrusted { .. } => Self::new(ErrorCode::Untrusted, error.to_string()),
            RulesError::Claimed { .. }
            | RulesError::Twice { .. }
            | RulesError::TooMany { .. }
            | RulesError::NothingBefore { .. } => Self::new(ErrorCode::Conflict, error.to_string()),
            RulesError::Unknown { .. } | RulesError::NoVersion { .. } => {
                Self::new(ErrorCode::NotFound, error.to_string())
            }
            RulesError::NoRuleSet { .. } => Self::internal("read the rules", &error),
            RulesError::Store(error) => error.clone().into(),
        }
    }
}

impl From<StoreError> for ApiError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else goes wrong with a store is the host's own matter"
    )]
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::UnknownTenant { .. } => Self::new(ErrorCode::NotFound, error.to_string()),
            StoreError::Rule { .. } | StoreError::Tenant { .. } | StoreError::Tokens { .. } => {
                Self::new(ErrorCode::Conflict, error.to_string())
            }
            StoreError::Stopped { .. } => Self {
                cause: Some(error.to_string()),
                ..Self::new(ErrorCode::Unavailable, "nothing can be written just now")
            },
            _ => Self::internal("use the store", &error),
        }
    }
}
