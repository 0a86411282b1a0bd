//! Limits of the engine, obeyed and exceeded, and what a call may not leave behind.
//!
//! The child that compiles is tested with the binary, in `tests/compile_child.rs`.

mod answers;
mod giving_way;
mod limits_of_calls;
mod limits_of_packs;
mod limits_of_time;
mod loading;
mod pairs;

use super::*;
use crate::{
    guest::{ALWAYS_0, Guest, GuestRule, HAS_NAME, named_rule, rule, wrap_text},
    verdict::Reason,
};

fn sandbox() -> Sandbox {
    let limits = SandboxLimits {
        instances_max: 4,
        ..SandboxLimits::default()
    };
    Sandbox::new(PackCompiler::InProcess, limits).unwrap()
}

fn load(guest: &Guest) -> Result<Arc<PackPre>, LoadError> {
    sandbox().load(&guest.build())
}

/// Whether the batch is that of [`batch`]: no trial batch has two traces of four rows.
const IS_LIVE: &str = "(i32.and (i32.eq (local.get $traces) (i32.const 2))
    (i32.eq (i32.load offset=4 (local.get $trace_ends)) (i32.const 4)))";

/// A guest that behaves on the trial batches, and runs `evil` on that of [`batch`].
fn later(evil: &str) -> Guest {
    Guest {
        evaluate: format!("(if {IS_LIVE} (then {evil})) {ALWAYS_0}"),
        ..Guest::default()
    }
}

/// A batch of two traces, the second incomplete, of two rows each.
fn batch() -> Batch {
    Batch {
        traces: 2,
        trace_ends: vec![2, 4],
        facts: vec![0, 1],
        columns: Vec::new(),
        literals: Vec::new(),
        text: Vec::new(),
        text_ends: vec![0],
    }
}

fn call(guest: &Guest) -> Result<Answer, CallError> {
    let sandbox = sandbox();
    let pack = sandbox.load(&guest.build()).unwrap();
    sandbox.call(&pack, &[0], &batch(), CallBudget::default())
}

fn fault(guest: &Guest) -> RuleFault {
    match call(guest) {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fuel_per_span_obeyed() {
    let rounds = "(local $i i64) (local.set $i (i64.const 5000000))
        (loop $l (br_if $l (i64.ne (local.tee $i (i64.sub (local.get $i) (i64.const 1))) (i64.const 0))))";
    let guest = Guest {
        evaluate: format!("{rounds} {ALWAYS_0}"),
        ..Guest::default()
    };
    let answer = call(&guest).unwrap();
    assert_eq!(answer.findings.verdicts, [0, 0]);
    assert!(answer.fuel_spent > 20_000_000, "{}", answer.fuel_spent);
}

#[test]
fn fuel_per_span_exceeded() {
    let fault = fault(&later("(loop $l (br $l))"));
    assert_eq!(fault.kind, Reason::OutOfFuel);
    assert_eq!(fault.fuel_spent, limits::FUEL_PER_SPAN * 16_384);
}

#[test]
fn deadline_min_exceeded() {
    let limits = SandboxLimits {
        instances_max: 1,
        fuel_per_span: 512,
        fuel_per_ms_min: 1_000_000,
        deadline_min: std::time::Duration::from_millis(20),
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    // Asking for no memory leaves the compiled code, so a unit of fuel takes long.
    let slow = "(loop $l (drop (memory.grow (i32.const 0))) (br $l))";
    let pack = sandbox.load(&later(slow).build()).unwrap();
    let error = sandbox.call(&pack, &[0], &batch(), CallBudget::default());
    let Err(CallError::Fault(fault)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(fault.kind, Reason::DeadlineExceeded, "{fault}");
    assert!(fault.fuel_spent < limits.fuel(1, 4));
}

/// Takes so many MiB at once.
fn take(mib: u32) -> Guest {
    later(&format!("(drop (call $alloc (i32.const {})))", mib << 20))
}

#[test]
fn memory_bytes_max_obeyed() {
    assert_eq!(call(&take(60)).unwrap().findings.verdicts, [0, 0]);
}

#[test]
fn memory_bytes_max_exceeded() {
    let fault = fault(&take(64));
    assert_eq!(fault.kind, Reason::MemoryLimit, "{fault}");
    assert_eq!(fault.detail, "asked for more than 64 MiB of memory");
}

#[test]
fn traps_are_faults_that_name_the_trap() {
    let deep = Guest {
        items: "(func $deep (param i64) (result i64) (i64.add (call $deep (local.get 0)) (local.get 0)))".into(),
        ..later("(drop (call $deep (i64.const 1)))")
    };
    let cases = [
        (later("unreachable"), "unreachable"),
        (
            later("(drop (i32.load (i32.const 2000000000)))"),
            "out of bounds memory access",
        ),
        (
            later("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
            "integer divide by zero",
        ),
        (deep, "call stack exhausted"),
    ];
    for (guest, expected) in cases {
        let fault = fault(&guest);
        assert_eq!(fault.kind, Reason::Trapped, "{fault}");
        assert!(fault.detail.contains(expected), "{fault}");
    }
}

#[test]
fn a_lying_allocator_is_a_fault() {
    // Hands out the last byte of memory for whatever is asked.
    let guest = Guest {
        rules: vec![named_rule("a", "A")],
        ..Guest::default()
    };
    let sandbox = sandbox();
    let text = "(call $answer (local.get $n_rules) (local.get $traces) (i32.const 0))";
    let pack = sandbox
        .load(
            &Guest {
                items: "(global $lies (mut i32) (i32.const 0))".into(),
                evaluate: text.into(),
                ..guest
            }
            .build(),
        )
        .unwrap();
    let mut batch = batch();
    batch.columns = vec![Column {
        table: 0,
        kinds: Vec::new(),
        values: Values::U8s(vec![0; 70 << 20]),
    }];
    let error = sandbox.call(&pack, &[0], &batch, CallBudget::default());
    let Err(CallError::Fault(fault)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(fault.kind, Reason::MemoryLimit, "{fault}");
}

#[test]
fn a_call_leaves_nothing_behind_for_the_next() {
    let guest = Guest {
        items: "(global $calls (mut i32) (i32.const 0))".into(),
        evaluate: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.store (i32.const 400000) (i32.add (i32.load (i32.const 400000)) (i32.const 1)))
            (if (i32.ne (i32.load (i32.const 400000)) (i32.const 1)) (then unreachable))
            (call $answer (local.get $n_rules) (local.get $traces) (i32.sub (global.get $calls) (i32.const 1)))"
            .into(),
        ..Guest::default()
    };
    let sandbox = sandbox();
    let pack = sandbox.load(&guest.build()).unwrap();
    for _ in 0..20 {
        let answer = sandbox.call(&pack, &[0], &batch(), CallBudget::default());
        assert_eq!(answer.unwrap().findings.verdicts, [0, 0]);
    }
}

#[test]
fn instances_max_exceeded() {
    let sandbox = sandbox();
    let pack = sandbox.load(&Guest::default().build()).unwrap();
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .map(|_| sandbox.call(&pack, &[0], &batch(), CallBudget::default()))
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap().len(), 20);
        }
    });
}

#[test]
fn packs_max_obeyed() {
    let limits = SandboxLimits {
        packs_max: 2,
        instances_max: 1,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let packs = ["a", "b"].map(|id| {
        let guest = Guest {
            rules: vec![rule(id)],
            ..Guest::default()
        };
        sandbox.load(&guest.build()).unwrap()
    });
    assert_eq!(sandbox.n_loaded(), packs.len());
}

#[test]
fn packs_max_exceeded() {
    let limits = SandboxLimits {
        packs_max: 1,
        instances_max: 1,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let other = Guest {
        rules: vec![rule("other")],
        ..Guest::default()
    };
    let first = sandbox.load(&Guest::default().build()).unwrap();
    let refused = sandbox.load(&other.build());
    assert!(matches!(refused, Err(LoadError::TooManyPacks { max: 1 })));
    drop(first);
    assert!(sandbox.load(&other.build()).is_ok());
}
