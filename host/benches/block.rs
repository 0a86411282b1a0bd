//! How fast blocks are built and read, on made traces and, where `BETRACE_TEST_DATA` names the folder of
//! real traffic, on those. Blocks have 16,000 spans or a little more.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports on standard output, and one that cannot run is to stop"
)]

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, sync::OnceLock};

use betrace::{
    block::{AttributeScope, Block, BlockBuilder, EncodedBlock, Stored, merge},
    clock::{SystemClock, UnixNanos},
    ingest::file::Reader,
    store::{Listing, Store},
    tenant::TenantId,
    trace::{Facts, ResourceRecord, ScopeRecord, SentSpan, SentTrace, SpanRecord, TraceId},
};
use divan::{Bencher, counter::ItemsCount};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span, Status},
};

const BLOCK_SPANS: usize = 16_000;

/// The rows of one trace, as far as a bench is concerned.
const ROWS: std::ops::Range<u32> = 9_000..9_012;

fn main() {
    for traffic in Traffic::ALL {
        let blocks = traffic.blocks();
        let spans: u64 = blocks.iter().map(|b| u64::from(b.meta.n_spans)).sum();
        let bytes: u64 = blocks.iter().map(|block| block.meta.size_bytes).sum();
        let per_span = bytes as f64 / spans.max(1) as f64;
        println!("{traffic}: {spans} spans, {per_span:.1} bytes a span");
    }
    divan::main();
}

/// Where the traces of a bench come from.
#[derive(Clone, Copy)]
enum Traffic {
    /// Made: 12 spans a trace, 8 attributes a span, ids and numbers among them.
    Made,
    /// The real traffic; nothing where it is not there.
    Real,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Made => "made",
            Self::Real => "real",
        })
    }
}

impl Traffic {
    const ALL: [Self; 2] = [Self::Made, Self::Real];

    fn traces(self) -> &'static [SentTrace] {
        static MADE: OnceLock<Vec<SentTrace>> = OnceLock::new();
        static REAL: OnceLock<Vec<SentTrace>> = OnceLock::new();
        match self {
            Self::Made => MADE.get_or_init(made_traces),
            Self::Real => REAL.get_or_init(real_traces),
        }
    }

    fn blocks(self) -> &'static [EncodedBlock] {
        static MADE: OnceLock<Vec<EncodedBlock>> = OnceLock::new();
        static REAL: OnceLock<Vec<EncodedBlock>> = OnceLock::new();
        let cell = match self {
            Self::Made => &MADE,
            Self::Real => &REAL,
        };
        cell.get_or_init(|| builders(self.traces()).map(BlockBuilder::finish).collect())
    }

    /// An attribute that many spans have.
    fn key(self) -> &'static str {
        match self {
            Self::Made => "http.route",
            Self::Real => "http.request.method",
        }
    }

    fn name_and_literal(self) -> (&'static str, &'static str) {
        match self {
            Self::Made => ("operation-7", "/api/v1/things/7"),
            Self::Real => ("HTTP POST", "POST"),
        }
    }

    /// The first block, and its number of spans.
    fn first(self) -> Option<&'static EncodedBlock> {
        self.blocks().first()
    }
}

#[divan::bench(args = Traffic::ALL)]
fn encode(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let Some(first) = traffic.first() else { return };
    bencher
        .counter(ItemsCount::new(first.meta.n_spans))
        .with_inputs(|| builders(traffic.traces()).next())
        .bench_values(|builder| builder.map(BlockBuilder::finish));
}

#[divan::bench(args = Traffic::ALL)]
fn names_and_an_attribute(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let ends = block.trace_ends().ok()?.len();
        let names = block.names().ok()?.len();
        let column = block
            .attribute(AttributeScope::Span, traffic.key())
            .ok()??;
        Some(ends + names + column.rows.len())
    });
}

#[divan::bench(args = Traffic::ALL)]
fn traces_of_a_name(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let name = match traffic {
        Traffic::Made => "operation-7",
        Traffic::Real => "HTTP POST",
    };
    read(bencher, traffic, |block| {
        Some(block.name_postings(name).ok()??.len())
    });
}

/// What is asked of every block first.
#[divan::bench(args = Traffic::ALL)]
fn open_a_name_and_a_literal(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (name, literal) = traffic.name_and_literal();
    read(bencher, traffic, |block| {
        let name = block.name_symbol(name).ok()??;
        Some((name + block.strings().ok()?.lookup(literal).ok()??) as usize)
    });
}

#[divan::bench(args = Traffic::ALL)]
fn a_literal_that_is_not_there(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let found = block.strings().ok()?.lookup("no cell has this text").ok()?;
        Some(usize::from(found.is_none()))
    });
}

#[divan::bench(args = Traffic::ALL)]
fn names_whole(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| Some(block.names().ok()?.len()));
}

#[divan::bench(args = Traffic::ALL)]
fn names_at_12_rows(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let rows: Vec<u32> = ROWS.collect();
        Some(block.names_at(&rows).ok()?.len())
    });
}

#[divan::bench(args = Traffic::ALL)]
fn an_attribute_whole(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let column = block
            .attribute(AttributeScope::Span, traffic.key())
            .ok()??;
        Some(column.rows.len())
    });
}

#[divan::bench(args = Traffic::ALL)]
fn an_attribute_at_12_rows(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let rows: Vec<u32> = ROWS.collect();
        let column = block.attribute_at(AttributeScope::Span, traffic.key(), &rows);
        Some(column.ok()??.rows.len())
    });
}

/// Names and an attribute of each block of a store, in the order in which they lie; of each block alone, and
/// of all as a group.
#[divan::bench(args = Traffic::ALL)]
fn two_columns_of_stored_blocks(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (_folder, store) = stored(traffic);
    let listed = store.blocks(&TenantId::default_tenant());
    bencher.counter(ItemsCount::new(listed.len())).bench(|| {
        for listed in &listed {
            two_columns(&store.open_block(listed).unwrap(), traffic);
        }
    });
}

#[divan::bench(args = Traffic::ALL)]
fn two_columns_of_a_group_of_stored_blocks(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (_folder, store) = stored(traffic);
    let listed = store.blocks(&TenantId::default_tenant());
    bencher.counter(ItemsCount::new(listed.len())).bench(|| {
        for block in store.open_blocks(&listed) {
            two_columns(&block.unwrap(), traffic);
        }
    });
}

/// What a rule asks that has one candidate in each block, which the store's postings name.
#[divan::bench(args = Traffic::ALL)]
fn one_trace_of_a_group_of_stored_blocks(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (_folder, store) = stored(traffic);
    let listed = store.blocks(&TenantId::default_tenant());
    let (name, literal) = traffic.name_and_literal();
    bencher.counter(ItemsCount::new(listed.len())).bench(|| {
        for block in store.open_blocks(&listed) {
            let block = block.unwrap();
            let rows: Vec<u32> = block.span_rows(7).unwrap().collect();
            let names = block.names_at(&rows).unwrap();
            let column = block.attribute_at(AttributeScope::Span, traffic.key(), &rows);
            let name = block.name_symbol(name).unwrap();
            let literal = block.strings().unwrap().lookup(literal).unwrap();
            divan::black_box((names, column.unwrap(), name, literal));
        }
    });
}

fn stored(traffic: Traffic) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Arc::new(SystemClock::new())).unwrap();
    for block in traffic.blocks() {
        store.put_block(block, &Listing::default()).unwrap();
    }
    (folder, store)
}

fn two_columns(block: &Block, traffic: Traffic) {
    block.names().unwrap();
    let key = traffic.key();
    block.attribute(AttributeScope::Span, key).unwrap();
}

#[divan::bench(args = Traffic::ALL)]
fn parents_starts_and_ends(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let parents = block.parents().ok()?.len();
        Some(parents + block.starts().ok()?.len() + block.ends().ok()?.len())
    });
}

#[divan::bench(args = Traffic::ALL)]
fn rebuild_every_trace(bencher: Bencher<'_, '_>, traffic: Traffic) {
    read(bencher, traffic, |block| {
        let mut spans = 0;
        for trace in 0..block.meta().n_traces {
            spans += block.spans(trace).ok()?.spans.len();
        }
        Some(spans)
    });
}

/// Small blocks become one, as compaction does it.
#[divan::bench(args = Traffic::ALL)]
fn merge_small(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (small, n_spans) = small_blocks(traffic);
    bencher.counter(ItemsCount::new(n_spans)).bench(|| {
        let blocks: Vec<Block> = small.iter().map(EncodedBlock::to_block).collect();
        let stored: Vec<Stored<'_>> = blocks.iter().flat_map(Stored::read).collect();
        let mut order: Vec<_> = (0..)
            .zip(&stored)
            .flat_map(|(block, stored)| {
                let traces = stored.trace_ids().iter().zip(0..);
                traces.map(move |(id, trace)| (*id, block, trace))
            })
            .collect();
        order.sort_unstable();
        let traces: Vec<_> = order
            .iter()
            .map(|(_, block, trace)| (*block, *trace))
            .collect();
        merge(&TenantId::default_tenant(), &stored, &traces)
    });
}

/// The same by way of the spans.
#[divan::bench(args = Traffic::ALL)]
fn merge_small_by_spans(bencher: Bencher<'_, '_>, traffic: Traffic) {
    let (small, n_spans) = small_blocks(traffic);
    bencher.counter(ItemsCount::new(n_spans)).bench(|| {
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        for block in small.iter().map(EncodedBlock::to_block) {
            for trace in (0..block.meta().n_traces).flat_map(|trace| block.spans(trace)) {
                builder.push(trace);
            }
        }
        builder.finish()
    });
}

/// Returns blocks of ten traces that make one of full size, and how many spans they have.
fn small_blocks(traffic: Traffic) -> (Vec<EncodedBlock>, usize) {
    let mut n_spans = 0;
    let traces: Vec<&SentTrace> = traffic
        .traces()
        .iter()
        .take_while(|trace| {
            n_spans += trace.spans.len();
            n_spans <= BLOCK_SPANS
        })
        .collect();
    let small = traces.chunks(10).map(|traces| {
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        for trace in traces {
            builder.push((*trace).clone());
        }
        builder.finish()
    });
    (
        small.collect(),
        traces.iter().map(|trace| trace.spans.len()).sum(),
    )
}

/// Reads the first block, opened afresh each time.
fn read(bencher: Bencher<'_, '_>, traffic: Traffic, of: impl Fn(&Block) -> Option<usize> + Sync) {
    let Some(first) = traffic.first() else { return };
    assert!(
        of(&first.to_block()).is_some(),
        "{traffic} lacks what this reads"
    );
    bencher
        .counter(ItemsCount::new(first.meta.n_spans))
        .bench(|| of(&first.to_block()));
}

/// Returns builders that are full.
fn builders(traces: &[SentTrace]) -> impl Iterator<Item = BlockBuilder> + '_ {
    let mut rest = traces.iter().peekable();
    std::iter::from_fn(move || {
        rest.peek()?;
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        while builder.n_spans() < BLOCK_SPANS
            && let Some(trace) = rest.next()
        {
            builder.push(trace.clone());
        }
        Some(builder)
    })
}

fn real_traces() -> Vec<SentTrace> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench is told by `cargo xtask bench` where data is"
    )]
    let Ok(folder) = std::env::var("BETRACE_TEST_DATA") else {
        println!("real: skipped, BETRACE_TEST_DATA is not set");
        return Vec::new();
    };
    let path = PathBuf::from(folder).join("nezha_tt.arrival.jsonl.zst");
    let Ok(requests) = Reader::open(&path) else {
        println!("real: skipped, no {}", path.display());
        return Vec::new();
    };
    let mut traces: BTreeMap<TraceId, Vec<SentSpan>> = BTreeMap::new();
    for span in requests
        .flatten()
        .flat_map(|request| request.decoded.records)
    {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let mut traces: Vec<SentTrace> = traces.into_values().filter_map(seal).collect();
    traces.sort_by_key(|trace| trace.arrived_first);
    traces
}

/// Seals a trace that is taken to arrive as it starts.
fn seal(mut spans: Vec<SentSpan>) -> Option<SentTrace> {
    spans.sort_by_key(|span| (span.start_time_unix_nano, span.span_id));
    spans.dedup_by(|a, b| a.message == b.message);
    let first = spans.first()?;
    let arrived = UnixNanos(first.start_time_unix_nano);
    Some(SentTrace {
        trace_id: first.trace_id,
        facts: Facts(0),
        arrived_first: arrived,
        arrived_last: arrived,
        spans,
    })
}

fn made_traces() -> Vec<SentTrace> {
    let mut random = Random(7);
    let resources: Vec<Arc<ResourceRecord>> = (0..8).map(made_resource).collect();
    let scope = Arc::new(ScopeRecord::default());
    let mut traces = Vec::new();
    for number in 0..4_000_u64 {
        let id = [random.next().to_le_bytes(), random.next().to_le_bytes()].concat();
        let start = 1_700_000_000_000_000_000 + number * 10_000_000;
        let ids: Vec<[u8; 8]> = (0..12).map(|_| random.next().to_le_bytes()).collect();
        let spans = (0..12_usize).map(|at| {
            let mut span = made_span(&mut random, start + at as u64 * 700_000);
            span.trace_id.clone_from(&id);
            span.span_id = ids.get(at).map(|id| id.to_vec()).unwrap_or_default();
            let parent = at.checked_sub(1).and_then(|_| ids.get(at / 2));
            span.parent_span_id = parent.map(|id| id.to_vec()).unwrap_or_default();
            SpanRecord {
                span,
                resource: resources.get(at % 8).cloned().unwrap_or_default(),
                scope: Arc::clone(&scope),
            }
        });
        let spans: Vec<SpanRecord> = spans.collect();
        traces.extend(seal(SentSpan::of_records(&spans).collect()));
    }
    traces
}

fn made_resource(number: u64) -> Arc<ResourceRecord> {
    let attributes = vec![text("service.name", format!("service-{number}"))];
    Arc::new(ResourceRecord {
        resource: Resource {
            attributes,
            ..Resource::default()
        },
        schema_url: String::new(),
    })
}

fn made_span(random: &mut Random, start: u64) -> Span {
    let start = start + random.below(500_000);
    let method = ["GET", "POST", "PUT"].get(random.below(3) as usize);
    Span {
        name: format!("operation-{}", random.below(40)),
        kind: 1 + random.below(5) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.below(20_000_000),
        attributes: vec![
            text("http.route", format!("/api/v1/things/{}", random.below(30))),
            text(
                "http.request.method",
                method.copied().unwrap_or("GET").to_owned(),
            ),
            int(
                "http.response.status_code",
                200 + random.below(4) as i64 * 100,
            ),
            text("user.id", format!("user-{:08x}", random.below(20_000))),
            text(
                "url.full",
                format!("https://shop.example/things/{}", random.below(1 << 40)),
            ),
            int("http.response.body.size", random.below(90_000) as i64),
            text("server.address", format!("10.0.0.{}", random.below(20))),
            text("session.id", format!("{:016x}", random.next())),
        ],
        status: Some(Status::default()),
        ..Span::default()
    }
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        key_strindex: 0,
    }
}

/// `SplitMix64`: the same traces on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
