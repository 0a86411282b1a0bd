//! What an operator may ask: who the tenants are, and changes to that. No data of theirs is in it.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    error::ApiError,
    wire::{
        ChangeLimits, CreateTenant, RotateToken, TenantList, TenantRemoved, TenantView,
        TokenIssued, TokenView,
    },
};
use crate::{
    rule_id::RuleId,
    store::{Store, TenantRecord, TokenRecord},
    tenant::{Limit, NAME_RULE, TenantId, Token, TokenName, TokenOwner},
    time::rfc3339,
};

/// What an operator may ask. Calls block; none is to be made from an async task.
pub trait TenantOperations: Send + Sync {
    /// Lists the tenants.
    fn tenants(&self) -> Result<TenantList, ApiError>;
    /// Creates a tenant.
    fn create_tenant(&self, request: &CreateTenant) -> Result<TokenIssued, ApiError>;
    /// Gives a tenant another token.
    fn rotate_token(
        &self,
        tenant: &TenantId,
        request: &RotateToken,
    ) -> Result<TokenIssued, ApiError>;
    /// Changes what a tenant may.
    fn change_limits(
        &self,
        tenant: &TenantId,
        request: &ChangeLimits,
    ) -> Result<TenantView, ApiError>;
    /// Removes a tenant and all that is its.
    fn remove_tenant(&self, tenant: &TenantId) -> Result<TenantRemoved, ApiError>;
    /// Gives operators another token.
    fn admin_token(&self, request: &RotateToken) -> Result<TokenIssued, ApiError>;
}

/// The rooms of a running server that know of tenants.
pub trait TenantRooms: Send + Sync + fmt::Debug {
    /// Ends what is under way of a tenant whose removal has begun.
    fn end(&self, tenant: &TenantId) -> Result<(), ApiError>;
    /// Forgets a tenant that is gone from the store, of which these were the rules.
    fn forget(&self, tenant: &TenantId, rules: &[RuleId]);
}

/// What an operator may ask of the store that this process has open.
#[derive(Clone, Debug)]
pub struct LocalTenants {
    store: Store,
    /// None where no server runs over the store.
    rooms: Option<Arc<dyn TenantRooms>>,
    who: String,
}

impl LocalTenants {
    /// Takes a store, and the rooms of the server that runs over it; `who` is named in the log.
    pub fn new(store: Store, rooms: Option<Arc<dyn TenantRooms>>, who: String) -> Self {
        Self { store, rooms, who }
    }

    fn issue(
        &self,
        owner: &TokenOwner,
        name: &TokenName,
        token: &Token,
        doing: &'static str,
    ) -> TokenIssued {
        let tenant = match owner {
            TokenOwner::Tenant(tenant) => Some(tenant.to_string()),
            TokenOwner::Operator => None,
        };
        tracing::info!(by = self.who, tenant, token = name.as_str(), "{doing}");
        TokenIssued {
            tenant,
            token_name: name.to_string(),
            token: token.as_str().to_owned(),
        }
    }

    fn rotate(&self, owner: &TokenOwner, request: &RotateToken) -> Result<TokenIssued, ApiError> {
        let RotateToken {
            token_name,
            grace_ms,
        } = request;
        let name = name_of(token_name.as_deref())?;
        let grace = Duration::from_millis(*grace_ms);
        let token = self.store.rotate_token(owner, &name, grace)?;
        Ok(self.issue(owner, &name, &token, "a token was made"))
    }
}

impl TenantOperations for LocalTenants {
    fn tenants(&self) -> Result<TenantList, ApiError> {
        let records = self.store.tenant_records()?;
        let operators = self.store.tokens(&TokenOwner::Operator)?;
        Ok(TenantList {
            tenants: records.iter().map(TenantView::from).collect(),
            admin_tokens: operators.iter().map(TokenView::from).collect(),
        })
    }

    fn create_tenant(&self, request: &CreateTenant) -> Result<TokenIssued, ApiError> {
        let CreateTenant {
            name,
            token_name,
            limits,
        } = request;
        let tenant = TenantId::try_new(name)
            .ok_or_else(|| ApiError::bad_request(format!("a tenant's name is {NAME_RULE}")))?;
        let name = name_of(token_name.as_deref())?;
        let token = self.store.create_tenant(&tenant, &name, limits)?;
        let owner = TokenOwner::Tenant(tenant);
        Ok(self.issue(&owner, &name, &token, "a tenant was created"))
    }

    fn rotate_token(
        &self,
        tenant: &TenantId,
        request: &RotateToken,
    ) -> Result<TokenIssued, ApiError> {
        self.rotate(&TokenOwner::Tenant(tenant.clone()), request)
    }

    fn change_limits(
        &self,
        tenant: &TenantId,
        request: &ChangeLimits,
    ) -> Result<TenantView, ApiError> {
        let changes: Vec<(Limit, Option<u64>)> = request
            .limits
            .iter()
            .map(|(limit, value)| (*limit, *value))
            .collect();
        self.store.set_limits(tenant, &changes)?;
        tracing::info!(by = self.who, tenant = tenant.as_str(), limits = ?changes, "limits were changed");
        let mut records = self.store.tenant_records()?.into_iter();
        let record = records.find(|record| record.tenant == *tenant);
        let record = record.ok_or_else(|| ApiError::not_found("tenant", tenant))?;
        Ok(TenantView::from(&record))
    }

    fn remove_tenant(&self, tenant: &TenantId) -> Result<TenantRemoved, ApiError> {
        self.store.begin_removal(tenant)?;
        let records = self.store.rule_records(tenant)?;
        let rules: Vec<RuleId> = records.into_iter().map(|record| record.id).collect();
        if let Some(rooms) = &self.rooms {
            rooms.end(tenant)?;
        }
        self.store.finish_removal(tenant)?;
        if let Some(rooms) = &self.rooms {
            rooms.forget(tenant, &rules);
        }
        tracing::info!(
            by = self.who,
            tenant = tenant.as_str(),
            "a tenant was removed"
        );
        Ok(TenantRemoved {
            removed: tenant.to_string(),
        })
    }

    fn admin_token(&self, request: &RotateToken) -> Result<TokenIssued, ApiError> {
        self.rotate(&TokenOwner::Operator, request)
    }
}

fn name_of(name: Option<&str>) -> Result<TokenName, ApiError> {
    match name {
        None => Ok(TokenName::default_name()),
        Some(name) => TokenName::try_new(name)
            .ok_or_else(|| ApiError::bad_request(format!("a token's name is {NAME_RULE}"))),
    }
}

impl From<&TenantRecord> for TenantView {
    fn from(record: &TenantRecord) -> Self {
        let TenantRecord {
            tenant,
            since,
            limits,
            tokens,
            stored_bytes,
        } = record;
        let limit = |limit: Limit| (limit, limits.value(limit));
        Self {
            name: tenant.to_string(),
            since: rfc3339(*since),
            tokens: tokens.iter().map(TokenView::from).collect(),
            limits: Limit::ALL.into_iter().map(limit).collect(),
            stored_bytes: *stored_bytes,
        }
    }
}

impl From<&TokenRecord> for TokenView {
    fn from(record: &TokenRecord) -> Self {
        Self {
            name: record.name.to_string(),
            created: rfc3339(record.created),
            expires: record.expires.map(rfc3339),
        }
    }
}
