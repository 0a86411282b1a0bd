//! What names a rule and one version of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a rule within a tenant: 1 to 128 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(Box<str>);

/// The longest rule id.
pub const RULE_ID_BYTES_MAX: usize = 128;

impl RuleId {
    /// Parses a rule id; `None` where it is not one.
    pub fn try_new(id: &str) -> Option<Self> {
        let legal =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        let first = *id.as_bytes().first()?;
        let starts = first.is_ascii_lowercase() || first.is_ascii_digit();
        (id.len() <= RULE_ID_BYTES_MAX && starts && id.bytes().all(legal)).then(|| Self(id.into()))
    }

    /// Returns the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_new(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a rule id")))
    }
}

/// Counts the versions of one rule of one tenant, from 1. Numbers grow and are not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleVersion(pub u32);

/// What comes of the violations of a version. The numbers are those of the catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RuleMode {
    /// Signals, which are delivered.
    #[default]
    Live = 0,
    /// Signals that are marked and not delivered: a version on trial. Its verdicts count as any others.
    Shadow = 1,
}

impl RuleMode {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 2] = [Self::Live, Self::Shadow];

    /// Returns the name that the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
        }
    }

    /// Returns the mode of a number from the store; `None` above 1.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// The SHA-256 of the bytes that an author shipped. Printed as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
