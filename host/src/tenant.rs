//! Whose data it is, and who may say so.

use std::fmt;

mod limits;
mod token;
mod trust;

pub use self::{
    limits::{Limit, LimitArg, TenantLimits},
    token::{NoRandomness, Token, TokenHash},
    trust::{KeyName, Trust, TrustChange, TrustedKey},
};

/// Names a tenant: 1 to 64 of `a-z`, `0-9`, `-` and `_`, beginning with a letter or digit.
///
/// Everything that is stored or judged is keyed by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Box<str>);

/// The longest name of a tenant or a token.
pub const TENANT_ID_BYTES_MAX: usize = 64;

/// The name of the tenant of a server without tokens.
const DEFAULT: &str = "default";

impl TenantId {
    /// The tenant of a server without tokens.
    pub fn default_tenant() -> Self {
        Self(DEFAULT.into())
    }

    /// Parses a tenant's name; `None` where it is not one.
    pub fn try_new(name: &str) -> Option<Self> {
        is_name(name).then(|| Self(name.into()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a token among those of its owner: written as a tenant's name is. Histories name it, since the token itself is
/// secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(Box<str>);

impl TokenName {
    /// The name of a token that was given none.
    pub fn default_name() -> Self {
        Self(DEFAULT.into())
    }

    /// Parses a token's name; `None` where it is not one.
    pub fn try_new(name: &str) -> Option<Self> {
        is_name(name).then(|| Self(name.into()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name is, in words, for those who wrote one that is not.
pub const NAME_RULE: &str = "1 to 64 of a-z, 0-9, `-` and `_`, beginning with a letter or a digit";

fn is_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let begins = |b: &u8| b.is_ascii_alphanumeric();
    name.len() <= TENANT_ID_BYTES_MAX
        && name.as_bytes().first().is_some_and(begins)
        && name.bytes().all(legal)
}

/// To whom a token belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenOwner {
    /// It stands for a tenant's data, all of it and nothing else.
    Tenant(TenantId),
    /// It creates and removes tenants, and stands for no data.
    Operator,
}

/// Whom a request comes from, told from its bearer token alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// There are no tokens at all: whoever reaches the server is the default tenant.
    Open,
    /// The token is one of a tenant's.
    Tenant {
        /// Whose.
        tenant: TenantId,
        /// Which of its tokens.
        token: TokenName,
    },
    /// The token is an operator's.
    Operator {
        /// Which of them.
        token: TokenName,
    },
    /// There is no token, or one that is nobody's: which of the two is not said.
    Nobody,
}

impl Access {
    /// Returns whose data the request may read and write; `None` where nobody's.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Open => Some(TenantId::default_tenant()),
            Self::Tenant { tenant, .. } => Some(tenant.clone()),
            Self::Operator { .. } | Self::Nobody => None,
        }
    }
}

/// What a client without a token that is known is told to come with, in `WWW-Authenticate` (RFC 6750).
pub const CHALLENGE: &str = "Bearer realm=\"betrace\"";

/// Takes the token out of an `authorization` header's value; `None` where it holds none.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_rule_says() {
        for good in ["a", "0", "acme-2", "a_b", &"x".repeat(64)] {
            assert!(TenantId::try_new(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "_a", "A", "a b", "a.b", &"x".repeat(65)] {
            assert!(TenantId::try_new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_bearer_is_told_by_its_scheme_in_any_case() {
        for (header, token) in [
            ("Bearer x", Some("x")),
            ("bearer  x ", Some("x")),
            ("Basic x", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
    }
}
