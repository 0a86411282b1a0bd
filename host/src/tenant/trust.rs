//! Whose signatures a tenant trusts.

use std::fmt;

use super::is_name;
use crate::{
    clock::UnixNanos,
    signature::{PublicKey, SignatureError, signers},
};

/// Names a key among those that a tenant trusts: written as a tenant's name is. Histories name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// Parses a key's name; `None` where it is not one.
    pub fn try_new(name: &str) -> Option<Self> {
        is_name(name).then(|| Self(name.into()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that a tenant trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its name.
    pub name: KeyName,
    /// The key.
    pub key: PublicKey,
    /// Since when.
    pub since: UnixNanos,
}

impl AsRef<PublicKey> for TrustedKey {
    fn as_ref(&self) -> &PublicKey {
        &self.key
    }
}

/// Whom a tenant trusts, and whether it takes anything from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whether what is published must be signed by one of the keys.
    pub requires_signatures: bool,
    /// The keys, in order of their names.
    pub keys: Vec<TrustedKey>,
}

impl Trust {
    /// Returns the names of the keys that signed a component.
    ///
    /// # Errors
    ///
    /// Where signatures are required, why it has none of these keys.
    pub fn signers(&self, component: &[u8]) -> Result<Vec<KeyName>, SignatureError> {
        if self.keys.is_empty() && !self.requires_signatures {
            return Ok(Vec::new());
        }
        match signers(component, &self.keys) {
            Ok(signers) => Ok(signers.into_iter().map(|key| key.name.clone()).collect()),
            Err(error) if self.requires_signatures => Err(error),
            Err(_) => Ok(Vec::new()),
        }
    }
}

/// A change of whom a tenant trusts; all of it or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustChange {
    /// Keys to trust.
    pub add: Vec<(KeyName, PublicKey)>,
    /// Keys to trust no longer.
    pub remove: Vec<KeyName>,
    /// Whether signatures are required from then on; none leaves it as it is.
    pub requires_signatures: Option<bool>,
}
