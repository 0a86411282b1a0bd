//! Packs that behave until they judge real traces.
//!
//! Each has two rules, `good` and `bad`, that share their calls. `bad` misbehaves where it is shown a trace of a
//! thousand spans, as no trial batch has. Whatever it does, `good` and a neighbour in another pack say what they say
//! without it, `bad` says what is right of the other traces, and of the long one that it is inconclusive, and why.

use std::sync::Arc;

use betrace::{
    block::{Block, BlockBuilder},
    clock::UnixNanos,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::Sandbox,
    tenant::TenantId,
    trace::{Facts, SealedTrace, SpanRecord, TraceId},
    verdict::{
        Reason, RuleVerdicts,
        Verdict::{Inconclusive, NotApplicable, Violated},
    },
};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::{
    guest::{Guest, GuestRule, HAS_NAME, named_rule},
    sandbox,
};

/// A pack that is loaded, and what its rule `bad` comes to on the long trace.
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) guest: Guest,
    reason: Reason,
}

/// Which of the traces is long.
pub(crate) const LONG: usize = 3;

/// Whether the call is one of `bad` and holds the long trace: the rule is listed last, and there are many rows.
const EVIL: &str = "(i32.and
    (i32.ge_u (i32.load offset=20 (local.get $cols)) (i32.const 1000))
    (i32.eq
      (i32.load (i32.add (local.get $rules) (i32.shl (i32.sub (local.get $n_rules) (i32.const 1)) (i32.const 2))))
      (i32.const 1)))";

/// Both see the rows of both names, so that they share a cluster.
fn rules() -> Vec<GuestRule> {
    let both = |id: &str| GuestRule {
        names: vec!["A".into(), "boom".into()],
        any_of: Vec::new(),
        ..named_rule(id, "A")
    };
    vec![both("good"), both("bad")]
}

/// A pack that does `before` it judges and `after`, with its findings in `$out`, where it is shown the long trace.
pub(crate) fn pack(before: &str, after: &str) -> Guest {
    let begin = format!("(if {EVIL} (then {before})) (local.set $names");
    let evaluate = HAS_NAME.replacen("(local.set $names", &begin, 1);
    let body = evaluate
        .trim_end()
        .strip_suffix("(local.get $out)")
        .unwrap();
    Guest {
        rules: rules(),
        evaluate: format!("{body} (if {EVIL} (then {after})) (local.get $out)"),
        ..Guest::default()
    }
}

fn does(name: &'static str, before: &str, reason: Reason) -> Judged {
    Judged {
        name,
        guest: pack(before, ""),
        reason,
    }
}

fn with_items(name: &'static str, items: &str, before: &str, reason: Reason) -> Judged {
    let guest = Guest {
        items: items.into(),
        ..pack(before, "")
    };
    Judged {
        name,
        guest,
        reason,
    }
}

fn says(name: &'static str, after: &str) -> Judged {
    Judged {
        name,
        guest: pack("", after),
        reason: Reason::BadOutput,
    }
}

fn set(offset: u32, value: &str) -> String {
    format!("(i32.store offset={offset} (local.get $out) (i32.const {value}))")
}

const LOOP: &str = "(loop $l (br $l))";

fn loops() -> Vec<Judged> {
    use Reason::{MemoryLimit, OutOfFuel, Trapped};
    let post = Guest {
        items: "(global $evil (mut i32) (i32.const 0))
            (func (export \"cabi_post_betrace:rules/pack@1.0.0#evaluate\") (param i32)
              (if (global.get $evil) (then (loop $l (br $l)))))"
            .into(),
        ..pack("(global.set $evil (i32.const 1))", "")
    };
    let post_trap = Guest {
        items: post.items.replace("(loop $l (br $l))", "unreachable"),
        ..post.clone()
    };
    // The first column of the long trace takes a thousand bytes.
    let realloc = |body: &str| Guest {
        realloc: format!("(if (i32.ge_u (local.get 3) (i32.const 1000)) (then {body}))"),
        rules: vec![named_rule("good", "A"), named_rule("bad", "boom")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let judged = |name, guest, reason| Judged {
        name,
        guest,
        reason,
    };
    let twice = "(func $twice (param i32) (if (local.get 0) (then
        (call $twice (i32.sub (local.get 0) (i32.const 1))) (call $twice (i32.sub (local.get 0) (i32.const 1))))))";
    vec![
        does("a loop", LOOP, OutOfFuel),
        does(
            "a loop of loops",
            "(loop $a (loop $b (br_if $b (i32.const 0)) (br $a)))",
            OutOfFuel,
        ),
        does(
            "a loop that fills its memory",
            "(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 500000)) (br $l))",
            OutOfFuel,
        ),
        does(
            "a loop that copies its memory",
            "(loop $l (memory.copy (i32.const 8) (i32.const 16) (i32.const 500000)) (br $l))",
            OutOfFuel,
        ),
        does(
            "a loop that asks for no memory",
            "(loop $l (drop (memory.grow (i32.const 0))) (br $l))",
            OutOfFuel,
        ),
        does(
            "a loop of divisions",
            "(loop $l (drop (f64.sqrt (f64.div (f64.const 1) (f64.const 3)))) (br $l))",
            OutOfFuel,
        ),
        with_items(
            "calls that double forty times",
            twice,
            "(call $twice (i32.const 40))",
            OutOfFuel,
        ),
        with_items(
            "a loop that calls through its table",
            "(table 1 funcref) (elem (i32.const 0) $none) (func $none)",
            "(loop $l (call_indirect (i32.const 0)) (br $l))",
            OutOfFuel,
        ),
        judged("a post-return without end", post, OutOfFuel),
        judged("a post-return that traps", post_trap, Trapped),
        judged("an allocator without end", realloc(LOOP), OutOfFuel),
        judged(
            "an allocator that traps on much",
            realloc("unreachable"),
            Trapped,
        ),
        judged(
            "an allocator that is out of memory",
            realloc("(drop (memory.grow (i32.const 2000))) unreachable"),
            MemoryLimit,
        ),
        judged(
            "an allocator that points beyond",
            realloc("(return (i32.const 0x7ffffff0))"),
            Reason::BadOutput,
        ),
    ]
}

fn bombs() -> Vec<Judged> {
    use Reason::{MemoryLimit, Trapped};
    vec![
        does(
            "a memory bomb at once",
            "(drop (call $alloc (i32.const 100000000)))",
            MemoryLimit,
        ),
        does(
            "a memory bomb page by page",
            "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
            MemoryLimit,
        ),
        with_items(
            "a table bomb",
            "(table 1 funcref)",
            "(if (i32.eq (table.grow (ref.null func) (i32.const 100000)) (i32.const -1)) (then unreachable))",
            MemoryLimit,
        ),
        with_items(
            "a stack bomb",
            "(func $deep (param i64) (result i64) (i64.add (call $deep (local.get 0)) (local.get 0)))",
            "(drop (call $deep (i64.const 1)))",
            Trapped,
        ),
        with_items(
            "a stack bomb of two",
            "(func $a (call $b)) (func $b (call $a))",
            "(call $a)",
            Trapped,
        ),
        with_items(
            "a stack bomb of wide frames",
            &format!(
                "(func $wide (param {p}) (call $wide {g}))",
                p = "i64 ".repeat(100),
                g = (0..100)
                    .map(|n| format!("(local.get {n})"))
                    .collect::<String>()
            ),
            &format!("(call $wide {})", "(i64.const 1)".repeat(100)),
            Trapped,
        ),
        does("unreachable", "unreachable", Trapped),
        does(
            "a load beyond its memory",
            "(drop (i32.load (i32.const 2000000000)))",
            Trapped,
        ),
        does(
            "a store beyond all memory",
            "(i64.store offset=4294967295 (i32.const -1) (i64.const 0))",
            Trapped,
        ),
        does(
            "a fill beyond its memory",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))",
            Reason::OutOfFuel,
        ),
        does(
            "a division by zero",
            "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
            Trapped,
        ),
        does(
            "a division that overflows",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            Trapped,
        ),
        does(
            "a number that is none as an int",
            "(drop (i32.trunc_f64_s (f64.const nan)))",
            Trapped,
        ),
        with_items(
            "a call of nothing",
            "(table 1 funcref)",
            "(call_indirect (i32.const 0))",
            Trapped,
        ),
        with_items(
            "a call of another type",
            "(table 1 funcref) (elem (i32.const 0) $none) (func $none)",
            "(drop (call_indirect (result i64) (i32.const 0)))",
            Trapped,
        ),
    ]
}

fn lies() -> Vec<Judged> {
    let long = |verdict: u32| {
        format!(
            "(i32.store8 (i32.add (i32.load (local.get $out))
               (i32.sub (i32.load offset=4 (local.get $out)) (i32.const 1))) (i32.const {verdict}))"
        )
    };
    let last = "(i32.sub (i32.load offset=12 (local.get $out)) (i32.const 1))";
    let of_list = |offset: u32, value: &str| {
        format!(
            "(i32.store (i32.add (i32.load offset={offset} (local.get $out)) (i32.shl {last} (i32.const 2))) (i32.const {value}))"
        )
    };
    let witness = |value: &str| {
        format!(
            "(i32.store (i32.add (i32.load offset=40 (local.get $out))
               (i32.shl (i32.sub (i32.load offset=44 (local.get $out)) (i32.const 1)) (i32.const 2))) (i32.const {value}))"
        )
    };
    vec![
        says("no verdicts", &set(4, "0")),
        says(
            "a verdict too few",
            "(i32.store offset=4 (local.get $out) (i32.sub (i32.load offset=4 (local.get $out)) (i32.const 1)))",
        ),
        says("verdicts beyond the memory", &set(0, "0x7ffffff0")),
        says("two thousand million verdicts", &set(4, "0x7fffffff")),
        says("four thousand million verdicts", &set(4, "-1")),
        says("a million verdicts", &set(4, "1000000")),
        says(
            "findings that lie beyond the memory",
            "(return (i32.const 0x7ffffff0))",
        ),
        says("findings that are not aligned", "(return (i32.const 2))"),
        says("a verdict of 4", &long(4)),
        says("a verdict of 255", &long(255)),
        says("a complete trace that is undecided", &long(3)),
        says(
            "a violation that no verdict has",
            "(memory.fill (i32.load (local.get $out)) (i32.const 0) (i32.load offset=4 (local.get $out)))",
        ),
        says(
            "millions of violations",
            &(set(12, "4000000") + &set(20, "4000000")),
        ),
        says("more rules than traces of violations", &set(20, "0")),
        says("clauses that are missing", &set(28, "0")),
        says("ends of witnesses that are missing", &set(36, "0")),
        says("a violation of another rule", &of_list(8, "7")),
        says("a violation of another trace", &of_list(16, "5")),
        says(
            "a violation of a trace that is not there",
            &of_list(16, "-1"),
        ),
        says(
            "a clause of 3",
            &format!(
                "(i32.store8 (i32.add (i32.load offset=24 (local.get $out)) {last}) (i32.const 3))"
            ),
        ),
        says("a witness beyond the rows", &witness("2000")),
        says("a witness that is no row", &witness("-1")),
        says(
            "witnesses without a violation",
            "(i32.store offset=44 (local.get $out) (i32.add (i32.load offset=44 (local.get $out)) (i32.const 1)))",
        ),
        says("an end beyond the witnesses", &of_list(32, "900")),
        says("an end before its beginning", &of_list(32, "0")),
        says("millions of witnesses", &set(44, "4000000")),
    ]
}

pub(crate) fn cases() -> Vec<Judged> {
    let mut cases = loops();
    cases.extend(bombs());
    cases.extend(lies());
    cases
}

pub(crate) fn named(id: u8, names: &[&str]) -> SealedTrace {
    let mut trace_id = [0; 16];
    trace_id[15] = id + 1;
    let spans = (1_u64..).zip(names).map(|(at, name)| SpanRecord {
        span: Span {
            trace_id: trace_id.to_vec(),
            span_id: at.to_be_bytes().to_vec(),
            name: (*name).into(),
            start_time_unix_nano: at,
            end_time_unix_nano: at + 10,
            ..Span::default()
        },
        resource: Arc::default(),
        scope: Arc::default(),
    });
    SealedTrace {
        trace_id: TraceId(trace_id),
        spans: spans.collect(),
        facts: Facts(0),
        arrived_first: UnixNanos(1),
        arrived_last: UnixNanos(2),
    }
}

pub(crate) fn block(traces: Vec<SealedTrace>) -> Block {
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    for trace in traces {
        builder.push(trace);
    }
    builder.finish().to_block()
}

/// Six traces, one of them of a thousand spans and one more.
pub(crate) fn traces() -> Block {
    let mut long = vec!["boom"; 1_000];
    long.push("A");
    block(vec![
        named(0, &["A"]),
        named(1, &["boom", "x"]),
        named(2, &["x"]),
        named(LONG as u8, &long),
        named(4, &["A", "boom"]),
        named(5, &["x", "A"]),
    ])
}

fn verdicts(sandbox: &Sandbox, rules: &[PublishedRule]) -> Vec<RuleVerdicts> {
    judge(sandbox, rules, &traces(), &JudgeOptions::default()).unwrap()
}

#[test]
fn a_rule_that_misbehaves_is_a_fault_of_its_kind_and_nobody_else_s() {
    let sandbox = sandbox();
    let neighbour = Guest {
        rules: vec![named_rule("neighbour", "A")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    };
    let neighbour = sandbox.load(&neighbour.build()).unwrap();
    let neighbour = PublishedRule::all_of(&neighbour);
    let expected = [
        Violated,
        NotApplicable,
        NotApplicable,
        Violated,
        Violated,
        Violated,
    ];
    let mut wrong = Vec::new();
    for case in cases() {
        let pack = match sandbox.load(&case.guest.build()) {
            Ok(pack) => pack,
            Err(error) => {
                wrong.push(format!("{}: refused: {error}", case.name));
                continue;
            }
        };
        let mut rules = PublishedRule::all_of(&pack);
        rules.extend(neighbour.iter().cloned());
        let judged = verdicts(sandbox, &rules);
        for (of, good) in [("good", &judged[0]), ("neighbour", &judged[2])] {
            if good.verdicts != expected || !good.inconclusive.is_empty() {
                wrong.push(format!("{}: {of} says {:?}", case.name, good.verdicts));
            }
        }
        let bad = &judged[1];
        let mut of_bad = [
            NotApplicable,
            Violated,
            NotApplicable,
            Inconclusive,
            Violated,
            NotApplicable,
        ];
        of_bad[LONG] = Inconclusive;
        if bad.verdicts != of_bad || bad.inconclusive != [(LONG as u32, case.reason)] {
            wrong.push(format!(
                "{}: {:?} {:?}",
                case.name, bad.verdicts, bad.inconclusive
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The bits of a NaN are the one thing that differs between machines: a guest sees but one.
#[test]
fn a_nan_has_the_same_bits_however_it_came_about() {
    let canonical = "i64.const 0x7ff8000000000000";
    let is_other = [
        "f64.div (f64.const 0) (f64.const 0)",
        "f64.sqrt (f64.const -1)",
        "f64.add (f64.const nan:0x123456789) (f64.const 1)",
        "f64.mul (f64.const -nan:0xfffff) (f64.const 2)",
        "f64.promote_f32 (f32.const nan:0x1234)",
        "f64x2.extract_lane 1 (f64x2.div (v128.const f64x2 0 0) (v128.const f64x2 0 0))",
    ];
    let traps: String = is_other
        .iter()
        .map(|nan| {
            format!("(if (i64.ne (i64.reinterpret_f64 ({nan})) ({canonical})) (then unreachable))")
        })
        .collect();
    let guest = Guest {
        evaluate: format!("{traps} {}", crate::guest::ALWAYS_0),
        ..Guest::default()
    };
    sandbox().load(&guest.build()).unwrap();
}
