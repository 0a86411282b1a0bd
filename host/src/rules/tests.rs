//! Publishing over a real store.

mod trust;
mod unloadable;

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::{
    clock::{ManualClock, UnixNanos},
    guest::{Guest, rule},
    rule_id::{Digest, RuleId, RuleMode, RuleVersion},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::{Quarantine, Store},
    tenant::TenantId,
    verdict::Reason,
};

struct Home {
    registry: Registry,
    dir: TempDir,
}

fn open(dir: TempDir) -> Home {
    let clock = Arc::new(ManualClock::new(UnixNanos(1)));
    let store = Store::open(dir.path(), clock).unwrap();
    let limits = SandboxLimits {
        instances_max: 2,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let registry = Registry::open(store, Arc::new(sandbox)).unwrap();
    Home { registry, dir }
}

impl Home {
    fn new() -> Self {
        open(TempDir::new().unwrap())
    }

    /// The store as a new process finds it.
    fn reopened(self) -> Self {
        let Self { registry, dir } = self;
        drop(registry);
        open(dir)
    }

    fn live(&self) -> Vec<(String, u32)> {
        let set = self.registry.live(&tenant()).unwrap();
        set.rules()
            .iter()
            .map(|rule| (rule.id.to_string(), rule.version.0))
            .collect()
    }

    fn publish(&self, packs: Vec<NewPack>) -> Result<Applied, RulesError> {
        self.registry
            .publish(&tenant(), packs, &PublishOptions::default())
    }
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

fn id(id: &str) -> RuleId {
    RuleId::try_new(id).unwrap()
}

/// The pack of the first rule of a set.
fn digest_of(set: &RuleSet) -> Digest {
    set.rules()[0].in_pack().unwrap().pack().digest()
}

/// A pack of these rules; `edition` changes its bytes and nothing else.
fn pack(origin: &str, ids: &[&str], edition: u32) -> NewPack {
    let guest = Guest {
        rules: ids.iter().map(|id| rule(id)).collect(),
        items: format!("(func (export \"edition\") (result i32) (i32.const {edition}))"),
        ..Guest::default()
    };
    NewPack {
        bytes: guest.build(),
        origin: origin.into(),
        source: Some(format!("edition {edition}")),
        reference: None,
    }
}

fn live(rules: &[(&str, u32)]) -> Vec<(String, u32)> {
    rules
        .iter()
        .map(|(id, version)| ((*id).to_owned(), *version))
        .collect()
}

#[test]
fn what_is_published_is_live_and_survives_a_restart() {
    let home = Home::new();
    let applied = home
        .publish(vec![pack("p", &["b", "a"], 1), pack("q", &["c"], 1)])
        .unwrap();
    assert_eq!(applied.rule_set, 1);
    assert!(
        applied
            .rules
            .iter()
            .all(|rule| rule.changed && rule.version == Some(RuleVersion(1)))
    );
    assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
    // The same again changes nothing.
    let again = home.publish(vec![pack("q", &["c"], 1)]).unwrap();
    assert_eq!(again.rule_set, 1);
    assert!(!again.rules[0].changed);
    let home = home.reopened();
    assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
    let set = home.registry.live(&tenant()).unwrap();
    let a = set.get(&id("a")).unwrap();
    assert_eq!(a.in_pack().unwrap().index(), 1);
    assert_eq!(set.number(), 1);
}

#[test]
fn an_earlier_rule_set_is_found_by_its_number() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a"], 1)]).unwrap();
    let held = home.registry.live(&tenant()).unwrap();
    home.publish(vec![pack("p", &["a"], 2), pack("q", &["b"], 1)])
        .unwrap();
    // Whoever judges by the first set keeps it.
    assert_eq!(held.rules()[0].version, RuleVersion(1));
    let home = home.reopened();
    let first = home.registry.rule_set(&tenant(), 1).unwrap();
    let found: Vec<_> = first
        .rules()
        .iter()
        .map(|rule| (rule.id.clone(), rule.version))
        .collect();
    assert_eq!(found, [(id("a"), RuleVersion(1))]);
    assert_eq!(digest_of(&first), digest_of(&held));
    assert_eq!(
        home.registry.rule_set(&tenant(), 2).unwrap().rules().len(),
        2
    );
    assert_eq!(
        home.registry.rule_set(&tenant(), 0).unwrap().rules().len(),
        0
    );
    assert!(matches!(
        home.registry.rule_set(&tenant(), 3),
        Err(RulesError::NoRuleSet { number: 3 })
    ));
}

#[test]
fn a_change_that_fails_in_one_part_changes_nothing() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a"], 1)]).unwrap();
    let broken = NewPack {
        bytes: b"not a pack".to_vec(),
        origin: "broken.wasm".into(),
        source: None,
        reference: None,
    };
    let error = home
        .publish(vec![pack("p", &["a"], 2), broken])
        .unwrap_err();
    assert!(error.to_string().starts_with("`broken.wasm`: "), "{error}");
    let error = home.publish(vec![
        pack("p", &["a"], 2),
        pack("q", &["b"], 1),
        pack("r", &["b"], 1),
    ]);
    assert!(matches!(error, Err(RulesError::Twice { .. })));
    assert_eq!(home.live(), live(&[("a", 1)]));
}

#[test]
fn an_id_belongs_to_one_origin_until_it_is_taken_over() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a"], 1)]).unwrap();
    let error = home
        .publish(vec![pack("q", &["a"], 2)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`q`") && error.contains("published by `p`"),
        "{error}"
    );
    let options = PublishOptions {
        take_over: true,
        dry_run: true,
        published_by: "me".into(),
        ..PublishOptions::default()
    };
    let dry = home
        .registry
        .publish(&tenant(), vec![pack("q", &["a"], 2)], &options)
        .unwrap();
    assert_eq!(dry.rules[0].version, Some(RuleVersion(2)));
    assert_eq!(home.live(), live(&[("a", 1)]));
    let options = PublishOptions {
        dry_run: false,
        ..options
    };
    home.registry
        .publish(&tenant(), vec![pack("q", &["a"], 2)], &options)
        .unwrap();
    assert_eq!(home.live(), live(&[("a", 2)]));
    let record = &home.registry.records(&tenant()).unwrap()[0];
    assert_eq!(record.versions[1].published_by, "me");
    assert_eq!(record.versions[0].source.as_deref(), Some("edition 1"));
}

#[test]
fn a_rule_on_trial_is_a_version_and_publishing_it_for_good_is_the_next() {
    let home = Home::new();
    let publish = |mode| {
        let options = PublishOptions {
            mode,
            ..PublishOptions::default()
        };
        let packs = vec![pack("p", &["a"], 1)];
        home.registry.publish(&tenant(), packs, &options).unwrap()
    };
    let modes = || home.registry.live(&tenant()).unwrap().rules()[0].mode;
    assert!(publish(RuleMode::Shadow).rules[0].changed);
    assert_eq!(modes(), RuleMode::Shadow);
    assert!(!publish(RuleMode::Shadow).rules[0].changed);
    assert_eq!(
        publish(RuleMode::Live).rules[0].version,
        Some(RuleVersion(2))
    );
    assert_eq!(modes(), RuleMode::Live);
    // Going back restores what the version was, and so does a restart.
    home.registry
        .roll_back(&tenant(), &id("a"), Some(RuleVersion(1)))
        .unwrap();
    assert_eq!(modes(), RuleMode::Shadow);
    let home = home.reopened();
    assert_eq!(
        home.registry.live(&tenant()).unwrap().rules()[0].mode,
        RuleMode::Shadow
    );
}

#[test]
fn rules_are_rolled_back_disabled_enabled_and_removed_by_id() {
    let home = Home::new();
    for edition in 1..=3 {
        home.publish(vec![pack("p", &["a"], edition)]).unwrap();
    }
    let registry = &home.registry;
    assert_eq!(
        registry
            .roll_back(&tenant(), &id("a"), None)
            .unwrap()
            .rule_set,
        4
    );
    assert_eq!(home.live(), live(&[("a", 2)]));
    registry
        .roll_back(&tenant(), &id("a"), Some(RuleVersion(1)))
        .unwrap();
    assert_eq!(home.live(), live(&[("a", 1)]));
    assert!(matches!(
        registry.roll_back(&tenant(), &id("a"), None),
        Err(RulesError::NothingBefore { .. })
    ));
    assert!(matches!(
        registry.roll_back(&tenant(), &id("a"), Some(RuleVersion(9))),
        Err(RulesError::NoVersion { .. })
    ));
    registry.disable(&tenant(), &id("a")).unwrap();
    assert_eq!(home.live(), []);
    // It can be looked at, and replayed, all the same.
    assert_eq!(
        registry.rule(&tenant(), &id("a"), None).unwrap().version,
        RuleVersion(1)
    );
    registry.enable(&tenant(), &id("a")).unwrap();
    assert_eq!(home.live(), live(&[("a", 1)]));
    let removed = registry.remove(&tenant(), &id("a")).unwrap();
    assert_eq!(removed.rules[0].version, None);
    assert_eq!(home.live(), []);
    assert!(matches!(
        registry.disable(&tenant(), &id("nope")),
        Err(RulesError::Unknown { .. })
    ));
    // Numbers are not used again.
    home.publish(vec![pack("p", &["a"], 9)]).unwrap();
    assert_eq!(home.live(), live(&[("a", 4)]));
}

#[test]
fn tenants_have_their_own_rules() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a"], 1)]).unwrap();
    let other = TenantId::try_new("other").unwrap();
    assert!(home.registry.live(&other).unwrap().rules().is_empty());
    let options = PublishOptions::default();
    home.registry
        .publish(&other, vec![pack("q", &["a"], 2)], &options)
        .unwrap();
    assert_eq!(home.live(), live(&[("a", 1)]));
    let theirs = home.registry.live(&other).unwrap();
    let ours = home.registry.live(&tenant()).unwrap();
    assert_ne!(digest_of(&theirs), digest_of(&ours));
}

#[test]
fn a_quarantine_is_of_one_version_changes_no_rule_set_and_is_lifted_by_enable() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a", "b"], 1)]).unwrap();
    let quarantine = Quarantine {
        rule: id("a"),
        version: RuleVersion(1),
        reason: Reason::Trapped,
        detail: "it trapped".to_owned(),
        failed: 9,
        batches: 10,
        since: UnixNanos(1),
    };
    let held = |home: &Home| -> Vec<(String, u32)> {
        let quarantined = home.registry.quarantined(&tenant()).unwrap();
        let live = home.registry.live(&tenant()).unwrap();
        let rules = live.rules().iter().filter(|rule| quarantined.holds(rule));
        rules
            .map(|rule| (rule.id.to_string(), rule.version.0))
            .collect()
    };
    assert_eq!(held(&home), []);
    home.registry.quarantine(&tenant(), &quarantine).unwrap();
    assert_eq!(held(&home), live(&[("a", 1)]));
    assert_eq!(
        home.live(),
        live(&[("a", 1), ("b", 1)]),
        "what is live stays so"
    );
    let home = home.reopened();
    assert_eq!(held(&home), live(&[("a", 1)]));
    // The same bytes again are no new version, and another version has no quarantine.
    home.publish(vec![pack("p", &["a", "b"], 1)]).unwrap();
    assert_eq!(held(&home), live(&[("a", 1)]));
    home.publish(vec![pack("p", &["a", "b"], 2)]).unwrap();
    assert_eq!(held(&home), []);
    home.registry.roll_back(&tenant(), &id("a"), None).unwrap();
    assert_eq!(held(&home), live(&[("a", 1)]));
    let set = home.registry.enable(&tenant(), &id("a")).unwrap().rule_set;
    assert_eq!(set, home.registry.live(&tenant()).unwrap().number());
    assert_eq!(held(&home), []);
    assert_eq!(held(&home.reopened()), []);
}
