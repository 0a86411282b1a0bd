//! Who is judged when, with the threads of the lanes played by the test: nothing here hangs on who is faster.

use crossbeam_channel::TryRecvError;

use super::{
    quarantine::{eager, eager_rule},
    *,
};
use crate::{
    block::{BlockBuilder, BlockId},
    live::{
        lanes::{Lanes, Work, Worker},
        limits::FairnessLimits,
        schedule::Lane,
    },
    store::Listing,
    trace::{Facts, SentTrace},
};

/// Lanes over a store of their own, with no thread that judges.
struct Played {
    store: Store,
    registry: Arc<Registry>,
    clock: ManualClock,
    telemetry: Arc<Telemetry>,
    lanes: Lanes,
    workers: Vec<Worker>,
    stopping: Arc<AtomicBool>,
    n_listed: u8,
}

fn tenant_of(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

impl Played {
    fn open(folder: &Path, limits: FairnessLimits) -> Self {
        let clock = ManualClock::new(UnixNanos(1));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let store = Store::open(folder, Arc::clone(&shared)).unwrap();
        let sandbox =
            Arc::new(Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap());
        let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap());
        let telemetry: Arc<Telemetry> = Arc::default();
        let judging = Judging::new(
            store.clone(),
            Arc::clone(&registry),
            sandbox,
            shared,
            Arc::clone(&telemetry),
        );
        let stopping = Arc::default();
        let (lanes, workers) = Lanes::new(judging, limits, &stopping);
        Self {
            store,
            registry,
            clock,
            telemetry,
            lanes,
            workers,
            stopping,
            n_listed: 0,
        }
    }

    fn publish(&self, tenant: &str, pack: NewPack) {
        self.registry
            .publish(&tenant_of(tenant), vec![pack], &PublishOptions::default())
            .unwrap();
    }

    /// Lists a block of one trace that starts in 1970.
    fn list(&mut self, tenant: &str) -> BlockId {
        self.n_listed += 1;
        self.clock.advance(Duration::from_nanos(1));
        let tenant = tenant_of(tenant);
        let otlp = otlp(vec![Span {
            start_time_unix_nano: 5,
            ..span(self.n_listed, 1, "A")
        }]);
        let mut builder = BlockBuilder::new(tenant.clone());
        builder.push(SentTrace {
            trace_id: TraceId([self.n_listed; 16]),
            spans: ingest::decode(&otlp).unwrap().records,
            facts: Facts::default(),
            arrived_first: UnixNanos(1),
            arrived_last: UnixNanos(1),
        });
        let block = builder.finish();
        let listing = Listing {
            rule_set: self.registry.live(&tenant).unwrap().number(),
            ..Listing::default()
        };
        self.store.put_block(&block, &listing).unwrap();
        block.meta.id
    }

    /// Hands out what there is, and has one thread of a lane take what it gets: the blocks of which tenant.
    fn take(&mut self, lane: Lane) -> Option<Taken> {
        self.lanes.hand_out();
        let worker = self.workers.iter().find(|worker| worker.lane() == lane);
        match worker.unwrap().take() {
            Ok(work) => Some(Taken(work)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the lanes are gone"),
        }
    }

    /// Judges what was taken, and records it, or notes it to be recorded.
    fn finish(&mut self, Taken(work): Taken) {
        let done = self.workers[0].judge(&work);
        self.lanes.record(done).unwrap();
    }

    fn record_late(&mut self) {
        self.lanes.record_late().unwrap();
    }

    fn is_judged(&self, tenant: &str, block: BlockId) -> bool {
        self.store
            .block(&tenant_of(tenant), block)
            .unwrap()
            .judged()
    }
}

struct Taken(Work);

impl Taken {
    fn is_of(&self, tenant: &str) -> bool {
        self.0.tenant() == &tenant_of(tenant)
    }

    fn blocks(&self) -> Vec<BlockId> {
        self.0.block_ids()
    }
}

/// A rule that spends some 10 M units of fuel on each call, and behaves: a tenth of what it may.
fn burning() -> NewPack {
    eager_rule(
        "burning",
        1,
        "(local.set $at (i32.const 1500000))
         (loop $burn
           (local.set $at (i32.sub (local.get $at) (i32.const 1)))
           (br_if $burn (local.get $at)))",
    )
}

#[test]
fn a_tenant_that_burns_is_judged_in_the_slow_lane_and_the_others_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    // 2 ms are some 2 M units of fuel: what was counted decides, not how fast the machine is.
    let limits = FairnessLimits {
        fast_group_max: Duration::from_millis(2),
        ..FairnessLimits::default()
    };
    let mut host = Played::open(folder.path(), limits);
    host.publish("burns", burning());
    let (first, other) = (host.list("burns"), host.list("behaves"));
    let burns = host.take(Lane::Fast).unwrap();
    assert!(burns.is_of("burns"), "it was first");
    let behaves = host.take(Lane::Fast).unwrap();
    assert!(behaves.is_of("behaves"), "it has a thread of its own");
    assert!(host.take(Lane::Fast).is_none());
    let second = host.list("burns");
    assert!(
        host.take(Lane::Fast).is_none(),
        "one group of a tenant at a time"
    );

    // The group takes more than it may: it is given up, and nothing of it is recorded but what it cost.
    host.finish(burns);
    assert!(!host.is_judged("burns", first));
    host.finish(behaves);
    assert!(host.is_judged("behaves", other));
    let slow = host.take(Lane::Slow).unwrap();
    assert_eq!(slow.blocks(), [first, second], "in the order of listing");
    let text = host.telemetry.render();
    assert!(
        text.contains("betrace_judge_slowed{tenant=\"burns\"} 1"),
        "{text}"
    );

    // While it is judged, others are.
    let third = host.list("burns");
    for _ in 0..3 {
        let other = host.list("behaves");
        let behaves = host.take(Lane::Fast).unwrap();
        assert_eq!(behaves.blocks(), [other]);
        host.finish(behaves);
        assert!(host.is_judged("behaves", other));
    }
    assert!(host.take(Lane::Slow).is_none());
    host.finish(slow);
    // It is recorded later, and not judged again meanwhile.
    assert!(!host.is_judged("burns", first) && !host.is_judged("burns", second));
    let slow = host.take(Lane::Slow).unwrap();
    assert_eq!(slow.blocks(), [third]);
    host.record_late();
    assert!(host.is_judged("burns", first) && host.is_judged("burns", second));
    let costs = host.store.costs(&tenant_of("burns")).unwrap();
    let cost = costs.values().next().unwrap();
    assert_eq!(
        (cost.batches, cost.failed),
        (2, 0),
        "what was given up is no batch"
    );
    assert!(cost.fuel > 2_000_000, "{cost:?}");

    // It comes back once it has nothing left and its time in the slow lane is over.
    host.finish(slow);
    host.record_late();
    assert!(host.is_judged("burns", third));
    host.take(Lane::Fast);
    host.clock.advance(limits.overspent_for);
    let fourth = host.list("burns");
    let fast = host.take(Lane::Fast).unwrap();
    assert_eq!(fast.blocks(), [fourth]);
}

#[test]
fn a_tenant_that_spends_its_budget_bit_by_bit_is_slow_too() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing is saved up: any judging is more than that, and the clock stands still.
    let limits = FairnessLimits {
        burst: Duration::ZERO,
        ..FairnessLimits::default()
    };
    let mut host = Played::open(folder.path(), limits);
    host.publish("burns", burning());
    host.list("burns");
    host.list("behaves");
    for _ in 0..2 {
        let taken = host.take(Lane::Fast).unwrap();
        host.finish(taken);
    }
    host.list("burns");
    assert!(host.take(Lane::Fast).is_none());
    assert!(host.take(Lane::Slow).unwrap().is_of("burns"));
}

#[test]
fn what_is_stopped_is_given_up_and_judged_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Played::open(folder.path(), FairnessLimits::default());
    host.publish("burns", eager("eager", 1));
    let block = host.list("burns");
    let taken = host.take(Lane::Fast).unwrap();
    host.stopping.store(true, Ordering::Release);
    host.finish(taken);
    assert!(!host.is_judged("burns", block));
    host.stopping.store(false, Ordering::Release);
    let taken = host.take(Lane::Fast).unwrap();
    host.finish(taken);
    assert!(host.is_judged("burns", block));
}
