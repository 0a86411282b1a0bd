//! What a process may choose, and what an instance may use.

use super::*;
use crate::sandbox::limits::FUEL_PER_MS_MIN;

#[test]
fn instances_max_obeyed() {
    let limits = SandboxLimits {
        instances_max: 3,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let pack = sandbox.load(&Guest::default().build()).unwrap();
    std::thread::scope(|scope| {
        let calls = [(); 3]
            .map(|()| scope.spawn(|| sandbox.call(&pack, &[0], &batch(), CallBudget::default())));
        for call in calls {
            assert!(call.join().unwrap().is_ok());
        }
    });
}

/// Goes round `n` times.
fn rounds(n: u64) -> Guest {
    Guest {
        items: "(global $i (mut i64) (i64.const 0))".into(),
        ..later(&format!(
            "(loop $l
               (global.set $i (i64.add (global.get $i) (i64.const 1)))
               (br_if $l (i64.lt_u (global.get $i) (i64.const {n}))))"
        ))
    }
}

/// Units of fuel that a round of [`rounds`] costs.
const OF_ROUND: u64 = 9;

#[test]
fn fuel_per_ms_min_obeyed() {
    // Fuel for a second at the slowest: the deadline follows, and the guest ends well before it.
    let limits = SandboxLimits {
        fuel_per_span: 1_000 * FUEL_PER_MS_MIN / 16_384,
        ..SandboxLimits::default()
    };
    let fuel = limits.fuel(1, 0);
    assert_eq!(
        limits.deadline(fuel).as_millis(),
        u128::from(fuel / FUEL_PER_MS_MIN)
    );
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let pack = sandbox.load(&rounds(fuel / OF_ROUND / 2).build()).unwrap();
    assert!(
        sandbox
            .call(&pack, &[0], &batch(), CallBudget::default())
            .is_ok()
    );
}

#[test]
fn fuel_per_ms_min_exceeded() {
    // No machine spends so much in a millisecond: the time is up before the fuel is spent.
    let limits = SandboxLimits {
        fuel_per_span: 1 << 32,
        fuel_per_ms_min: 1 << 40,
        deadline_min: std::time::Duration::from_millis(20),
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let pack = sandbox.load(&later("(loop $l (br $l))").build()).unwrap();
    let error = sandbox.call(&pack, &[0], &batch(), CallBudget::default());
    let Err(CallError::Fault(fault)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(fault.kind, Reason::DeadlineExceeded, "{fault}");
}

#[test]
fn deadline_min_obeyed() {
    // As in `deadline_min_exceeded`, but it ends.
    let limits = SandboxLimits {
        instances_max: 1,
        fuel_per_span: 512,
        fuel_per_ms_min: 1_000_000,
        deadline_min: std::time::Duration::from_millis(500),
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let pack = sandbox.load(&rounds(100_000).build()).unwrap();
    assert!(
        sandbox
            .call(&pack, &[0], &batch(), CallBudget::default())
            .is_ok()
    );
}

/// Recurses as deep as it is told, in frames of some ten words.
fn recursing(depth: u32) -> Guest {
    Guest {
        items: "(func $deep (param i64 i32) (result i64)
            (if (result i64) (local.get 1)
              (then (i64.add (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))) (local.get 0)))
              (else (local.get 0))))"
            .into(),
        ..later(&format!("(drop (call $deep (i64.const 1) (i32.const {depth})))"))
    }
}

#[test]
fn stack_bytes_max_obeyed() {
    assert!(call(&recursing(2_000)).is_ok());
}

#[test]
fn stack_bytes_max_exceeded() {
    let fault = fault(&recursing(200_000));
    assert_eq!(fault.kind, Reason::Trapped, "{fault}");
    assert!(fault.detail.contains("call stack exhausted"), "{fault}");
}
