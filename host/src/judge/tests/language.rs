//! Rules of the language, end to end: text, component, block, verdict.

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{
    traces::{attribute, block, named, span, trace},
    *,
};
use crate::sandbox::PackPre;

pub(super) fn compile(sandbox: &Sandbox, text: &str) -> Arc<PackPre> {
    let source = betrace_dsl::Source {
        name: "test.btr",
        text: text.as_bytes(),
    };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    let compiled = compiled.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"));
    sandbox.load(&compiled.component).unwrap()
}

pub(super) fn text(value: &str) -> Value {
    Value::StringValue(value.into())
}

/// A trace of spans with a name and attributes, each an hour after the one before, from midnight UTC.
pub(super) fn with(id: u16, spans: &[(&str, &[(&str, Value)])]) -> SealedTrace {
    const HOUR: u64 = 3_600_000_000_000;
    let spans = (1..).zip(spans).map(|(n, (name, attributes))| {
        let mut span = span(n, name, u64::from(n) * HOUR);
        span.attributes = attributes
            .iter()
            .map(|(key, value)| attribute(key, value.clone()))
            .collect();
        span
    });
    trace(id, spans.collect())
}

fn founding_traces() -> [SealedTrace; 10] {
    let role = |role: &str| [("role", text(role))];
    let late = {
        let mut late = with(
            9,
            &[("database.access", &[("user.role", text("contractor"))])],
        );
        late.spans[0].span.start_time_unix_nano = 19 * 3_600_000_000_000;
        late.spans[0].span.end_time_unix_nano = 20 * 3_600_000_000_000;
        late
    };
    [
        with(0, &[("pii.access", &[])]),
        with(1, &[("pii.access", &[]), ("auth.mfa_verified", &[])]),
        with(
            2,
            &[
                ("agent.tool", &role("legal_research_agent")),
                ("agent.tool", &[("name", text("hr_database"))]),
            ],
        ),
        with(
            3,
            &[
                ("agent.tool", &role("legal_research_agent")),
                ("agent.tool", &[("name", text("web"))]),
            ],
        ),
        with(
            4,
            &[
                ("agent.goal", &role("healthcare_info_agent")),
                (
                    "agent.goal",
                    &[("deviation_score", Value::DoubleValue(0.7))],
                ),
            ],
        ),
        with(
            5,
            &[(
                "agent.goal",
                &[
                    ("role", text("healthcare_info_agent")),
                    ("deviation_score", text("0.61")),
                ],
            )],
        ),
        with(6, &[("data.access", &[]), ("auth.check", &[])]),
        with(7, &[("phi.access", &[]), ("data.access", &[])]),
        with(
            8,
            &[("database.access", &[("user.role", text("contractor"))])],
        ),
        late,
    ]
}

/// Rules, with the traces of [`founding_traces`] that violate each, and those of which it holds.
const FOUNDING: [(&str, &str, &[u32], &[u32]); 6] = [
    (
        "pii",
        "trace.has(pii.access)\n  and not trace.has(auth.mfa_verified)",
        &[0],
        &[1],
    ),
    (
        "tool",
        "trace.has(agent.tool).where(role == legal_research_agent)\n  and trace.has(agent.tool).where(name == hr_database)",
        &[2],
        &[0, 1, 3, 4, 5, 6, 7, 8, 9],
    ),
    (
        "goal",
        "trace.has(agent.goal).where(role == healthcare_info_agent)\n  and trace.has(agent.goal).where(deviation_score > 0.6)",
        &[4, 5],
        &[0, 1, 2, 3, 6, 7, 8, 9],
    ),
    (
        "cc6",
        "trace.has(data.access)\n  and not trace.has(auth.check)",
        &[7],
        &[6],
    ),
    (
        "phi",
        "trace.has(phi.access)\n  and not trace.has(audit.log)",
        &[7],
        &[],
    ),
    (
        "hours",
        "trace.has(database.access).where(user.role == contractor)\n  and trace.has(database.access).where(timestamp.hour >= 18 or timestamp.hour <= 6)",
        &[8, 9],
        &[0, 1, 2, 3, 4, 5, 6, 7],
    ),
];

#[test]
fn the_founding_examples_judge_blocks() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let rules: Vec<_> = FOUNDING
        .iter()
        .flat_map(|(_, rule, ..)| PublishedRule::all_of(&compile(&sandbox, rule)))
        .collect();
    let judged = verdicts(&sandbox, &rules, &founding_traces());
    for ((name, _, violated, held), judged) in FOUNDING.iter().zip(&judged) {
        let with = |verdict| -> Vec<u32> {
            let all = (0..).zip(&judged.verdicts);
            all.filter(|(_, v)| **v == verdict)
                .map(|(n, _)| n)
                .collect()
        };
        assert_eq!(with(Violated), *violated, "{name}");
        assert_eq!(with(Held), *held, "{name}");
        assert!(judged.inconclusive.is_empty(), "{name}");
        assert_eq!(judged.violations.len(), violated.len(), "{name}");
    }
    // Both tools of the third trace: rows 3 and 4 of the block.
    assert_eq!(judged[1].violations[0].witnesses, [3, 4]);
}

#[test]
fn a_message_is_filled_from_the_first_witness_of_the_name() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let pack = compile(
        &sandbox,
        r#"rule leak {
             message "PHI read by {phi.access.user.id} at {phi.access.ward}, {phi.access.beds}"
             when { phi.access } always { audit.log }
           }"#,
    );
    let rules = PublishedRule::all_of(&pack);
    let traces = [with(
        0,
        &[
            ("x", &[("user.id", text("nobody"))]),
            (
                "phi.access",
                &[("user.id", text("u\u{1b}7")), ("beds", Value::IntValue(12))],
            ),
        ],
    )];
    let block = block(&traces);
    let judged = judge(&sandbox, &rules, &block, &JudgeOptions::default()).unwrap();
    let message = message(rules[0].description(), &block, &judged[0].violations[0]).unwrap();
    assert_eq!(message, "PHI read by u 7 at ?, 12");
}

#[test]
fn an_incomplete_trace_is_answered_by_the_rule_itself() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let text = "rule no-log { match { a and not b } } rule both { match { a and b } }";
    let rules = PublishedRule::all_of(&compile(&sandbox, text));
    let mut traces = [named(0, &["a"]), named(1, &["a", "b"]), named(2, &["x"])];
    for trace in &mut traces {
        trace.facts = Facts(Facts::CUT);
    }
    let judged = verdicts(&sandbox, &rules, &traces);
    // What is there of the second trace is a violation that nothing missing can undo.
    assert_eq!(judged[1].verdicts, [Inconclusive, Violated, Inconclusive]);
    assert_eq!(judged[0].verdicts[0], Inconclusive);
    assert_eq!(judged[0].verdicts[2], Inconclusive);
}

/// Rules of every shape whose any-of might be unsound.
const SHAPES: &str = r"
  rule a-not-b { match { a and not b } }
  rule a-or-b { match { a or b } }
  rule not-a { match { not a } }
  rule a-filtered { match { a.where(k == x) and not b.where(k == x) } }
  rule when-a { when { a } always { b } }
  rule when-or { when { a or b } always { c } never { a.where(k == x) } }
  rule when-not { when { not a } never { b } }
  rule counted { match { count(a) > 1 } }
  rule counted-zero { match { count(a) == 0 } }
  rule counted-less { match { count(a) < 2 and c } }
  rule compared { match { count(a) > count(b) } }
  rule anything { match { any.where(k == x) } }
  rule nested { match { (a and b) or (c and not (a or b)) } }
";

static SOUND: LazyLock<(Sandbox, Vec<PublishedRule>)> = LazyLock::new(|| {
    let sandbox = frugal();
    let rules = PublishedRule::all_of(&compile(&sandbox, SHAPES));
    (sandbox, rules)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_of_rules_out_only_what_would_have_had_the_verdict_otherwise(
        names in prop::collection::vec(prop::collection::vec((0_usize..5, any::<bool>()), 1..5), 1..20),
    ) {
        let traces: Vec<SealedTrace> = (0..)
            .zip(&names)
            .map(|(id, spans)| {
                let x: &[(&str, Value)] = &[("k", text("x"))];
                let spans: Vec<_> = spans
                    .iter()
                    .map(|(name, has)| (["a", "b", "c", "d", "e"][*name], if *has { x } else { &[] }))
                    .collect();
                with(id, &spans)
            })
            .collect();
        let (sandbox, rules) = &*SOUND;
        let block = block(&traces);
        let judged = judge(sandbox, rules, &block, &JudgeOptions::default()).unwrap();
        let options = JudgeOptions::default();
        let everything = JudgePlan::seeing(Sees::Everything, rules);
        let unaided = judge_by(&everything, sandbox, &block, &options).unwrap();
        for ((rule, judged), unaided) in rules.iter().zip(judged).zip(unaided) {
            prop_assert_eq!(judged, unaided, "{}", rule.id);
        }
    }
}
