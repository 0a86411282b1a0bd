//! What is loaded and what is refused, with what is said of it.

use super::*;

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
