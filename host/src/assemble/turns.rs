//! Whose turn it is to be sealed: tenants that have something due take turns, so that none waits for all of another's.
//!
//! A tenant has one place at most: among those that have something to do later, by the time, or in the queue of those that
//! have it now. Knows numbers of tenants and times, and nothing of traces.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use hashbrown::HashMap;

#[derive(Debug, Default)]
pub(super) struct Turns {
    later: BTreeSet<(Duration, u32)>,
    ready: VecDeque<u32>,
    /// Where each tenant is that has a place.
    places: HashMap<u32, Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Later(Duration),
    Ready,
}

impl Turns {
    /// Has a tenant's turn come at this time, or earlier where it was to come earlier.
    pub(super) fn wake(&mut self, tenant: u32, at: Duration) {
        match self.places.get(&tenant) {
            Some(Place::Ready) => return,
            Some(&Place::Later(before)) if before <= at => return,
            Some(&Place::Later(before)) => {
                self.later.remove(&(before, tenant));
            }
            None => {}
        }
        self.places.insert(tenant, Place::Later(at));
        self.later.insert((at, tenant));
    }

    /// Gives a tenant the next turn, which it has just had and could not use.
    pub(super) fn again(&mut self, tenant: u32) {
        self.places.insert(tenant, Place::Ready);
        self.ready.push_front(tenant);
    }

    /// Returns when it is somebody's turn; zero where it is at once.
    pub(super) fn next_at(&self) -> Option<Duration> {
        if self.ready.is_empty() {
            self.later.first().map(|(at, _)| *at)
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Returns whose turn it is by `now`, and takes the tenant's place away.
    pub(super) fn next(&mut self, now: Duration) -> Option<u32> {
        while let Some(&(at, tenant)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            self.places.insert(tenant, Place::Ready);
            self.ready.push_back(tenant);
        }
        let tenant = self.ready.pop_front()?;
        self.places.remove(&tenant);
        Some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn who_has_much_to_do_comes_after_whoever_waits() {
        let mut turns = Turns::default();
        turns.wake(7, SEC);
        turns.wake(8, 3 * SEC);
        assert_eq!(turns.next_at(), Some(SEC));
        assert_eq!(turns.next(Duration::ZERO), None);
        assert_eq!(turns.next(SEC), Some(7));
        // There is more of it, as old as before; another's is younger.
        turns.wake(7, SEC);
        assert_eq!(turns.next(4 * SEC), Some(7), "it was the only one");
        turns.wake(7, SEC);
        assert_eq!(turns.next(4 * SEC), Some(8));
        assert_eq!(turns.next(4 * SEC), Some(7));
        assert_eq!((turns.next(4 * SEC), turns.next_at()), (None, None));
    }

    #[test]
    fn a_tenant_has_one_place_by_its_earliest_time() {
        let mut turns = Turns::default();
        for at in [5, 3, 9] {
            turns.wake(1, at * SEC);
        }
        assert_eq!(turns.next_at(), Some(3 * SEC));
        turns.wake(2, 4 * SEC);
        assert_eq!(turns.next(9 * SEC), Some(1));
        turns.wake(2, 2 * SEC);
        assert_eq!((turns.next(9 * SEC), turns.next(9 * SEC)), (Some(2), None));
    }

    #[test]
    fn a_turn_that_could_not_be_used_is_the_next() {
        let mut turns = Turns::default();
        turns.wake(1, SEC);
        turns.wake(2, SEC);
        assert_eq!(turns.next(SEC), Some(1));
        turns.again(1);
        assert_eq!(turns.next_at(), Some(Duration::ZERO));
        assert_eq!((turns.next(SEC), turns.next(SEC)), (Some(1), Some(2)));
    }
}
