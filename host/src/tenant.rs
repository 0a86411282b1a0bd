//! Whose data it is.

use std::fmt;

/// Names a tenant: 1 to 64 of `a-z`, `0-9`, `-` and `_`, beginning with a letter or digit.
///
/// Everything that is stored or judged is keyed by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Box<str>);

/// The longest tenant name.
pub const TENANT_ID_BYTES_MAX: usize = 64;

impl TenantId {
    /// The tenant of a server without tokens.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }

    /// Parses a tenant's name; `None` where it is not one.
    pub fn try_new(name: &str) -> Option<Self> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let first = *name.as_bytes().first()?;
        (name.len() <= TENANT_ID_BYTES_MAX
            && first.is_ascii_alphanumeric()
            && name.bytes().all(legal))
        .then(|| Self(name.into()))
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
