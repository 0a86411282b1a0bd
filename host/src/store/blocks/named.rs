//! Which traces of which blocks may have a span of a name.
//!
//! Postings only spare work. Where they are damaged or not there although the block's entry says so, the block is asked
//! itself: nothing that is asked of the store has another answer then, and it takes longer.

use std::collections::BTreeMap;

use super::{
    Candidates, OTHER_NAMES, POSTINGS,
    chunks::{has_own_postings, postings_key, read_postings},
    listing::Layout,
};
use crate::{
    store::{
        ListedBlock, Store,
        codec::Place,
        error::StoreError,
        file::{DbFile, open_if_there},
    },
    tenant::TenantId,
};

/// What a file says of a name, by block.
#[derive(Default)]
struct Named {
    own: BTreeMap<u64, Candidates>,
    /// Of the names without postings of their own.
    others: BTreeMap<u64, Candidates>,
}

impl Named {
    /// Returns what is known of a block; `None` where that is less than its entry says.
    fn of_block(&mut self, listed: &ListedBlock, name: &str) -> Option<Candidates> {
        let (seq, indexed) = (listed.entry.seq, &listed.entry.indexed);
        if has_own_postings(name) && indexed.has_own(name) {
            self.own.remove(&seq)
        } else if indexed.has_others() {
            self.others.remove(&seq)
        } else {
            Some(Candidates::Traces(crate::block::Postings::default()))
        }
    }
}

impl Store {
    /// Returns all blocks of a tenant, oldest first, with the traces of each that may have a span of
    /// this name. Superseded traces are among them. A name that many traces of a block have is to be asked
    /// of the block: reading so long a list here would cost more than it spares.
    pub fn blocks_with_name(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Vec<(ListedBlock, Candidates)> {
        let mut of_file: BTreeMap<u32, Named> = BTreeMap::new();
        let mut candidates = |listed: &ListedBlock| match listed.entry.layout {
            Layout::Whole => Candidates::Scan,
            Layout::Chunks => {
                let number = listed.entry.file;
                let named = of_file
                    .entry(number)
                    .or_insert_with(|| self.named_in(number, tenant, name));
                named.of_block(listed, name).unwrap_or_else(|| {
                    let block = listed.meta().id;
                    tracing::warn!(%block, file = number, name, "the postings of a block are damaged, and it is read instead");
                    Candidates::Scan
                })
            }
        };
        let blocks = self.blocks(tenant).into_iter();
        blocks
            .map(|listed| {
                let candidates = candidates(&listed);
                (listed, candidates)
            })
            .collect()
    }

    fn named_in(&self, number: u32, tenant: &TenantId, name: &str) -> Named {
        let file = self.inner.block_files.file(number);
        file.and_then(|file| postings_in(&file, tenant, name))
            .unwrap_or_else(|error| {
                tracing::warn!(%error, file = number, "postings cannot be read, and blocks are read instead");
                Named::default()
            })
    }
}

fn postings_in(file: &DbFile, tenant: &TenantId, name: &str) -> Result<Named, StoreError> {
    let of_tenant = tenant.as_str();
    let mut named = Named::default();
    // What is damaged is as if it were not there.
    let mut read = |table, seq: u64, value: &[u8]| {
        let place = Place {
            file: file.name(),
            table,
            key: (of_tenant, seq),
        };
        let own = (table == "postings").then_some(name);
        let read = read_postings(&place, postings_key(tenant, own, seq), value);
        let Ok(candidates) = read else { return };
        match own {
            Some(_) => named.own.insert(seq, candidates),
            None => named.others.insert(seq, candidates),
        };
    };
    file.read(|txn| {
        if has_own_postings(name)
            && let Some(postings) = open_if_there(txn, POSTINGS)?
        {
            for row in postings.range((of_tenant, name, 0)..=(of_tenant, name, u64::MAX))? {
                let (key, value) = row?;
                read("postings", key.value().2, value.value());
            }
        }
        if let Some(others) = open_if_there(txn, OTHER_NAMES)? {
            for row in others.range((of_tenant, 0)..=(of_tenant, u64::MAX))? {
                let (key, value) = row?;
                read("other_names", key.value().1, value.value());
            }
        }
        Ok(())
    })?;
    Ok(named)
}
