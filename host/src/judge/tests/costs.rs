//! What rules cost, which of their batches failed, and what an allowance ends.

use std::time::Duration;

use super::*;
use crate::{clock::thread_processor_time, verdict::Reason};

const LOOP: &str = "(loop $l (br $l))";

/// Judges one block, and returns its verdicts and costs.
fn costs_of(
    sandbox: &Sandbox,
    plan: &JudgePlan<'_>,
    traces: &[SealedTrace],
    allowance: Allowance<'_>,
) -> (Result<Vec<RuleVerdicts>, JudgeError>, Costs) {
    let block = block(traces);
    let block = BlockToJudge {
        block: &block,
        skip: &Postings::default(),
        known: &[],
    };
    let mut costs = Costs::default();
    let judged = judge_within(sandbox, plan, &[block], allowance, &mut costs);
    let judged = judged.map(|mut judged| judged.pop().unwrap().unwrap().of_all(plan, &block));
    (judged, costs)
}

fn booms(n_traces: u16) -> Vec<SealedTrace> {
    (0..n_traces).map(|n| named(n, &["A", "boom"])).collect()
}

#[test]
fn a_call_is_shared_out_between_its_rules_and_every_batch_is_counted() {
    let sandbox = frugal();
    let rules = load(
        &sandbox,
        &has_name(vec![
            named_rule("a", "A"),
            named_rule("b", "A"),
            named_rule("c", "C"),
        ]),
    );
    let plan = JudgePlan::new(&rules);
    let traces: Vec<_> = (0..20).map(|n| named(n, &["A"])).collect();
    let before = thread_processor_time();
    let (judged, costs) = costs_of(&sandbox, &plan, &traces, Allowance::NO_END);
    let elapsed = thread_processor_time().saturating_sub(before);
    judged.unwrap();
    let [a, b, c] = costs.rules() else {
        panic!("{costs:?}");
    };
    assert!(
        a.cost.fuel > 0 && a.cost.fuel.abs_diff(b.cost.fuel) <= 1,
        "{costs:?}"
    );
    assert!(a.cost.processor > Duration::ZERO);
    assert!(a.cost.processor + b.cost.processor <= elapsed);
    assert_eq!((a.batches, a.failed(), b.batches), (1, 0, 1));
    assert!(c.is_none(), "it had nothing to see");
}

#[test]
fn who_fails_is_charged_with_what_that_costs_and_its_batch_failed() {
    let sandbox = frugal();
    let limit = sandbox.limits().fuel(1, 0);
    for (end, reason) in [("unreachable", Reason::Trapped), (LOOP, Reason::OutOfFuel)] {
        let rules = load(&sandbox, &explosive(end));
        let plan = JudgePlan::new(&rules);
        let (judged, costs) = costs_of(&sandbox, &plan, &booms(30), Allowance::NO_END);
        judged.unwrap();
        let [good, bad] = costs.rules() else {
            panic!("{costs:?}");
        };
        assert_eq!((good.batches, good.failed(), &good.fault), (1, 0, &None));
        assert_eq!(
            (bad.batches, bad.failed(), bad.failed_by(reason)),
            (1, 1, 1)
        );
        assert_eq!(bad.fault.as_ref().unwrap().reason, reason);
        assert!(!bad.fault.as_ref().unwrap().detail.is_empty());
        if reason == Reason::OutOfFuel {
            // The call of both, and those alone that the budget for repeating allows.
            assert!(bad.cost.fuel > 2 * limit, "{}", bad.cost.fuel / limit);
            assert!(good.cost.fuel < limit);
        }
    }
}

#[test]
fn what_a_trace_lacks_is_no_failure() {
    let sandbox = frugal();
    let rules = load(&sandbox, &has_name(vec![named_rule("a", "A")]));
    let plan = JudgePlan::new(&rules);
    let mut traces = vec![named(0, &["A"])];
    traces[0].facts = Facts(Facts::CUT);
    let (judged, costs) = costs_of(&sandbox, &plan, &traces, Allowance::NO_END);
    assert_eq!(judged.unwrap()[0].verdicts, [Inconclusive]);
    assert_eq!(
        (costs.rules()[0].batches, costs.rules()[0].failed()),
        (1, 0)
    );
}

#[test]
fn a_rule_that_is_held_back_is_not_called_and_what_it_would_see_is_quarantined() {
    let sandbox = frugal();
    let rules = load(&sandbox, &explosive("unreachable"));
    let plan = JudgePlan::new(&rules).holding_back(|rule| rule.id.as_str() != "boom");
    let mut traces = booms(3);
    traces[1] = named(1, &["x"]);
    let (judged, costs) = costs_of(&sandbox, &plan, &traces, Allowance::NO_END);
    let judged = judged.unwrap();
    assert_eq!(
        judged[0].verdicts,
        [Inconclusive, NotApplicable, Inconclusive]
    );
    let quarantined = [(0, Reason::Quarantined), (2, Reason::Quarantined)];
    assert_eq!(judged[0].inconclusive, quarantined);
    assert!(costs.rules()[0].is_none(), "{costs:?}");
    // The other rule of the pack is judged as ever.
    assert_eq!(judged[1].verdicts[1], NotApplicable);
    assert_eq!(costs.rules()[1].failed(), 1);
}

#[test]
fn an_allowance_ends_a_judging_and_changes_no_verdict_of_another() {
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let rules = load(&sandbox, &explosive(LOOP));
    let plan = JudgePlan::new(&rules);
    let allowance = Allowance {
        processor: Some(Duration::from_millis(5)),
        ..Allowance::NO_END
    };
    let (given_up, costs) = costs_of(&sandbox, &plan, &booms(1), allowance);
    assert!(matches!(given_up, Err(JudgeError::GivenUp)), "{given_up:?}");
    // A call has 134 M units of fuel, for which it would compute for a tenth of a second.
    let fuel: u64 = costs.rules().iter().map(|rule| rule.cost.fuel).sum();
    assert!((1..=6_000_000).contains(&fuel), "{fuel}");
    assert_eq!(costs.rules()[1].batches, 0, "nothing was judged to the end");
    // What an allowance is enough for has the verdict that it has without one.
    let behaved = [named(0, &["A"])];
    let allowance = Allowance {
        processor: Some(Duration::from_mins(1)),
        ..Allowance::NO_END
    };
    let (judged, _) = costs_of(&sandbox, &plan, &behaved, allowance);
    assert_eq!(judged.unwrap()[0].verdicts, [Violated]);
    let stopped = Allowance {
        is_stopped: &|| true,
        ..Allowance::NO_END
    };
    let (given_up, costs) = costs_of(&sandbox, &plan, &behaved, stopped);
    assert!(matches!(given_up, Err(JudgeError::GivenUp)), "{given_up:?}");
    assert!(costs.rules().iter().all(RuleCost::is_none));
}

#[test]
fn time_is_a_failure_only_of_who_had_more_of_a_processor_than_a_call_may_take() {
    // Fuel for ever, and 10 ms.
    let limits = SandboxLimits {
        instances_max: 4,
        fuel_per_span: 1 << 30,
        fuel_per_ms_min: u64::MAX,
        deadline_min: Duration::from_millis(10),
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    let rules = load(&sandbox, &explosive(LOOP));
    let plan = JudgePlan::new(&rules);
    let (judged, costs) = costs_of(&sandbox, &plan, &booms(1), Allowance::NO_END);
    let inconclusive = &judged.unwrap()[1].inconclusive;
    assert_eq!(*inconclusive, [(0, Reason::DeadlineExceeded)]);
    assert_eq!(costs.rules()[1].failed_by(Reason::DeadlineExceeded), 1);

    // The same verdict, of a rule that had less.
    let block = block(&booms(1));
    let of = BlockToJudge {
        block: &block,
        skip: &Postings::default(),
        known: &[],
    };
    let view = view::View::new(&of);
    for reason in [Reason::DeadlineExceeded, Reason::Quarantined] {
        let mut outcome = outcome::Outcome::new(1, &rules[1], view.judged(), &view);
        outcome.fail(&[0], reason);
        assert_eq!((outcome.has_failed(), outcome.fault()), (true, None));
        outcome.blame(None, true);
        assert_eq!(outcome.fault().unwrap().reason, Reason::DeadlineExceeded);
    }
}
