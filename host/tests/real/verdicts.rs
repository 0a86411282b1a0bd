//! Scenario: real traces, as they are and [made worse](super::worse), judged by rules that use every construct of the
//! language.
//!
//! Guarantees: what is said of each trace (verdict, reason, clause, witnesses, message) is what was said when
//! `tests/data/verdicts/digests.txt` was made, so that no optimisation changes a verdict; and it is the same however the
//! traces are grouped into blocks, imported or received live, compacted or not, replayed on one thread or on many.

use std::{
    collections::BTreeMap, fs, ops::ControlFlow, path::Path, sync::Arc, thread, time::Duration,
};

use betrace::{
    block::EncodedBlock,
    clock::{ManualClock, UnixNanos},
    ingest::{Sink as _, Submission},
    live::{Importer, Live, LiveOptions, Parts},
    replay::{ReplayOptions, Replayed, Replaying, replay},
    rules::{NewPack, PublishOptions, PublishedRule, Registry},
    sandbox::Sandbox,
    store::{SignalCursor, SignalFilter, Store},
    telemetry::Telemetry,
    tenant::TenantId,
    verdict::Verdict,
};
use bytes::Bytes;

use crate::{
    input,
    said::{self, Said, Violated},
    worse::worse,
};

/// Requests of the trains that are made worse: enough for nearly every rule to find something.
const WORSE_REQUESTS: usize = 2_000;

/// Requests that are grouped and stored in several ways.
const REQUESTS: usize = 400;

/// Traces and the files of rules that are asked of them.
struct Input {
    name: &'static str,
    requests: Vec<Bytes>,
    rules: &'static [&'static str],
}

/// Reads the inputs that are there.
fn inputs() -> Vec<Input> {
    let mut inputs = Vec::new();
    if let Some(file) = input::find("nezha_tt.arrival.jsonl.zst") {
        let requests = input::requests(&file);
        let of_worse = requests.iter().take(WORSE_REQUESTS).map(worse).collect();
        inputs.push(Input {
            name: "trains",
            requests,
            rules: &["nezha", "verdicts/trains.btr"],
        });
        inputs.push(Input {
            name: "worse",
            requests: of_worse,
            rules: &["nezha", "verdicts/trains.btr", "verdicts/worse.btr"],
        });
    }
    for (name, file) in [
        ("retail", "agentrx_tau_retail.jsonl.zst"),
        ("agents", "langfuse_framework_traces.jsonl.zst"),
    ] {
        if let Some(file) = input::find(file) {
            inputs.push(Input {
                name,
                requests: input::requests(&file),
                rules: &["verdicts/agents.btr", "verdicts/worse.btr"],
            });
        }
    }
    inputs
}

impl Input {
    fn packs(&self) -> Vec<(String, Vec<u8>)> {
        let data = input::tests().join("data");
        let packs = self.rules.iter().map(|file| input::packs(&data.join(file)));
        packs.flatten().collect()
    }

    fn rules(&self, sandbox: &Sandbox) -> Vec<PublishedRule> {
        let packs = self.packs().into_iter();
        packs
            .flat_map(|(_, component)| PublishedRule::all_of(&sandbox.load(&component).unwrap()))
            .collect()
    }

    fn blocks(&self, block_spans: usize) -> Vec<EncodedBlock> {
        let requests = self.requests.iter().map(input::spans);
        input::blocks(input::assemble(requests), block_spans)
    }

    fn judged(&self, sandbox: &Sandbox, block_spans: usize) -> Said {
        let blocks = self.blocks(block_spans);
        said::judged(
            sandbox,
            &self.rules(sandbox),
            blocks.iter().map(EncodedBlock::to_block),
        )
    }
}

#[test]
fn real_traces_have_the_verdicts_that_they_had() {
    let sandbox = input::sandbox();
    let inputs = inputs();
    let table: String = inputs
        .iter()
        .map(|input| said::digests(input.name, &input.judged(&sandbox, input::BLOCK_SPANS)))
        .collect();
    let file = input::tests().join("data/verdicts/digests.txt");
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let is_here = |line: &&str| inputs.iter().any(|input| line.starts_with(input.name));
    let expected: Vec<&str> = recorded.lines().filter(is_here).collect();
    let found: Vec<&str> = table.lines().collect();
    if found == expected {
        return;
    }
    let remade = Path::new(env!("CARGO_TARGET_TMPDIR")).join("digests.txt");
    fs::write(&remade, &table).unwrap();
    let changed: Vec<_> = found
        .iter()
        .filter(|line| !expected.contains(line))
        .collect();
    panic!(
        "what is said of real traces has changed (input, rule, traces by verdict, digest):\n{changed:#?}\n\
         If every difference is meant, and all inputs are here:\n  cp {} {}",
        remade.display(),
        file.display()
    );
}

#[test]
fn grouping_arrival_compaction_and_threads_change_no_verdict() {
    let sandbox = Arc::new(input::sandbox());
    for mut input in inputs() {
        input.requests.truncate(REQUESTS);
        let said = input.judged(&sandbox, input::BLOCK_SPANS);
        for block_spans in [1, 900] {
            let regrouped = input.judged(&sandbox, block_spans);
            said::assert_same(&said, &regrouped, &format!("{}, small blocks", input.name));
        }
        let folder = tempfile::tempdir().unwrap();
        let host = Host::open(folder.path(), &sandbox, &input);
        host.import(&input);
        host.check(&said, &format!("{}, imported", input.name));

        let folder = tempfile::tempdir().unwrap();
        let host = Host::open(folder.path(), &sandbox, &input);
        host.receive(&input);
        host.check(&said, &format!("{}, received", input.name));
        while host.store.compact().unwrap() > 0 {}
        host.check(&said, &format!("{}, compacted", input.name));
    }
}

/// A store with rules.
struct Host {
    store: Store,
    registry: Arc<Registry>,
    sandbox: Arc<Sandbox>,
    clock: ManualClock,
    telemetry: Arc<Telemetry>,
}

impl Host {
    fn open(folder: &Path, sandbox: &Arc<Sandbox>, input: &Input) -> Self {
        let clock = ManualClock::new(UnixNanos(1_772_366_400_000_000_000));
        let store = Store::open(folder, Arc::new(clock.clone())).unwrap();
        let registry = Registry::open(store.clone(), Arc::clone(sandbox)).unwrap();
        let packs = input.packs().into_iter();
        let packs = packs.map(|(origin, bytes)| NewPack {
            bytes,
            origin,
            source: None,
            reference: None,
        });
        registry
            .publish(&tenant(), packs.collect(), &PublishOptions::default())
            .unwrap();
        Self {
            store,
            registry: Arc::new(registry),
            sandbox: Arc::clone(sandbox),
            clock,
            telemetry: Arc::default(),
        }
    }

    fn parts(&self) -> Parts {
        Parts {
            store: self.store.clone(),
            registry: Arc::clone(&self.registry),
            sandbox: Arc::clone(&self.sandbox),
            clock: Arc::new(self.clock.clone()),
            telemetry: Arc::clone(&self.telemetry),
        }
    }

    fn import(&self, input: &Input) {
        let mut importer = Importer::start(self.parts(), tenant()).unwrap();
        for otlp in &input.requests {
            importer.add(&input::spans(otlp), otlp.len()).unwrap();
        }
        importer.finish().unwrap();
    }

    /// Sends all requests through the live pipeline, and moves its clock until they are sealed and judged. Traces of
    /// which one half came much later than the other are sealed twice.
    fn receive(&self, input: &Input) {
        let live = Live::start(self.parts(), LiveOptions::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for requests in input.requests.chunks(REQUESTS / 4) {
            let mut sending = tokio::task::JoinSet::new();
            for otlp in requests {
                let (sink, otlp) = (live.sink(), otlp.clone());
                let submission = Submission {
                    tenant: tenant(),
                    records: input::spans(&otlp),
                    otlp,
                };
                sending.spawn_on(
                    async move { sink.accept(submission).await },
                    runtime.handle(),
                );
            }
            let answers = runtime.block_on(sending.join_all());
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            self.settle(&live);
        }
        live.stop();
    }

    fn settle(&self, live: &Live) {
        for _ in 0..60_000 {
            if self.telemetry.open_spans.get() == 0 && self.store.unjudged().is_empty() {
                return;
            }
            self.clock.advance(Duration::from_secs(1));
            live.tick();
            // The threads of the pipeline need the processor; how long is not what is tested.
            thread::park_timeout(Duration::from_millis(1));
        }
        panic!("not settled: {}", self.telemetry.render());
    }

    /// Checks what is stored, and what replays say of it.
    fn check(&self, said: &Said, what: &str) {
        said::assert_same(said, &self.stored(), &format!("{what}, stored"));
        for threads in [1, 2, 4] {
            said::assert_replayed(
                said,
                &self.replay(threads),
                &format!("{what}, replayed on {threads}"),
            );
        }
    }

    fn replay(&self, threads: usize) -> Replayed {
        let with = Replaying {
            store: &self.store,
            sandbox: &self.sandbox,
            clock: &self.clock,
        };
        let options = ReplayOptions {
            from: None,
            to: None,
            threads,
        };
        let rules = self.registry.live(&tenant()).unwrap();
        let going_on = &mut |_| ControlFlow::Continue(());
        replay(with, &tenant(), rules.rules(), options, going_on).unwrap()
    }

    /// Reads the verdicts and signals that were stored when the blocks were judged.
    fn stored(&self) -> Said {
        let mut said = Said::new();
        for listed in self.store.blocks(&tenant()) {
            let block = self.store.open_block(&listed).unwrap();
            let traces = block.trace_ids().unwrap();
            let superseded = listed.superseded();
            for (rule, _, of_rule) in self.store.verdicts(&tenant(), listed.meta().id).unwrap() {
                let mut of_block = BTreeMap::new();
                said::add(&mut of_block, traces, &of_rule);
                superseded
                    .iter()
                    .for_each(|trace| drop(of_block.remove(&traces[trace as usize])));
                said.entry(rule.to_string())
                    .or_default()
                    .append(&mut of_block);
            }
        }
        let mut filter = SignalFilter::default();
        loop {
            let page = self.store.signals(&tenant(), &filter).unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(SignalCursor {
                time: last.time,
                id: last.id,
            });
            for signal in page {
                // A later judging may have found no violation, or that it cannot be told.
                let latest = signal.history.last().unwrap();
                if latest.verdict != Verdict::Violated {
                    continue;
                }
                let trace = said
                    .get_mut(signal.rule.as_str())
                    .unwrap()
                    .get_mut(&signal.trace_id)
                    .unwrap();
                trace.violation = Some(Violated {
                    clause: signal.clause,
                    witnesses: signal
                        .witnesses
                        .iter()
                        .map(|witness| witness.span_id)
                        .collect(),
                    message: signal.message,
                });
            }
        }
        said::check(&said);
        said
    }
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}
