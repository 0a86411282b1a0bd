//! Whether the blocks that are listed are there, whole, and their postings with them.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::{
    BLOCKS, OTHER_NAMES, POSTINGS,
    chunks::{postings_key, read_postings},
    listing::{Entry, Layout},
    open::open_entry,
};
use crate::{
    block::Stored,
    store::{
        codec::Place,
        doctor::{Area, Findings},
        error::StoreError,
        file::{DbFile, each_row},
        limits::NUMBER_MAX,
        tenants::tenant_of,
    },
    tenant::TenantId,
};

/// Looks at every entry of the list, and returns those that can be read.
pub(in crate::store) fn examine_list(
    catalog: &DbFile,
    tenants: &HashSet<TenantId>,
    findings: &mut Findings,
) -> Vec<Arc<Entry>> {
    let mut list = Vec::new();
    let mut ids = HashSet::new();
    each_row(catalog, BLOCKS, (Area::List, findings), |seq, value| {
        let place = Place {
            file: catalog.name(),
            table: "blocks",
            key: seq,
        };
        if seq > NUMBER_MAX {
            return Err(place.corrupt("no block has so high a number"));
        }
        let entry = place.decode(value, |reader| Entry::read(reader, seq))?;
        let (tenant, id) = (entry.meta.tenant.clone(), entry.meta.id);
        list.push(Arc::new(entry));
        if !tenants.contains(&tenant) {
            return Err(place.corrupt(format!("there is no tenant `{tenant}`")));
        }
        let is_new = ids.insert((tenant, id));
        let twice = || place.corrupt(format!("block {id} is listed twice"));
        is_new.then_some(()).ok_or_else(twice)
    });
    list
}

/// Looks at the blocks of a file and at its postings. `seen` is told of each block that can be read.
pub(in crate::store) fn examine_file<'e>(
    file: DbFile,
    entries: impl Iterator<Item = &'e Arc<Entry>>,
    findings: &mut Findings,
    seen: &mut dyn FnMut(&Entry),
) {
    let file = Arc::new(file);
    let mut by_seq: HashMap<u64, (&Arc<Entry>, usize, bool)> = HashMap::new();
    for entry in entries {
        let block = open_entry(entry, Arc::clone(&file));
        let whole = Stored::read(&block).map(|_| ());
        if findings.check(Area::Block, whole).is_some() {
            seen(entry);
        }
        if entry.layout == Layout::Chunks {
            by_seq.insert(entry.seq, (entry, 0, false));
        }
    }
    let postings = (Area::Postings, &mut *findings);
    each_row(&file, POSTINGS, postings, |(name, of, seq), value| {
        let place = Place {
            file: file.name(),
            table: "postings",
            key: (name, of, seq),
        };
        let tenant = tenant_of(file.name(), "postings", name)?;
        read_postings(&place, postings_key(&tenant, Some(of), seq), value)?;
        // Postings of a block that is gone stay, and nobody looks for them.
        if let Some((entry, n_own, _)) = by_seq.get_mut(&seq) {
            if entry.meta.tenant != tenant || !entry.indexed.has_own(of) {
                return Err(place.corrupt("the block has no such name"));
            }
            *n_own += 1;
        }
        Ok(())
    });
    let others = (Area::Postings, &mut *findings);
    each_row(&file, OTHER_NAMES, others, |(name, seq), value| {
        let place = Place {
            file: file.name(),
            table: "other_names",
            key: (name, seq),
        };
        let tenant = tenant_of(file.name(), "other_names", name)?;
        read_postings(&place, postings_key(&tenant, None, seq), value)?;
        if let Some((_, _, others)) = by_seq.get_mut(&seq) {
            *others = true;
        }
        Ok(())
    });
    let mut incomplete: Vec<&Arc<Entry>> = by_seq
        .into_values()
        .filter(|(entry, n_own, others)| {
            let indexed = &entry.indexed;
            *n_own != indexed.n_own() || (indexed.has_others() && !others)
        })
        .map(|(entry, ..)| entry)
        .collect();
    incomplete.sort_unstable_by_key(|entry| entry.seq);
    for entry in incomplete {
        let error = StoreError::Unfit {
            block: entry.meta.id,
            what: "its postings are not all there".to_owned(),
        };
        findings.add(Area::Postings, &error);
    }
}
