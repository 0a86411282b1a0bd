//! The traces that the bench makes: requests to a clinic's records, the same in every run and on every machine.
//!
//! Twelve spans a trace, eight attributes a span, 325 B a span as OTLP. A longer trace is the same request over
//! and over below one root. What a question of the bench asks about happens as often as [`TEMPLATE`] and [`Luck`] say.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind},
};

use crate::{
    clock::UnixNanos,
    random::Random,
    trace::{Facts, ResourceRecord, ScopeRecord, SealedTrace, SpanRecord, TraceId},
};

/// The spans of one request, and of a trace where nothing else is asked for.
pub(super) const REQUEST_SPANS: u32 = 12;

/// 2026-01-01T00:00:00Z.
const FIRST_START_NS: u64 = 1_767_225_600_000_000_000;

/// Ten million traces begin within ninety days.
const START_STEP_NS: u64 = 777_600_000;

/// Who may look at records.
pub(super) const ROLES: [&str; 7] = [
    "intern", "doctor", "nurse", "admin", "billing", "research", "support",
];

/// The services, by the number of an operation's service.
const SERVICES: [&str; 5] = ["gateway", "identity", "records", "mailer", "audit"];

/// An operation of a request.
struct Operation {
    name: &'static str,
    /// Which operation calls it.
    parent: usize,
    kind: SpanKind,
    service: usize,
    /// How long it takes at least; up to as long again comes by chance where it is short.
    duration_us: u64,
}

const fn operation(
    name: &'static str,
    parent: usize,
    kind: SpanKind,
    service: usize,
    duration_us: u64,
) -> Operation {
    Operation {
        name,
        parent,
        kind,
        service,
        duration_us,
    }
}

/// A request, one operation a millisecond.
const TEMPLATE: [Operation; REQUEST_SPANS as usize] = [
    operation("http.server", 0, SpanKind::Server, 0, 12_000),
    operation("auth.check", 0, SpanKind::Internal, 1, 1_200),
    operation("db.query", 1, SpanKind::Client, 1, 400),
    operation("cache.get", 0, SpanKind::Client, 0, 300),
    operation("phi.access", 0, SpanKind::Internal, 2, 4_500),
    operation("db.query", 4, SpanKind::Client, 2, 400),
    operation("http.client", 0, SpanKind::Client, 0, 2_500),
    operation("queue.publish", 6, SpanKind::Producer, 3, 300),
    operation("db.query", 4, SpanKind::Client, 2, 400),
    operation("render", 0, SpanKind::Internal, 0, 2_000),
    operation("db.query", 9, SpanKind::Client, 2, 400),
    operation("audit.log", 0, SpanKind::Internal, 4, 200),
];

/// What happens in few traces.
struct Luck {
    number: u64,
    bits: u64,
}

impl Luck {
    fn of(number: u64) -> Self {
        let bits = Random::new(number ^ 0x5bd1_e995).next();
        Self { number, bits }
    }

    /// Whether this is one of so many traces; each kind of luck has bits of its own.
    fn is_one_of(&self, n_traces: u64, shift: u32) -> bool {
        (self.bits >> shift).is_multiple_of(n_traces)
    }

    /// Returns what becomes of an operation of the template: its name, its parent, how long it takes at least.
    fn change(&self, at: usize, operation: &Operation) -> (&'static str, usize, u64) {
        let Operation {
            name,
            parent,
            duration_us,
            ..
        } = *operation;
        match at {
            // The check has not ended when records are read.
            1 if self.is_one_of(32, 8) => (name, parent, 9_000),
            3 if self.is_one_of(8, 16) => ("cache.miss", parent, duration_us),
            // Another service reads them.
            4 if self.is_one_of(64, 24) => (name, 6, duration_us),
            10 if self.number.is_multiple_of(1_000) => ("records.export", parent, duration_us),
            // There is no audit record.
            11 if self.is_one_of(16, 32) => ("render", parent, duration_us),
            _ => (name, parent, duration_us),
        }
    }
}

/// Makes traces by their numbers.
#[derive(Debug)]
pub(super) struct TraceMaker {
    spans: u32,
    resources: Vec<Arc<ResourceRecord>>,
    scope: Arc<ScopeRecord>,
}

impl TraceMaker {
    /// `spans`: of each trace, at least one.
    pub(super) fn new(spans: u32) -> Self {
        let resource = |service: &&str| {
            let attributes = vec![
                text("service.name", (*service).to_owned()),
                text("deployment.environment.name", "production".to_owned()),
            ];
            Arc::new(ResourceRecord {
                resource: Resource {
                    attributes,
                    ..Resource::default()
                },
                schema_url: String::new(),
            })
        };
        let scope = InstrumentationScope {
            name: "betrace.bench".to_owned(),
            ..InstrumentationScope::default()
        };
        Self {
            spans: spans.max(1),
            resources: SERVICES.iter().map(resource).collect(),
            scope: Arc::new(ScopeRecord {
                scope,
                schema_url: String::new(),
            }),
        }
    }

    /// Returns a trace as assembly would seal it.
    pub(super) fn sealed(&self, number: u64) -> SealedTrace {
        let (id, spans) = self.spans(number);
        let spans = spans.into_iter().map(|(service, span)| SpanRecord {
            span,
            resource: self.resources.get(service).cloned().unwrap_or_default(),
            scope: Arc::clone(&self.scope),
        });
        let arrived = UnixNanos(start_of(number));
        SealedTrace {
            trace_id: id,
            spans: spans.collect(),
            facts: Facts(0),
            arrived_first: arrived,
            arrived_last: arrived,
        }
    }

    /// Returns what a collector would send of some traces: two requests, of which the first has the second half of each
    /// trace, since children end before their parents.
    pub(super) fn requests(
        &self,
        numbers: impl Iterator<Item = u64>,
    ) -> [ExportTraceServiceRequest; 2] {
        let mut halves = [(); 2].map(|()| vec![Vec::new(); SERVICES.len()]);
        let [late, early] = &mut halves;
        for number in numbers {
            let (_, spans) = self.spans(number);
            let half = spans.len() / 2;
            for (at, (service, span)) in spans.into_iter().enumerate() {
                let into = if at < half { &mut *early } else { &mut *late };
                if let Some(spans) = into.get_mut(service) {
                    spans.push(span);
                }
            }
        }
        halves.map(|by_service| self.request(by_service))
    }

    fn request(&self, by_service: Vec<Vec<Span>>) -> ExportTraceServiceRequest {
        let of_service = self.resources.iter().zip(by_service);
        let resource_spans = of_service.filter(|(_, spans)| !spans.is_empty());
        let resource_spans = resource_spans.map(|(resource, spans)| ResourceSpans {
            resource: Some(resource.resource.clone()),
            scope_spans: vec![ScopeSpans {
                scope: Some(self.scope.scope.clone()),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        });
        ExportTraceServiceRequest {
            resource_spans: resource_spans.collect(),
        }
    }

    /// Returns the spans of a trace in order of their starts, each with the number of its service.
    fn spans(&self, number: u64) -> (TraceId, Vec<(usize, Span)>) {
        let luck = Luck::of(number);
        let mut random = Random::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut id = [0; 16];
        let halves = [random.next() | 1, random.next()].into_iter();
        for (to, from) in id.iter_mut().zip(halves.flat_map(u64::to_be_bytes)) {
            *to = from;
        }
        let ids: Vec<[u8; 8]> = (0..self.spans)
            .map(|_| (random.next() | 1).to_be_bytes())
            .collect();
        let request_id = format!("{:016x}", random.next());
        let mut spans = Vec::with_capacity(ids.len());
        for (row, span_id) in ids.iter().enumerate() {
            let (round, at) = (row - row % TEMPLATE.len(), row % TEMPLATE.len());
            let Some(operation) = TEMPLATE.get(at) else {
                continue;
            };
            let (name, parent, duration_us) = luck.change(at, operation);
            // The first operation of each further request is called by the root.
            let parent = if at == 0 { 0 } else { round + parent };
            let parent = ids.get(parent).filter(|_| row > 0);
            let start = start_of(number) + row as u64 * 1_000_000 + random.below(900_000);
            let duration_us = duration_us + random.below(duration_us.min(8_000));
            spans.push((
                operation.service,
                Span {
                    trace_id: id.to_vec(),
                    span_id: span_id.to_vec(),
                    parent_span_id: parent.map(|id| id.to_vec()).unwrap_or_default(),
                    name: name.to_owned(),
                    kind: operation.kind as i32,
                    start_time_unix_nano: start,
                    end_time_unix_nano: start + duration_us * 1_000,
                    attributes: attributes(&mut random, &request_id),
                    status: Some(Status::default()),
                    ..Span::default()
                },
            ));
        }
        (TraceId(id), spans)
    }
}

fn start_of(number: u64) -> u64 {
    FIRST_START_NS + number * START_STEP_NS
}

fn attributes(random: &mut Random, request_id: &str) -> Vec<KeyValue> {
    let role = ROLES.get(random.below(ROLES.len() as u64) as usize);
    let area = ["records", "images", "admin", "letters"].get(random.below(4) as usize);
    vec![
        text("user.role", role.copied().unwrap_or_default().to_owned()),
        text("user.id", format!("user-{:05}", random.below(20_000))),
        text(
            "http.route",
            format!(
                "/api/v{}/{}/{}",
                1 + random.below(3),
                area.copied().unwrap_or_default(),
                random.below(10)
            ),
        ),
        attribute("db.rows", Value::IntValue(random.below(1_000) as i64)),
        text("request.id", request_id.to_owned()),
        text(
            "url.full",
            format!("https://clinic.example/records/{}", random.below(1 << 40)),
        ),
        attribute(
            "queue.wait_ms",
            Value::DoubleValue(random.below(100_000) as f64 / 1_000.0),
        ),
        text("server.address", format!("10.0.0.{}", random.below(20))),
    ]
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
