//! What a tenant takes that requires signatures.

use super::*;
use crate::{
    signature::{SecretKey, sign},
    tenant::{KeyName, Trust, TrustChange},
};

fn key() -> SecretKey {
    SecretKey::generate().unwrap().0
}

fn name(name: &str) -> KeyName {
    KeyName::try_new(name).unwrap()
}

impl Home {
    fn trust(&self, add: &[(&str, &SecretKey)], requires: bool) -> Trust {
        let add = add.iter().map(|(called, key)| (name(called), key.public()));
        let change = TrustChange {
            add: add.collect(),
            remove: Vec::new(),
            requires_signatures: Some(requires),
        };
        self.registry
            .store
            .change_trust(&tenant(), &change)
            .unwrap()
    }

    #[track_caller]
    fn refuses(&self, pack: &NewPack, words: &[&str]) {
        let before = self.live();
        let dry_run = PublishOptions {
            dry_run: true,
            ..PublishOptions::default()
        };
        for options in [dry_run, PublishOptions::default()] {
            let refused = self
                .registry
                .publish(&tenant(), vec![pack.clone()], &options);
            let error = refused.unwrap_err();
            assert!(matches!(error, RulesError::Untrusted { .. }), "{error}");
            let error = error.to_string();
            for word in words {
                assert!(error.contains(word), "`{word}` is not in: {error}");
            }
        }
        assert_eq!(self.live(), before);
        assert_eq!(self.registry.sandbox.n_loaded(), before.len());
    }
}

/// A pack of one rule as a file, signed by these keys.
fn signed(id: &str, edition: u32, keys: &[&SecretKey]) -> NewPack {
    let mut pack = pack("a.wasm", &[id], edition);
    pack.source = None;
    for key in keys {
        pack.bytes = sign(&pack.bytes, key).unwrap();
    }
    pack
}

#[test]
fn only_what_a_trusted_key_signed_is_published_and_the_history_names_the_key() {
    let home = Home::new();
    let (release, audit, other) = (key(), key(), key());
    home.trust(&[("release", &release), ("audit", &audit)], true);
    home.refuses(
        &signed("a", 1, &[]),
        &[
            "`a.wasm`: it is not signed",
            "only what is signed by `audit` or `release`",
            "`betrace sign`",
        ],
    );
    home.refuses(
        &signed("a", 1, &[&other]),
        &[
            "it is signed by the key",
            "alone",
            "`betrace tenants trust`",
        ],
    );
    let mut altered = signed("a", 1, &[&release]);
    let last = altered.bytes.len() - 1;
    altered.bytes[last] ^= 1;
    home.refuses(
        &altered,
        &["it was altered after it was signed", "build it"],
    );
    home.refuses(
        &pack("a.btr", &["a"], 1),
        &[
            "`a.btr`: it is rule text",
            "`betrace compile`",
            "`betrace sign`",
        ],
    );
    for (edition, keys, named) in [
        (1, vec![&release], vec!["release"]),
        (2, vec![&other, &release, &audit], vec!["audit", "release"]),
    ] {
        home.publish(vec![signed("a", edition, &keys)]).unwrap();
        let records = home.registry.records(&tenant()).unwrap();
        let last = records[0].versions.last().unwrap();
        assert_eq!(
            (last.version.0, &last.provenance.signed_by),
            (edition, &named.iter().map(ToString::to_string).collect())
        );
    }
    // One of several that is not signed keeps all from being published.
    let both = vec![signed("a", 3, &[&release]), signed("b", 1, &[])];
    assert!(matches!(
        home.publish(both),
        Err(RulesError::Untrusted { .. })
    ));
    let home = home.reopened();
    home.refuses(&signed("a", 4, &[]), &["it is not signed"]);
    assert_eq!(home.live(), live(&[("a", 2)]));
}

#[test]
fn the_text_beside_a_signed_component_is_not_kept_for_nobody_signed_it() {
    let home = Home::new();
    let release = key();
    home.trust(&[("release", &release)], true);
    let mut pack = signed("a", 1, &[&release]);
    pack.source = Some("rule a { match { something.else } }".into());
    pack.reference = Some("oci://registry.example/a@sha256:00".into());
    home.publish(vec![pack]).unwrap();
    let records = home.registry.records(&tenant()).unwrap();
    let version = &records[0].versions[0];
    assert_eq!(version.source, None);
    let reference = version.provenance.reference.as_deref();
    assert_eq!(reference, Some("oci://registry.example/a@sha256:00"));
}

#[test]
fn what_is_live_stays_and_what_is_not_signed_is_not_made_live_again() {
    let home = Home::new();
    home.publish(vec![signed("a", 1, &[])]).unwrap();
    home.publish(vec![signed("a", 2, &[])]).unwrap();
    let release = key();
    home.trust(&[("release", &release)], true);
    assert_eq!(home.live(), live(&[("a", 2)]));
    let home = home.reopened();
    assert_eq!(home.live(), live(&[("a", 2)]));
    let refused = |changed: Result<Applied, RulesError>| {
        let error = changed.unwrap_err().to_string();
        assert!(error.contains("of `a.wasm`: it is not signed"), "{error}");
    };
    refused(home.registry.roll_back(&tenant(), &id("a"), None));
    home.registry.disable(&tenant(), &id("a")).unwrap();
    refused(home.registry.enable(&tenant(), &id("a")));
    home.publish(vec![signed("a", 3, &[&release])]).unwrap();
    home.registry.enable(&tenant(), &id("a")).unwrap();
    assert_eq!(home.live(), live(&[("a", 3)]));
    // Nobody has to know what was required once.
    home.trust(&[], false);
    home.registry.roll_back(&tenant(), &id("a"), None).unwrap();
    assert_eq!(home.live(), live(&[("a", 2)]));
}

#[test]
fn without_the_requirement_signatures_are_noted_and_nothing_is_refused() {
    let home = Home::new();
    let (release, other) = (key(), key());
    home.trust(&[("release", &release)], false);
    let mut altered = signed("c", 1, &[&release]);
    altered.bytes.extend([0, 2, 1, b'x']);
    for (pack, named) in [
        (signed("a", 1, &[&release]), vec!["release".to_owned()]),
        (signed("b", 1, &[&other]), vec![]),
        (altered, vec![]),
    ] {
        let applied = home
            .registry
            .publish(
                &tenant(),
                vec![pack],
                &PublishOptions {
                    take_over: true,
                    ..PublishOptions::default()
                },
            )
            .unwrap();
        let records = home.registry.records(&tenant()).unwrap();
        let record = records
            .iter()
            .find(|record| record.id == applied.rules[0].id);
        assert_eq!(record.unwrap().versions[0].provenance.signed_by, named);
    }
}
