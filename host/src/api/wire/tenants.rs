//! Tenants as an operator is told of them, and what can be asked about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tenant::{Limit, TenantLimits};

/// All tenants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantList {
    /// By name.
    pub tenants: Vec<TenantView>,
    /// The tokens of operators.
    pub admin_tokens: Vec<TokenView>,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantView {
    /// Its name.
    pub name: String,
    /// When it was created, or first seen.
    pub since: String,
    /// Its tokens, which are not shown.
    pub tokens: Vec<TokenView>,
    /// Every limit by name, set or by default; null where nothing bounds it.
    pub limits: BTreeMap<Limit, Option<u64>>,
    /// The bytes of its blocks.
    pub stored_bytes: u64,
    /// Whose signatures it trusts.
    #[serde(default)]
    pub trust: TrustView,
}

/// Whose signatures a tenant trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustView {
    /// Whether it takes only what is signed by one of the keys.
    pub requires_signatures: bool,
    /// The keys, by name.
    pub keys: Vec<KeyView>,
}

/// A key that a tenant trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyView {
    /// Its name.
    pub name: String,
    /// Its id, as signatures say it.
    pub id: String,
    /// The key, as PEM.
    pub public_key: String,
    /// Since when it is trusted.
    pub since: String,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: String,
    /// When it ends; none where it does not.
    pub expires: Option<String>,
}

/// A tenant to be created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// Its name.
    pub name: String,
    /// The name of its first token; `default` where it is not said.
    #[serde(default)]
    pub token_name: Option<String>,
    /// Its limits, where they are not to be the defaults.
    #[serde(default)]
    pub limits: TenantLimits,
}

/// A token to be made in the place of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateToken {
    /// The name of the token; `default` where it is not said.
    #[serde(default)]
    pub token_name: Option<String>,
    /// How long an earlier token of that name holds on, in milliseconds.
    #[serde(default)]
    pub grace_ms: u64,
}

/// A token that was made. Nobody is told it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssued {
    /// Whose it is; none where it is an operator's.
    pub tenant: Option<String>,
    /// Its name.
    pub token_name: String,
    /// The token.
    pub token: String,
}

impl std::fmt::Debug for TokenIssued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenIssued")
            .field("tenant", &self.tenant)
            .field("token_name", &self.token_name)
            .finish_non_exhaustive()
    }
}

/// Limits to be changed; null goes back to the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeLimits {
    /// By name.
    pub limits: BTreeMap<Limit, Option<u64>>,
}

/// A change of whom a tenant trusts; all of it or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeTrust {
    /// Keys to trust.
    #[serde(default)]
    pub add: Vec<NewKey>,
    /// The names of keys to trust no longer.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Whether to take only what is signed by one of the keys; as it is where it is not said.
    #[serde(default)]
    pub requires_signatures: Option<bool>,
}

/// A key to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// The public key, as PEM.
    pub public_key: String,
}

/// A tenant was removed, and all that was its.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRemoved {
    /// Its name.
    pub removed: String,
}
