//! The threads that judge, so that one tenant's rules do not hold up another's.
//!
//! ```text
//! unjudged blocks -> [schedule] -> fast lane: threads          \
//!                               -> slow lane: one, low priority -> recorded: verdicts, costs, quarantines
//! ```
//!
//! One thread decides whose blocks are judged where, and records what comes of it; it judges nothing, so that it is
//! there when a block is listed. What the slow lane says is recorded late, see [`Late`]. All commits are its own: a thread
//! of low priority that held a lock of the store while the processors are busy would hold up everybody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use super::{
    Judging,
    judging::{TRIED_AGAIN_AFTER, group_len},
    late::Late,
    limits::{FairnessLimits, GROUP_BLOCKS_MAX},
    priority,
    schedule::{Lane, Schedule, Took, Waiting},
    verdicts::{Judged, Judges},
};
use crate::{
    judge::Allowance,
    store::{ListedBlock, StoreError},
    tenant::TenantId,
};

/// A group that is to be judged.
#[derive(Debug)]
pub(super) struct Work {
    lane: Lane,
    tenant: TenantId,
    blocks: Vec<ListedBlock>,
    allowance: Option<Duration>,
}

#[cfg(test)]
impl Work {
    pub(super) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(super) fn block_ids(&self) -> Vec<crate::block::BlockId> {
        self.blocks.iter().map(|listed| listed.meta().id).collect()
    }
}

/// A group that was judged.
#[derive(Debug)]
pub(super) struct Done {
    lane: Lane,
    tenant: TenantId,
    judged: Judged,
    /// Whether the group takes more than it was allowed.
    overspent: bool,
}

/// One thread of a lane.
#[derive(Debug)]
pub(super) struct Worker {
    judges: Judges,
    lane: Lane,
    work: Receiver<Work>,
    done: Sender<Done>,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    /// Returns the name of its thread.
    pub(super) fn name(&self) -> &'static str {
        match self.lane {
            Lane::Fast => "judging-fast",
            Lane::Slow => "judging-slow",
        }
    }

    #[cfg(test)]
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Takes what its lane was handed, without waiting.
    #[cfg(test)]
    pub(super) fn take(&self) -> Result<Work, crossbeam_channel::TryRecvError> {
        self.work.try_recv()
    }

    /// Judges until there is nobody to judge for.
    pub(super) fn run(self) {
        if self.lane == Lane::Slow
            && let Err(error) = priority::lower()
        {
            tracing::warn!(error = %error, "the slow lane has no low priority");
        }
        for work in &self.work {
            if self.done.send(self.judge(&work)).is_err() {
                return;
            }
        }
    }

    pub(super) fn judge(&self, work: &Work) -> Done {
        let allowance = Allowance {
            processor: work.allowance,
            is_stopped: &|| self.stopping.load(Ordering::Acquire),
            give_way: (self.lane == Lane::Slow).then_some(priority::give_way),
        };
        let judged = self.judges.judge(&work.blocks, allowance);
        Done {
            lane: work.lane,
            tenant: work.tenant.clone(),
            overspent: judged.is_given_up() && !(allowance.is_stopped)(),
            judged,
        }
    }
}

/// Hands out groups, and records what came of them. One thread owns it.
#[derive(Debug)]
pub(super) struct Lanes {
    judging: Judging,
    schedule: Schedule,
    fast: Handing,
    slow: Handing,
    done: Receiver<Done>,
    late: Late,
    late_after: Duration,
    /// Whether verdicts could not be stored: nothing more is judged until there is something new.
    has_failed: bool,
}

/// The way to the threads of a lane.
#[derive(Debug)]
struct Handing {
    lane: Lane,
    work: Sender<Work>,
    n_idle: usize,
    n_threads: usize,
}

impl Handing {
    fn new(lane: Lane, work: Sender<Work>, n_threads: usize) -> Self {
        Self {
            lane,
            work,
            n_idle: n_threads,
            n_threads,
        }
    }
}

impl Lanes {
    /// Returns the lanes, and the workers that are to run in threads of their own. They stop when `stopping` says so.
    pub(super) fn new(
        judging: Judging,
        limits: FairnessLimits,
        stopping: &Arc<AtomicBool>,
    ) -> (Self, Vec<Worker>) {
        let n_fast = limits.fast_threads.max(1);
        let (to_fast, of_fast) = bounded(n_fast);
        let (to_slow, of_slow) = bounded(1);
        let (done, is_done) = bounded(n_fast + 1);
        let worker = |lane, work: &Receiver<Work>| Worker {
            judges: judging.judges(),
            lane,
            work: work.clone(),
            done: done.clone(),
            stopping: Arc::clone(stopping),
        };
        let fast = (0..n_fast).map(|_| worker(Lane::Fast, &of_fast));
        let workers = fast.chain([worker(Lane::Slow, &of_slow)]).collect();
        let lanes = Self {
            judging,
            schedule: Schedule::new(limits),
            fast: Handing::new(Lane::Fast, to_fast, n_fast),
            slow: Handing::new(Lane::Slow, to_slow, 1),
            done: is_done,
            late: Late::default(),
            late_after: limits.slow_recorded_after,
            has_failed: false,
        };
        (lanes, workers)
    }

    /// Judges whatever is listed whenever it is woken, until nobody can wake it any more. Wakes who compacts when there is
    /// nothing that the fast lane has to do.
    pub(super) fn run(
        mut self,
        woken: &Receiver<()>,
        compact: &Sender<()>,
        fail: impl Fn(&StoreError),
    ) {
        loop {
            let fast_is_busy = self.hand_out();
            if !fast_is_busy {
                // A full channel means that compaction is about to look.
                let _awake = compact.try_send(());
            }
            let now = self.judging.now();
            let recorded = if self.late.is_due(now, self.late_after, fast_is_busy) {
                self.record_late()
            } else {
                match self.wait(woken) {
                    Ok(Some(done)) => self.record(done),
                    Err(RecvTimeoutError::Timeout) if !self.late.is_empty() => self.record_late(),
                    Ok(None) | Err(RecvTimeoutError::Timeout) => {
                        self.try_again();
                        Ok(())
                    }
                    // Ends when the assembly thread, which holds the other end, has.
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            };
            if let Err(error) = recorded {
                fail(&error);
            }
        }
        let Self {
            mut judging,
            done,
            fast,
            slow,
            mut late,
            ..
        } = self;
        // What is under way is recorded where it is done before its thread looks whether to stop.
        drop((fast, slow));
        let under_way = done.into_iter().map(|Done { judged, .. }| judged);
        let rest = late.take().into_iter().chain(under_way).collect();
        if let Err(error) = judging.record(rest) {
            fail(&error);
        }
    }

    fn wait(&self, woken: &Receiver<()>) -> Result<Option<Done>, RecvTimeoutError> {
        let disconnected = RecvTimeoutError::Disconnected;
        // A block that was put off is tried again; else there is nothing to wait for but what comes.
        let again = if !self.late.is_empty() {
            crossbeam_channel::after(self.late_after)
        } else if self.judging.puts_off() {
            crossbeam_channel::after(TRIED_AGAIN_AFTER)
        } else {
            crossbeam_channel::never()
        };
        select! {
            recv(self.done) -> done => done.map(Some).map_err(|_| disconnected),
            recv(woken) -> woken => woken.map(|()| None).map_err(|_| disconnected),
            recv(again) -> _ => Err(RecvTimeoutError::Timeout),
        }
    }

    fn try_again(&mut self) {
        self.has_failed = false;
        self.judging.try_again();
    }

    /// Records what came of a group, or notes it to be recorded later.
    pub(super) fn record(&mut self, done: Done) -> Result<(), StoreError> {
        let Done {
            lane,
            tenant,
            judged,
            overspent,
        } = done;
        let handing = match lane {
            Lane::Fast => &mut self.fast,
            Lane::Slow => &mut self.slow,
        };
        handing.n_idle += 1;
        let now = self.judging.now();
        let took = Took {
            processor: judged.processor,
            share_percent: self.judging.share_percent(&tenant),
            overspent,
        };
        self.schedule.end(&tenant, took, now);
        match lane {
            Lane::Fast => self.record_all(vec![judged]),
            Lane::Slow => {
                self.late.add(judged, now);
                Ok(())
            }
        }
    }

    /// Records what came of the slow lane.
    pub(super) fn record_late(&mut self) -> Result<(), StoreError> {
        let late = self.late.take();
        self.record_all(late)
    }

    fn record_all(&mut self, judged: Vec<Judged>) -> Result<(), StoreError> {
        let recorded = self.judging.record(judged);
        self.has_failed |= recorded.is_err();
        recorded.map(drop)
    }

    /// Hands groups to threads that have nothing to do. Returns whether the fast lane has something to do afterwards.
    pub(super) fn hand_out(&mut self) -> bool {
        // Whoever sealed a block counted it after it was listed, and it may have been judged in between: what is shown is
        // put right here, since who seals wakes this thread last.
        self.judging.show_how_many_wait();
        let now = self.judging.now();
        let mut waiting = if self.has_failed {
            Vec::new()
        } else {
            self.judging.oldest(GROUP_BLOCKS_MAX, self.late.blocks())
        };
        let (schedule, judging) = (&mut self.schedule, &self.judging);
        for (tenant, is_slow) in schedule.look(now, &tenants(&waiting)) {
            judging.slowed(&tenant, is_slow);
        }
        for handing in [&mut self.fast, &mut self.slow] {
            while handing.n_idle > 0
                && let Some(tenant) = schedule.next(handing.lane, &tenants(&waiting)).cloned()
            {
                let of_tenant = waiting
                    .iter()
                    .position(|blocks| blocks.first().is_some_and(|b| b.meta().tenant == tenant));
                let Some(at) = of_tenant else {
                    break;
                };
                let mut blocks = waiting.swap_remove(at);
                blocks.truncate(group_len(&blocks));
                let work = Work {
                    lane: handing.lane,
                    allowance: schedule.allowance(handing.lane, now),
                    tenant,
                    blocks,
                };
                schedule.begin(&work.tenant, now);
                handing.n_idle -= 1;
                // Has room: there are no more than threads. A thread that panicked has stopped the pipeline.
                let _taken = handing.work.try_send(work);
            }
        }
        self.fast.n_idle < self.fast.n_threads
    }
}

/// Returns who waits.
fn tenants(waiting: &[Vec<ListedBlock>]) -> Vec<Waiting<'_>> {
    let oldest = waiting.iter().filter_map(|blocks| blocks.first());
    let waiting = oldest.map(|oldest| Waiting {
        tenant: &oldest.meta().tenant,
        since: oldest.since(),
    });
    waiting.collect()
}
