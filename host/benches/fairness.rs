//! What one tenant's rules do to another's verdicts: the time from a listed block to its durable verdicts, with the
//! other tenant absent, with rules of its that behave, with rules that burn nearly all the fuel they may on every call,
//! and with rules that spend all of it and fail.
//!
//! `cargo bench -p betrace --bench fairness [-- TURNS]`. The real store, judging and lanes; the bench plays who seals. It
//! runs in turns, since machines are noisy, and prints of each the median and the 99th percentile, and at the end those of
//! the waits of all turns: of a single turn three blocks are the hundredth part. Fails where the 99th percentile beside
//! burning rules is more than a fifth above that beside rules that behave.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and one that cannot run is to stop"
)]

#[path = "../src/guest.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests' guests, of which a bench needs one"
)]
mod guest;

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use betrace::{
    block::{BlockBuilder, EncodedBlock},
    clock::{Clock, SystemClock, UnixNanos},
    live::{Live, LiveOptions, Parts},
    rules::{NewPack, PublishOptions, Registry},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::{Listing, Store},
    telemetry::Telemetry,
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
};
use guest::{ALWAYS_0, Guest, GuestRule, named_rule};
use opentelemetry_proto::tonic::trace::v1::Span;

const TURNS: usize = 8;
/// Blocks whose verdicts are waited for, a turn. The first [`WARM_UP`] are not counted: meanwhile the other tenant spends
/// what it may spend at once.
const BLOCKS: u32 = 360;
const WARM_UP: u32 = 60;
/// How often a block is sealed: of the tenant that is measured, and of the other, whose traces are as many.
const EVERY: Duration = Duration::from_millis(25);
const OTHER_EVERY: Duration = Duration::from_millis(250);
const TRACES_PER_BLOCK: u32 = 100;
/// Blocks of the other tenant that wait from the beginning: there is always more to burn on.
const BACKLOG: u32 = 512;
/// Rules of the other tenant.
const RULES: usize = 8;
/// The most that the 99th percentile may grow.
const GROWTH_MAX: f64 = 1.2;

/// What the other tenant's rules do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Other {
    Absent,
    Behaves,
    Burns,
    Fails,
}

impl Other {
    const ALL: [Self; 4] = [Self::Absent, Self::Behaves, Self::Burns, Self::Fails];

    fn name(self) -> &'static str {
        match self {
            Self::Absent => "alone",
            Self::Behaves => "beside rules that behave",
            Self::Burns => "beside rules that burn",
            Self::Fails => "beside rules that fail",
        }
    }

    /// What a call does where it is of real traces; none where there are no rules.
    fn does(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Behaves => Some(""),
            // Six units of fuel a round, 60 M for each rule of the call, of 67 M that it may have.
            Self::Burns => Some(
                "(local.set $n (i32.mul (local.get $n_rules) (i32.const 10000000)))
                 (loop $burn
                   (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                   (br_if $burn (local.get $n)))",
            ),
            Self::Fails => Some("(loop $for_ever (br $for_ever))"),
        }
    }

    fn pack(self) -> Option<NewPack> {
        let does = self.does()?;
        let rule = |n: usize| GuestRule {
            reads: vec![["span".into(), "duration".into(), "value".into()]],
            ..named_rule(&format!("r{n}"), "work")
        };
        // Trial batches have no span that took 7 ns.
        let evaluate = format!(
            "(local $n i32)
             (if (i32.load offset=20 (local.get $cols)) (then
               (if (i64.eq (i64.load (i32.load offset=16 (local.get $cols))) (i64.const 7))
                 (then {does}))))
             {ALWAYS_0}"
        );
        let guest = Guest {
            rules: (0..RULES).map(rule).collect(),
            evaluate,
            ..Guest::default()
        };
        Some(NewPack {
            bytes: guest.build(),
            origin: "other.wasm".to_owned(),
            source: None,
            reference: None,
        })
    }
}

/// A host over a store of its own.
struct Host {
    clock: Arc<SystemClock>,
    store: Store,
    registry: Arc<Registry>,
    live: Live,
}

impl Host {
    fn start(folder: &Path) -> Self {
        let clock = Arc::new(SystemClock::new());
        let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let store = Store::open(folder, Arc::clone(&shared)).unwrap();
        let limits = SandboxLimits::default();
        let sandbox = Arc::new(Sandbox::new(PackCompiler::InProcess, limits).unwrap());
        let registry = Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap());
        let parts = Parts {
            store: store.clone(),
            registry: Arc::clone(&registry),
            sandbox,
            clock: shared,
            telemetry: Arc::new(Telemetry::new()),
        };
        let live = Live::start(parts, LiveOptions::default()).unwrap();
        Self {
            clock,
            store,
            registry,
            live,
        }
    }

    fn publish(&self, tenant: &TenantId, pack: NewPack) {
        let options = PublishOptions::default();
        self.registry.publish(tenant, vec![pack], &options).unwrap();
    }

    /// Lists a block as the sealer does, and wakes judging.
    fn list(&self, tenant: &TenantId, number: u32) {
        let listing = Listing {
            rule_set: self.registry.live(tenant).unwrap().number(),
            ..Listing::default()
        };
        self.store
            .put_block(&block(tenant, number), &listing)
            .unwrap();
        self.live.tick();
    }
}

/// A block of traces of four spans, of which the first is violated.
fn block(tenant: &TenantId, number: u32) -> EncodedBlock {
    let mut builder = BlockBuilder::new(tenant.clone());
    for trace in 0..TRACES_PER_BLOCK {
        let mut id = [0; 16];
        let (high, low) = id.split_at_mut(8);
        high.copy_from_slice(&(u64::from(number) + 1).to_be_bytes());
        low.copy_from_slice(&u64::from(trace).to_be_bytes());
        let names = [
            "root",
            "work",
            "work",
            if trace == 0 { "bad" } else { "good" },
        ];
        let spans = (1_u8..).zip(names).map(|(span_id, name)| SpanRecord {
            span: Span {
                trace_id: id.to_vec(),
                span_id: vec![span_id; 8],
                name: name.to_owned(),
                start_time_unix_nano: 1_772_366_400_000_000_000,
                end_time_unix_nano: 1_772_366_400_000_000_007,
                ..Span::default()
            },
            resource: Arc::default(),
            scope: Arc::default(),
        });
        builder.push(SealedTrace {
            trace_id: TraceId(id),
            spans: spans.collect(),
            facts: Facts::default(),
            arrived_first: UnixNanos(1),
            arrived_last: UnixNanos(1),
        });
    }
    builder.finish()
}

/// Returns the waits of a tenant's blocks beside another.
fn turn(other: Other) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path());
    let (measured, neighbour) = (
        TenantId::try_new("measured").unwrap(),
        TenantId::try_new("neighbour").unwrap(),
    );
    let source = betrace_dsl::Source {
        name: "rule.btr",
        text: b"rule r { match { bad } }",
    };
    host.publish(
        &measured,
        NewPack {
            bytes: betrace_dsl::compile(&source).0.unwrap().component,
            origin: "rule.btr".to_owned(),
            source: None,
            reference: None,
        },
    );
    let is_there = other.pack().is_some_and(|pack| {
        host.publish(&neighbour, pack);
        true
    });
    if is_there {
        (0..BACKLOG).for_each(|number| host.list(&neighbour, number));
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        if is_there {
            scope.spawn(|| {
                for number in BACKLOG.. {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    host.list(&neighbour, number);
                    thread::sleep(OTHER_EVERY);
                }
            });
        }
        let waits = measure(&host, &measured);
        is_over.store(true, Ordering::Release);
        waits
    })
}

fn measure(host: &Host, tenant: &TenantId) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut changes = host.store.signal_changes();
    let mut waits = Vec::new();
    for number in 0..BLOCKS {
        let began = host.clock.monotonic();
        host.list(tenant, number);
        let listed = host.clock.monotonic();
        // Each block has one violation, and the other tenant has none: a change is the verdict.
        runtime.block_on(changes.changed()).unwrap();
        let judged = host.clock.monotonic();
        if number >= WARM_UP {
            waits.push(judged.saturating_sub(listed));
        }
        thread::sleep(EVERY.saturating_sub(judged.saturating_sub(began)));
    }
    waits
}

/// Returns a percentile of times, in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default().as_secs_f64() * 1_000.0
}

fn main() -> ExitCode {
    let turns = std::env::args().find_map(|arg| arg.parse().ok());
    let mut all = Other::ALL.map(|other| (other, Vec::new()));
    println!("from a listed block to its verdicts, ms");
    for number in 1..=turns.unwrap_or(TURNS) {
        for (other, all) in &mut all {
            let mut waits = turn(*other);
            let [p50, p99] = [50, 99].map(|percent| percentile(&mut waits, percent));
            let name = other.name();
            println!("turn {number}  {name:<26} p50 {p50:6.2}  p99 {p99:6.2}");
            all.append(&mut waits);
        }
    }
    let figures = all.map(|(other, mut waits)| {
        let of_all = [50, 90, 99].map(|percent| percentile(&mut waits, percent));
        (other, of_all)
    });
    let p99_of = |which: Other| {
        let found = figures.iter().find(|(other, _)| *other == which);
        found.map_or(f64::NAN, |(_, [.., p99])| *p99)
    };
    let (alone, behaves) = (p99_of(Other::Absent), p99_of(Other::Behaves));
    for (other, [p50, p90, p99]) in figures {
        println!(
            "all     {:<26} p50 {p50:6.2}  p90 {p90:6.2}  p99 {p99:6.2}  p99 {:+.0} % of alone, {:+.0} % of beside rules that behave",
            other.name(),
            (p99 / alone - 1.0) * 100.0,
            (p99 / behaves - 1.0) * 100.0,
        );
    }
    let grew = p99_of(Other::Burns) / behaves;
    // What is no number is no success.
    if grew <= GROWTH_MAX {
        return ExitCode::SUCCESS;
    }
    println!("the 99th percentile grew by more than a fifth");
    ExitCode::FAILURE
}
