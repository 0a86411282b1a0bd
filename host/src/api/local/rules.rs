//! What is published, and changes to it.

use super::{ApiError, Local, coverage, faults::Standing, packs};
use crate::{
    api::wire::{
        AppliedChange, AppliedRule, ApplyReport, ApplyRequest, PackUpload, RuleAction, RuleChanged,
        RuleDetail, RuleVersionView, RuleView,
    },
    rule_id::{RuleId, RuleVersion},
    rules::{Applied, PublishOptions, PublishedRule},
    store::{RuleRecord, RuleVersionRecord},
    time::rfc3339,
};

impl Local {
    pub(super) fn list_rules(&self) -> Result<Vec<RuleView>, ApiError> {
        let records = self.rooms.registry.records(&self.tenant)?;
        let standing = self.standing()?;
        records
            .iter()
            .filter_map(|record| Some((record, live(record)?)))
            .map(|(record, live)| self.view(record, live, &standing))
            .collect()
    }

    pub(super) fn show_rule(&self, id: &RuleId) -> Result<RuleDetail, ApiError> {
        let record = self.record(id)?;
        // A removed rule is shown as it was last: its history and its signals are still there.
        let shown = live(&record).or(record.versions.last());
        let shown = shown.ok_or_else(|| ApiError::not_found("rule", id))?;
        let versions = record.versions.iter().map(|version| RuleVersionView {
            version: version.version.0,
            digest: version.digest.to_string(),
            published_at: rfc3339(version.published_at),
            published_by: version.published_by.clone(),
            mode: version.mode,
            live: record.live == Some(version.version),
            signed_by: version.provenance.signed_by.clone(),
            reference: version.provenance.reference.clone(),
        });
        let sums = self.rooms.store.coverage(&self.tenant, Some(id))?;
        let counts = sums.first().map(|(_, counts)| *counts);
        Ok(RuleDetail {
            rule: self.view(&record, shown, &self.standing()?)?,
            source: shown.source.clone(),
            versions: versions.collect(),
            coverage: coverage::view(counts.unwrap_or_default()),
        })
    }

    pub(super) fn apply_packs(&self, request: &ApplyRequest) -> Result<ApplyReport, ApiError> {
        let packs = packs::read(&request.packs)?;
        let options = PublishOptions {
            take_over: request.take_over,
            dry_run: request.dry_run,
            mode: request.mode,
            is_complete: false,
            published_by: self.who.clone(),
        };
        let applied = self.rooms.registry.publish(&self.tenant, packs, &options)?;
        let rules = applied.rules.into_iter().map(|rule| {
            let version = rule.version.map_or(0, |version| version.0);
            AppliedRule {
                id: rule.id.to_string(),
                version,
                digest: rule
                    .digest
                    .map_or_else(String::new, |digest| digest.to_string()),
                change: match (rule.changed, version) {
                    (false, _) => AppliedChange::Unchanged,
                    (true, 1) => AppliedChange::Added,
                    (true, _) => AppliedChange::Updated,
                },
            }
        });
        Ok(ApplyReport {
            rule_set: applied.rule_set,
            rules: rules.collect(),
            dry_run: request.dry_run,
        })
    }

    /// Publishes packs as all that this publisher has: what it published before and is in none of them is taken out.
    ///
    /// # Errors
    ///
    /// As publishing them.
    pub fn replace_packs(&self, packs: &[PackUpload]) -> Result<Applied, ApiError> {
        let options = PublishOptions {
            take_over: true,
            published_by: self.who.clone(),
            is_complete: true,
            ..PublishOptions::default()
        };
        let packs = packs::read(packs)?;
        Ok(self.rooms.registry.publish(&self.tenant, packs, &options)?)
    }

    pub(super) fn change(&self, id: &RuleId, action: &RuleAction) -> Result<RuleChanged, ApiError> {
        let (registry, tenant) = (&self.rooms.registry, &self.tenant);
        let applied = match action {
            RuleAction::Rollback { to } => registry.roll_back(tenant, id, *to)?,
            RuleAction::Enable => registry.enable(tenant, id)?,
            RuleAction::Disable => registry.disable(tenant, id)?,
            RuleAction::Remove => registry.remove(tenant, id)?,
        };
        let record = self.record(id)?;
        Ok(RuleChanged {
            id: id.to_string(),
            version: record.live.map(|version| version.0),
            enabled: record.live.is_some() && record.enabled,
            rule_set: applied.rule_set,
        })
    }

    fn record(&self, id: &RuleId) -> Result<RuleRecord, ApiError> {
        let records = self.rooms.registry.records(&self.tenant)?;
        records
            .into_iter()
            .find(|record| record.id == *id)
            .ok_or_else(|| ApiError::not_found("rule", id))
    }

    fn view(
        &self,
        record: &RuleRecord,
        version: &RuleVersionRecord,
        standing: &Standing,
    ) -> Result<RuleView, ApiError> {
        let rule = self.described(&record.id, version.version)?;
        let description = rule.description();
        let severity = match rule.unloadable() {
            Some(_) => "",
            None => description.severity.name(),
        };
        Ok(RuleView {
            id: record.id.to_string(),
            version: version.version.0,
            enabled: record.live.is_some() && record.enabled,
            mode: version.mode,
            quarantine: standing.quarantine(&rule),
            cost: standing.cost(&record.id, version.version),
            digest: version.digest.to_string(),
            signal: description.signal.clone(),
            severity: severity.to_owned(),
            summary: description.summary.clone(),
            controls: description.controls.clone(),
            labels: description.labels.iter().cloned().collect(),
            published_at: rfc3339(version.published_at),
        })
    }

    /// Returns a version with what its pack says: a live one is at hand, others are loaded for it.
    fn described(&self, id: &RuleId, version: RuleVersion) -> Result<PublishedRule, ApiError> {
        let set = self.rooms.registry.live(&self.tenant)?;
        match set.get(id).filter(|rule| rule.version == version) {
            Some(rule) => Ok(rule.clone()),
            None => Ok(self.rooms.registry.rule(&self.tenant, id, Some(version))?),
        }
    }
}

fn live(record: &RuleRecord) -> Option<&RuleVersionRecord> {
    let live = record.live?;
    record
        .versions
        .iter()
        .find(|version| version.version == live)
}
