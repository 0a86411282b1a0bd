//! Whether tenants, their limits and tokens can be read.

use hashbrown::HashSet;

use super::{
    LIMITS, TENANTS,
    remove::LEAVING,
    tenant_of,
    tokens::TOKENS,
    trust::{KEYS, SIGNED_ONLY, read_row},
    value::read_limits,
    value::read_token,
};
use crate::{
    store::{
        codec::Place,
        doctor::{Area, Findings},
        file::{DbFile, each_row},
    },
    tenant::TenantId,
};

/// Looks at everything that is said of tenants, and returns them.
pub(in crate::store) fn examine(catalog: &DbFile, findings: &mut Findings) -> HashSet<TenantId> {
    let file = catalog.name();
    let mut known = HashSet::new();
    each_row(catalog, TENANTS, (Area::Tenants, findings), |name, _| {
        known.insert(tenant_of(file, "tenants", name)?);
        Ok(())
    });
    each_row(catalog, LIMITS, (Area::Tenants, findings), |name, value| {
        let place = Place {
            file,
            table: "tenant_limits",
            key: name,
        };
        tenant_of(file, "tenant_limits", name)?;
        place.decode(value, read_limits)?;
        Ok(())
    });
    let mut n_tokens = 0;
    each_row(catalog, TOKENS, (Area::Tenants, findings), |_, value| {
        let place = Place {
            file,
            table: "tokens",
            // Not the hash: findings are shown, and it is nobody's business.
            key: n_tokens,
        };
        n_tokens += 1;
        place.decode(value, read_token)?;
        Ok(())
    });
    each_row(catalog, LEAVING, (Area::Tenants, findings), |name, ()| {
        tenant_of(file, "tenants_leaving", name)?;
        Ok(())
    });
    each_row(catalog, KEYS, (Area::Tenants, findings), |key, value| {
        tenant_of(file, "tenant_keys", key.0)?;
        read_row(file, key, value)?;
        Ok(())
    });
    each_row(
        catalog,
        SIGNED_ONLY,
        (Area::Tenants, findings),
        |name, ()| {
            tenant_of(file, "tenants_signed_only", name)?;
            Ok(())
        },
    );
    known
}
