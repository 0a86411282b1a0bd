//! What a store of many blocks takes: opening it after a kill, and finding out that nothing in it is too old.
//!
//! `cargo bench --bench large`

#![expect(clippy::unwrap_used, reason = "a bench that cannot run is to stop")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use betrace::{
    block::{BlockBuilder, EncodedBlock},
    clock::{SystemClock, UnixNanos},
    live::{Live, LiveOptions, Parts},
    rule_id::{RuleId, RuleVersion},
    rules::Registry,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::{Done, Frame, Judgement, Listing, Store},
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
    verdict::{RuleVerdicts, Verdict},
};
use divan::{Bencher, counter::BytesCount};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

const N_TENANTS: u64 = 1_000;
/// What the bench of an inbox sends in a request: traces that do not end.
const SPANS_PER_REQUEST: u64 = 500;
/// Some 400 bytes a span, as with eight attributes.
const NAME_BYTES: usize = 360;
const BLOCKS_PUT_TOGETHER: u64 = 250;

fn main() {
    divan::main();
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Arc::new(SystemClock::new())).unwrap()
}

/// A list of blocks as large stores have it.
#[derive(Clone, Copy, Debug)]
struct Shape {
    blocks: u64,
    tenants: u64,
    traces_per_block: u64,
    rules: u32,
}

impl Shape {
    /// Makes a store in a folder, of traces of one small span: what is in its blocks is not read.
    fn make(self, dir: &Path) -> Store {
        let store = open(dir);
        let listing = Listing::default();
        for first in (0..self.blocks).step_by(BLOCKS_PUT_TOGETHER as usize) {
            let numbers = first..(first + BLOCKS_PUT_TOGETHER).min(self.blocks);
            let blocks: Vec<EncodedBlock> = numbers.map(|number| self.block(number)).collect();
            let listed: Vec<_> = blocks.iter().map(|block| (block, &listing)).collect();
            store.put_blocks(&listed).unwrap();
            let judged: Vec<Judgement> = blocks.iter().map(|block| self.judge(block)).collect();
            store.put_judged(&judged).unwrap();
        }
        store
    }

    fn block(self, number: u64) -> EncodedBlock {
        let name = format!("t{}", number % self.tenants);
        let mut builder = BlockBuilder::new(TenantId::try_new(&name).unwrap());
        for trace in 0..self.traces_per_block {
            let trace_id = id(number, trace);
            builder.push(SealedTrace {
                trace_id: TraceId(trace_id),
                spans: vec![SpanRecord {
                    span: span(trace_id, trace, "root"),
                    resource: Arc::default(),
                    scope: Arc::default(),
                }],
                facts: Facts(0),
                arrived_first: UnixNanos(FIRST_ARRIVAL + number),
                arrived_last: UnixNanos(FIRST_ARRIVAL + number),
            });
        }
        builder.finish()
    }

    fn judge(self, block: &EncodedBlock) -> Judgement {
        let mut judgement = Judgement::of(&block.to_block()).unwrap();
        let n_traces = judgement.trace_ids.len();
        for rule in 0..self.rules {
            let verdicts = (0..n_traces).map(|n| match n % 7 {
                0 => Verdict::Held,
                _ => Verdict::NotApplicable,
            });
            let outcome = RuleVerdicts {
                verdicts: verdicts.collect(),
                inconclusive: Vec::new(),
                violations: Vec::new(),
            };
            let rule = RuleId::try_new(&format!("rule-{rule}")).unwrap();
            judgement.rules.push((rule, RuleVersion(1), outcome));
        }
        judgement
    }
}

const FIRST_ARRIVAL: u64 = 1_700_000_000_000_000_000;

/// Two numbers, mixed so that their halves look random.
fn id(number: u64, trace: u64) -> [u8; 16] {
    let mut id = [0; 16];
    for (half, value) in id.chunks_exact_mut(8).zip([number, trace]) {
        let mixed = (value + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        half.copy_from_slice(&mixed.to_be_bytes());
    }
    id
}

fn span(trace_id: [u8; 16], number: u64, name: &str) -> Span {
    Span {
        trace_id: trace_id.to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        name: name.to_owned(),
        start_time_unix_nano: FIRST_ARRIVAL + number,
        end_time_unix_nano: FIRST_ARRIVAL + number + 1_000,
        ..Span::default()
    }
}

/// Copies what a kill at this moment would leave.
fn killed(from: &Path, to: PathBuf) -> PathBuf {
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    to
}

/// Nothing is too old in a store of a thousand tenants, each of which has a limit by the server.
#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn retain_nothing(bencher: Bencher<'_, '_>, blocks: u64) {
    let shape = Shape {
        blocks,
        tenants: N_TENANTS,
        traces_per_block: 1,
        rules: 1,
    };
    retain(bencher, shape);
}

/// The same, of one tenant that has all the blocks.
#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn retain_nothing_of_one(bencher: Bencher<'_, '_>, blocks: u64) {
    let shape = Shape {
        blocks,
        tenants: 1,
        traces_per_block: 1,
        rules: 1,
    };
    retain(bencher, shape);
}

fn retain(bencher: Bencher<'_, '_>, shape: Shape) {
    let dir = tempfile::tempdir().unwrap();
    let store = shape.make(dir.path());
    let age = Duration::from_hours(24 * 365 * 50);
    bencher.bench_local(|| assert_eq!(store.retain(Some(age)).unwrap().blocks, 0));
}

/// After a kill: 1,300 traces a block, as compacted ones have, each judged by ten rules.
#[divan::bench(args = [5_000, 20_000], sample_count = 3, sample_size = 1)]
fn open_many_blocks(bencher: Bencher<'_, '_>, blocks: u64) {
    let shape = Shape {
        blocks,
        tenants: 10,
        traces_per_block: 1_300,
        rules: 10,
    };
    let dir = tempfile::tempdir().unwrap();
    let store = shape.make(&dir.path().join("data"));
    let left = killed(store.dir(), dir.path().join("killed"));
    drop(store);
    let catalog = fs::metadata(left.join("catalog.redb")).unwrap().len();
    bencher
        .counter(BytesCount::new(catalog))
        .bench_local(|| drop(open(&left)));
}

/// After a kill, until requests are taken: the inbox is read, and its traces are open again. Of one tenant a million spans
/// may be open, of all together two.
#[divan::bench(args = [100_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn start_with_open_spans(bencher: Bencher<'_, '_>, spans: u64) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data"));
    let name = "n".repeat(NAME_BYTES);
    for request in 0..spans / SPANS_PER_REQUEST {
        let spans = (0..SPANS_PER_REQUEST).map(|n| {
            let mut span = span(id(request, n / 10), n, &name);
            span.parent_span_id = vec![1; 8];
            span
        });
        submit(&store, spans.collect());
    }
    let left = killed(store.dir(), dir.path().join("killed"));
    drop(store);
    let inbox = fs::metadata(left.join("inbox.redb")).unwrap().len();
    let mut n_starts = 0;
    let again = || {
        n_starts += 1;
        killed(&left, dir.path().join(format!("start-{n_starts}")))
    };
    let sandbox =
        Arc::new(Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap());
    let start = |left: PathBuf| {
        let store = open(&left);
        let parts = Parts {
            registry: Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap()),
            store,
            sandbox: Arc::clone(&sandbox),
            clock: Arc::new(SystemClock::new()),
            telemetry: Arc::default(),
        };
        Live::start(parts, LiveOptions::default()).unwrap()
    };
    bencher
        .counter(BytesCount::new(inbox))
        .with_inputs(again)
        .bench_local_values(start);
}

/// Puts a request into the inbox, and waits until it is durable.
fn submit(store: &Store, spans: Vec<Span>) {
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let frame = Frame {
        tenant: TenantId::default_tenant(),
        otlp: request.encode_to_vec().into(),
        arrived: UnixNanos(FIRST_ARRIVAL),
    };
    let (tx, rx) = mpsc::channel();
    let done: Done = Box::new(move |outcome| tx.send(outcome.is_ok()).unwrap());
    store.inbox().submit(frame, done).unwrap();
    assert!(rx.recv().unwrap());
}
