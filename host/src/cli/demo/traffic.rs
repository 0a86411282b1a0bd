//! The demo's programs: a small healthcare service and an AI agent, instrumented with the OpenTelemetry SDK.
//!
//! They send what such programs send, through the SDK's own OTLP exporter. Some of them misbehave, and the
//! story that the demo tells rests on which: see [`Traffic::send_morning`].

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanKind, TraceContextExt, TraceId, Tracer as _, TracerProvider as _},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    trace::{SdkTracerProvider, Tracer},
};

use crate::clock::Clock;

/// How many ordinary requests the morning has.
const REQUESTS: usize = 120;
/// Every so manyth request forgets its audit record.
const UNAUDITED_EVERY: usize = 40;
/// Every so manyth request is a contractor's.
const CONTRACTOR_EVERY: usize = 60;
/// Which of the contractors' requests is an emergency.
const EMERGENCY: usize = 90;
/// Every so manyth visit is charged though nobody verified the insurance.
const UNVERIFIED_EVERY: usize = 30;
/// How many runs the agent has.
const AGENT_RUNS: usize = 40;

/// The instrumented programs.
#[derive(Debug)]
pub(super) struct Traffic {
    clock: Arc<dyn Clock>,
    ehr: Program,
    agent: Program,
    n_spans: usize,
    n_traces: usize,
}

#[derive(Debug)]
struct Program {
    provider: SdkTracerProvider,
    tracer: Tracer,
}

/// A span to be: its name, when it starts and how long it takes, in ms from the start of its trace.
struct Step<'a> {
    name: &'static str,
    at_ms: u64,
    for_ms: u64,
    attributes: &'a [(&'static str, Value<'a>)],
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Score(f64),
}

impl Program {
    fn new(service: &'static str, grpc: SocketAddr) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{grpc}"))
            .with_timeout(Duration::from_secs(5))
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name(service).build())
            .with_batch_exporter(exporter)
            .build();
        let tracer = provider.tracer("betrace-demo");
        Ok(Self { provider, tracer })
    }
}

impl Traffic {
    /// Starts the programs. Call it inside a tokio runtime: the exporters use it.
    pub(super) fn start(
        grpc: SocketAddr,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ExporterBuildError> {
        Ok(Self {
            clock,
            ehr: Program::new("ehr-api", grpc)?,
            agent: Program::new("research-agent", grpc)?,
            n_spans: 0,
            n_traces: 0,
        })
    }

    /// Sends the traffic that the demo is about, and waits until the server has acknowledged it.
    ///
    /// Of the requests three leave no audit record and two are a contractor's, one of them in an emergency; of the visits four are charged
    /// without insurance; of the agent's runs one opens payroll, one runs a shell unasked, another with approval, and one drifts.
    pub(super) fn send_morning(&mut self) -> Result<(), OTelSdkError> {
        for n in 0..REQUESTS {
            self.read_records(n, 1);
        }
        for n in 0..REQUESTS {
            self.charge_visit(n);
        }
        for n in 0..AGENT_RUNS {
            self.run_agent(n);
        }
        self.flush()
    }

    /// Sends one request that reads `records` records, otherwise blameless, and waits for the acknowledgement.
    pub(super) fn send_export(&mut self, records: usize) -> Result<TraceId, OTelSdkError> {
        let id = self.read_records(1, records);
        self.flush()?;
        Ok(id)
    }

    /// Traces and spans sent so far.
    pub(super) fn sent(&self) -> (usize, usize) {
        (self.n_traces, self.n_spans)
    }

    fn flush(&self) -> Result<(), OTelSdkError> {
        self.ehr.provider.force_flush()?;
        self.agent.provider.force_flush()
    }

    fn read_records(&mut self, n: usize, records: usize) -> TraceId {
        let is_nth = |every: usize| n % every == every / 2;
        let user = format!("u{}", n % 17);
        let role = if is_nth(CONTRACTOR_EVERY) {
            "contractor"
        } else {
            "nurse"
        };
        let patients: Vec<String> = (0..records)
            .map(|i| format!("p{}", (n * 7 + i) % 300))
            .collect();
        let allowed = [
            ("allowed", Value::Flag(true)),
            ("user.id", Value::Text(&user)),
        ];
        let reads: Vec<[(&str, Value<'_>); 3]> = patients
            .iter()
            .map(|patient| {
                [
                    ("user.id", Value::Text(&user)),
                    ("user.role", Value::Text(role)),
                    ("patient.id", Value::Text(patient)),
                ]
            })
            .collect();
        let mut steps = vec![Step {
            name: "auth.check",
            at_ms: 1,
            for_ms: 3,
            attributes: &allowed,
        }];
        for (i, read) in (0..).zip(&reads) {
            steps.push(Step {
                name: "phi.access",
                at_ms: 5 + i,
                for_ms: 9,
                attributes: read,
            });
        }
        if n == EMERGENCY {
            steps.push(Step {
                name: "emergency.override",
                at_ms: 2,
                for_ms: 1,
                attributes: &[],
            });
        }
        if !is_nth(UNAUDITED_EVERY) {
            steps.push(Step {
                name: "audit.log",
                at_ms: 30,
                for_ms: 2,
                attributes: &[],
            });
        }
        let root = Step {
            name: "GET /patients/{id}",
            at_ms: 0,
            for_ms: 40,
            attributes: &[],
        };
        self.send(|traffic| &traffic.ehr, &root, &steps)
    }

    fn charge_visit(&mut self, n: usize) {
        let amount = [("amount", Value::Score(40.0 + n as f64))];
        let mut steps = vec![Step {
            name: "billing.charge",
            at_ms: 12,
            for_ms: 20,
            attributes: &amount,
        }];
        if n % UNVERIFIED_EVERY != UNVERIFIED_EVERY / 2 {
            steps.push(Step {
                name: "insurance.verified",
                at_ms: 2,
                for_ms: 6,
                attributes: &[],
            });
        }
        let root = Step {
            name: "POST /visits",
            at_ms: 0,
            for_ms: 35,
            attributes: &[],
        };
        self.send(|traffic| &traffic.ehr, &root, &steps);
    }

    fn run_agent(&mut self, n: usize) {
        let tool = if n == 11 { "payroll" } else { "case_law" };
        let score = if n == 23 { 0.82 } else { 0.04 };
        let goal = [("deviation_score", Value::Score(score))];
        let search = [
            ("agent.name", Value::Text("research_agent")),
            ("tool.name", Value::Text(tool)),
        ];
        let shell = [
            ("agent.name", Value::Text("research_agent")),
            ("tool.name", Value::Text("shell")),
        ];
        let mut steps = vec![
            Step {
                name: "agent.goal",
                at_ms: 5,
                for_ms: 1,
                attributes: &goal,
            },
            Step {
                name: "agent.tool",
                at_ms: 20,
                for_ms: 400,
                attributes: &search,
            },
        ];
        let approved = [("approved", Value::Flag(true))];
        if n == 17 {
            steps.push(Step {
                name: "human.approval",
                at_ms: 430,
                for_ms: 50,
                attributes: &approved,
            });
        }
        if n == 31 || n == 17 {
            steps.push(Step {
                name: "agent.tool",
                at_ms: 500,
                for_ms: 90,
                attributes: &shell,
            });
        }
        let root = Step {
            name: "agent.run",
            at_ms: 0,
            for_ms: 900,
            attributes: &[],
        };
        self.send(|traffic| &traffic.agent, &root, &steps);
    }

    /// Sends one trace: a server span, ending at this moment, and its children.
    fn send(
        &mut self,
        program: impl Fn(&Self) -> &Program,
        root: &Step<'_>,
        steps: &[Step<'_>],
    ) -> TraceId {
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(self.clock.unix_nanos().0);
        let start = now - Duration::from_millis(root.for_ms);
        let tracer = &program(self).tracer;
        let at = |ms: u64| start + Duration::from_millis(ms);
        let root_span = tracer
            .span_builder(root.name)
            .with_kind(SpanKind::Server)
            .with_start_time(start)
            .start_with_context(tracer, &Context::new());
        let context = Context::new().with_span(root_span);
        for step in steps {
            let mut span = tracer
                .span_builder(step.name)
                .with_start_time(at(step.at_ms))
                .with_attributes(step.attributes.iter().map(key_value))
                .start_with_context(tracer, &context);
            span.end_with_timestamp(at(step.at_ms + step.for_ms));
        }
        context.span().end_with_timestamp(now);
        let trace_id = context.span().span_context().trace_id();
        self.n_spans += steps.len() + 1;
        self.n_traces += 1;
        trace_id
    }
}

fn key_value((key, value): &(&'static str, Value<'_>)) -> KeyValue {
    match *value {
        Value::Text(text) => KeyValue::new(*key, text.to_owned()),
        Value::Flag(flag) => KeyValue::new(*key, flag),
        Value::Score(score) => KeyValue::new(*key, score),
    }
}
