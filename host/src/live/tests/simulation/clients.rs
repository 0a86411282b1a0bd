//! What clients have to send, and what of it was acknowledged.

use super::*;

/// What clients have to send, and what was acknowledged of it.
pub(super) struct Clients {
    /// In no order; some of it twice.
    pub(super) unsent: Vec<Span>,
    pub(super) acknowledged: BTreeMap<TraceId, BTreeSet<Vec<u8>>>,
}

impl Clients {
    pub(super) fn new(seeded: &mut Random) -> Self {
        let mut unsent = Vec::new();
        for trace in 1..=u8::try_from(4 + seeded.below(12)).unwrap() {
            let root = u64::from(!seeded.percent(10));
            for id in 1..=1 + seeded.below(6) {
                let name = ["phi.access", "audit.log", "work"][seeded.below(3) as usize];
                let id = u8::try_from(id).unwrap();
                let mut spans = vec![if id == 1 {
                    span(trace, id, "root")
                } else {
                    child(trace, id, name)
                }];
                if id == 1 && root == 0 {
                    spans.clear();
                }
                // Two halves of a call that share an id.
                if seeded.percent(5) {
                    spans.push(child(trace, id, "other.half"));
                }
                // Sent twice, as a client does that saw no answer.
                if seeded.percent(20) {
                    spans.extend(spans.clone());
                }
                unsent.append(&mut spans);
            }
        }
        Self {
            unsent,
            acknowledged: BTreeMap::new(),
        }
    }

    /// Takes the spans of the next request, of whatever traces.
    pub(super) fn request(&mut self, seeded: &mut Random) -> Vec<Span> {
        let n_spans = 1 + seeded.below(8);
        let mut spans = Vec::new();
        for _ in 0..n_spans.min(self.unsent.len() as u64) {
            let at = seeded.below(self.unsent.len() as u64) as usize;
            spans.push(self.unsent.swap_remove(at));
        }
        spans
    }

    /// Sends a request, and returns whether it was acknowledged. One that was not is sent again, some time.
    pub(super) fn send(
        &mut self,
        machine: &mut Machine,
        process: &Process,
        spans: Vec<Span>,
    ) -> bool {
        let is_acknowledged = machine.send(process, spans.clone());
        if is_acknowledged {
            self.acknowledge(&spans);
        } else {
            machine.happened.refused += 1;
            self.unsent.extend(spans);
        }
        is_acknowledged
    }

    fn acknowledge(&mut self, spans: &[Span]) {
        for span in spans {
            let trace = TraceId::from_bytes(&span.trace_id).unwrap();
            let of_trace = self.acknowledged.entry(trace).or_default();
            of_trace.insert(span.encode_to_vec());
        }
    }
}
