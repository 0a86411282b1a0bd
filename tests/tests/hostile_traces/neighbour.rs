//! What the tenant `calm` and an operator notice while `loud` sends: how long each of them has to wait.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use betrace::clock::{Clock as _, SystemClock};
use betrace_tests::client::{request, span};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;

use crate::stage::{LOOK_EVERY, Stage, value, with_token};

/// What the neighbour has to wait at most, with tests and server crowded on two slow cores: a bound against being held up
/// by the loud tenant's work as a whole, which takes minutes where it is not done in turns.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);
const JUDGED_WITHIN: Duration = Duration::from_secs(30);
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const GAUGES_MOVE_WITHIN: Duration = Duration::from_secs(20);

/// What `calm` is judged by: each of its traces breaks it.
pub(crate) const RULE: &str = "rule calm { match { phi.access and not audit.log } }\n";

/// The slowest of what the neighbour, and whoever looks, had to wait for.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// Traces that `calm` sent, each acknowledged and judged before the next.
    pub(crate) n_traces: usize,
    /// A request of `calm` until it was acknowledged.
    pub(crate) acknowledged: Duration,
    /// From there until its verdict was shown; at least the time that a trace has to be quiet.
    pub(crate) judged: Duration,
    /// An answer of the API, whoever asked: `/metrics`, lists, traces of `calm`.
    pub(crate) answered: Duration,
    /// How long the gauges of open spans and of unjudged blocks stood still while there was something to do.
    pub(crate) stood_still: Duration,
    /// The most memory of the server, where the system says.
    pub(crate) memory_mib: Option<u64>,
}

impl Noticed {
    /// Asserts that the neighbour, and who looked, were not held up, and that the memory stayed below so much.
    pub(crate) fn assert_bounded(&self, memory_max_mib: u64) {
        assert!(self.acknowledged < ACKNOWLEDGED_WITHIN, "{self:?}");
        assert!(self.judged < JUDGED_WITHIN, "{self:?}");
        assert!(self.answered < ANSWERED_WITHIN, "{self:?}");
        assert!(self.stood_still < GAUGES_MOVE_WITHIN, "{self:?}");
        let memory = self.memory_mib.unwrap_or_default();
        assert!(memory < memory_max_mib, "{self:?}");
    }
}

impl Stage {
    /// Sends trace after trace as the calm tenant, each once the one before has its verdict.
    pub(crate) fn be_calm(&self, is_over: &AtomicBool) -> Noticed {
        let clock = SystemClock::new();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let grpc = format!("http://{}", self.server.grpc);
        let mut client = runtime.block_on(TraceServiceClient::connect(grpc)).unwrap();
        let mut noticed = Noticed::default();
        for trace in 0xca11_u128 << 64.. {
            if is_over.load(Ordering::Acquire) && noticed.n_traces > 0 {
                break;
            }
            let spans = vec![span(trace, 1, 0, "root"), span(trace, 2, 1, "phi.access")];
            let began = clock.monotonic();
            let sent = client.export(with_token(request("calm", spans), &self.calm));
            runtime.block_on(sent).unwrap();
            let acknowledged = clock.monotonic();
            let path = format!("/api/v1/traces/{trace:032x}");
            loop {
                let (took, shown) = self.ask(&path, &self.calm);
                noticed.answered = noticed.answered.max(took);
                if let Some(verdict) = shown["verdicts"].get(0) {
                    assert_eq!(verdict["verdict"], "violated", "{shown}");
                    break;
                }
                thread::sleep(LOOK_EVERY);
            }
            let judged = clock.monotonic();
            noticed.acknowledged = noticed.acknowledged.max(acknowledged.saturating_sub(began));
            noticed.judged = noticed.judged.max(judged.saturating_sub(acknowledged));
            noticed.n_traces += 1;
        }
        noticed
    }

    /// Looks at metrics and lists as those do who are asked why it is so slow.
    pub(crate) fn watch(&self, is_over: &AtomicBool) -> Noticed {
        let clock = SystemClock::new();
        let mut noticed = Noticed::default();
        let (mut last, mut since) = (Vec::new(), clock.monotonic());
        while !is_over.load(Ordering::Acquire) {
            let asked = clock.monotonic();
            let all = self.metrics();
            let now = clock.monotonic();
            noticed.answered = noticed.answered.max(now.saturating_sub(asked));
            let gauges: Vec<u64> = all
                .lines()
                .filter(|line| is_gauge(line))
                .map(value)
                .collect();
            if gauges != last || gauges.iter().all(|gauge| *gauge == 0) {
                (last, since) = (gauges, now);
            }
            noticed.stood_still = noticed.stood_still.max(now.saturating_sub(since));
            for path in ["/api/v1/traces?limit=100", "/api/v1/coverage"] {
                let (took, _) = self.ask(path, &self.loud);
                noticed.answered = noticed.answered.max(took);
            }
            thread::sleep(LOOK_EVERY);
        }
        noticed
    }
}

fn is_gauge(line: &str) -> bool {
    [
        "betrace_assemble_open_spans ",
        "betrace_judge_unjudged_blocks ",
    ]
    .iter()
    .any(|name| line.starts_with(name))
}
