//! Traces of some hundred spans: enough that lists are sorted, searched and walked in earnest.
//!
//! Guarantees: what holds of the small traces that are generated holds of these too, alone and in a batch.

use betrace_dsl::oracle::{Attribute, Span, Trace, Verdict};
use betrace_tests::{agreement::build, contract::Trim, generated::plain_trace};

const NAMES: [&str; 3] = ["a", "b", "c"];
const SPANS: usize = 180;
const TRACES: u64 = 5;

const CONDITIONS: [&str; 36] = [
    "every a before b",
    "every a after b within 20ns",
    "a before b within 1ns",
    "no a after c within 2ns",
    "every a starts_before b within 3ns",
    "every a starts_after b within 3ns",
    "every a.where(k == 1) overlaps b.where(k == 2)",
    "every a.where(k == 1) with b.where(k == 2) within 4ns",
    "every a under b",
    "every a under b within 30ns",
    "no a.where(k == 1) over b.where(k == 2)",
    "every a over b within 30ns",
    "every a child_of b",
    "every a parent_of b",
    "every a sibling_of b",
    "no a.where(k == 1) sibling_of b within 2ns",
    "every a as x before b.where(k == x.k)",
    "no a as x after b.where(k == x.k) within 3ns",
    "every a as x with b.where(k == x.k)",
    "every a as x with b.where(k == x.j and j == x.k)",
    "every a as x overlaps b.where(k == x.k or j == x.j)",
    "no a as x overlaps b.where(k > x.j) within 5ns",
    "every a as x under b.where(k == x.k)",
    "every a as x over b.where(k == x.k)",
    "every a as x sibling_of b.where(k == x.k)",
    "every a as x with (b.where(k == x.k) or c.where(j == x.j) or b.where(k == 3))",
    "every a as x with count(b.where(k == x.k)) <= 2",
    "no a as x with count(b.where(k == x.k and j != x.j)) > 3",
    "every a as x with distinct(b.where(k == x.k), j) <= 2 * count(b.where(k == x.k))",
    "every a as x with sum(b.where(k == x.k), j) < 20",
    "count(any by k) < 5",
    "distinct(any, k) < 12",
    "distinct((a or b), k) == distinct(c, j)",
    "sum(any, k) > 9223372036854775807",
    "avg(a, k) <= max(b, k) - min(c, j)",
    "a.where(k == 1) then b then c then a.where(k == 2)",
];

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Values that are equal to some others in one way or another.
fn value(numbers: &mut Numbers) -> Attribute {
    let of = numbers.below(7) as i64;
    match numbers.below(12) {
        0..3 => Attribute::Int(of),
        3..6 => Attribute::String(of.to_string()),
        6..8 => Attribute::Double(of as f64),
        8 => Attribute::Double(of as f64 + 0.5),
        9 => Attribute::Bool(of % 2 == 0),
        10 => Attribute::Int(i64::MAX - of),
        _ => Attribute::String(format!("0{of}")),
    }
}

fn trace(seed: u64) -> Trace {
    let mut numbers = Numbers(seed + 88_172_645_463_325_252);
    let names: Vec<&str> = (0..SPANS)
        .map(|_| NAMES[numbers.below(3) as usize])
        .collect();
    let mut trace = plain_trace(&names);
    for (index, span) in trace.spans.iter_mut().enumerate() {
        span.start += numbers.below(40);
        span.end = span.start + numbers.below(4) * numbers.below(9);
        // A few roots; else a parent that was made before, near or far.
        let parent = numbers
            .below(index as u64 + 1)
            .max(index as u64 * numbers.below(2) * 9 / 10);
        span.parent_id = (parent > 0).then(|| format!("{parent:016x}"));
        span.attributes = [("k", 8), ("j", 9)]
            .into_iter()
            .filter(|_| numbers.below(8) > 0)
            .map(|(key, _)| key.to_owned())
            .collect::<Vec<String>>()
            .into_iter()
            .map(|key| (key, value(&mut numbers)))
            .collect();
    }
    trace
        .spans
        .sort_by(|one: &Span, other| (one.start, &one.id).cmp(&(other.start, &other.id)));
    trace.facts = if seed % 2 == 1 { 4 } else { 0 };
    trace
}

#[test]
fn large_traces_are_judged_as_small_ones_are() {
    let text = CONDITIONS.iter().enumerate().fold(String::new(), |text, (index, condition)| {
        text + &format!(
            "rule a{index} {{ when {{ any }} always {{ {condition} }} }}\nrule n{index} {{ when {{ any }} never {{ {condition} }} }}\n"
        )
    });
    let (pack, rules) = build(&text);
    let traces: Vec<Trace> = (0..TRACES).map(trace).collect();
    let asked: Vec<u32> = (0..rules.count() as u32).collect();
    let judged = super::judge(
        &pack,
        &asked,
        &traces.iter().collect::<Vec<_>>(),
        Trim::Nothing,
    );
    let mut violated = 0;
    for (rule, judged) in judged.iter().enumerate() {
        for (number, (trace, judged)) in traces.iter().zip(judged).enumerate() {
            assert_eq!(
                *judged,
                rules.judge(rule, trace).unwrap(),
                "{} of trace {number}",
                CONDITIONS[rule / 2]
            );
            violated += usize::from(judged.verdict == Verdict::Violated);
        }
    }
    // Of a rule and its opposite, one is violated on a complete trace.
    assert!(violated >= CONDITIONS.len() * TRACES as usize / 2);
}
