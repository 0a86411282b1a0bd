//! What follows where a rule fails, and what ends it.

use super::*;
use crate::{
    api::{
        Operations,
        local::{Local, Rooms},
        wire::{RuleAction, RuleView},
    },
    guest::{ALWAYS_0, Guest, GuestRule, named_rule},
    live::limits::QUARANTINE_BATCHES_MIN,
    rule_id::RuleVersion,
    verdict::Reason,
};

/// A pack whose rule traps on traces with a span that starts soon after 1970.
pub(super) fn eager(id: &str, edition: u32) -> NewPack {
    eager_rule(id, edition, "unreachable")
}

/// A pack whose rule does something on each span that starts soon after 1970. Those of trial batches do not.
pub(super) fn eager_rule(id: &str, edition: u32, does: &str) -> NewPack {
    let rule = GuestRule {
        reads: vec![["span".into(), "start".into(), "value".into()]],
        ..named_rule(id, "A")
    };
    let guest = Guest {
        rules: vec![rule],
        evaluate: format!(
            "(local $at i32) (local $start i64)
             (block $out (loop $next
               (br_if $out (i32.ge_u (local.get $at) (i32.load offset=20 (local.get $cols))))
               (local.set $start (i64.load
                 (i32.add (i32.load offset=16 (local.get $cols)) (i32.shl (local.get $at) (i32.const 3)))))
               (if (i64.lt_u (i64.sub (local.get $start) (i64.const 1)) (i64.const 1000000))
                 (then {does} (local.set $at (i32.const 1073741824))))
               (local.set $at (i32.add (local.get $at) (i32.const 1)))
               (br $next)))
             {ALWAYS_0}"
        ),
        items: format!("(func (export \"edition\") (result i32) (i32.const {edition}))"),
        ..Guest::default()
    };
    NewPack {
        bytes: guest.build(),
        origin: "eager.wasm".to_owned(),
        source: None,
        reference: None,
    }
}

impl Fixture {
    pub(super) fn publish_pack(&self, pack: NewPack) {
        self.registry
            .publish(&tenant(), vec![pack], &PublishOptions::default())
            .unwrap();
    }

    pub(super) fn operations(&self) -> Local {
        let rooms = Rooms {
            store: self.store.clone(),
            registry: Arc::clone(&self.registry),
            sandbox: Arc::clone(&self.sandbox),
            clock: Arc::new(self.clock.clone()),
            open: None,
        };
        Local::new(rooms, tenant(), "test".to_owned())
    }

    fn rule(&self) -> RuleView {
        self.operations().rules().unwrap().remove(0)
    }

    /// Sends a trace that starts at a nanosecond of 1970, in a block of its own; returns why it has no verdict.
    fn reason_of(&self, trace: u8) -> Option<Reason> {
        self.send(vec![Span {
            start_time_unix_nano: 5,
            ..span(trace, 1, "A")
        }])
        .unwrap();
        self.settle();
        let blocks = self.store.blocks(&tenant());
        let newest = blocks.last().unwrap().meta().id;
        let verdicts = self.store.verdicts(&tenant(), newest).unwrap();
        let (_, _, verdicts) = verdicts.first().unwrap();
        verdicts.inconclusive.first().map(|(_, reason)| *reason)
    }
}

#[test]
fn a_rule_that_fails_too_often_is_quarantined_until_it_is_enabled_or_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish_pack(eager("eager", 1));
    let n_failing = QUARANTINE_BATCHES_MIN as u8;
    for trace in 1..=n_failing {
        assert!(host.rule().quarantine.is_none());
        assert_eq!(host.reason_of(trace), Some(Reason::Trapped), "{trace}");
    }
    let quarantine = host.rule().quarantine.unwrap();
    assert_eq!(quarantine.reason, "trapped");
    assert!(quarantine.detail.contains("unreachable"), "{quarantine:?}");
    let counts = (quarantine.failed_batches, quarantine.batches);
    assert_eq!(counts, (QUARANTINE_BATCHES_MIN, QUARANTINE_BATCHES_MIN));
    let set = host.registry.live(&tenant()).unwrap().number();

    // It is not called any more, over a restart too; what it cost is kept.
    assert_eq!(host.reason_of(100), Some(Reason::Quarantined));
    let cost = host.rule().cost;
    assert_eq!(cost.batches, QUARANTINE_BATCHES_MIN);
    assert_eq!(cost.failed_batches, QUARANTINE_BATCHES_MIN);
    assert!(cost.fuel > 0 && cost.processor_seconds > 0.0, "{cost:?}");
    drop(host);
    let host = Fixture::open(folder.path());
    assert_eq!(host.rule().quarantine, Some(quarantine));
    assert_eq!(host.reason_of(101), Some(Reason::Quarantined));
    assert_eq!(host.rule().cost, cost);
    let all = host.registry.all_quarantined().unwrap();
    assert_eq!(all.len(), 1);

    let id = RuleId::try_new("eager").unwrap();
    let enabled = host.operations().change_rule(&id, &RuleAction::Enable);
    assert_eq!(
        enabled.unwrap().rule_set,
        set,
        "what is live has not changed"
    );
    assert!(host.rule().quarantine.is_none());
    for trace in 110..110 + n_failing {
        assert_eq!(host.reason_of(trace), Some(Reason::Trapped), "{trace}");
    }
    assert!(host.rule().quarantine.is_some());
    host.publish_pack(eager("eager", 2));
    assert_eq!((host.rule().version, host.rule().quarantine), (2, None));
    assert_eq!(host.registry.all_quarantined().unwrap(), []);
    assert_eq!(host.reason_of(140), Some(Reason::Trapped));
    // The version before is as it was.
    let back = RuleAction::Rollback {
        to: Some(RuleVersion(1)),
    };
    host.operations().change_rule(&id, &back).unwrap();
    assert_eq!(host.reason_of(141), Some(Reason::Quarantined));
}

#[test]
fn incomplete_traces_quarantine_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let host = Fixture::open(folder.path());
    host.publish_pack(eager("eager", 1));
    for trace in 1..=2 * QUARANTINE_BATCHES_MIN as u8 {
        // Its parent is nowhere.
        host.send(vec![child(trace, 2, "A")]).unwrap();
        host.settle();
    }
    assert_eq!(
        host.counts_of("eager"),
        [0, 0, 0, 2 * QUARANTINE_BATCHES_MIN]
    );
    assert!(host.rule().quarantine.is_none());
    assert_eq!(host.rule().cost.failed_batches, 0);
}
