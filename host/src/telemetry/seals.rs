//! What is odd of traces that were sealed, by tenant: cut, in pieces, repeated, far from the time.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{TenantLabels, labels, names};
use crate::{tenant::TenantId, trace::Facts};

type ByTenant = Family<TenantLabels, Counter>;

/// Counters of sealed traces.
#[derive(Debug, Default)]
pub struct SealMetrics {
    cut: ByTenant,
    fragments: ByTenant,
    clock_off: ByTenant,
    repeated: ByTenant,
}

impl SealMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, family) in [
            (names::SEAL_CUT, "Traces cut at a limit", &self.cut),
            (
                names::SEAL_FRAGMENTS,
                "Traces stored without their earlier part",
                &self.fragments,
            ),
            (
                names::SEAL_CLOCK_OFF,
                "Traces that start far from when they arrived",
                &self.clock_off,
            ),
            (
                names::SEAL_REPEATED,
                "Exact repetitions of spans that were dropped",
                &self.repeated,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
    }

    pub(super) fn forget(&self, tenant: &TenantId) {
        for family in [&self.cut, &self.fragments, &self.clock_off, &self.repeated] {
            family.remove(&labels(tenant));
        }
    }

    /// Counts repetitions that were dropped of traces of a tenant.
    pub fn repeated(&self, tenant: &TenantId, n_spans: u64) {
        add(&self.repeated, tenant, n_spans);
    }

    /// Counts a trace as it is stored: what is known to be missing, and whether it starts far from when it arrived.
    pub fn stored(&self, tenant: &TenantId, facts: Facts, is_clock_off: bool) {
        let has = |fact| facts.0 & fact != 0;
        let is_fragment = has(Facts::FRAGMENT);
        // The first piece of a trace is what was cut; all that follow are fragments.
        add(&self.cut, tenant, (has(Facts::CUT) && !is_fragment).into());
        add(&self.fragments, tenant, is_fragment.into());
        add(&self.clock_off, tenant, is_clock_off.into());
    }
}

fn add(family: &ByTenant, tenant: &TenantId, n: u64) {
    if n > 0 {
        family.get_or_create(&labels(tenant)).inc_by(n);
    }
}
