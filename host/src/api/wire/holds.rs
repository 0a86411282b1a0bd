//! Holds: which of a tenant's traces retention leaves.

use serde::{Deserialize, Serialize};

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldView {
    /// Its number, counted per tenant.
    pub id: u64,
    /// Traces that start at this time or later are kept,
    pub from: String,
    /// and before this one.
    pub to: String,
    /// When it was made.
    pub created: String,
    /// By whom.
    pub by: String,
}

/// A hold to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddHold {
    /// From when on; a time or an age.
    pub from: String,
    /// Until when; a time or an age.
    pub to: String,
}

/// That a hold was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRemoved {
    /// Its number.
    pub removed: u64,
}
