//! Real traces and rules, from their files to what `judge` takes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use betrace::{
    assemble::{Arrival, AssembleOptions, Assembler},
    block::{BlockBuilder, EncodedBlock},
    clock::UnixNanos,
    ingest::{self, file::Reader},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    tenant::TenantId,
    trace::{SentSpan, SentTrace},
};
use betrace_dsl::Source;
use bytes::Bytes;

/// At how many spans a block is full where nothing else is asked for.
pub(crate) const BLOCK_SPANS: usize = 16_000;

/// Finds a file of real traces; says so where there is none.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/data").join(name))
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: no shared/data/{name} above this folder");
    }
    found
}

/// The folder of the whole-system tests, which has the rules.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// The folder of the packs that are shipped as examples.
pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/packs")
}

pub(crate) fn sandbox() -> Sandbox {
    let limits = SandboxLimits {
        instances_max: 4,
        ..SandboxLimits::default()
    };
    Sandbox::new(PackCompiler::InProcess, limits).unwrap()
}

/// Compiles a file of rules, or each `.btr` of a folder in order of their names. Returns components with their files' names.
pub(crate) fn packs(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        files = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "btr"));
        files.sort();
    }
    let of_file = |path: &PathBuf| {
        let text = fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source {
            name: &name,
            text: &text,
        };
        let (compiled, diagnostics) = betrace_dsl::compile(&source);
        let compiled = compiled.unwrap_or_else(|| panic!("{diagnostics:?}"));
        (name, compiled.component)
    };
    files.iter().map(of_file).collect()
}

/// Reads the requests of a file.
pub(crate) fn requests(path: &Path) -> Vec<Bytes> {
    let requests = Reader::open(path).unwrap();
    requests.map(|request| request.unwrap().otlp).collect()
}

/// Reads the spans of a request, all of which are good.
pub(crate) fn spans(otlp: &Bytes) -> Vec<SentSpan> {
    let decoded = ingest::decode(otlp).unwrap();
    assert_eq!(decoded.n_rejected(), 0);
    decoded.records
}

/// Assembles requests, all of which have come before the first trace is sealed.
pub(crate) fn assemble(requests: impl Iterator<Item = Vec<SentSpan>>) -> Vec<SentTrace> {
    let tenant = TenantId::default_tenant();
    let mut assembler = Assembler::new(AssembleOptions::default());
    for records in requests {
        let arrival = Arrival {
            frame: None,
            bytes: 0,
            now: Duration::ZERO,
            arrived: UnixNanos(0),
        };
        assembler.add(&tenant, &records, arrival, |_| 0).unwrap();
    }
    let sealed = assembler.flush().into_iter();
    sealed.map(|sealed| sealed.trace).collect()
}

/// Puts traces into blocks of about so many spans.
pub(crate) fn blocks(traces: Vec<SentTrace>, block_spans: usize) -> Vec<EncodedBlock> {
    let tenant = TenantId::default_tenant();
    let mut blocks = Vec::new();
    let mut builder = BlockBuilder::new(tenant.clone());
    for trace in traces {
        builder.push(trace);
        if builder.n_spans() >= block_spans {
            let full = std::mem::replace(&mut builder, BlockBuilder::new(tenant.clone()));
            blocks.push(full.finish());
        }
    }
    if !builder.is_empty() {
        blocks.push(builder.finish());
    }
    blocks
}
