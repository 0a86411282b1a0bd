//! What a replay costs over a store, warm, on one thread and on two.
//!
//! `cargo bench --bench replay`. The store holds 508,018 real spans (`shared/data/nezha_tt.arrival.jsonl.zst` in a folder
//! above this one), imported once; says so and measures nothing where they are absent.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot read its input is to stop, and says what it skips"
)]

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use betrace::{
    clock::{Clock, SystemClock},
    ingest::file::Reader,
    live::{Importer, Parts},
    replay::{ReplayOptions, Replayed, Replaying, replay},
    rules::{PublishedRule, Registry},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::Store,
    tenant::TenantId,
};
use betrace_dsl::Source;
use divan::{Bencher, counter::ItemsCount};

/// An attribute whose anchor is in nearly every trace; a name that one trace in a hundred has; every span.
const RULES: [(&str, &str); 3] = [
    (
        "common",
        r#""HTTP POST".where(http.request.method == POST) and not "Transaction.commit""#,
    ),
    (
        "rare",
        r#""POST /api/v1/cancelservice/cancel" and not "UPDATE Order""#,
    ),
    ("scan", "any.where(span:duration > 5s)"),
];

const TEN: [&str; 10] = [
    include_str!("../../tests/data/nezha/cancelled-ticket-refunded.btr"),
    include_str!("../../tests/data/nezha/more-posts-than-gets.btr"),
    include_str!("../../tests/data/nezha/office-hours.btr"),
    include_str!("../../tests/data/nezha/order-without-food.btr"),
    include_str!("../../tests/data/nezha/payment-answers.btr"),
    include_str!("../../tests/data/nezha/query-storm.btr"),
    include_str!("../../tests/data/nezha/routes-have-controllers.btr"),
    include_str!("../../tests/data/nezha/slow-entry-without-write.btr"),
    include_str!("../../tests/data/nezha/slow-trip-search.btr"),
    include_str!("../../tests/data/nezha/write-after-check.btr"),
];

struct Fixture {
    store: Store,
    sandbox: Arc<Sandbox>,
    clock: Arc<SystemClock>,
    /// Holds the store's folder.
    _folder: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::new());
    let store = Store::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let sandbox = Arc::new(sandbox);
    let parts = Parts {
        store: store.clone(),
        registry: Arc::new(Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap()),
        sandbox: Arc::clone(&sandbox),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        telemetry: Arc::default(),
    };
    let mut importer = Importer::start(parts, TenantId::default_tenant()).unwrap();
    for request in Reader::open(&file().unwrap()).unwrap() {
        let request = request.unwrap();
        importer
            .add(&request.decoded.records, request.otlp.len())
            .unwrap();
    }
    importer.finish().unwrap();
    Fixture {
        store,
        sandbox,
        clock,
        _folder: folder,
    }
});

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

fn rules(name: &str, source: &str) -> Vec<PublishedRule> {
    let source = Source {
        name,
        text: source.as_bytes(),
    };
    let component = betrace_dsl::compile(&source).0.unwrap().component;
    PublishedRule::all_of(&FIXTURE.sandbox.load(&component).unwrap())
}

fn run(rules: &[PublishedRule], threads: usize) -> Replayed {
    let with = Replaying {
        store: &FIXTURE.store,
        sandbox: &FIXTURE.sandbox,
        clock: &*FIXTURE.clock,
    };
    let options = ReplayOptions {
        from: None,
        to: None,
        threads,
    };
    replay(
        with,
        &TenantId::default_tenant(),
        rules,
        options,
        &mut |_| ControlFlow::Continue(()),
    )
    .unwrap()
}

#[divan::bench(args = RULES.map(|(name, _)| name))]
fn one_rule(bencher: Bencher<'_, '_>, name: &str) {
    let source = RULES.iter().find(|(other, _)| *other == name).unwrap().1;
    let rules = rules("bench.btr", source);
    let spans = run(&rules, 1).spans;
    bencher
        .counter(ItemsCount::new(spans))
        .bench_local(|| run(&rules, 1));
}

#[divan::bench(args = [1, 2])]
fn ten_rules(bencher: Bencher<'_, '_>, threads: usize) {
    let sources = TEN.iter().enumerate();
    let rules: Vec<_> = sources
        .flat_map(|(n, source)| rules(&format!("rule-{n}.btr"), source))
        .collect();
    let spans = run(&rules, 1).spans;
    bencher
        .counter(ItemsCount::new(spans))
        .bench_local(|| run(&rules, threads));
}
