//! Packs that read the same share a batch, and must say what each would alone.

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{
    language::{compile, text, with},
    *,
};

/// Packs that read the same of spans `a` and `b`, and compare it with the same texts, with others, or with more.
const PACKS: [&str; 6] = [
    "rule x { match { a.where(k == x) and not b.where(k == x) } }",
    "rule y { match { a.where(k == y) and not b.where(k == x) } }",
    r#"rule seven { match { a.where(k == "7") and not b.where(k == never-seen) } }"#,
    "rule x-again { match { a.where(k == x) and b.where(k != x) } }",
    "rule both-x { match { a.where(k == x) and b } } rule both-y { match { a.where(k == y) and b } }",
    // Reads as much, and is shown other traces.
    "rule either { match { a.where(k == z) or b.where(k == y) } }",
];

static SHARING: LazyLock<(Sandbox, Vec<PublishedRule>)> = LazyLock::new(|| {
    let sandbox = frugal();
    let packs = PACKS.map(|text| PublishedRule::all_of(&compile(&sandbox, text)));
    (sandbox, packs.concat())
});

/// Judges blocks together; returns the verdicts by block and rule.
fn together(
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    blocks: &[Block],
) -> Vec<Vec<RuleVerdicts>> {
    let plan = JudgePlan::new(rules);
    let skip = Postings::default();
    let of = |block| BlockToJudge {
        block,
        skip: &skip,
        known: &[],
    };
    let blocks: Vec<BlockToJudge<'_>> = blocks.iter().map(of).collect();
    let judged = judge_blocks(sandbox, &plan, &blocks).unwrap();
    let each = blocks.iter().zip(judged);
    each.map(|(of, verdicts)| verdicts.unwrap().of_all(&plan, of))
        .collect()
}

fn expect_as_alone(sandbox: &Sandbox, rules: &[PublishedRule], blocks: &[Block]) {
    let shared = together(sandbox, rules, blocks);
    for (number, rule) in rules.iter().enumerate() {
        for (block, shared) in blocks.iter().zip(&shared) {
            let rules = std::slice::from_ref(rule);
            let alone = judge(sandbox, rules, block, &JudgeOptions::default()).unwrap();
            assert_eq!(shared[number], alone[0], "{}", rule.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Guarantees: what a pack says hangs on no other pack.
    #[test]
    fn packs_that_share_a_batch_say_what_each_says_alone(
        traces in prop::collection::vec(prop::collection::vec((0_usize..3, 0_usize..6), 1..5), 1..30),
        blocks in 1_usize..5,
    ) {
        let values = [None, Some(text("x")), Some(text("y")), Some(text("z")), Some(text("7")), Some(Value::IntValue(7))];
        let attributes = values.map(|value| value.map(|value| ("k", value)));
        let traces: Vec<SealedTrace> = (0..)
            .zip(&traces)
            .map(|(id, spans)| {
                let spans: Vec<_> = spans
                    .iter()
                    .map(|(name, value)| (["a", "b", "c"][*name], attributes[*value].as_slice()))
                    .collect();
                with(id, &spans)
            })
            .collect();
        let blocks: Vec<Block> = traces.chunks(traces.len().div_ceil(blocks)).map(block).collect();
        let (sandbox, rules) = &*SHARING;
        expect_as_alone(sandbox, rules, &blocks);
    }
}

#[test]
fn a_pack_that_fails_on_a_shared_batch_changes_no_verdict_of_the_others() {
    let sandbox = frugal();
    let seeing_the_same = |id: &str| {
        has_name(vec![
            named_rule(&format!("{id}-a"), "A"),
            GuestRule {
                any_of: Vec::new(),
                ..named_rule(&format!("{id}-boom"), "boom")
            },
        ])
    };
    let guests = [
        seeing_the_same("first"),
        explosive("unreachable"),
        seeing_the_same("second"),
    ];
    let rules: Vec<PublishedRule> = guests.iter().flat_map(|of| load(&sandbox, of)).collect();
    let spans = |n: u16| {
        if n % 7 == 3 {
            ["A", "boom"]
        } else {
            ["A", "x"]
        }
    };
    let traces: Vec<_> = (0..30).map(|n| named(n, &spans(n))).collect();
    let blocks: Vec<Block> = traces.chunks(11).map(block).collect();
    expect_as_alone(&sandbox, &rules, &blocks);
}
