use super::*;
use crate::{
    rule_id::RuleMode,
    store::tests::{TempStore, rule, tenant},
};

fn publish(id: &str, digest: u8) -> RuleChange {
    RuleChange::Publish(NewVersion {
        mode: RuleMode::Live,
        id: rule(id),
        digest: Digest([digest; 32]),
        index: 3,
        origin: "a.btr".into(),
        source: digest.is_multiple_of(2).then(|| "phi.access".into()),
        published_by: "me".into(),
        provenance: Provenance::default(),
    })
}

impl Store {
    /// Replaces what is kept of a pack, with its checksum, as a bad disk would.
    pub(crate) fn tamper_with_pack(
        &self,
        digest: Digest,
        tamper: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>,
    ) {
        let done = self.inner.catalog.write(|txn| {
            let mut packs = txn.open_table(PACKS)?;
            let value = packs.remove(&digest.0)?.map(|value| value.value().to_vec());
            if let Some(value) = value.and_then(tamper) {
                packs.insert(&digest.0, value.as_slice())?;
            }
            Ok(())
        });
        done.unwrap();
    }
}

fn store_with_packs(temp: &TempStore) -> Store {
    let store = temp.open();
    for digest in 1..=4 {
        store.put_pack(Digest([digest; 32]), &[digest; 10]).unwrap();
    }
    store
}

fn live(store: &Store) -> (u64, Vec<(String, u32)>) {
    let record = store.live_rule_set(&tenant("a")).unwrap();
    let rules = record.rules.iter().map(|(id, v)| (id.to_string(), v.0));
    (record.number, rules.collect())
}

#[test]
fn versions_grow_and_each_rule_set_is_remembered() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    let a = tenant("a");
    assert_eq!(live(&store), (0, vec![]));
    let published = store
        .publish(&a, vec![publish("r", 1), publish("q", 1)])
        .unwrap();
    assert_eq!(published.rule_set, 1);
    assert_eq!(
        published.versions,
        [(rule("r"), RuleVersion(1)), (rule("q"), RuleVersion(1))]
    );
    assert_eq!(
        store.publish(&a, vec![publish("r", 2)]).unwrap().rule_set,
        2
    );
    drop(store);
    let store = temp.killed().open();
    assert_eq!(live(&store), (2, vec![("q".into(), 1), ("r".into(), 2)]));
    let first = store.rule_set(&a, 1).unwrap().unwrap();
    assert_eq!(
        first.rules,
        [(rule("q"), RuleVersion(1)), (rule("r"), RuleVersion(1))]
    );
    assert_eq!(store.rule_set(&a, 3).unwrap(), None);
    assert_eq!(store.rule_set(&a, 0).unwrap().unwrap().rules, []);
    let records = store.rule_records(&a).unwrap();
    let r = &records[1];
    assert_eq!(
        (r.id.as_str(), r.live, r.enabled),
        ("r", Some(RuleVersion(2)), true)
    );
    assert_eq!(r.versions[0].source, None);
    assert_eq!(r.versions[1].source.as_deref(), Some("phi.access"));
    assert_eq!(r.versions[1].digest, Digest([2; 32]));
    assert_eq!(
        (r.versions[1].index, r.versions[1].origin.as_str()),
        (3, "a.btr")
    );
    assert_eq!(store.pack(Digest([2; 32])).unwrap().unwrap(), vec![2; 10]);
    assert_eq!(store.tenants().unwrap(), [a]);
}

#[test]
fn what_is_live_already_makes_no_version() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    let a = tenant("a");
    let first = store.publish(&a, vec![publish("r", 1)]).unwrap();
    assert_eq!(store.publish(&a, vec![publish("r", 1)]).unwrap(), first);
    assert_eq!(store.rule_records(&a).unwrap()[0].versions.len(), 1);
}

#[test]
fn rules_are_disabled_rolled_back_removed_and_come_back() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    let a = tenant("a");
    let id = || rule("r");
    let change = |change| store.publish(&a, vec![change]).map(|p| p.rule_set);
    change(publish("r", 1)).unwrap();
    change(publish("r", 2)).unwrap();
    assert_eq!(
        change(RuleChange::RollBack {
            id: id(),
            to: RuleVersion(1)
        })
        .unwrap(),
        3
    );
    assert_eq!(live(&store), (3, vec![("r".into(), 1)]));
    change(RuleChange::Disable { id: id() }).unwrap();
    assert_eq!(live(&store), (4, vec![]));
    // Disabled, the id stays disabled whatever is published under it.
    assert_eq!(change(publish("r", 3)).unwrap(), 4);
    change(RuleChange::Enable { id: id() }).unwrap();
    assert_eq!(live(&store), (5, vec![("r".into(), 3)]));
    change(RuleChange::Remove { id: id() }).unwrap();
    assert_eq!(store.rule_records(&a).unwrap()[0].live, None);
    assert!(change(RuleChange::Enable { id: id() }).is_err());
    change(publish("r", 1)).unwrap();
    assert_eq!(live(&store), (7, vec![("r".into(), 4)]));
}

#[test]
fn all_changes_are_made_or_none() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    let a = tenant("a");
    let cases = [
        (publish("q", 9), "is of pack sha256:0909"),
        (
            RuleChange::Enable { id: rule("q") },
            "rule `q` is not published",
        ),
        (
            RuleChange::Remove { id: rule("q") },
            "rule `q` is not published",
        ),
        (
            RuleChange::RollBack {
                id: rule("r"),
                to: RuleVersion(9),
            },
            "has no version 9",
        ),
    ];
    for (bad, why) in cases {
        let error = store.publish(&a, vec![publish("r", 1), bad]).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(live(&store), (0, vec![]));
        assert_eq!(store.rule_records(&a).unwrap(), []);
    }
    // A refusal is no failure of the file.
    store.publish(&a, vec![publish("r", 1)]).unwrap();
}

#[test]
fn tenants_do_not_see_each_other() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    store.publish(&tenant("a"), vec![publish("r", 1)]).unwrap();
    for other in ["b", "a-", "0"] {
        assert_eq!(store.rule_records(&tenant(other)).unwrap(), []);
        assert_eq!(store.live_rule_set(&tenant(other)).unwrap().number, 0);
    }
    store.publish(&tenant("b"), vec![publish("r", 2)]).unwrap();
    assert_eq!(
        store.rule_records(&tenant("a")).unwrap()[0].versions[0].digest,
        Digest([1; 32])
    );
    assert_eq!(store.tenants().unwrap(), [tenant("a"), tenant("b")]);
}

#[test]
fn a_pack_that_is_damaged_is_named_and_kept_anew_when_it_comes_again() {
    let temp = TempStore::new();
    let store = store_with_packs(&temp);
    let digest = Digest([2; 32]);
    store.tamper_with_pack(digest, |mut value| {
        value[3] ^= 1;
        Some(value)
    });
    let error = store.pack(digest).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    store.put_pack(digest, &[2; 10]).unwrap();
    assert_eq!(store.pack(digest).unwrap().unwrap(), vec![2; 10]);
}
