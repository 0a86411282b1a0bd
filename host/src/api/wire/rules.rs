//! Rules as the API says and takes them, and how their verdicts add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{QuarantineView, RuleCostView, lists::at_most};
use crate::{
    api::limits::PACKS_PER_REQUEST_MAX,
    rule_id::{RuleMode, RuleVersion},
};

/// A published rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleView {
    /// The rule's id.
    pub id: String,
    /// The version that judges, or would if the rule were enabled.
    pub version: u32,
    /// Whether traces are judged by it.
    pub enabled: bool,
    /// `shadow` where the version is on trial: its signals are marked, and not delivered.
    #[serde(default)]
    pub mode: RuleMode,
    /// Why it is not called though it is enabled; none where it is.
    pub quarantine: Option<QuarantineView>,
    /// What this version cost.
    pub cost: RuleCostView,
    /// The pack that it comes from, `sha256:…`.
    pub digest: String,
    /// The name of its signals. This and what follows is what its pack says, and empty where that does not load.
    pub signal: String,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// What must hold, in a sentence.
    pub summary: String,
    /// The controls that it gives evidence for.
    pub controls: Vec<String>,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// When this version was published.
    pub published_at: String,
}

/// A published rule with what its pack says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub rule: RuleView,
    /// The text that it was compiled from, where it was sent along.
    pub source: Option<String>,
    /// Its versions, oldest first.
    pub versions: Vec<RuleVersionView>,
    /// Its verdicts so far, over all versions.
    pub coverage: CoverageView,
}

/// One version of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleVersionView {
    /// Its number.
    pub version: u32,
    /// The pack that it comes from.
    pub digest: String,
    /// When it was published.
    pub published_at: String,
    /// Who published it.
    pub published_by: String,
    /// Whether it was published on trial.
    #[serde(default)]
    pub mode: RuleMode,
    /// Whether it is the version that judges.
    pub live: bool,
    /// The names of the trusted keys that had signed it when it was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<String>,
    /// The exact place that it came from, where whoever published it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A pack to publish or to replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackUpload {
    /// The file's name: errors mention it, and a rule that names no signal takes its id from it.
    pub name: String,
    /// The component, in base64. Where there is none the server compiles `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The text of the rules, kept to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The exact place that it came from, as `oci://REGISTRY/REPOSITORY@sha256:…`: for the history, which says it as it is
    /// said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Packs to publish, all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The packs.
    #[serde(deserialize_with = "at_most::<_, _, PACKS_PER_REQUEST_MAX>")]
    pub packs: Vec<PackUpload>,
    /// Whether to change nothing and say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether to take over ids that belong to another pack.
    #[serde(default)]
    pub take_over: bool,
    /// What comes of the rules' violations.
    #[serde(default)]
    pub mode: RuleMode,
}

/// What publishing did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// The rule set that judges every trace stored from then on.
    pub rule_set: u64,
    /// The rules of the packs.
    pub rules: Vec<AppliedRule>,
    /// Whether nothing was changed because it was asked so.
    pub dry_run: bool,
}

/// What publishing did to one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedRule {
    /// The rule's id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its pack.
    pub digest: String,
    /// What happened to it.
    pub change: AppliedChange,
}

/// What publishing did to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliedChange {
    /// There was no such rule.
    Added,
    /// It has a version more.
    Updated,
    /// It was published from the same bytes already.
    Unchanged,
}

/// A change to one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum RuleAction {
    /// Go back to a version.
    Rollback {
        /// Which; the one before the live one where it is not said.
        #[serde(default)]
        to: Option<RuleVersion>,
    },
    /// Judge by it, also where it is quarantined.
    Enable,
    /// Do not judge by it.
    Disable,
    /// Take it out.
    Remove,
}

/// How a rule stands after a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleChanged {
    /// The rule's id.
    pub id: String,
    /// The version that judges now; none once removed.
    pub version: Option<u32>,
    /// Whether traces are judged by it.
    pub enabled: bool,
    /// The rule set that judges every trace stored from then on.
    pub rule_set: u64,
}

/// How the verdicts of a rule add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoverageView {
    /// Traces that behaved.
    pub held: u64,
    /// Traces that did not.
    pub violated: u64,
    /// Traces that it does not speak of.
    pub not_applicable: u64,
    /// Traces of which it cannot be told.
    pub inconclusive: u64,
    /// `held / (held + violated)`; none where there is neither.
    pub coverage: Option<f64>,
}

/// The coverage of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleCoverage {
    /// The rule.
    pub rule: String,
    /// Over all versions and hours.
    #[serde(flatten)]
    pub coverage: CoverageView,
}
