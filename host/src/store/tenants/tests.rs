use std::time::Duration;

mod removal;

use super::*;
use crate::{
    signature::PublicKey,
    store::tests::{TempStore, tenant},
    tenant::{KeyName, TrustChange},
};

fn name(name: &str) -> TokenName {
    TokenName::try_new(name).unwrap()
}

fn of(tenant_name: &str, token: &str) -> Access {
    Access::Tenant {
        tenant: tenant(tenant_name),
        token: name(token),
    }
}

fn create(store: &Store, tenant_name: &str) -> Token {
    store
        .create_tenant(
            &tenant(tenant_name),
            &name("first"),
            &TenantLimits::default(),
        )
        .unwrap()
}

#[test]
fn without_tokens_everybody_is_the_default_tenant_and_with_one_nobody_is() {
    let temp = TempStore::new();
    let store = temp.open();
    assert!(!store.asks_for_tokens());
    assert_eq!(store.access(Some("whatever")), Access::Open);
    let token = create(&store, "acme");
    let asks = |store: &Store| {
        assert!(store.asks_for_tokens());
        assert_eq!(store.access(None), Access::Nobody);
        assert_eq!(store.access(Some("")), Access::Nobody);
        assert_eq!(store.access(Some("btr_wrong")), Access::Nobody);
        assert_eq!(store.access(Some(token.as_str())), of("acme", "first"));
    };
    asks(&store);
    drop(store);
    asks(&temp.open());
}

#[test]
fn a_rotated_token_holds_for_its_grace_and_others_are_not_touched() {
    let temp = TempStore::new();
    let store = temp.open();
    let owner = TokenOwner::Tenant(tenant("acme"));
    let rotate = |token: &str, grace: u64| {
        store
            .rotate_token(&owner, &name(token), Duration::from_secs(grace))
            .unwrap()
    };
    let first = create(&store, "acme");
    let ci = rotate("ci", 0);
    let second = rotate("first", 3_600);
    assert_eq!(store.access(Some(first.as_str())), of("acme", "first"));
    temp.clock.advance(Duration::from_secs(3_599));
    assert_eq!(store.access(Some(first.as_str())), of("acme", "first"));
    temp.clock.advance(Duration::from_secs(1));
    assert_eq!(store.access(Some(first.as_str())), Access::Nobody);
    let third = rotate("first", 0);
    assert_eq!(store.access(Some(second.as_str())), Access::Nobody);
    assert_eq!(store.access(Some(third.as_str())), of("acme", "first"));
    assert_eq!(store.access(Some(ci.as_str())), of("acme", "ci"));
    let names: Vec<String> = store
        .tokens(&owner)
        .unwrap()
        .iter()
        .map(|token| token.name.to_string())
        .collect();
    assert_eq!(names, ["ci", "first"]);
}

#[test]
fn a_grace_is_not_made_longer_by_the_next_rotation() {
    let temp = TempStore::new();
    let store = temp.open();
    let owner = TokenOwner::Operator;
    let rotate = |grace| store.rotate_token(&owner, &name("ops"), Duration::from_secs(grace));
    let first = rotate(0).unwrap();
    rotate(10).unwrap();
    rotate(1_000).unwrap();
    temp.clock.advance(Duration::from_secs(10));
    assert_eq!(store.access(Some(first.as_str())), Access::Nobody);
}

#[test]
fn no_file_of_the_store_has_a_token_in_it() {
    let temp = TempStore::new();
    let store = temp.open();
    let token = create(&store, "acme");
    drop(store);
    let secret = token.as_str().strip_prefix("btr_").unwrap().as_bytes();
    for file in std::fs::read_dir(temp.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn a_tenant_is_created_once_and_limits_outlive_the_process() {
    let temp = TempStore::new();
    let store = temp.open();
    create(&store, "acme");
    let again = store.create_tenant(&tenant("acme"), &name("x"), &TenantLimits::default());
    let error = again.unwrap_err().to_string();
    assert!(error.contains("rotate-token"), "{error}");
    let changes = [(Limit::Rules, Some(3)), (Limit::StoredBytes, Some(1 << 40))];
    store.set_limits(&tenant("acme"), &changes).unwrap();
    store
        .set_limits(&tenant("acme"), &[(Limit::Rules, None)])
        .unwrap();
    let unknown = store.set_limits(&tenant("other"), &changes);
    assert!(matches!(unknown, Err(StoreError::UnknownTenant { .. })));
    drop(store);
    let store = temp.open();
    let limits = store.limits(&tenant("acme"));
    assert_eq!(
        limits.each_set().collect::<Vec<_>>(),
        [(Limit::StoredBytes, 1 << 40)]
    );
    let records = store.tenant_records().unwrap();
    assert_eq!((records.len(), &records[0].limits), (1, &limits));
}

#[test]
fn so_many_tokens_and_no_more() {
    let temp = TempStore::new();
    let store = temp.open();
    let rotate = |n: usize| {
        let name = name(&format!("t{n}"));
        store.rotate_token(&TokenOwner::Operator, &name, Duration::ZERO)
    };
    for n in 0..crate::store::limits::TOKENS_PER_OWNER_MAX {
        rotate(n).unwrap();
    }
    assert!(matches!(rotate(99), Err(StoreError::Tokens { .. })));
    rotate(0).unwrap();
}

#[test]
fn keys_are_trusted_by_name_and_outlive_the_process() {
    let temp = TempStore::new();
    let store = temp.open();
    create(&store, "acme");
    let acme = tenant("acme");
    let key = |n: u8| PublicKey([n; 32]);
    let change = |add: &[(&str, u8)], remove: &[&str], requires: Option<bool>| {
        let of = |name: &str| KeyName::try_new(name).unwrap();
        let change = TrustChange {
            add: add.iter().map(|(name, n)| (of(name), key(*n))).collect(),
            remove: remove.iter().map(|name| of(name)).collect(),
            requires_signatures: requires,
        };
        store.change_trust(&acme, &change)
    };
    let refused = |changed: Result<Trust, StoreError>, word: &str| {
        let before = store.trust(&acme).unwrap();
        let error = changed.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
        assert_eq!(store.trust(&acme).unwrap(), before);
    };
    refused(change(&[], &[], Some(true)), "would trust no key");
    change(&[("release", 1), ("audit", 2)], &[], Some(true)).unwrap();
    // The same again changes nothing.
    change(&[("release", 1)], &[], None).unwrap();
    refused(
        change(&[("release", 3)], &[], None),
        "another key of the name `release`",
    );
    refused(change(&[], &["nobody"], None), "no key `nobody`");
    refused(
        change(&[], &["release", "audit"], None),
        "would trust no key",
    );
    let many: Vec<String> = (0..crate::store::limits::KEYS_PER_TENANT_MAX)
        .map(|n| format!("k{n}"))
        .collect();
    let many: Vec<(&str, u8)> = many.iter().map(|name| (name.as_str(), 9)).collect();
    refused(change(&many, &[], None), "more than 16 keys");
    change(&many[2..], &[], None).unwrap();
    change(
        &[],
        &many[2..].iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        None,
    )
    .unwrap();
    let unknown = store.change_trust(&tenant("other"), &TrustChange::default());
    assert!(matches!(unknown, Err(StoreError::UnknownTenant { .. })));
    assert_eq!(store.trust(&tenant("acm")).unwrap(), Trust::default());
    drop(store);
    let store = temp.open();
    let trust = store.trust(&acme).unwrap();
    assert!(trust.requires_signatures);
    let names: Vec<&str> = trust.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(
        (names, trust.keys[1].key),
        (vec!["audit", "release"], key(1))
    );
    // Before the first start of a server there is no other way to name its one tenant.
    store
        .change_trust(&TenantId::default_tenant(), &TrustChange::default())
        .unwrap();
    assert_eq!(store.tenants().unwrap(), [acme, TenantId::default_tenant()]);
}
