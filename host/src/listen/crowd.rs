//! The connections of one port, bounded: where there are too many, the one that has been quiet for longest makes room.
//!
//! So whoever opens connections by the thousand and says nothing holds up nobody, and a client that is there is answered.
//! A connection that is to go ends as if its client had closed it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use crate::clock::{Clock as _, SystemClock};

/// The connections of a port.
#[derive(Debug)]
pub(super) struct Crowd {
    max: usize,
    /// A connection is quiet by the machine's time, whatever time the host is told.
    clock: SystemClock,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    last: u64,
    seats: HashMap<u64, Arc<Seat>>,
    /// When something had moved on each, as of when it was looked at last: not later than when something has.
    by_quiet: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Here {
    /// Takes out the one that has been quiet for longest. Who turns out to have moved goes back to its new place, so each
    /// is looked at about as often as it moves.
    fn quietest(&mut self) -> Option<Arc<Seat>> {
        loop {
            let Reverse((known_ms, number)) = self.by_quiet.pop()?;
            let Some(seat) = self.seats.get(&number) else {
                continue;
            };
            let moved_ms = seat.moved_ms.load(Ordering::Relaxed);
            if moved_ms > known_ms {
                self.by_quiet.push(Reverse((moved_ms, number)));
                continue;
            }
            return self.seats.remove(&number);
        }
    }
}

/// A connection's place in a crowd. Dropping it gives it up.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    seat: Arc<Seat>,
    crowd: Arc<Crowd>,
}

#[derive(Debug)]
struct Seat {
    /// When something moved last, in milliseconds from the beginning.
    moved_ms: AtomicU64,
    is_to_go: AtomicBool,
    /// Who waits to read or to write.
    wakers: Mutex<[Option<Waker>; 2]>,
}

/// In which direction a connection waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waits {
    ToRead = 0,
    ToWrite = 1,
}

impl Crowd {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max: max.max(1),
            clock: SystemClock::new(),
            here: Mutex::default(),
        })
    }

    /// Takes in a connection; where there are as many as there may be, another goes.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let mut here = self.here();
        if here.seats.len() >= self.max
            && let Some(seat) = here.quietest()
        {
            seat.send_away();
        }
        here.last += 1;
        let (number, now_ms) = (here.last, self.now_ms());
        // Those that left are let go before they are more than those that are here.
        if here.by_quiet.len() > 2 * self.max {
            let Here {
                seats, by_quiet, ..
            } = &mut *here;
            by_quiet.retain(|Reverse((_, number))| seats.contains_key(number));
        }
        here.by_quiet.push(Reverse((now_ms, number)));
        let seat = Arc::new(Seat {
            moved_ms: AtomicU64::new(now_ms),
            is_to_go: AtomicBool::new(false),
            wakers: Mutex::default(),
        });
        here.seats.insert(number, Arc::clone(&seat));
        drop(here);
        Place {
            number,
            seat,
            crowd: Arc::clone(self),
        }
    }

    /// Sends away those on which nothing moved for so long.
    pub(super) fn send_idle_away(&self, idle_max: Duration) {
        self.send_idle_away_at(self.now_ms(), idle_max);
    }

    fn send_idle_away_at(&self, now_ms: u64, idle_max: Duration) {
        let max_ms = u64::try_from(idle_max.as_millis()).unwrap_or(u64::MAX);
        let is_idle =
            |seat: &Seat| now_ms.saturating_sub(seat.moved_ms.load(Ordering::Relaxed)) >= max_ms;
        let mut here = self.here();
        for (_, seat) in here.seats.extract_if(|_, seat| is_idle(seat)) {
            seat.send_away();
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes that something moved.
    pub(super) fn moved(&self) {
        self.seat
            .moved_ms
            .store(self.crowd.now_ms(), Ordering::Relaxed);
    }

    /// Whether the connection is to end; whoever asks is woken when it is.
    pub(super) fn is_to_go(&self, waits: Waits, cx: &Context<'_>) -> bool {
        let mut wakers = self.seat.wakers();
        if let Some(waker) = wakers.get_mut(waits as usize) {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        self.seat.is_to_go.load(Ordering::Acquire)
    }
}

impl Seat {
    fn send_away(&self) {
        let mut wakers = self.wakers();
        self.is_to_go.store(true, Ordering::Release);
        for waker in wakers.iter_mut().filter_map(Option::take) {
            waker.wake();
        }
    }

    fn wakers(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.here().seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_to_go(place: &Place) -> bool {
        place.is_to_go(Waits::ToRead, &Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_quietest_makes_room() {
        let crowd = Crowd::new(2);
        let (a, b) = (crowd.enter(), crowd.enter());
        // Both have moved since they came.
        a.seat.moved_ms.store(1 << 40, Ordering::Relaxed);
        b.seat.moved_ms.store(1 << 39, Ordering::Relaxed);
        let c = crowd.enter();
        assert_eq!([&a, &b, &c].map(is_to_go), [false, true, false]);
        drop(b);
        drop(a);
        let d = crowd.enter();
        assert_eq!([&c, &d].map(is_to_go), [false, false], "there was room");
        assert_eq!(crowd.here().seats.len(), 2);
        for _ in 0..100 {
            drop(crowd.enter());
        }
        assert!(crowd.here().by_quiet.len() <= 6, "who left is forgotten");
    }

    #[test]
    fn the_idle_go_and_who_moved_stays() {
        let crowd = Crowd::new(10);
        let (idle, busy) = (crowd.enter(), crowd.enter());
        idle.seat.moved_ms.store(1, Ordering::Relaxed);
        busy.seat.moved_ms.store(2, Ordering::Relaxed);
        crowd.send_idle_away_at(10, Duration::from_millis(10));
        assert_eq!([&idle, &busy].map(is_to_go), [false, false]);
        crowd.send_idle_away_at(11, Duration::from_millis(10));
        assert_eq!([&idle, &busy].map(is_to_go), [true, false]);
    }
}
