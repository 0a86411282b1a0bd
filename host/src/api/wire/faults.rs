//! What a rule costs, and why it is quarantined, as the API says it.

use serde::{Deserialize, Serialize};

/// What judging by a version of a rule cost since it was published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleCostView {
    /// Units of fuel.
    pub fuel: u64,
    /// Time on a processor, in seconds.
    pub processor_seconds: f64,
    /// Batches: what the rule had to see of one block.
    pub batches: u64,
    /// Batches that left a trace without a verdict by the rule's own doing.
    pub failed_batches: u64,
}

/// Why a rule is not called, and its traces are `inconclusive (quarantined)`: it failed too often, or its pack does not load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// When it was found; that a pack does not load, by the process that is asked.
    pub since: String,
    /// How it failed last: a reason of inconclusive verdicts, as `out_of_fuel`; `not_loaded` where its pack does not load.
    pub reason: String,
    /// The same for the rule's author.
    pub detail: String,
    /// How many batches failed,
    pub failed_batches: u64,
    /// out of how many.
    pub batches: u64,
}
