//! How soon a rule that never ends is stopped, and what an evaluation and a load take.
//!
//! `cargo bench -p betrace --bench hostile`. The deadline is 100 ms, with fuel for longer. What a guest computes is what
//! counts from the second half of its deadline on: beside other work CPU is the figure to look at, and it is to stay
//! below twice the deadline.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench that cannot go on stops; it measures time and prints"
)]

use std::{
    fs,
    time::{Duration, Instant},
};

use betrace::{
    sandbox::{
        Batch, CallBudget, CallError, Column, PackCompiler, Sandbox, SandboxLimits, Values,
        limits::SPANS_PER_CALL_MAX,
    },
    verdict::Reason,
};
use guest::{ALWAYS_0, Guest, HAS_NAME, named_rule};

#[path = "../src/guest.rs"]
#[expect(dead_code, reason = "the module serves tests too")]
mod guest;

const RUNS: usize = 200;
const DEADLINE: Duration = Duration::from_millis(100);

/// Misbehaves where a batch has two traces of four rows, as no trial batch has.
const IS_LIVE: &str = "(i32.and (i32.eq (local.get $traces) (i32.const 2))
    (i32.eq (i32.load offset=4 (local.get $trace_ends)) (i32.const 4)))";

fn main() {
    println!(
        "{:<44} {:>10} {:>10} {:>10} {:>10}",
        "CASE", "P50", "P99", "CPU P50", "CPU P99"
    );
    for (name, guest) in looping() {
        stop(name, &guest);
    }
    evaluate();
    load();
}

fn looping() -> Vec<(&'static str, Guest)> {
    let evaluating = |body: &str| Guest {
        evaluate: format!("(if {IS_LIVE} (then {body})) {ALWAYS_0}"),
        ..Guest::default()
    };
    let post = Guest {
        items: "(global $evil (mut i32) (i32.const 0))
            (func (export \"cabi_post_betrace:rules/pack@1.0.0#evaluate\") (param i32)
              (if (global.get $evil) (then (loop $l (br $l)))))"
            .into(),
        ..evaluating("(global.set $evil (i32.const 1))")
    };
    let realloc = Guest {
        // The list of the ends of two traces takes eight bytes; a trial pair's too, but never two of four rows.
        realloc: "(if (i32.ge_u (local.get 3) (i32.const 100000)) (then (loop $l (br $l))))".into(),
        rules: vec![named_rule("a", "A")],
        ..Guest::default()
    };
    vec![
        ("a loop", evaluating("(loop $l (br $l))")),
        (
            "a loop that asks for memory",
            evaluating("(loop $l (drop (memory.grow (i32.const 0))) (br $l))"),
        ),
        (
            "a loop that fills 1 MB at a time",
            evaluating(
                "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000000)) (br $l))",
            ),
        ),
        ("a loop in the post-return", post),
        ("a loop in the allocator", realloc),
    ]
}

fn batch(n_spans: usize) -> Batch {
    Batch {
        traces: 2,
        trace_ends: vec![n_spans as u32 / 2, n_spans as u32],
        facts: vec![0, 0],
        columns: vec![Column {
            table: 0,
            kinds: Vec::new(),
            values: Values::U8s(vec![1; n_spans]),
        }],
        literals: Vec::new(),
        text: Vec::new(),
        text_ends: vec![0],
    }
}

/// Stops a rule again and again whose fuel would last a minute.
fn stop(name: &str, guest: &Guest) {
    let limits = SandboxLimits {
        instances_max: 1,
        fuel_per_span: 1 << 40,
        fuel_per_ms_min: u64::MAX,
        deadline_min: DEADLINE,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let pack = sandbox.load(&guest.build()).unwrap();
    let batch = if guest.realloc.is_empty() {
        Batch {
            columns: Vec::new(),
            ..batch(4)
        }
    } else {
        batch(200_000)
    };
    let (mut passed, mut computed) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (begun, before) = (Instant::now(), cpu());
        let answer = sandbox.call(&pack, &[0], &batch, CallBudget::default());
        computed.push(cpu().saturating_sub(before));
        passed.push(begun.elapsed());
        match answer {
            Err(CallError::Fault(fault)) if fault.kind == Reason::DeadlineExceeded => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    line(name, passed, computed);
}

/// An ordinary rule on a full batch, and on one trace.
fn evaluate() {
    let limits = SandboxLimits {
        instances_max: 1,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let guest = Guest {
        rules: vec![named_rule("a", "A")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let pack = sandbox.load(&guest.build()).unwrap();
    for (name, batch) in [
        ("an evaluation of 16,384 spans", batch(SPANS_PER_CALL_MAX)),
        ("an evaluation of one span of two traces", batch(2)),
    ] {
        // The first call touches what later ones find: an instance's first pages are kept when it ends.
        let touched = page_faults();
        let call = || sandbox.call(&pack, &[0], &batch, CallBudget::default());
        call().unwrap();
        let touched = (page_faults() - touched) * 4;
        let (mut passed, mut computed) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let (begun, before) = (Instant::now(), cpu());
            call().unwrap();
            computed.push(cpu().saturating_sub(before));
            passed.push(begun.elapsed());
        }
        line(name, passed, computed);
        println!(
            "{:<44} {touched:>7} KiB",
            "  memory that the first of them touches"
        );
    }
}

/// An ordinary pack as a server loads it: in a child.
fn load() {
    let compiler = PackCompiler::Child {
        program: env!("CARGO_BIN_EXE_betrace").into(),
    };
    let sandbox = Sandbox::new(compiler, SandboxLimits::default()).unwrap();
    let guest = Guest {
        rules: (0..10).map(|n| named_rule(&format!("r{n}"), "A")).collect(),
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let bytes = guest.build();
    let (mut passed, mut computed) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (begun, before) = (Instant::now(), cpu());
        // Dropped at once, so that it is loaded anew.
        drop(sandbox.load(&bytes).unwrap());
        computed.push(cpu().saturating_sub(before));
        passed.push(begun.elapsed());
    }
    line(
        "a load of ten rules, without the child's CPU",
        passed,
        computed,
    );
}

fn line(name: &str, passed: Vec<Duration>, computed: Vec<Duration>) {
    let [p50, p99] = percentiles(passed);
    let [cpu_p50, cpu_p99] = percentiles(computed);
    println!("{name:<44} {p50:>10} {p99:>10} {cpu_p50:>10} {cpu_p99:>10}");
}

fn percentiles(mut times: Vec<Duration>) -> [String; 2] {
    times.sort_unstable();
    [times.len() / 2, times.len() * 99 / 100]
        .map(|at| format!("{:.3} ms", times[at].as_secs_f64() * 1e3))
}

/// How long this thread has run on a processor.
fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = text.split_ascii_whitespace().next().unwrap();
    Duration::from_nanos(nanos.parse().unwrap())
}

/// How often this process touched a page that it did not have: the tenth field of `/proc/self/stat`.
fn page_faults() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    rest.split_ascii_whitespace()
        .nth(7)
        .unwrap()
        .parse()
        .unwrap()
}
