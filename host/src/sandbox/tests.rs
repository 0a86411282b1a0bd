//! Every limit, obeyed and exceeded; every lie that findings can tell.
//!
//! The child that compiles is tested with the binary, in `tests/compile_child.rs`.

mod giving_way;
mod limits_of_calls;
mod limits_of_packs;
mod limits_of_time;
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
fn a_pack_that_behaves_is_loaded_once_and_answers() {
    let sandbox = sandbox();
    let guest = Guest {
        rules: vec![named_rule("a", "A"), named_rule("b", "B")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let bytes = guest.build();
    let pack = sandbox.load(&bytes).unwrap();
    assert!(Arc::ptr_eq(&pack, &sandbox.load(&bytes).unwrap()));
    assert_eq!(sandbox.n_loaded(), 1);
    assert_eq!(pack.plan().names, ["A", "B"]);
    assert_eq!(pack.plan().wants.len(), 1);
    assert_eq!(pack.rules()[1].id.as_str(), "b");
    let mut batch = batch();
    batch.columns = vec![Column {
        table: 0,
        kinds: Vec::new(),
        values: Values::U8s(vec![0, 1, 2, 2]),
    }];
    let answer = sandbox
        .call(&pack, &[0, 1], &batch, CallBudget::default())
        .unwrap();
    assert_eq!(answer.findings.verdicts, [2, 0, 0, 2]);
    assert_eq!(answer.findings.violation_rule, [0, 1]);
    assert_eq!(answer.findings.violation_trace, [0, 1]);
    assert_eq!(answer.findings.witnesses, [1, 2]);
    assert!(answer.fuel_spent > 0);
    drop(pack);
    assert_eq!(sandbox.n_loaded(), 0);
}

#[test]
fn what_is_not_a_pack_is_refused_with_what_it_is() {
    let good = Guest::default().build();
    let core = wat::parse_str("(module)").unwrap();
    let world = wrap_text(
        &wat::parse_str("(module (func (export \"go\")))").unwrap(),
        "package a:b; world w { export go: func(); }",
        "w",
    );
    let importing = wrap_text(
        &wat::parse_str(
            "(module (import \"a:b/clock\" \"now\" (func (result i64))) (func (export \"go\")))",
        )
        .unwrap(),
        "package a:b; interface clock { now: func() -> u64; } world w { import clock; export go: func(); }",
        "w",
    );
    let other_version = wrap_text(
        &wat::parse_str("(module (func (export \"betrace:rules/pack@2.1.0#go\")))").unwrap(),
        "package betrace:rules@2.1.0; interface pack { go: func(); } world w { export pack; }",
        "w",
    );
    let same_name = wrap_text(
        &wat::parse_str("(module (func (export \"betrace:rules/pack@1.0.0#go\")))").unwrap(),
        "package betrace:rules@1.0.0; interface pack { go: func(); } world w { export pack; }",
        "w",
    );
    let mut too_large = good.clone();
    too_large.resize(limits::PACK_BYTES_MAX + 1, 0);
    let cases: [(&[u8], &str); 14] = [
        (b"", "truncated"),
        (b"\0asm", "truncated"),
        (b"rule x { match { a } }", "`.btr`"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "ELF"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "compressed"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", "does not begin"),
        (&core, "core module"),
        (&good[..good.len() / 2], "truncated"),
        (&good[..good.len() - 1], "truncated"),
        (&too_large, "at most 4194304"),
        (&world, "exports `go`"),
        (&importing, "imports a:b/clock: rules have no imports"),
        (&other_version, "built for `betrace:rules/pack@2.1.0`"),
        (&same_name, "not that of the contract"),
    ];
    let sandbox = sandbox();
    for (bytes, expected) in cases {
        let error = sandbox.load(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(sandbox.n_loaded(), 0);
}

#[test]
fn shapes_that_no_pack_has_are_refused_before_they_are_compiled() {
    let cases = [
        (
            "(component (core module) (core module))",
            "more than one core module",
        ),
        (
            "(component (component (core module)))",
            "module inside a nested component",
        ),
        ("(component (component (component)))", "nests components"),
        (
            "(component (core module $m) (core instance (instantiate $m)) (core instance (instantiate $m)))",
            "more than once",
        ),
        (
            "(component (core module (memory 2000)))",
            "125 MiB of memory to begin with, a pack at most 64",
        ),
        (
            "(component (core module (table 1 funcref) (table 1 funcref)))",
            "more than one table",
        ),
        (
            "(component (core module (table 20000 funcref)))",
            "20000 entries in its table, a pack at most 16384",
        ),
        (
            "(component (type $r (resource (rep i32))) (core func (canon resource.new $r)))",
            "declares resources",
        ),
        (
            "(component (import \"wasi:io/poll@0.2.0\" (instance)))",
            "imports wasi:io/poll@0.2.0: rules have no imports",
        ),
    ];
    let sandbox = sandbox();
    for (text, expected) in cases {
        let error = sandbox
            .load(&wat::parse_str(text).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn features_that_a_rule_has_no_use_for_do_not_exist() {
    let cases = [
        "(memory 1 1 shared)",
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(tag)",
        "(type (struct))",
        "(func (param i32) (result i32) (return_call 0 (local.get 0)))",
        "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
        "(func (param (ref func)))",
    ];
    for items in cases {
        let module = format!(
            "(component (core module {items})
               (instance $pack) (export \"betrace:rules/pack@1.0.0\" (instance $pack)))"
        );
        let error = sandbox()
            .load(&wat::parse_str(&module).unwrap())
            .unwrap_err();
        assert!(
            matches!(error, LoadError::Invalid { .. } | LoadError::Shape { .. }),
            "{items}: {error}"
        );
    }
}

#[test]
fn every_field_of_a_description_is_checked() {
    type Change<'a> = Box<dyn Fn(&mut GuestRule) + 'a>;
    let long = "x".repeat(20_000);
    let cases: Vec<(Change<'_>, &str)> = vec![
        (Box::new(|r| r.id = "A b".into()), "number 1`: its id"),
        (Box::new(|r| r.id = String::new()), "its id"),
        (Box::new(|r| r.signal = String::new()), "no name"),
        (
            Box::new(|r| r.signal = "\u{1b}[31m".into()),
            "control character",
        ),
        (Box::new(|r| r.names = vec![long.clone()]), "20000 bytes"),
        (
            Box::new(|r| r.any_of = vec![vec!["b".into()]]),
            "not among its names",
        ),
        (Box::new(|r| r.otherwise = 2), "must be 0 or 1"),
        (
            Box::new(|r| r.reads = vec![["span".into(), "baggage".into(), "value".into()]]),
            "reads `span` `baggage` as `value`",
        ),
        (
            Box::new(|r| r.message = vec![Err(long.clone())]),
            "its message hold 20000",
        ),
        (Box::new(|r| r.severity = 9), "describe"),
    ];
    for (change, expected) in cases {
        let mut guest = Guest::default();
        change(&mut guest.rules[0]);
        let error = load(&guest).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let twice = Guest {
        rules: vec![rule("a"), rule("a")],
        ..Guest::default()
    };
    assert!(
        load(&twice)
            .unwrap_err()
            .to_string()
            .contains("two rules with the id `a`")
    );
    let none = Guest {
        rules: Vec::new(),
        ..Guest::default()
    };
    assert!(
        load(&none)
            .unwrap_err()
            .to_string()
            .contains("holds 0 rules")
    );
}

#[test]
fn a_pack_that_fails_to_describe_itself_is_refused() {
    let cases = [
        ("(loop $l (br $l)) unreachable", "out_of_fuel"),
        ("unreachable", "trapped"),
        ("(i32.const 70000000)", "bad_output"),
        // A list of 16 million rules at address 0.
        (
            "(i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 12) (i32.const 16000000)) (i32.const 8)",
            "bad_output",
        ),
    ];
    for (describe, expected) in cases {
        let guest = Guest {
            describe: Some(describe.into()),
            ..Guest::default()
        };
        let error = load(&guest).unwrap_err();
        assert!(matches!(error, LoadError::Describe(_)), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_rule_that_fails_on_a_trial_batch_is_refused_by_name() {
    let guest = Guest {
        rules: vec![rule("good"), rule("bad")],
        evaluate: format!(
            "(if (i32.eq (i32.load (local.get $rules)) (i32.const 1)) (then unreachable))
             (if (i32.gt_u (local.get $n_rules) (i32.const 1)) (then unreachable)) {ALWAYS_0}"
        ),
        ..Guest::default()
    };
    let error = load(&guest).unwrap_err().to_string();
    assert!(
        error.contains("rule `bad` failed on a trial batch of 8 traces: trapped"),
        "{error}"
    );
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

/// A guest that says `not_applicable` of the batch of two traces, after `body` has changed `$out`.
fn lie(body: &str) -> Guest {
    Guest {
        evaluate: format!(
            "(local $out i32) (local.set $out {ALWAYS_0})
             (if {IS_LIVE} (then {body}))
             (local.get $out)"
        ),
        ..Guest::default()
    }
}

fn set(offset: u32, value: &str) -> String {
    format!("(i32.store offset={offset} (local.get $out) {value})")
}

fn verdict(trace: u32, verdict: u32) -> String {
    format!("(i32.store8 offset={trace} (i32.load (local.get $out)) (i32.const {verdict}))")
}

fn violate(rule: u32, trace: u32, row: u32) -> String {
    format!(
        "(call $violate (local.get $out) (i32.const {rule}) (i32.const {trace}) (i32.const {row}))"
    )
}

fn assert_bad_output(cases: &[(String, &str)]) {
    for (body, expected) in cases {
        let fault = fault(&lie(body));
        assert_eq!(fault.kind, Reason::BadOutput, "{expected}: {fault}");
        assert!(fault.detail.contains(expected), "{expected}: {fault}");
    }
}

#[test]
fn lists_that_are_not_there_and_verdicts_out_of_range_are_faults() {
    assert_bad_output(&[
        (
            set(4, "(i32.const 1)"),
            "1 verdicts for 1 rules and 2 traces",
        ),
        (set(4, "(i32.const 0x7fffffff)"), "out of bounds"),
        (set(0, "(i32.const 0x7ffffff0)"), "out of bounds"),
        (
            set(4, "(i32.const 60000)"),
            "hands over more than the 4144 bytes that its answer may take",
        ),
        (set(12, "(i32.const 1)"), "1 violations with 0 traces"),
        (verdict(0, 4), "a verdict of 4"),
        (verdict(1, 3), "does not say `facts`"),
    ]);
}

#[test]
fn violations_that_do_not_match_the_verdicts_are_faults() {
    let second = verdict(1, 2);
    assert_bad_output(&[
        (
            second.clone(),
            "trace 1 is violated by rule 0, and the next violation is None",
        ),
        (violate(0, 1, 2), "more violations than verdicts"),
        (
            second.clone() + &violate(0, 0, 0),
            "trace 1 is violated by rule 0",
        ),
        (
            second.clone() + &violate(1, 1, 2),
            "trace 1 is violated by rule 0",
        ),
        (
            verdict(0, 2) + &second + &violate(0, 1, 2) + &violate(0, 0, 0),
            "trace 0 is violated by rule 0",
        ),
        (
            second
                + &violate(0, 1, 2)
                + "(i32.store8 (i32.load offset=24 (local.get $out)) (i32.const 3))",
            "a clause of 3",
        ),
    ]);
}

#[test]
fn witnesses_that_are_not_of_their_trace_are_faults() {
    let second = |row| verdict(1, 2) + &violate(0, 1, row);
    let ends = |end| format!("(i32.store (i32.load offset=32 (local.get $out)) (i32.const {end}))");
    let push = "(call $push (i32.add (local.get $out) (i32.const 40)) (i32.const 2))";
    assert_bad_output(&[
        (second(1), "none of the rows 2 to 4"),
        (second(4), "none of the rows 2 to 4"),
        (second(2) + &ends(2), "witnesses from 0 to 2 of 1"),
        (second(2) + &ends(0), "belong to no violation"),
        (second(3) + push + &ends(2), "do not ascend"),
    ]);
}

#[test]
fn a_rule_with_facts_leaves_only_incomplete_traces_undecided() {
    let undecided = |trace: u32| {
        Guest {
        rules: vec![GuestRule {
            facts: true,
            ..rule("r")
        }],
        evaluate: format!(
            "(local $out i32) (local.set $out (call $answer (local.get $n_rules) (local.get $traces) (i32.const 0)))
             (if {IS_LIVE}
               (then (i32.store8 offset={trace} (i32.load (local.get $out)) (i32.const 3))))
             (local.get $out)"
        ),
        ..Guest::default()
    }
    };
    assert_eq!(call(&undecided(1)).unwrap().findings.verdicts, [0, 3]);
    assert_eq!(fault(&undecided(0)).detail, "a complete trace is undecided");
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
