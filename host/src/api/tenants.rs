//! What an operator may ask: who the tenants are, and changes to that. No data of theirs is in it.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    error::ApiError,
    wire::{
        ChangeLimits, ChangeTrust, CreateTenant, KeyView, NewKey, RotateToken, TenantList,
        TenantRemoved, TenantView, TokenIssued, TokenView, TrustView,
    },
};
use crate::{
    rule_id::RuleId,
    signature::PublicKey,
    store::{Store, TenantRecord, TokenRecord},
    tenant::{
        KeyName, Limit, NAME_RULE, TenantId, Token, TokenName, TokenOwner, TrustChange, TrustedKey,
    },
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
    /// Changes whose signatures a tenant trusts.
    fn change_trust(
        &self,
        tenant: &TenantId,
        request: &ChangeTrust,
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

    fn view(&self, tenant: &TenantId) -> Result<TenantView, ApiError> {
        let mut records = self.store.tenant_records()?.into_iter();
        let record = records.find(|record| record.tenant == *tenant);
        let record = record.ok_or_else(|| ApiError::not_found("tenant", tenant))?;
        Ok(TenantView::from(&record))
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
        self.view(tenant)
    }

    fn change_trust(
        &self,
        tenant: &TenantId,
        request: &ChangeTrust,
    ) -> Result<TenantView, ApiError> {
        let ChangeTrust {
            add,
            remove,
            requires_signatures,
        } = request;
        let change = TrustChange {
            add: add.iter().map(new_key).collect::<Result<_, _>>()?,
            remove: remove
                .iter()
                .map(|name| key_name(name))
                .collect::<Result<_, _>>()?,
            requires_signatures: *requires_signatures,
        };
        self.store.change_trust(tenant, &change)?;
        tracing::info!(
            by = self.who,
            tenant = tenant.as_str(),
            ?change,
            "whose signatures are trusted was changed"
        );
        self.view(tenant)
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

fn key_name(name: &str) -> Result<KeyName, ApiError> {
    KeyName::try_new(name)
        .ok_or_else(|| ApiError::bad_request(format!("a key's name is {NAME_RULE}")))
}

fn new_key(key: &NewKey) -> Result<(KeyName, PublicKey), ApiError> {
    let NewKey { name, public_key } = key;
    let public = PublicKey::from_pem(public_key).map_err(|error| {
        ApiError::bad_request(format!("the key `{name}` cannot be used: {error}"))
    })?;
    Ok((key_name(name)?, public))
}

impl From<&TenantRecord> for TenantView {
    fn from(record: &TenantRecord) -> Self {
        let TenantRecord {
            tenant,
            since,
            limits,
            tokens,
            stored_bytes,
            trust,
        } = record;
        let limit = |limit: Limit| (limit, limits.value(limit));
        Self {
            name: tenant.to_string(),
            since: rfc3339(*since),
            tokens: tokens.iter().map(TokenView::from).collect(),
            limits: Limit::ALL.into_iter().map(limit).collect(),
            stored_bytes: *stored_bytes,
            trust: TrustView {
                requires_signatures: trust.requires_signatures,
                keys: trust.keys.iter().map(KeyView::from).collect(),
            },
        }
    }
}

impl From<&TrustedKey> for KeyView {
    fn from(key: &TrustedKey) -> Self {
        let TrustedKey { name, key, since } = key;
        Self {
            name: name.to_string(),
            id: key.id().to_string(),
            public_key: key.to_pem(),
            since: rfc3339(*since),
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
