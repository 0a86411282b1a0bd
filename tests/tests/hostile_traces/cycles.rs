//! Spans that are their own ancestors, as they tell it: circles of two, three and ten thousand, and a span that names itself.

use betrace_tests::client::span;

use crate::stage::{Stage, requests_of};

const RULES: &str = "rule up     { match { a under b } }
rule down   { match { b under a } }
rule child  { match { a child_of b } }
rule self   { match { a under a } }
rule nested { match { x under x } }
rule depth  { match { any.where(span:depth == 9999) } }
";

const LENGTHS: [u64; 4] = [1, 2, 3, 10_000];

/// The first span is `a` and names the last, `b`, as its parent; each other names the one before.
fn circle(length: u64) -> impl Iterator<Item = opentelemetry_proto::tonic::trace::v1::Span> {
    (1..=length).map(move |id| {
        let parent = if id == 1 { length } else { id - 1 };
        let name = match id {
            1 => "a",
            id if id == length => "b",
            _ => "x",
        };
        span(length.into(), id, parent, name)
    })
}

#[test]
fn a_circle_of_parents_is_cut_where_it_closes_and_judged_as_a_tree() {
    let stage = Stage::start(RULES);
    let spans = LENGTHS.into_iter().flat_map(circle);
    let (_, noticed) = stage.send_beside_calm(requests_of(5_000, spans));
    noticed.assert_bounded(150);

    let violated = |trace: u64| -> Vec<String> {
        let verdicts = stage.verdicts(trace.into()).into_iter();
        let verdicts = verdicts.map(|verdict| {
            assert!(!verdict.contains("inconclusive"), "{verdict}");
            verdict
        });
        verdicts
            .filter_map(|verdict| Some(verdict.strip_suffix(": violated")?.to_owned()))
            .collect()
    };
    assert_eq!(violated(1), [""; 0]);
    // Up from the span that starts first; the last before the circle closes is the root.
    assert_eq!(violated(2), ["child", "up"]);
    assert_eq!(violated(3), ["child", "up"]);
    assert_eq!(violated(10_000), ["child", "depth", "nested", "up"]);

    let shown = stage.loud_command(&["traces", "show", &format!("{:032x}", 10_000)]);
    let of_circle = shown.lines().filter(|line| line.contains(" x "));
    assert_eq!(of_circle.count(), 9_998);
    stage.end();
}
