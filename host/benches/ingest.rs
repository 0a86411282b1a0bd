//! What a span costs from the wire to a sealed trace, on one thread, over real requests.
//!
//! `cargo bench --bench ingest`. Needs `shared/data/nezha_tt.arrival.jsonl.zst` in a folder above this one; says so and
//! measures nothing where it is absent.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot read its input is to stop, and says what it skips"
)]

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use betrace::{
    assemble::{Arrival, AssembleOptions, Assembler},
    clock::UnixNanos,
    ingest::{self, Decoded, file::Reader},
    tenant::TenantId,
};
use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// As many requests as fit a quick run: 130,000 spans.
const N_REQUESTS: usize = 5_000;

fn main() {
    if file().is_none() {
        println!("skipped: no shared/data/nezha_tt.arrival.jsonl.zst above this folder");
        return;
    }
    divan::main();
}

fn file() -> Option<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/data/nezha_tt.arrival.jsonl.zst"))
        .find(|path| path.exists())
}

fn reader() -> Reader {
    Reader::open(&file().unwrap()).unwrap()
}

static REQUESTS: LazyLock<Vec<(Bytes, Decoded)>> = LazyLock::new(|| {
    reader()
        .take(N_REQUESTS)
        .map(|request| {
            request
                .map(|request| (request.otlp, request.decoded))
                .unwrap()
        })
        .collect()
});

static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = zstd::decode_all(std::fs::File::open(file().unwrap()).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().take(N_REQUESTS).map(str::to_owned).collect()
});

fn n_spans() -> ItemsCount {
    ItemsCount::new(REQUESTS.iter().map(|(_, d)| d.records.len()).sum::<usize>())
}

#[divan::bench(sample_count = 10)]
fn decode_protobuf(bencher: Bencher<'_, '_>) {
    bencher.counter(n_spans()).bench_local(|| {
        for (otlp, _) in REQUESTS.iter() {
            black_box(ingest::decode(otlp).unwrap());
        }
    });
}

/// What the walk takes the place of: the messages of `opentelemetry-proto`, without limits.
#[divan::bench(sample_count = 10)]
fn decode_protobuf_to_messages(bencher: Bencher<'_, '_>) {
    bencher.counter(n_spans()).bench_local(|| {
        for (otlp, _) in REQUESTS.iter() {
            black_box(ExportTraceServiceRequest::decode(&otlp[..]).unwrap());
        }
    });
}

#[divan::bench(sample_count = 10)]
fn decode_json(bencher: Bencher<'_, '_>) {
    LazyLock::force(&LINES);
    bencher.counter(n_spans()).bench_local(|| {
        for line in LINES.iter() {
            black_box(ingest::decode_json(line.as_bytes()).unwrap());
        }
    });
}

/// As an import does it: JSON to protobuf for the inbox, and to spans.
#[divan::bench(sample_count = 10)]
fn decode_json_and_encode_protobuf(bencher: Bencher<'_, '_>) {
    LazyLock::force(&LINES);
    bencher.counter(n_spans()).bench_local(|| {
        for line in LINES.iter() {
            let request = ingest::decode_json(line.as_bytes()).unwrap();
            black_box(request.encode_to_vec());
            black_box(request);
        }
    });
}

/// Decompression, lines, JSON, protobuf.
#[divan::bench(sample_count = 3)]
fn read_file(bencher: Bencher<'_, '_>) {
    bencher.counter(n_spans()).bench_local(|| {
        for request in reader().take(N_REQUESTS) {
            black_box(request.unwrap());
        }
    });
}

/// From bytes that arrived to traces that are sealed, and dropped.
#[divan::bench(sample_count = 10)]
fn assemble_and_seal(bencher: Bencher<'_, '_>) {
    let tenant = TenantId::default_tenant();
    let requests = || -> Vec<_> {
        let records = |(otlp, decoded): &(Bytes, Decoded)| (otlp.len(), decoded.records.clone());
        REQUESTS.iter().map(records).collect()
    };
    bencher
        .counter(n_spans())
        .with_inputs(requests)
        .bench_local_values(|requests| {
            let mut assembler = Assembler::new(AssembleOptions::default());
            let mut n_sealed = 0;
            for (frame, (bytes, records)) in (0_u64..).zip(requests) {
                let now = Duration::from_millis(frame * 20);
                let arrival = Arrival {
                    frame: Some(frame),
                    bytes,
                    now,
                    arrived: UnixNanos(0),
                };
                assembler.add(&tenant, &records, arrival, |_| 0).unwrap();
                for sealed in assembler.due(now) {
                    n_sealed += assembler.release(&sealed.frames).len();
                    black_box(&sealed);
                }
            }
            n_sealed + assembler.flush().len()
        });
}
