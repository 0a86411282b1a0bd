//! How soon a rule that never ends is stopped where its fuel lasts. `benches/hostile.rs` has the figures.

use std::{fs, time::Duration};

use betrace::{
    sandbox::{Batch, CallBudget, CallError, LoadError, PackCompiler, Sandbox, SandboxLimits},
    verdict::Reason,
};

use crate::guest::{ALWAYS_0, Guest};

/// Misbehaves where a batch has two traces of four rows, as no trial batch has.
pub(crate) const IS_LIVE: &str = "(i32.and (i32.eq (local.get $traces) (i32.const 2))
    (i32.eq (i32.load offset=4 (local.get $trace_ends)) (i32.const 4)))";

const DEADLINE: Duration = Duration::from_millis(100);

/// Fuel for a minute, so that the deadline is what stops a guest.
fn limits() -> SandboxLimits {
    SandboxLimits {
        instances_max: 1,
        fuel_per_span: 1 << 40,
        fuel_per_ms_min: u64::MAX,
        deadline_min: DEADLINE,
        ..SandboxLimits::default()
    }
}

fn batch() -> Batch {
    Batch {
        traces: 2,
        trace_ends: vec![2, 4],
        facts: vec![0, 0],
        columns: Vec::new(),
        literals: Vec::new(),
        text: Vec::new(),
        text_ends: vec![0],
    }
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
    vec![
        ("a loop", evaluating("(loop $l (br $l))")),
        (
            "a loop that asks for memory",
            evaluating("(loop $l (drop (memory.grow (i32.const 0))) (br $l))"),
        ),
        (
            "a loop that fills all its memory",
            evaluating(
                "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000000)) (br $l))",
            ),
        ),
        ("a post-return", post),
    ]
}

/// How long this thread has run on a processor; `None` where the system does not say.
fn computed() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split_ascii_whitespace().next()?;
    nanos.parse().ok().map(Duration::from_nanos)
}

#[test]
fn a_rule_that_never_ends_computes_for_no_more_than_twice_its_deadline() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits()).unwrap();
    for (name, guest) in looping() {
        let pack = sandbox.load(&guest.build()).unwrap();
        let before = computed();
        let answer = sandbox.call(&pack, &[0], &batch(), CallBudget::default());
        let Err(CallError::Fault(fault)) = answer else {
            panic!("{name}: {answer:?}")
        };
        assert_eq!(fault.kind, Reason::DeadlineExceeded, "{name}: {fault}");
        if let (Some(before), Some(after)) = (before, computed()) {
            let took = after.saturating_sub(before);
            assert!(took < 2 * DEADLINE, "{name}: {took:?}");
        }
    }
}

/// Before a pack is published somebody waits for the answer: what stops it then is time that passes.
#[test]
fn a_pack_that_never_starts_or_describes_itself_is_refused_in_time() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits()).unwrap();
    let starts = Guest {
        items: "(func $start (loop $l (br $l))) (start $start)".into(),
        ..Guest::default()
    };
    let describes = Guest {
        describe: Some("(loop $l (br $l)) unreachable".into()),
        ..Guest::default()
    };
    for guest in [starts, describes] {
        let before = computed();
        let error = sandbox.load(&guest.build()).unwrap_err();
        assert!(matches!(error, LoadError::TrialLimit { .. }), "{error}");
        if let (Some(before), Some(after)) = (before, computed()) {
            // Compiling is in it.
            let took = after.saturating_sub(before);
            assert!(took < Duration::from_secs(3), "{took:?}");
        }
    }
}
