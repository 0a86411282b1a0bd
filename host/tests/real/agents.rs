//! Scenario: recordings of AI agents, judged by the packs of `examples/packs` that are about them.
//!
//! Guarantees: what each rule finds is what was read by hand and is told on the pages of the packs. A rule that is not
//! listed here speaks of none of these traces.

use std::collections::BTreeMap;

use betrace::{block::EncodedBlock, rules::PublishedRule, verdict::Verdict};

use crate::{input, said};

/// Packs, below `examples/packs`.
const PACKS: [&str; 2] = ["agents", "retail-agent"];

/// A hundred conversations of one agent, and nineteen traces of about as many frameworks, one of them incomplete.
const INPUTS: [(&str, &str, u64); 2] = [
    ("agentrx_tau_retail.jsonl.zst", "conversations", 0),
    ("langfuse_framework_traces.jsonl.zst", "frameworks", 1),
];

/// Of how many traces a rule held, and of how many it did not.
const FOUND: &[(&str, &str, u64, u64)] = &[
    ("conversations", "agent-answer-is-whole", 100, 0),
    ("conversations", "agent-command-is-harmless", 100, 0),
    ("conversations", "agent-delegates-little", 100, 0),
    ("conversations", "agent-does-not-call-itself", 100, 0),
    ("conversations", "agent-does-not-repeat-itself", 100, 0),
    ("conversations", "agent-gives-up-in-time", 100, 0),
    ("conversations", "agent-keeps-its-instructions", 100, 0),
    ("conversations", "agent-run-ends", 100, 0),
    ("conversations", "agent-sends-no-identity-numbers", 100, 0),
    ("conversations", "agent-steps-are-bounded", 99, 1),
    ("conversations", "agent-tokens-are-bounded", 100, 0),
    ("conversations", "agent-writes-no-keys", 100, 0),
    ("conversations", "retail-acts-on-no-guess", 97, 3),
    ("conversations", "retail-cancels-for-a-reason", 19, 0),
    ("conversations", "retail-customer-is-known-first", 99, 0),
    ("conversations", "retail-customer-said-yes", 83, 3),
    ("conversations", "retail-hand-over-is-the-end", 7, 0),
    ("conversations", "retail-items-change-once", 45, 0),
    ("conversations", "retail-order-has-the-right-status", 79, 6),
    ("conversations", "retail-order-is-looked-up-first", 85, 0),
    ("conversations", "retail-serves-one-customer", 96, 0),
    ("conversations", "retail-speaks-or-acts", 81, 19),
    ("frameworks", "agent-answer-is-whole", 4, 0),
    ("frameworks", "agent-delegates-little", 2, 0),
    ("frameworks", "agent-does-not-call-itself", 2, 0),
    ("frameworks", "agent-endpoint-is-known", 3, 1),
    ("frameworks", "agent-gives-up-in-time", 8, 0),
    ("frameworks", "agent-keeps-its-instructions", 14, 0),
    ("frameworks", "agent-model-is-approved", 6, 1),
    ("frameworks", "agent-model-is-as-asked", 7, 0),
    ("frameworks", "agent-prompt-fits", 5, 0),
    ("frameworks", "agent-run-ends", 7, 0),
    ("frameworks", "agent-sends-no-identity-numbers", 14, 0),
    ("frameworks", "agent-steps-are-bounded", 14, 0),
    ("frameworks", "agent-tokens-are-bounded", 14, 0),
    ("frameworks", "agent-writes-no-keys", 14, 0),
];

#[test]
fn the_packs_for_agents_find_in_real_traces_what_was_read_by_hand() {
    let sandbox = input::sandbox();
    let packs = PACKS.map(|pack| input::packs(&input::examples().join(pack)));
    let packs = packs.into_iter().flatten();
    let rules: Vec<PublishedRule> = packs
        .flat_map(|(_, component)| PublishedRule::all_of(&sandbox.load(&component).unwrap()))
        .collect();
    for (file, name, incomplete) in INPUTS {
        let Some(path) = input::find(file) else {
            continue;
        };
        let requests = input::requests(&path);
        let traces = input::assemble(requests.iter().map(input::spans));
        let blocks = input::blocks(traces, input::BLOCK_SPANS);
        let said = said::judged(&sandbox, &rules, blocks.iter().map(EncodedBlock::to_block));
        let mut found = BTreeMap::new();
        for (rule, traces) in &said {
            let count = |verdict: Verdict| {
                let of = traces.values().filter(|of| of.verdict == verdict);
                of.count() as u64
            };
            let (held, violated) = (count(Verdict::Held), count(Verdict::Violated));
            if held + violated > 0 {
                found.insert(rule.as_str(), (held, violated));
            }
            assert!(count(Verdict::Inconclusive) <= incomplete, "{rule}, {name}");
        }
        let expected = FOUND.iter().filter(|(of, ..)| *of == name);
        let expected: BTreeMap<_, _> = expected
            .map(|(_, rule, held, violated)| (*rule, (*held, *violated)))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}
