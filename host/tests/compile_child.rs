//! Packs compiled by the binary, run again as a child with limits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]
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

/// Guarantees: a small file that is dear to compile ends with the child's limits, not with the host's
/// patience.
#[test]
fn a_pack_that_takes_too_much_to_compile_is_refused() {
    let sandbox = sandbox(env!("CARGO_BIN_EXE_betrace"));
    // Every variable changes in the innermost of many loops, so every loop has each of them as a parameter.
    let (n_loops, n_locals) = (900, 5_000);
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
    let bytes = guest.build();
    assert!(bytes.len() < 64 << 10, "{}", bytes.len());
    let error = sandbox.load(&bytes).unwrap_err();
    assert!(matches!(error, LoadError::CompileLimit { .. }), "{error}");
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
