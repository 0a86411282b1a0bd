//! Holds: which traces retention leaves.

use super::{ApiError, Local};
use crate::{
    api::wire::{AddHold, HoldRemoved, HoldView},
    store::Hold,
    time::rfc3339,
};

impl Local {
    pub(super) fn list_holds(&self) -> Result<Vec<HoldView>, ApiError> {
        let holds = self.rooms.store.holds(&self.tenant)?;
        Ok(holds.into_iter().map(HoldView::from).collect())
    }

    pub(super) fn make_hold(&self, request: &AddHold) -> Result<HoldView, ApiError> {
        let AddHold { from, to } = request;
        let missing = || ApiError::bad_request("a hold has a `from` and a `to`");
        let (from, to) = self.range(Some(from), Some(to))?;
        let (from, to) = from.zip(to).ok_or_else(missing)?;
        let store = &self.rooms.store;
        let hold = store.add_hold(&self.tenant, from, to, &self.who)?;
        tracing::info!(
            by = self.who,
            tenant = self.tenant.as_str(),
            hold = hold.number,
            "a hold was made"
        );
        Ok(hold.into())
    }

    pub(super) fn drop_hold(&self, number: u64) -> Result<HoldRemoved, ApiError> {
        if !self.rooms.store.remove_hold(&self.tenant, number)? {
            return Err(ApiError::not_found("hold", number));
        }
        tracing::info!(
            by = self.who,
            tenant = self.tenant.as_str(),
            hold = number,
            "a hold was removed"
        );
        Ok(HoldRemoved { removed: number })
    }
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        let Hold {
            number,
            from,
            to,
            created,
            by,
        } = hold;
        Self {
            id: number,
            from: rfc3339(from),
            to: rfc3339(to),
            created: rfc3339(created),
            by,
        }
    }
}
