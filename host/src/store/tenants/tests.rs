use std::time::Duration;

mod removal;

use super::*;
use crate::store::tests::{TempStore, tenant};

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
