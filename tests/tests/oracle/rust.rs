//! The same rules in the language and in Rust: `tests/data/rust-rules`.
//!
//! Guarantees: of generated traces and of those of a real deployment the two components have the same verdicts, clauses,
//! reasons and witnesses through the host's judge; and a call of all of them takes in Rust at most 1.5 times what it takes as
//! compiled.
//!
//! Skipped, and said so, where there is no toolchain for guests; of real traces where these are absent.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use betrace::{
    assemble::{Arrival, AssembleOptions, Assembler},
    block::{Block, BlockBuilder},
    clock::UnixNanos,
    ingest::{self, file::Reader},
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{self, CallBudget, PackCompiler, PackPre, Sandbox, SandboxLimits},
    tenant::TenantId,
    verdict::{RuleVerdicts, Verdict},
};
use betrace_dsl::{Source, oracle::Trace};
use betrace_tests::{
    contract::{Batched, Pack, Trim},
    generated::{Choices, trace},
    guests::{Guests, root},
};

use crate::host::sealed;

/// What rules in Rust may cost at most, in hundredths of what compiled ones do.
const COST_PERCENT_MAX: u128 = 150;

/// Calls of each that are timed.
const CALLS: usize = 60;

/// Rules that are written both ways.
const RULES: usize = 26;

/// The two components.
struct Both {
    sandbox: Sandbox,
    compiled: Arc<PackPre>,
    rust: Arc<PackPre>,
    bytes: Vec<u8>,
}

impl Both {
    fn load() -> Option<Self> {
        let guests = Guests::find()?;
        let folder = root().join("tests/data/rust-rules");
        let text = fs::read(folder.join("rules.btr")).unwrap();
        let source = Source {
            name: "rules.btr",
            text: &text,
        };
        let (compiled, diagnostics) = betrace_dsl::compile(&source);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let bytes = compiled.unwrap().component;
        let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
        let compiled = sandbox.load(&bytes).unwrap();
        let rust = sandbox.load(&guests.build(&folder).unwrap()).unwrap();
        let ids = |pack: &PackPre| {
            let ids = pack.rules().iter().map(|rule| rule.id.to_string());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&rust), ids(&compiled));
        assert_eq!(compiled.rules().len(), RULES);
        Some(Self {
            sandbox,
            compiled,
            rust,
            bytes,
        })
    }

    fn judge(&self, pack: &Arc<PackPre>, block: &Block) -> Vec<RuleVerdicts> {
        let rules: Vec<PublishedRule> = PublishedRule::all_of(pack);
        judge(&self.sandbox, &rules, block, &JudgeOptions::default()).unwrap()
    }

    /// Compares the two on a block, and counts for each rule how many traces it holds of and how many violate it.
    fn compare(&self, block: &Block, counts: &mut [[usize; 2]; RULES]) {
        let (compiled, rust) = (
            self.judge(&self.compiled, block),
            self.judge(&self.rust, block),
        );
        for (number, (compiled, rust)) in compiled.iter().zip(&rust).enumerate() {
            let id = &self.compiled.rules()[number].id;
            for (trace, (one, other)) in compiled.verdicts.iter().zip(&rust.verdicts).enumerate() {
                assert_eq!(one, other, "{id} on trace {trace}");
            }
            for (one, other) in compiled.violations.iter().zip(&rust.violations) {
                assert_eq!(one, other, "{id}");
            }
            assert_eq!(compiled, rust, "{id}");
            let count = |verdict| {
                compiled
                    .verdicts
                    .iter()
                    .filter(|of| **of == verdict)
                    .count()
            };
            counts[number][0] += count(Verdict::Held);
            counts[number][1] += count(Verdict::Violated);
        }
    }

    /// Calls a pack for all its rules; returns the fuel, and how long it took.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is measured is the machine's time"
    )]
    fn call(&self, pack: &PackPre, batch: &sandbox::Batch) -> (u64, Duration) {
        let rules: Vec<u32> = (0..RULES as u32).collect();
        let began = Instant::now();
        let budget = CallBudget::default();
        let answer = self.sandbox.call(pack, &rules, batch, budget).unwrap();
        (answer.fuel_spent, began.elapsed())
    }
}

fn block_of(traces: &[Trace]) -> Block {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for (number, trace) in traces.iter().enumerate() {
        builder.push(sealed(trace, number));
    }
    builder.finish().to_block()
}

fn generated(seed: u64, n: u64) -> Vec<Trace> {
    let traces = (0..n).map(|n| trace(&mut Choices::seeded((seed << 32) + n)));
    traces.filter(|trace| !trace.spans.is_empty()).collect()
}

#[test]
fn rules_in_rust_say_of_generated_traces_what_compiled_ones_say() {
    let Some(both) = Both::load() else {
        return;
    };
    let mut counts = [[0; 2]; RULES];
    for seed in 0..4 {
        both.compare(&block_of(&generated(seed, 2_000)), &mut counts);
    }
    // Each rule of their words says something, both ways.
    for (number, [held, violated]) in counts.iter().take(16).enumerate() {
        let id = &both.compiled.rules()[number].id;
        assert!(
            *held > 20 && *violated > 20,
            "{id}: {held} held, {violated} violated"
        );
    }
}

/// Reads the traces of a real deployment.
fn real() -> Option<Vec<Block>> {
    let name = "shared/data/nezha_tt.arrival.jsonl.zst";
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join(name));
    let Some(path) = path.into_iter().find(|path| path.exists()) else {
        #[expect(clippy::print_stdout, reason = "a test that skips says so")]
        {
            println!("skipped: no {name} above this folder");
        }
        return None;
    };
    let tenant = TenantId::default_tenant();
    let mut assembler = Assembler::new(AssembleOptions::default());
    for request in Reader::open(&path).unwrap() {
        let records = ingest::decode(&request.unwrap().otlp).unwrap().records;
        let arrival = Arrival {
            frame: None,
            bytes: 0,
            now: Duration::ZERO,
            arrived: UnixNanos(0),
        };
        assembler.add(&tenant, &records, arrival, |_| 0).unwrap();
    }
    let mut blocks = Vec::new();
    let mut builder = BlockBuilder::new(tenant.clone());
    for sealed in assembler.flush() {
        builder.push(sealed.trace);
        if builder.n_spans() >= 16_000 {
            let full = std::mem::replace(&mut builder, BlockBuilder::new(tenant.clone()));
            blocks.push(full.finish().to_block());
        }
    }
    blocks.push(builder.finish().to_block());
    Some(blocks)
}

#[test]
fn rules_in_rust_say_of_real_traces_what_compiled_ones_say() {
    let (Some(both), Some(blocks)) = (Both::load(), real()) else {
        return;
    };
    let mut counts = [[0; 2]; RULES];
    for block in &blocks {
        both.compare(block, &mut counts);
    }
    for (number, [held, violated]) in counts.iter().enumerate().skip(16) {
        let id = &both.compiled.rules()[number].id;
        assert!(held + violated > 0, "{id} speaks of no trace");
    }
    let violated = counts
        .iter()
        .skip(16)
        .filter(|[_, violated]| *violated > 0)
        .count();
    assert!(violated >= 6, "{counts:?}");
}

/// Makes a batch of the contract, as the host's.
fn batch(pack: &Pack, traces: &[&Trace]) -> sandbox::Batch {
    use betrace_tests::contract::Values;
    let rules: Vec<u32> = (0..RULES as u32).collect();
    let made = Batched::project(&pack.rules, &rules, traces, Trim::Unnamed).batch;
    let column = |column: betrace_tests::contract::Column| sandbox::Column {
        table: column.table,
        kinds: column.kinds,
        values: match column.values {
            Values::U8s(cells) => sandbox::Values::U8s(cells),
            Values::U16s(cells) => sandbox::Values::U16s(cells),
            Values::U32s(cells) => sandbox::Values::U32s(cells),
            Values::U64s(cells) => sandbox::Values::U64s(cells),
        },
    };
    sandbox::Batch {
        traces: made.traces,
        trace_ends: made.trace_ends,
        facts: made.facts,
        columns: made.columns.into_iter().map(column).collect(),
        literals: made.literals,
        text: made.text,
        text_ends: made.text_ends,
    }
}

#[test]
fn rules_in_rust_cost_little_more_than_compiled_ones() {
    let Some(both) = Both::load() else {
        return;
    };
    let guests = Guests::find().unwrap();
    let rust = guests.build(&root().join("tests/data/rust-rules")).unwrap();
    // As many spans as a call holds.
    let traces = generated(9, 3_600);
    let mut n_spans = 0;
    let fits = |trace: &&Trace| {
        n_spans += trace.spans.len();
        n_spans <= sandbox::limits::SPANS_PER_CALL_MAX
    };
    let traces: Vec<&Trace> = traces.iter().take_while(fits).collect();
    // Each is shown what it asks for.
    let of_compiled = batch(&Pack::load(&both.bytes), &traces);
    let of_rust = batch(&Pack::load(&rust), &traces);
    let mut compiled = Vec::new();
    let mut rust = Vec::new();
    // By turns, so that what else the machine does falls on both; the least is what nothing else fell on.
    for _ in 0..CALLS {
        compiled.push(both.call(&both.compiled, &of_compiled));
        rust.push(both.call(&both.rust, &of_rust));
    }
    let fuel = |calls: &[(u64, Duration)]| calls.iter().map(|(fuel, _)| *fuel).min().unwrap();
    let took = |calls: &[(u64, Duration)]| calls.iter().map(|(_, took)| *took).min().unwrap();
    let percent = took(&rust).as_nanos() * 100 / took(&compiled).as_nanos();
    let told = format!(
        "{} traces, {RULES} rules: compiled {:?}, {} fuel; in Rust {:?}, {} fuel: {percent} % of the time",
        traces.len(),
        took(&compiled),
        fuel(&compiled),
        took(&rust),
        fuel(&rust),
    );
    println!("{told}");
    assert!(percent <= COST_PERCENT_MAX, "{told}");
}
