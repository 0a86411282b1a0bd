//! Packs that have the right shape and fail before they are published.

use crate::{
    Refused, check_refused,
    guest::{ALWAYS_0, Guest, GuestRule, rule},
    refused,
};

fn with_items(items: &str) -> Vec<u8> {
    Guest {
        items: items.into(),
        ..Guest::default()
    }
    .build()
}

fn describing(body: &str) -> Vec<u8> {
    Guest {
        describe: Some(body.into()),
        ..Guest::default()
    }
    .build()
}

/// Describes itself rightly but for what `lie` does to `$rule`, the record of its one rule.
fn lying(lie: &str) -> Vec<u8> {
    describing(&format!(
        "(local $rule i32) (local.set $rule (i32.load (i32.const DESCRIBED))) {lie} (i32.const DESCRIBED)"
    ))
}

fn judging(body: &str) -> Vec<u8> {
    Guest {
        evaluate: format!("{body} {ALWAYS_0}"),
        ..Guest::default()
    }
    .build()
}

fn of_rules(rules: Vec<GuestRule>) -> Vec<u8> {
    Guest {
        rules,
        ..Guest::default()
    }
    .build()
}

/// Points to a list of `n` items, each at address 0.
fn list(n: u32) -> String {
    format!(
        "(i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 12) (i32.const {n})) (i32.const 8)"
    )
}

const LOOP: &str = "(loop $l (br $l))";
const GROW: &str = "(if (i32.eq (memory.grow (i32.const 2000)) (i32.const -1)) (then unreachable))";

fn starting() -> Vec<Refused> {
    let start = |body: &str| with_items(&format!("(func $start {body}) (start $start)"));
    vec![
        refused(
            "a start function that never ends",
            start(LOOP),
            "`describe` failed: out_of_fuel",
        ),
        refused(
            "a start function that traps",
            start("unreachable"),
            "`describe` failed: trapped",
        ),
        refused(
            "a start function that takes all memory",
            start(GROW),
            "`describe` failed: memory_limit",
        ),
        refused(
            "a start function that recurses",
            with_items("(func $start (call $start)) (start $start)"),
            "`describe` failed: trapped",
        ),
        refused(
            "data beyond the memory",
            with_items("(data (i32.const 0x7fffffff) \"x\")"),
            "`describe` failed: trapped",
        ),
        refused(
            "elements beyond the table",
            with_items("(table 1 funcref) (func $f) (elem (i32.const 9) $f)"),
            "`describe` failed: trapped",
        ),
    ]
}

fn describing_cases() -> Vec<Refused> {
    let post = |body: &str| {
        with_items(&format!(
            "(func (export \"cabi_post_betrace:rules/pack@1.0.0#describe\") (param i32) {body})"
        ))
    };
    let many: Vec<GuestRule> = (0..4_097).map(|n| rule(&format!("r{n}"))).collect();
    let changed = |change: &dyn Fn(&mut GuestRule)| {
        let mut rule = rule("r");
        change(&mut rule);
        of_rules(vec![rule])
    };
    let long = "x".repeat(20_000);
    vec![
        refused(
            "describing without end",
            describing(&format!("{LOOP} unreachable")),
            "out_of_fuel",
        ),
        refused("describing by a trap", describing("unreachable"), "trapped"),
        refused(
            "a description beyond the memory",
            describing("(i32.const 70000000)"),
            "bad_output",
        ),
        refused(
            "a description that is not aligned",
            describing("(i32.const 3)"),
            "bad_output",
        ),
        refused(
            "a description of sixteen million rules",
            describing(&list(16_000_000)),
            "bad_output",
        ),
        refused(
            "a description of four thousand million rules",
            describing(&list(u32::MAX)),
            "bad_output",
        ),
        refused(
            "a description of a hundred thousand times the same rule",
            describing(&list(100_000)),
            "bad_output",
        ),
        refused(
            "an id that is no UTF-8",
            lying("(i32.store8 (i32.load (local.get $rule)) (i32.const 255))"),
            "bad_output",
        ),
        refused(
            "an id of four thousand million bytes",
            lying("(i32.store offset=4 (local.get $rule) (i32.const -1))"),
            "bad_output",
        ),
        refused(
            "an id beyond the memory",
            lying("(i32.store (local.get $rule) (i32.const 0x7ffffff0))"),
            "bad_output",
        ),
        refused(
            "names beyond the memory",
            lying(
                "(i32.store offset=52 (local.get $rule) (i32.const 0x7ffffff0)) (i32.store offset=56 (local.get $rule) (i32.const 9))",
            ),
            "bad_output",
        ),
        refused(
            "a part of a message of a kind that is not there",
            lying(
                "(i32.store offset=28 (local.get $rule) (local.get $rule)) (i32.store offset=32 (local.get $rule) (i32.const 1)) (i32.store8 (local.get $rule) (i32.const 9))",
            ),
            "bad_output",
        ),
        refused(
            "describing with all memory",
            describing(&format!("{GROW} unreachable")),
            "memory_limit",
        ),
        refused(
            "a post-return of describe that never ends",
            post(LOOP),
            "out_of_fuel",
        ),
        refused(
            "a post-return of describe that traps",
            post("unreachable"),
            "trapped",
        ),
        refused(
            "no rules",
            of_rules(Vec::new()),
            "holds 0 rules, and must hold 1 to 4096",
        ),
        refused("4,097 rules", of_rules(many), "holds 4097 rules"),
        refused(
            "the same id twice",
            of_rules(vec![rule("r"), rule("r")]),
            "two rules with the id `r`",
        ),
        refused(
            "an id that drives the terminal",
            changed(&|r| r.id = "\u{1b}[31m".into()),
            "its id",
        ),
        refused(
            "a signal that drives the terminal",
            changed(&|r| r.signal = "\u{1b}[31m".into()),
            "control character",
        ),
        refused(
            "a signal of 20,000 bytes",
            changed(&|r| r.signal.clone_from(&long)),
            "its signal hold 20000 bytes, more than 512",
        ),
        refused(
            "a name of 20,000 bytes",
            changed(&|r| r.names = vec![long.clone()]),
            "20000 bytes, more than 16384",
        ),
        refused(
            "a column that no host has",
            changed(&|r| r.reads = vec![["a\u{7}".into(), "b".into(), "c".into()]]),
            "which this host does not know",
        ),
        refused(
            "an any-of of other names",
            changed(&|r| r.any_of = vec![vec!["b".into()]]),
            "not among its names",
        ),
        refused(
            "257 groups of any-of",
            changed(&|r| r.any_of = vec![Vec::new(); 257]),
            "257 entries, more than 256",
        ),
        refused(
            "a severity out of range",
            changed(&|r| r.severity = 9),
            "bad_output",
        ),
        refused(
            "an otherwise out of range",
            changed(&|r| r.otherwise = 7),
            "must be 0 or 1",
        ),
    ]
}

fn trial_cases() -> Vec<Refused> {
    let realloc = |body: &str| {
        Guest {
            realloc: body.into(),
            ..Guest::default()
        }
        .build()
    };
    let bad_realloc = |text: &str| {
        let guest = Guest {
            realloc: format!("(if (i32.const 1) (then (return (i32.const {text}))))"),
            ..Guest::default()
        };
        guest.build()
    };
    let name = "n".repeat(50_000);
    let deep = format!("(func $f{name} (call $f{name}))");
    let noisy = Guest {
        items: deep,
        evaluate: format!("(call $f{name}) {ALWAYS_0}"),
        ..Guest::default()
    };
    vec![
        refused("judging without end", judging(LOOP), "rule `r` failed on a trial batch of 8 traces: out_of_fuel"),
        refused("judging by a trap", judging("unreachable"), "trapped: wasm `unreachable` instruction executed"),
        refused("a trap in a function whose name has 50,000 bytes", noisy.build(), "call stack exhausted"),
        refused("judging with all memory", judging(GROW), "asked for more than 64 MiB of memory"),
        refused(
            "judging with a table that grows",
            Guest {
                items: "(table 1 funcref)".into(),
                evaluate: format!("(if (i32.eq (table.grow (ref.null func) (i32.const 20000)) (i32.const -1)) (then unreachable)) {ALWAYS_0}"),
                ..Guest::default()
            }
            .build(),
            "asked for more than 16384 entries of its table",
        ),
        refused("an allocator that never ends", realloc(LOOP), "out_of_fuel"),
        refused("an allocator that traps", realloc("unreachable"), "trapped"),
        refused("an allocator of places beyond the memory", bad_realloc("0x7ffffff8"), "bad_output"),
        refused("an allocator of places that are not aligned", bad_realloc("3"), "bad_output"),
        refused(
            "a post-return that never ends",
            with_items("(func (export \"cabi_post_betrace:rules/pack@1.0.0#evaluate\") (param i32) (loop $l (br $l)))"),
            "out_of_fuel",
        ),
        refused(
            "one bad rule of three",
            Guest {
                rules: vec![rule("a"), rule("bad"), rule("c")],
                evaluate: format!(
                    "(local $at i32) (block $out (loop $next
                       (br_if $out (i32.ge_u (local.get $at) (local.get $n_rules)))
                       (if (i32.eq (i32.load (i32.add (local.get $rules) (i32.shl (local.get $at) (i32.const 2)))) (i32.const 1)) (then unreachable))
                       (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $next))) {ALWAYS_0}"
                ),
                ..Guest::default()
            }
            .build(),
            "rule `bad` failed on a trial batch",
        ),
    ]
}

pub(crate) fn cases() -> Vec<Refused> {
    let mut cases = starting();
    cases.extend(describing_cases());
    cases.extend(trial_cases());
    cases
}

#[test]
fn packs_that_fail_before_they_are_published_are_refused_with_how() {
    check_refused(cases());
}
