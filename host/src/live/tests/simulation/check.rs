//! What must be true when all is over.

use super::*;

pub(super) fn check(process: &Process, acknowledged: &BTreeMap<TraceId, BTreeSet<Vec<u8>>>) {
    let store = &process.store;
    assert_eq!(process.shared.failed(), None);
    assert_eq!(
        store.inbox().scan().count(),
        0,
        "something is left in the inbox"
    );
    assert_eq!(process.shared.assembler().stats().open_traces, 0);
    assert!(store.unjudged().is_empty());

    let mut deserve: BTreeMap<TraceId, bool> = BTreeMap::new();
    for (trace, expected) in acknowledged {
        let pieces = store.find_pieces(&tenant(), *trace, usize::MAX);
        let [(listed, row)] = &pieces[..] else {
            panic!("{trace} is stored {} times", pieces.len());
        };
        let stored = store.open_block(listed).unwrap().spans(*row).unwrap();
        let spans = stored
            .spans
            .iter()
            .map(|record| record.span.encode_to_vec());
        let spans: Vec<_> = spans.collect();
        assert_eq!(spans.len(), expected.len(), "spans of {trace}");
        assert_eq!(&spans.into_iter().collect::<BTreeSet<_>>(), expected);
        if stored.facts == Facts::default() {
            let has = |name: &str| stored.spans.iter().any(|record| record.span.name == name);
            deserve.insert(*trace, has("phi.access") && !has("audit.log"));
        }
    }

    let with = Replaying {
        store,
        sandbox: &SANDBOX,
        clock: &*process.shared.clock,
    };
    let options = ReplayOptions {
        from: None,
        to: None,
        threads: 1,
    };
    let rules = process.registry.live(&tenant()).unwrap();
    let going_on = &mut |_| ControlFlow::Continue(());
    let replayed = replay(with, &tenant(), rules.rules(), options, going_on).unwrap();
    assert_eq!(replayed.traces, acknowledged.len() as u64);
    let signals = store.signals(&tenant(), &SignalFilter::default()).unwrap();
    for rule in &replayed.rules {
        let cells = store.coverage_cells(&tenant(), Some(&rule.id)).unwrap();
        let sum = |at: usize| cells.iter().map(|cell| cell.traces[at]).sum::<u64>();
        assert_eq!([0, 1, 2, 3].map(sum), rule.counts, "live of `{}`", rule.id);
        let violated: BTreeSet<TraceId> = rule.violations.iter().map(|of| of.trace_id).collect();
        let of_rule = signals.iter().filter(|signal| signal.rule == rule.id);
        let stand = of_rule.filter(|signal| {
            let last = signal.history.last();
            last.is_some_and(|last| last.verdict == Verdict::Violated)
        });
        let stand: Vec<TraceId> = stand.map(|signal| signal.trace_id).collect();
        assert_eq!(stand.len(), violated.len(), "signals of `{}`", rule.id);
        assert_eq!(stand.into_iter().collect::<BTreeSet<_>>(), violated);
        if rule.id.as_str() == "phi" {
            for (trace, is_violated) in &deserve {
                assert_eq!(violated.contains(trace), *is_violated, "{trace}");
            }
        }
    }
}
