//! Scenario: the pack of one rule of a tenant does not load any more.
//!
//! Guarantees: all other rules say what they would say without it; it says of nothing that it is known, live and in replays;
//! it judges once it loads.

use super::*;
use crate::{
    api::{
        Operations,
        wire::{ReplayRequest, RuleAction},
    },
    rules::NOT_LOADED,
    verdict::Reason,
};

const OTHER: &str = "rule logged { match { audit.log } }";

impl Fixture {
    fn send_both(&self, trace: u8) {
        self.send(vec![span(trace, 1, "phi.access")]).unwrap();
        self.send(vec![span(trace + 1, 1, "audit.log")]).unwrap();
        self.settle();
    }
}

#[test]
fn what_does_not_load_is_inconclusive_and_all_else_is_judged_as_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish(RULE);
    host.publish(OTHER);
    let id = RuleId::try_new("phi").unwrap();
    let live = host.registry.live(&tenant()).unwrap();
    let digest = live.get(&id).unwrap().in_pack().unwrap().pack().digest();
    let pack = host.store.pack(digest).unwrap().unwrap();
    host.send_both(1);
    assert_eq!(host.counts(), [1, 0, 1, 0]);
    host.store.tamper_with_pack(digest, |_| None);
    drop(live);
    drop(host);

    let host = Fixture::open(folder.path());
    host.send_both(3);
    // The verdicts from before stay; of what came since nothing is known, not even that a rule had nothing to see.
    assert_eq!(host.counts(), [1, 0, 1, 2]);
    assert_eq!(host.counts_of("logged"), [0, 2, 2, 0]);
    for block in &host.store.blocks(&tenant())[1..] {
        let of_block = host.store.verdicts(&tenant(), block.meta().id).unwrap();
        let (.., verdicts) = of_block.iter().find(|(of, ..)| *of == id).unwrap();
        let reasons = verdicts.inconclusive.iter().map(|(_, reason)| *reason);
        assert!(reasons.clone().count() > 0);
        assert!(reasons.into_iter().all(|of| of == Reason::Quarantined));
    }
    let operations = host.operations();
    let rules = operations.rules().unwrap();
    assert_eq!(
        (rules[0].id.as_str(), &rules[0].quarantine),
        ("logged", &None)
    );
    let quarantine = rules[1].quarantine.as_ref().unwrap();
    assert_eq!(quarantine.reason, NOT_LOADED);
    assert!(quarantine.detail.contains("does not have the pack"));
    assert_eq!(operations.rule(&id).unwrap().rule, rules[1]);

    // By its live rules, and by ids.
    let replayed = host.replay(2);
    let counts: Vec<_> = replayed.rules.iter().map(|rule| rule.counts).collect();
    assert_eq!(counts, [[0, 2, 2, 0], [0, 0, 0, 4]]);
    let request = ReplayRequest {
        rules: vec!["phi".to_owned(), "logged".to_owned()],
        packs: Vec::new(),
        beside_published: false,
        from: None,
        to: None,
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let report = operations.replay(&request, go_on).unwrap();
    assert_eq!(
        (report.rules[0].inconclusive, report.rules[0].violated),
        (4, 0)
    );
    assert_eq!(
        (report.rules[1].inconclusive, report.rules[1].violated),
        (0, 2)
    );

    let enable = || operations.change_rule(&id, &RuleAction::Enable);
    assert!(enable().unwrap_err().message.contains("publish it again"));
    host.store.put_pack(digest, &pack).unwrap();
    enable().unwrap();
    host.send_both(5);
    assert_eq!(host.counts(), [2, 0, 2, 2]);
    assert!(operations.rules().unwrap()[1].quarantine.is_none());
    assert_eq!(host.replay(1).rules[1].counts, [3, 0, 3, 0]);
}
