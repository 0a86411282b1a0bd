//! Tokens in the catalog: made, replaced, listed.

use std::time::Duration;

use redb::{ReadTransaction, ReadableTable, TableDefinition};

use super::{
    refuse_leaving,
    value::{TokenRecord, read_token, token_value},
};
use crate::{
    clock::UnixNanos,
    store::{
        Store,
        codec::Place,
        error::StoreError,
        file::{Fault, open_if_there},
        limits::TOKENS_PER_OWNER_MAX,
    },
    tenant::{Token, TokenHash, TokenName, TokenOwner},
};

/// Hash of a token -> whose it is, its name, and from when until when it holds.
pub(super) const TOKENS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("tokens");

/// A token as the catalog has it.
type Row = (TokenHash, TokenOwner, TokenRecord);

impl Store {
    /// Returns the tokens of an owner, in order of their names and of when they were made; those that hold no longer are
    /// left out.
    ///
    /// # Errors
    ///
    /// What reading the catalog may show.
    pub fn tokens(&self, owner: &TokenOwner) -> Result<Vec<TokenRecord>, StoreError> {
        let catalog = &self.inner.catalog;
        let now = self.inner.clock.unix_nanos();
        let rows = catalog.read(|txn| all_tokens(txn, catalog.name()))?;
        let mut tokens: Vec<TokenRecord> = rows
            .into_iter()
            .filter(|(_, of, record)| of == owner && record.holds_at(now))
            .map(|(_, _, record)| record)
            .collect();
        tokens.sort_by(|a, b| (&a.name, a.created).cmp(&(&b.name, b.created)));
        Ok(tokens)
    }

    /// Gives an owner a token of this name, which is told here and never again. An earlier token of the same name holds on
    /// for `grace`; tokens of other names stay as they are.
    ///
    /// # Errors
    ///
    /// [`StoreError::UnknownTenant`]; [`StoreError::Tokens`] where the owner has too many names, or the machine gives no
    /// random bytes; what writing may show.
    pub fn rotate_token(
        &self,
        owner: &TokenOwner,
        name: &TokenName,
        grace: Duration,
    ) -> Result<Token, StoreError> {
        let _one_at_a_time = self.inner.lock_tenants();
        match owner {
            TokenOwner::Tenant(tenant) => self.known(tenant)?,
            TokenOwner::Operator => {}
        }
        self.put_token(owner, name, grace)
    }

    /// To be called with the tenants locked.
    pub(super) fn put_token(
        &self,
        owner: &TokenOwner,
        name: &TokenName,
        grace: Duration,
    ) -> Result<Token, StoreError> {
        let token = Token::try_new(owner).map_err(|error| StoreError::Tokens {
            what: error.to_string(),
        })?;
        let inner = &*self.inner;
        let now = inner.clock.unix_nanos();
        let grace_ns = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        let until = UnixNanos(now.0.saturating_add(grace_ns));
        let fresh = TokenRecord {
            name: name.clone(),
            created: now,
            expires: None,
        };
        let tokens = inner.catalog.write(|txn| {
            if let TokenOwner::Tenant(tenant) = owner {
                refuse_leaving(txn, tenant)?;
            }
            let mut table = txn.open_table(TOKENS)?;
            let rows = read_all(&table, inner.catalog.name())?;
            let mut kept = vec![(TokenHash::of(token.as_str()), fresh.clone())];
            for (hash, _, mut record) in rows.into_iter().filter(|(_, of, _)| of == owner) {
                if record.name == *name {
                    // Of two expiries the earlier: a grace that was given is not made longer by the next.
                    let earlier = record.expires.is_none_or(|expires| expires > until);
                    record.expires = if earlier { Some(until) } else { record.expires };
                }
                if record.holds_at(now) {
                    kept.push((hash, record));
                } else {
                    table.remove(&hash.0)?;
                }
            }
            if kept.len() > TOKENS_PER_OWNER_MAX {
                return Err(too_many().into());
            }
            for (hash, record) in &kept {
                table.insert(&hash.0, token_value(owner, record).as_slice())?;
            }
            Ok(kept)
        })?;
        inner
            .directory
            .write(|known| known.replace_tokens(owner, tokens));
        Ok(token)
    }
}

fn too_many() -> StoreError {
    StoreError::Tokens {
        what: format!(
            "more than {TOKENS_PER_OWNER_MAX} tokens hold at once: rotate one of the names that there are"
        ),
    }
}

/// Reads every token.
pub(super) fn all_tokens(txn: &ReadTransaction, file: &str) -> Result<Vec<Row>, Fault> {
    match open_if_there(txn, TOKENS)? {
        Some(table) => read_all(&table, file),
        None => Ok(Vec::new()),
    }
}

pub(super) fn read_all(
    table: &impl ReadableTable<&'static [u8; 32], &'static [u8]>,
    file: &str,
) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (hash, value) = row?;
        let place = Place {
            file,
            table: "tokens",
            // Not the hash: errors are shown, and it is nobody's business.
            key: rows.len(),
        };
        let (owner, record) = place.decode(value.value(), read_token)?;
        rows.push((TokenHash(*hash.value()), owner, record));
    }
    Ok(rows)
}
