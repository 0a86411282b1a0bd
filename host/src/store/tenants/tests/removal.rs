//! A tenant is removed from a whole pipeline, and the tables of every file are looked at.

use std::{collections::BTreeMap, path::Path};

use opentelemetry_proto::tonic::trace::v1::Span;
use redb::{ReadableDatabase as _, ReadableTableMetadata as _, TableHandle as _};

use super::*;
use crate::{
    ingest::Refused,
    live::tests::{Fixture, RULE, span},
    rule_id::{RuleId, RuleVersion},
    rules::RulesError,
    store::{Provenance, Quarantine},
    verdict::Reason,
};

/// How many entries each table of each file has.
fn tables(folder: &Path) -> BTreeMap<(String, String), u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "redb") {
            continue;
        }
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let db = redb::Database::open(&path).unwrap();
        let txn = db.begin_read().unwrap();
        for table in txn.list_tables().unwrap() {
            let name = table.name().to_owned();
            let n = txn.open_untyped_table(table).unwrap().len().unwrap();
            found.insert((file.clone(), name), n);
        }
    }
    found.retain(|_, n| *n > 0);
    found
}

fn create(host: &Fixture, name: &str) -> TenantId {
    let tenant = tenant(name);
    let limits: TenantLimits = [(Limit::Rules, 9)].into_iter().collect();
    host.store
        .create_tenant(&tenant, &TokenName::default_name(), &limits)
        .unwrap();
    tenant
}

/// Rules, signals, verdicts, a small block and one that has postings.
fn fill(host: &Fixture, tenant: &TenantId, rules: &str) {
    host.publish_of(tenant, RULE).unwrap();
    host.publish_of(tenant, rules).unwrap();
    host.send_of(tenant, vec![span(1, 1, "phi.access")])
        .unwrap();
    host.settle();
    let one = |id: u32| Span {
        span_id: u64::from(id).to_be_bytes().to_vec(),
        ..span(2, 1, "phi.access")
    };
    host.send_of(tenant, (1..=5_000).map(one).collect())
        .unwrap();
    host.settle();
    let quarantine = Quarantine {
        rule: RuleId::try_new("mine").unwrap(),
        version: RuleVersion(1),
        reason: Reason::Trapped,
        detail: String::new(),
        failed: 9,
        batches: 10,
        since: UnixNanos(1),
    };
    host.store.put_quarantine(tenant, &quarantine).unwrap();
    let trusts = TrustChange {
        add: vec![(KeyName::try_new("release").unwrap(), PublicKey([1; 32]))],
        remove: Vec::new(),
        requires_signatures: Some(true),
    };
    host.store.change_trust(tenant, &trusts).unwrap();
    assert!(!host.store.costs(tenant).unwrap().is_empty());
}

fn signals(host: &Fixture, tenant: &TenantId) -> usize {
    let all = crate::store::SignalFilter::default();
    host.store.signals(tenant, &all).unwrap().len()
}

/// A folder with a tenant `other`, and the entries that it has.
fn with_other() -> (tempfile::TempDir, BTreeMap<(String, String), u64>) {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    let other = create(&host, "other");
    fill(&host, &other, "rule theirs { match { phi.access } }");
    drop(host);
    let before = tables(folder.path());
    (folder, before)
}

#[test]
fn a_removed_tenant_leaves_no_entry_in_any_table_and_others_keep_theirs() {
    let (folder, before) = with_other();
    let host = Fixture::open(folder.path());
    let acme = create(&host, "acme");
    fill(&host, &acme, "rule mine { match { phi.access } }");
    let other = tenant("other");
    for tenant in [&acme, &other] {
        host.send_of(tenant, vec![span(9, 1, "open")]).unwrap();
        host.wait_until_open(tenant, 9);
    }
    assert!(signals(&host, &acme) > 0 && host.store.stored_bytes(&acme) > 0);

    host.remove(&acme);
    assert!(!host.is_open(&acme, 9) && host.is_open(&other, 9));
    let refused = host.send_of(&acme, vec![span(3, 1, "late")]);
    assert!(matches!(refused, Err(Refused::Unavailable { .. })));
    assert!(host.store.blocks(&acme).is_empty());
    assert_eq!((signals(&host, &acme), signals(&host, &other)), (0, 4));
    assert_eq!(host.store.stored_bytes(&acme), 0);
    let again = host.store.begin_removal(&acme);
    assert!(matches!(again, Err(StoreError::UnknownTenant { .. })));
    assert_eq!(host.store.limits(&acme), TenantLimits::default());
    // Its name may be another's, who finds nothing, and whom a second removal of the first does not touch.
    create(&host, "acme");
    host.store.finish_removal(&acme).unwrap();
    assert!(host.store.takes_from(&acme));
    assert!(host.registry.live(&acme).unwrap().rules().is_empty());
    assert!(host.store.rule_records(&acme).unwrap().is_empty());
    host.send_of(&acme, vec![span(1, 1, "new")]).unwrap();
    host.settle();
    assert_eq!((signals(&host, &acme), signals(&host, &other)), (0, 4));
    host.remove(&acme);
    drop(host);

    // The trace of `other` that was open is a block more, with a chunk and verdicts.
    let mut expect = before;
    for (file, table) in [
        ("blocks-1.redb", "chunks"),
        ("catalog.redb", "blocks"),
        ("catalog.redb", "judged"),
    ] {
        *expect
            .get_mut(&(file.to_owned(), table.to_owned()))
            .unwrap() += 1;
    }
    // Chunks that were being read at that moment go with the next open.
    drop(Fixture::open(folder.path()));
    assert_eq!(tables(folder.path()), expect);
}

#[test]
fn a_removal_that_was_cut_short_is_finished_by_the_next_open() {
    let (folder, before) = with_other();
    let host = Fixture::open(folder.path());
    let acme = create(&host, "acme");
    fill(&host, &acme, "rule mine { match { phi.access } }");
    host.send_of(&acme, vec![span(9, 1, "open")]).unwrap();
    host.store.begin_removal(&acme).unwrap();
    let refused = host.publish_of(&acme, RULE);
    assert!(matches!(
        refused,
        Err(RulesError::Store(StoreError::UnknownTenant { .. }))
    ));
    let limits = TenantLimits::default();
    let created = host
        .store
        .create_tenant(&acme, &TokenName::default_name(), &limits);
    assert!(matches!(created, Err(StoreError::UnknownTenant { .. })));
    drop(host);
    let host = Fixture::open(folder.path());
    assert!(!host.is_open(&acme, 9));
    drop(host);
    assert_eq!(tables(folder.path()), before);
}

#[test]
fn a_pack_that_another_tenant_published_too_stays() {
    let temp = TempStore::new();
    let store = temp.open();
    let digest = |n: u8| crate::rule_id::Digest([n; 32]);
    let publish = |tenant: &TenantId, n: u8| {
        store.put_pack(digest(n), &[n]).unwrap();
        let version = crate::store::NewVersion {
            id: RuleId::try_new("r").unwrap(),
            digest: digest(n),
            index: 0,
            origin: "r.btr".into(),
            source: None,
            mode: crate::rule_id::RuleMode::Live,
            published_by: "t".into(),
            provenance: Provenance::default(),
        };
        let change = crate::store::RuleChange::Publish(version);
        store.publish(tenant, vec![change]).unwrap();
    };
    let (a, b) = (tenant("a"), tenant("b"));
    publish(&a, 1);
    publish(&a, 2);
    publish(&b, 2);
    store.begin_removal(&a).unwrap();
    store.finish_removal(&a).unwrap();
    assert_eq!(store.pack(digest(1)).unwrap(), None);
    assert!(store.pack(digest(2)).unwrap().is_some());
    assert_eq!(store.tenants().unwrap(), [b]);
}
