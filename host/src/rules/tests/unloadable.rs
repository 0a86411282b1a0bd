//! What was published and does not load any more.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::sandbox::LoadError;

/// What becomes of a pack in a store.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flipped,
    Gone,
    /// What is there is what was put there, and this host does not take it.
    Refused,
}

const ALL: [Damage; 3] = [Damage::Flipped, Damage::Gone, Damage::Refused];

impl Damage {
    /// What is said of it.
    fn sentence(self) -> &'static str {
        match self {
            Self::Flipped => "is damaged in the store",
            Self::Gone => "the store does not have the pack",
            Self::Refused => "not a WebAssembly component",
        }
    }
}

impl Home {
    fn damage(&self, pack: &NewPack, damage: Damage) {
        let digest = Digest(Sha256::digest(&pack.bytes).into());
        let store = &self.registry.store;
        store.tamper_with_pack(digest, |mut value| {
            value[20] ^= 1;
            matches!(damage, Damage::Flipped).then_some(value)
        });
        if matches!(damage, Damage::Refused) {
            store.put_pack(digest, b"something else").unwrap();
        }
    }

    /// Restores a pack behind the registry's back.
    fn repair(&self, pack: &NewPack) {
        let digest = Digest(Sha256::digest(&pack.bytes).into());
        self.registry.store.tamper_with_pack(digest, |_| None);
        self.registry.store.put_pack(digest, &pack.bytes).unwrap();
    }

    /// The live rules that cannot be called.
    fn unloadable(&self) -> Vec<(String, u32)> {
        let set = self.registry.live(&tenant()).unwrap();
        let rules = set.rules().iter();
        let unloadable = rules.filter(|rule| rule.in_pack().is_none());
        unloadable
            .map(|rule| (rule.id.to_string(), rule.version.0))
            .collect()
    }
}

/// A home with two packs, and one of another tenant, of which the first does not load.
fn damaged(damage: Damage) -> Home {
    let home = Home::new();
    let (p, q) = (pack("p", &["a", "b"], 1), pack("q", &["c"], 1));
    home.publish(vec![p.clone(), q]).unwrap();
    let options = PublishOptions::default();
    let other = vec![pack("r", &["d"], 1)];
    home.registry
        .publish(&other_tenant(), other, &options)
        .unwrap();
    home.damage(&p, damage);
    home.reopened()
}

fn other_tenant() -> TenantId {
    TenantId::try_new("other").unwrap()
}

#[test]
fn a_rule_whose_pack_does_not_load_stays_in_its_set_and_holds_up_no_other() {
    for damage in ALL {
        let home = damaged(damage);
        assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(home.unloadable(), live(&[("a", 1), ("b", 1)]));
        let set = home.registry.live(&tenant()).unwrap();
        assert_eq!(set.number(), 1);
        for rule in set.rules().iter().take(2) {
            let why = &rule.unloadable().unwrap().why;
            assert!(why.contains(damage.sentence()), "{damage:?}: {why}");
        }
        let theirs = home.registry.live(&other_tenant()).unwrap();
        assert!(theirs.rules()[0].in_pack().is_some());
        let quarantined = home.registry.all_quarantined().unwrap();
        let expected = ["a", "b"].map(|rule| QuarantinedRule {
            tenant: tenant(),
            rule: id(rule),
            reason: NOT_LOADED,
        });
        assert_eq!(quarantined, expected);
        // A replay gets it as it is, too.
        let of_replay = home.registry.rule(&tenant(), &id("a"), None).unwrap();
        assert!(of_replay.in_pack().is_none());
    }
}

#[test]
fn an_earlier_set_and_a_disabled_rule_are_had_whose_packs_do_not_load() {
    for damage in ALL {
        let home = Home::new();
        let p = pack("p", &["a"], 1);
        home.publish(vec![p.clone(), pack("q", &["b"], 1)]).unwrap();
        home.publish(vec![pack("p", &["a"], 2)]).unwrap();
        home.damage(&p, damage);
        let home = home.reopened();
        assert_eq!(home.unloadable(), []);
        for _ in 0..2 {
            let first = home.registry.rule_set(&tenant(), 1).unwrap();
            let callable = |rule: &PublishedRule| rule.in_pack().is_some();
            let callable: Vec<bool> = first.rules().iter().map(callable).collect();
            assert_eq!(callable, [false, true], "{damage:?}");
        }
        let refused = home.registry.roll_back(&tenant(), &id("a"), None);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(damage.sentence()), "{refused}");
        assert_eq!(home.live(), live(&[("a", 2), ("b", 1)]));
    }
}

#[test]
fn enabling_a_rule_tries_its_pack_again_and_says_why_where_it_does_not_load() {
    for damage in ALL {
        let home = damaged(damage);
        let set = home.registry.live(&tenant()).unwrap().number();
        let refused = home.registry.enable(&tenant(), &id("a"));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(damage.sentence()), "{refused}");
        home.repair(&pack("p", &["a", "b"], 1));
        assert_eq!(home.unloadable(), live(&[("a", 1), ("b", 1)]));
        let earlier = home.registry.rule_set(&tenant(), set).unwrap();
        for enabled in ["a", "b"] {
            let applied = home.registry.enable(&tenant(), &id(enabled)).unwrap();
            assert_eq!(applied.rule_set, set, "what is live has not changed");
        }
        assert_eq!(home.unloadable(), []);
        assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(home.registry.all_quarantined().unwrap(), []);
        // Whoever judges by the set as it was goes on; nobody else gets it.
        assert!(earlier.rules()[0].in_pack().is_none());
        let set = home.registry.rule_set(&tenant(), set).unwrap();
        assert!(set.rules()[0].in_pack().is_some());
    }
}

#[test]
fn the_same_pack_published_again_repairs_the_store_and_judges() {
    for damage in [Damage::Flipped, Damage::Gone] {
        let home = damaged(damage);
        home.publish(vec![pack("p", &["a", "b"], 1)]).unwrap();
        assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(home.unloadable(), []);
        let home = home.reopened();
        assert_eq!(home.unloadable(), []);
    }
}

#[test]
fn changes_of_a_rule_that_does_not_load_are_of_that_rule_alone() {
    for damage in ALL {
        let home = damaged(damage);
        let registry = &home.registry;
        // Of another rule: both stay as they are.
        home.publish(vec![pack("q", &["c"], 2)]).unwrap();
        registry.roll_back(&tenant(), &id("c"), None).unwrap();
        registry.disable(&tenant(), &id("c")).unwrap();
        registry.enable(&tenant(), &id("c")).unwrap();
        assert_eq!(home.live(), live(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(home.unloadable(), live(&[("a", 1), ("b", 1)]));
        // Another version judges.
        home.publish(vec![pack("p", &["a"], 2)]).unwrap();
        assert_eq!(home.unloadable(), live(&[("b", 1)]));
        home.publish(vec![pack("p", &["a"], 3)]).unwrap();
        registry.roll_back(&tenant(), &id("a"), None).unwrap();
        assert_eq!(home.live(), live(&[("a", 2), ("b", 1), ("c", 1)]));
        assert_eq!(home.unloadable(), live(&[("b", 1)]));
        registry.disable(&tenant(), &id("b")).unwrap();
        assert_eq!(home.live(), live(&[("a", 2), ("c", 1)]));
        let refused = registry.enable(&tenant(), &id("b"));
        assert!(refused.is_err());
        registry.remove(&tenant(), &id("b")).unwrap();
        let home = home.reopened();
        assert_eq!(home.live(), live(&[("a", 2), ("c", 1)]));
        assert_eq!(home.unloadable(), []);
    }
}

#[test]
fn a_host_that_fails_to_load_is_an_error_and_no_rule_is_blamed() {
    let home = Home::new();
    home.publish(vec![pack("p", &["a"], 1)]).unwrap();
    let Home { registry, dir } = home;
    drop(registry);
    let clock = Arc::new(ManualClock::new(UnixNanos(1)));
    let store = Store::open(dir.path(), clock).unwrap();
    let nothing = PackCompiler::Child {
        program: PathBuf::from("/nothing/is/here"),
    };
    let sandbox = Arc::new(Sandbox::new(nothing, SandboxLimits::default()).unwrap());
    let failed = Registry::open(store, sandbox).unwrap_err();
    let of_host = matches!(
        &failed,
        RulesError::Load {
            source: LoadError::Host { .. },
            ..
        }
    );
    assert!(of_host, "{failed}");
    assert_eq!(open(dir).unloadable(), []);
}
