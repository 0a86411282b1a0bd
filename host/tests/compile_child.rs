//! Packs compiled by the binary, run again as a child with limits.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]
#![expect(
    dead_code,
    reason = "the module of hand-made guests serves the unit tests too"
)]

#[path = "../src/guest.rs"]
mod guest;

use std::path::PathBuf;

use betrace::sandbox::{Batch, CallBudget, LoadError, PackCompiler, Sandbox, SandboxLimits};
use guest::{Guest, HAS_NAME, named_rule};

fn sandbox(program: impl Into<PathBuf>) -> Sandbox {
    let compiler = PackCompiler::Child {
        program: program.into(),
    };
    let limits = SandboxLimits {
        instances_max: 2,
        ..SandboxLimits::default()
    };
    Sandbox::new(compiler, limits).unwrap()
}

#[test]
fn what_the_child_compiles_runs_here() {
    let sandbox = sandbox(env!("CARGO_BIN_EXE_betrace"));
    let guest = Guest {
        rules: vec![named_rule("a", "A")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let pack = sandbox.load(&guest.build()).unwrap();
    let batch = Batch {
        traces: 1,
        trace_ends: vec![1],
        facts: vec![0],
        columns: vec![betrace::sandbox::Column {
            table: 0,
            kinds: Vec::new(),
            values: betrace::sandbox::Values::U8s(vec![1]),
        }],
        literals: Vec::new(),
        text: Vec::new(),
        text_ends: vec![0],
    };
    let answer = sandbox
        .call(&pack, &[0], &batch, CallBudget::default())
        .unwrap();
    assert_eq!(answer.findings.verdicts, [2]);
}

/// A function of loops in each other, in the innermost of which every variable changes: each loop has each variable
/// as a parameter, so that a few dozen KiB of code come to millions.
fn dear(n_loops: usize, n_locals: usize) -> Vec<u8> {
    let locals = "i64 ".repeat(n_locals);
    let open = "loop ".repeat(n_loops);
    let close = "local.get 0 br_if 0 end ".repeat(n_loops);
    let sets: String = (1..n_locals)
        .flat_map(|n| {
            ["local.get ", "i64.const ", "i64.add local.set "].map(|word| format!("{word}{n} "))
        })
        .collect();
    let guest = Guest {
        items: format!(
            "(func (export \"dear\") (param i32) (local {locals}) {open} {sets} {close})"
        ),
        ..Guest::default()
    };
    guest.build()
}

/// Loads what takes too much, and says of what.
fn limit_met(bytes: &[u8]) -> String {
    assert!(bytes.len() < 128 << 10, "{}", bytes.len());
    let sandbox = sandbox(env!("CARGO_BIN_EXE_betrace"));
    let error = sandbox.load(bytes).unwrap_err();
    let LoadError::CompileLimit { what } = error else {
        panic!("{error}")
    };
    what
}

#[test]
fn a_program_that_is_no_compiler_is_the_host_s_fault() {
    for program in ["/nonexistent/betrace", "/bin/true"] {
        let error = sandbox(program)
            .load(&Guest::default().build())
            .unwrap_err();
        assert!(matches!(error, LoadError::Host { .. }), "{error}");
    }
}

/// Guarantees: a small file that is dear to compile ends with the child's limits, not with the host's patience.
#[test]
fn compile_cpu_seconds_max_exceeded() {
    let what = limit_met(&dear(500, 1_000));
    // Where others keep the processors busy, the time that passes is up first.
    assert!(
        what.contains("5 s of processor time") || what.contains(" ms"),
        "{what}"
    );
}

#[test]
fn compile_memory_bytes_max_exceeded() {
    let what = limit_met(&dear(400, 8_000));
    // It takes about as much of the one as of the other, of time where the processor is slow.
    assert!(
        ["1024 MiB of memory", "5 s of processor time", " ms"]
            .iter()
            .any(|limit| what.contains(limit)),
        "{what}"
    );
}

fn assert_compiles(bytes: &[u8]) {
    let pack = sandbox(env!("CARGO_BIN_EXE_betrace")).load(bytes).unwrap();
    assert_eq!(pack.rules().len(), 1);
}

#[test]
fn compile_cpu_seconds_max_obeyed() {
    assert_compiles(&dear(10, 100));
}

#[test]
fn compile_memory_bytes_max_obeyed() {
    assert_compiles(&dear(20, 200));
}

#[test]
fn compiled_bytes_max_obeyed() {
    let guest = Guest {
        items: format!(
            "(func {})",
            "(drop (i32.load (i32.const 0)))".repeat(50_000)
        ),
        ..Guest::default()
    };
    assert_compiles(&guest.build());
}
