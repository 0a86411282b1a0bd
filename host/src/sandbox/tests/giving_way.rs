//! A call that is to be in nobody's way gives way while its guest computes, and is stopped as any other.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use super::*;

/// Asking for no memory leaves the compiled code, so a unit of fuel takes long.
const FOR_EVER: &str = "(loop $l (drop (memory.grow (i32.const 0))) (br $l))";

/// Fuel for ever, and so much time.
fn within(deadline_min: Duration) -> Sandbox {
    let limits = SandboxLimits {
        instances_max: 1,
        fuel_per_span: 512,
        fuel_per_ms_min: 1_000_000,
        deadline_min,
        ..SandboxLimits::default()
    };
    Sandbox::new(PackCompiler::InProcess, limits).unwrap()
}

fn kind_of_fault(sandbox: &Sandbox, give_way: Option<fn()>) -> Reason {
    let pack = sandbox.load(&later(FOR_EVER).build()).unwrap();
    let budget = CallBudget {
        give_way,
        ..CallBudget::default()
    };
    match sandbox.call(&pack, &[0], &batch(), budget) {
        Err(CallError::Fault(fault)) => fault.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_to_be_in_nobodys_way_gives_way_every_millisecond() {
    static GAVE_WAY: AtomicUsize = AtomicUsize::new(0);
    let give_way = || _ = GAVE_WAY.fetch_add(1, Ordering::Relaxed);
    let sandbox = within(Duration::from_millis(100));
    let kind = kind_of_fault(&sandbox, Some(give_way));
    assert_eq!(kind, Reason::DeadlineExceeded);
    // By whole rounds it would be ten times.
    let n = GAVE_WAY.load(Ordering::Relaxed);
    assert!(n >= 50, "{n}");
}

#[test]
fn the_deadlines_of_others_are_the_same_however_often_somebody_begins_to_give_way() {
    let sandbox = within(Duration::from_millis(20));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                // Each wakes the ticker: its round never ends.
                drop(sandbox.epoch.tick_by_tick());
            }
        });
        let kind = kind_of_fault(&sandbox, None);
        is_over.store(true, Ordering::Release);
        assert_eq!(kind, Reason::DeadlineExceeded);
    });
}
