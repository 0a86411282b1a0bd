//! Coverage: how many traces had which verdict, by rule, version and hour of T.

use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use super::{
    Store,
    amend::CoverageChange,
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

/// Tenant, rule, version, hour -> how many traces have each verdict.
const COVERAGE: TableDefinition<'_, (&str, &str, u32, u64), &[u8]> =
    TableDefinition::new("coverage");

/// The verdicts of one version of one rule on the traces that start in one hour.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoverageCell {
    /// The rule.
    pub(crate) rule: RuleId,
    /// Its version.
    pub(crate) version: RuleVersion,
    /// The hour, counted from 1970-01-01T00:00:00Z.
    pub(crate) hour: u64,
    /// How many traces have each verdict, in order of the verdicts' numbers.
    pub(crate) traces: [u64; 4],
}

impl Store {
    /// Returns the coverage of a tenant, of one rule or of all, in order of rule: how many traces have each verdict. Looks at
    /// each cell, and keeps none: clocks that lie make more hours than there is memory for.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn coverage(
        &self,
        tenant: &TenantId,
        rule: Option<&RuleId>,
    ) -> Result<Vec<(RuleId, [u64; 4])>, StoreError> {
        let mut sums: Vec<(RuleId, [u64; 4])> = Vec::new();
        self.each_cell(tenant, rule, |(rule, ..), traces| {
            if sums.last().is_none_or(|(last, _)| *last != rule) {
                sums.push((rule, [0; 4]));
            }
            let sum = sums.last_mut().into_iter().flat_map(|(_, sum)| sum);
            for (sum, traces) in sum.zip(traces) {
                *sum = sum.saturating_add(traces);
            }
        })?;
        Ok(sums)
    }

    /// Returns the cells, in order of rule, version and hour.
    #[cfg(test)]
    pub(crate) fn coverage_cells(
        &self,
        tenant: &TenantId,
        rule: Option<&RuleId>,
    ) -> Result<Vec<CoverageCell>, StoreError> {
        let mut cells = Vec::new();
        self.each_cell(tenant, rule, |(rule, version, hour), traces| {
            cells.push(CoverageCell {
                rule,
                version,
                hour,
                traces,
            });
        })?;
        Ok(cells)
    }

    fn each_cell(
        &self,
        tenant: &TenantId,
        rule: Option<&RuleId>,
        mut see: impl FnMut((RuleId, RuleVersion, u64), [u64; 4]),
    ) -> Result<(), StoreError> {
        let catalog = &self.inner.catalog;
        let first = rule.map_or("", RuleId::as_str);
        catalog.read(|txn| {
            let Some(coverage) = open_if_there(txn, COVERAGE)? else {
                return Ok(());
            };
            for row in coverage.range((tenant.as_str(), first, 0, 0)..)? {
                let (key, value) = row?;
                let (owner, id, version, hour) = key.value();
                if owner != tenant.as_str() || rule.is_some_and(|rule| rule.as_str() != id) {
                    break;
                }
                let place = place(catalog.name(), key.value());
                let traces = place.decode(value.value(), read_counts)?;
                let id = RuleId::try_new(id).ok_or_else(|| place.corrupt("a rule id is none"))?;
                see((id, RuleVersion(version), hour), traces);
            }
            Ok(())
        })
    }
}

/// Makes the changes within the transaction that stores the verdicts.
pub(super) fn apply(
    txn: &WriteTransaction,
    file: &str,
    tenant: &TenantId,
    change: &CoverageChange,
) -> Result<(), Fault> {
    let mut coverage: Table<'_, (&str, &str, u32, u64), &[u8]> = txn.open_table(COVERAGE)?;
    for ((rule, version, hour), by) in &change.cells {
        let key = (tenant.as_str(), rule.as_str(), version.0, *hour);
        let mut counts = match coverage.get(key)? {
            Some(value) => place(file, key).decode(value.value(), read_counts)?,
            None => [0; 4],
        };
        for (count, by) in counts.iter_mut().zip(by) {
            // Below zero would mean that a trace went out that was never in.
            debug_assert!(count.checked_add_signed(*by).is_some());
            *count = count.saturating_add_signed(*by);
        }
        if counts == [0; 4] {
            coverage.remove(key)?;
        } else {
            let mut writer = Writer::new();
            for count in counts {
                writer.varint(count);
            }
            coverage.insert(key, writer.finish().as_slice())?;
        }
    }
    Ok(())
}

/// Removes some of a tenant's cells, and returns how many.
pub(super) fn remove_some(txn: &WriteTransaction, tenant: &str) -> Result<usize, Fault> {
    let end = end_of(tenant);
    let mut coverage = txn.open_table(COVERAGE)?;
    let range = (tenant, "", 0, 0)..(end.as_str(), "", 0, 0);
    remove_some_in(&mut coverage, range)
}

/// Looks at every cell.
pub(super) fn examine(catalog: &DbFile, findings: &mut Findings) {
    each_row(catalog, COVERAGE, (Area::Sums, findings), |key, value| {
        let place = place(catalog.name(), key);
        place.decode(value, read_counts)?;
        let is_rule = RuleId::try_new(key.1).is_some();
        is_rule
            .then_some(())
            .ok_or_else(|| place.corrupt("a rule id is none"))
    });
}

fn read_counts(reader: &mut Reader<'_>) -> Result<[u64; 4], Malformed> {
    Ok([
        reader.varint()?,
        reader.varint()?,
        reader.varint()?,
        reader.varint()?,
    ])
}

fn place<K>(file: &str, key: K) -> Place<'_, K> {
    Place {
        file,
        table: "coverage",
        key,
    }
}
