//! What every request needs of tenants, in memory.

use std::sync::{PoisonError, RwLock};

use hashbrown::{HashMap, HashSet};

use super::{all_limits, tokens::all_tokens, value::TokenRecord};
use crate::{
    clock::UnixNanos,
    store::{error::StoreError, file::DbFile},
    tenant::{Access, TenantId, TenantLimits, TokenHash, TokenOwner},
};

/// The directory, read by many and changed seldom.
#[derive(Debug, Default)]
pub(in crate::store) struct SharedDirectory(RwLock<Directory>);

/// Who is known by which token, and what each tenant may.
#[derive(Debug, Default)]
pub(in crate::store) struct Directory {
    /// By the tag of the hash.
    tokens: HashMap<u64, Known>,
    limits: HashMap<TenantId, TenantLimits>,
    /// The tenants that have, or had, a token.
    with_token: HashSet<TenantId>,
    leaving: HashSet<TenantId>,
    asks_for_tokens: bool,
}

#[derive(Debug)]
struct Known {
    hash: TokenHash,
    owner: TokenOwner,
    record: TokenRecord,
}

impl SharedDirectory {
    /// Reads the directory from the catalog.
    pub(in crate::store) fn open(catalog: &DbFile) -> Result<Self, StoreError> {
        let (limits, tokens) = catalog.read(|txn| {
            let file = catalog.name();
            Ok((all_limits(txn, file)?, all_tokens(txn, file)?))
        })?;
        let mut directory = Directory {
            limits: limits.into_iter().collect(),
            ..Directory::default()
        };
        for (hash, owner, record) in tokens {
            directory.put_token(hash, owner, record);
        }
        Ok(Self(RwLock::new(directory)))
    }

    pub(in crate::store) fn read<T>(&self, read: impl FnOnce(&Directory) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::store) fn write<T>(&self, write: impl FnOnce(&mut Directory) -> T) -> T {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Directory {
    /// Says whom a bearer token stands for at this time. A missing, an unknown, a wrong and an expired one are alike.
    pub(in crate::store) fn access(&self, bearer: Option<&str>, now: UnixNanos) -> Access {
        if !self.asks_for_tokens {
            return Access::Open;
        }
        let Some(presented) = bearer else {
            return Access::Nobody;
        };
        let hash = TokenHash::of(presented);
        let known = self.tokens.get(&hash.tag());
        let known = known.filter(|known| known.hash.is(&hash) && known.record.holds_at(now));
        match known {
            None => Access::Nobody,
            Some(known) => {
                let token = known.record.name.clone();
                match &known.owner {
                    TokenOwner::Tenant(tenant) => Access::Tenant {
                        tenant: tenant.clone(),
                        token,
                    },
                    TokenOwner::Operator => Access::Operator { token },
                }
            }
        }
    }

    /// Whether there are tokens, or were since the store was opened: it does not fall open when the last one goes.
    pub(in crate::store) fn asks_for_tokens(&self) -> bool {
        self.asks_for_tokens
    }

    pub(in crate::store) fn limits(&self, tenant: &TenantId) -> TenantLimits {
        self.limits.get(tenant).cloned().unwrap_or_default()
    }

    pub(in crate::store) fn set_limits(&mut self, tenant: &TenantId, limits: TenantLimits) {
        self.limits.insert(tenant.clone(), limits);
    }

    pub(in crate::store) fn put_token(
        &mut self,
        hash: TokenHash,
        owner: TokenOwner,
        record: TokenRecord,
    ) {
        self.asks_for_tokens = true;
        if let TokenOwner::Tenant(tenant) = &owner {
            self.with_token.insert(tenant.clone());
        }
        let known = Known {
            hash,
            owner,
            record,
        };
        self.tokens.insert(hash.tag(), known);
    }

    /// Takes the place of all tokens of an owner.
    pub(in crate::store) fn replace_tokens(
        &mut self,
        owner: &TokenOwner,
        tokens: Vec<(TokenHash, TokenRecord)>,
    ) {
        self.tokens.retain(|_, known| known.owner != *owner);
        for (hash, record) in tokens {
            self.put_token(hash, owner.clone(), record);
        }
    }

    /// Forgets a tenant that is leaving: nobody speaks for it.
    pub(in crate::store) fn leave(&mut self, tenant: &TenantId) {
        let owner = TokenOwner::Tenant(tenant.clone());
        self.tokens.retain(|_, known| known.owner != owner);
        self.limits.remove(tenant);
        self.with_token.remove(tenant);
        self.leaving.insert(tenant.clone());
    }

    /// The tenant is gone, and may be created anew.
    pub(in crate::store) fn has_left(&mut self, tenant: &TenantId) {
        self.leaving.remove(tenant);
    }

    /// Whether something of a tenant is taken. Where tokens are asked for, a tenant that has none is none: a request that
    /// was let in by a token may come to this after its tenant was removed.
    pub(in crate::store) fn takes_from(&self, tenant: &TenantId) -> bool {
        let is_there = !self.asks_for_tokens || self.with_token.contains(tenant);
        is_there && !self.leaving.contains(tenant)
    }
}
