//! What judging cost, by rule and version, since the version was published. It lasts as long as the catalog.

use std::{collections::BTreeMap, ops::AddAssign, time::Duration};

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::{
    Store,
    codec::{Malformed, Place, Reader, Writer},
    doctor::{Area, Findings},
    error::StoreError,
    file::{DbFile, Fault, each_row, open_if_there},
    tenants::{end_of, remove_some_in},
};
use crate::{
    rule_id::{RuleId, RuleVersion},
    tenant::TenantId,
};

/// Tenant, rule, version -> what judging by it cost.
const COSTS: TableDefinition<'_, (&str, &str, u32), &[u8]> = TableDefinition::new("rule_costs");

/// What judging by a rule cost, and how often it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostRecord {
    /// Units of fuel.
    pub fuel: u64,
    /// Time on a processor.
    pub processor: Duration,
    /// Batches: what the rule had to see of one block.
    pub batches: u64,
    /// Batches that left a trace without a verdict by the rule's own doing.
    pub failed: u64,
}

impl AddAssign for CostRecord {
    fn add_assign(&mut self, other: Self) {
        let Self {
            fuel,
            processor,
            batches,
            failed,
        } = other;
        self.fuel = self.fuel.saturating_add(fuel);
        self.processor = self.processor.saturating_add(processor);
        self.batches = self.batches.saturating_add(batches);
        self.failed = self.failed.saturating_add(failed);
    }
}

/// By rule and version.
pub type RuleCosts = BTreeMap<(RuleId, RuleVersion), CostRecord>;

impl Store {
    /// Returns what judging by each rule of a tenant cost.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn costs(&self, tenant: &TenantId) -> Result<RuleCosts, StoreError> {
        let catalog = &self.inner.catalog;
        catalog.read(|txn| {
            let mut costs = RuleCosts::new();
            let Some(table) = open_if_there(txn, COSTS)? else {
                return Ok(costs);
            };
            for row in table.range((tenant.as_str(), "", 0)..)? {
                let (key, value) = row?;
                let (owner, id, version) = key.value();
                if owner != tenant.as_str() {
                    break;
                }
                let place = place(catalog.name(), key.value());
                let cost = place.decode(value.value(), read_cost)?;
                let rule = RuleId::try_new(id).ok_or_else(|| place.corrupt("a rule id is none"))?;
                costs.insert((rule, RuleVersion(version)), cost);
            }
            Ok(costs)
        })
    }
}

/// Adds costs within the transaction that stores the verdicts.
pub(super) fn add(
    txn: &WriteTransaction,
    file: &str,
    tenant: &TenantId,
    costs: &RuleCosts,
) -> Result<(), Fault> {
    if costs.is_empty() {
        return Ok(());
    }
    let mut table: Table<'_, (&str, &str, u32), &[u8]> = txn.open_table(COSTS)?;
    for ((rule, version), more) in costs {
        let key = (tenant.as_str(), rule.as_str(), version.0);
        let mut cost = match table.get(key)? {
            Some(value) => place(file, key).decode(value.value(), read_cost)?,
            None => CostRecord::default(),
        };
        cost += *more;
        let nanos = u64::try_from(cost.processor.as_nanos()).unwrap_or(u64::MAX);
        let mut writer = Writer::new();
        writer
            .varint(cost.fuel)
            .varint(nanos)
            .varint(cost.batches)
            .varint(cost.failed);
        table.insert(key, writer.finish().as_slice())?;
    }
    Ok(())
}

/// Removes some of what is known of a tenant's rules, and returns how much.
pub(super) fn remove_some(txn: &WriteTransaction, tenant: &str) -> Result<usize, Fault> {
    let end = end_of(tenant);
    let mut costs = txn.open_table(COSTS)?;
    remove_some_in(&mut costs, (tenant, "", 0)..(end.as_str(), "", 0))
}

/// Looks at what is known of every rule.
pub(super) fn examine(catalog: &DbFile, findings: &mut Findings) {
    each_row(catalog, COSTS, (Area::Sums, findings), |key, value| {
        let place = place(catalog.name(), key);
        place.decode(value, read_cost)?;
        let is_rule = RuleId::try_new(key.1).is_some();
        is_rule
            .then_some(())
            .ok_or_else(|| place.corrupt("a rule id is none"))
    });
}

fn read_cost(reader: &mut Reader<'_>) -> Result<CostRecord, Malformed> {
    Ok(CostRecord {
        fuel: reader.varint()?,
        processor: Duration::from_nanos(reader.varint()?),
        batches: reader.varint()?,
        failed: reader.varint()?,
    })
}

fn place<K>(file: &str, key: K) -> Place<'_, K> {
    Place {
        file,
        table: "rule_costs",
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Listing,
        blocks::tests::{block, trace},
        judged::tests::judgement,
        tests::{TempStore, rule, tenant},
    };

    #[test]
    fn costs_come_with_the_verdicts_and_add_up() {
        let temp = TempStore::new();
        let store = temp.open();
        let a = tenant("a");
        let cost = CostRecord {
            fuel: 7,
            processor: Duration::from_micros(3),
            batches: 2,
            failed: 1,
        };
        for id in 1..=3 {
            let block = block("a", &[trace(id, id.into(), &["A"])]);
            store.put_block(&block, &Listing::default()).unwrap();
            let mut judgement = judgement(&block, &[]);
            judgement.costs = RuleCosts::from([((rule("r"), RuleVersion(1)), cost)]);
            store.put_judged(&[judgement.clone()]).unwrap();
            // Judged again after a crash, it is not counted again.
            store.put_judged(&[judgement]).unwrap();
        }
        drop(store);
        let store = temp.killed().open();
        let sum = CostRecord {
            fuel: 21,
            processor: Duration::from_micros(9),
            batches: 6,
            failed: 3,
        };
        let costs = store.costs(&a).unwrap();
        assert_eq!(costs, RuleCosts::from([((rule("r"), RuleVersion(1)), sum)]));
        assert_eq!(store.costs(&tenant("b")).unwrap(), RuleCosts::new());
    }
}
