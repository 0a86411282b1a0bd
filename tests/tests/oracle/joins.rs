//! Joins of ten thousand spans by ten thousand, through the host and within the budget that it states.
//!
//! Guarantees: a join with an equality gives its verdict; one without an equality ends, with its verdict or with no more
//! than the budget spent and the reason.

use betrace::{
    block::{Block, BlockBuilder},
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    tenant::TenantId,
    verdict::{Reason, RuleVerdicts, Verdict},
};
use betrace_dsl::{compile, oracle::Attribute};
use betrace_tests::{agreement::source, generated::plain_trace};

const SPANS_PER_SIDE: usize = 10_000;

/// One trace: every `a`, then every `b`, with keys of which each side has each once.
fn block() -> Block {
    let names: Vec<&str> = [vec!["a"; SPANS_PER_SIDE], vec!["b"; SPANS_PER_SIDE]].concat();
    let mut trace = plain_trace(&names);
    for (index, span) in trace.spans.iter_mut().enumerate() {
        let key = (index % SPANS_PER_SIDE) as i64;
        span.attributes = vec![("k".to_owned(), Attribute::Int(key))];
    }
    let mut builder = BlockBuilder::new(TenantId::default_tenant());
    builder.push(super::host::sealed(&trace, 0));
    builder.finish().to_block()
}

fn judged(rule: &str) -> RuleVerdicts {
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let (compiled, _) = compile(&source(rule));
    let pack = sandbox.load(&compiled.unwrap().component).unwrap();
    let rules = PublishedRule::all_of(&pack);
    let mut found = judge(&sandbox, &rules, &block(), &JudgeOptions::default()).unwrap();
    found.remove(0)
}

#[test]
fn a_join_with_an_equality_gives_its_verdict() {
    let held = judged("when { a } always { every a as x before b.where(k == x.k) }");
    assert_eq!(held.verdicts, [Verdict::Held]);
    let violated = judged("when { a } always { no a as x before b.where(k == x.k) }");
    assert_eq!(violated.verdicts, [Verdict::Violated]);
    assert_eq!(violated.violations[0].witnesses.len(), 100);
}

#[test]
fn a_join_without_an_equality_ends_within_its_budget() {
    // No `b` has a greater key than the last `a`: the rule is never held.
    let found = judged("when { a } always { every a as x before b.where(k > x.k) }");
    match found.verdicts[0] {
        Verdict::Violated => assert_eq!(found.violations[0].witnesses, [9_999]),
        Verdict::Inconclusive => assert_eq!(found.inconclusive, [(0, Reason::OutOfFuel)]),
        other @ (Verdict::Held | Verdict::NotApplicable) => panic!("{other:?}"),
    }
}
