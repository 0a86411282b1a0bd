//! What the demo shows, chapter by chapter.

use std::{
    ops::ControlFlow,
    sync::mpsc::{self, TryRecvError},
    thread,
};

use anyhow::{Context, anyhow, bail};

use super::{super::serve::Running, Traffic};
use crate::{
    api::{
        Operations,
        wire::{ApplyRequest, ChangesQuery, PackUpload, ReplayRequest, SignalView},
    },
    cli::{client::Client, console::Console, exit::Failure},
    rule_id::RuleMode,
    time::took,
    trace::TraceId,
};

const HEALTHCARE: &str = include_str!("../../../../examples/packs/healthcare/healthcare.btr");
const AGENTS: &str = include_str!("../../../../examples/packs/agents/agents.btr");

/// The rule that nobody had thought of while the traffic flowed.
const QUESTION: &str = "\
rule charge-needs-insurance {
  signal   UNVERIFIED_CHARGE (high)
  message  \"{billing.charge.amount} was charged and nobody had verified the insurance\"
  when     { billing.charge }
  always   { insurance.verified }
}
";

/// How long the server may take to answer for a change, and how often at most it is asked.
const WAIT_MS: u64 = 200;
const WAITS_MAX: usize = 150;

pub(super) struct Story<'a> {
    pub(super) client: Client,
    pub(super) traffic: Traffic,
    pub(super) console: &'a mut Console,
}

type Told = Result<(), Failure>;

impl Story<'_> {
    pub(super) fn server(&mut self, running: &Running) -> Told {
        self.say(
            "BeTrace checks that programs behave, by the OpenTelemetry traces that they emit.",
        )?;
        self.chapter("A server, with an empty store")?;
        let Running {
            grpc, http, api, ..
        } = running;
        self.say(format!("  OTLP gRPC {grpc} · OTLP HTTP {http} · API {api}").as_str())
    }

    pub(super) fn rules(&mut self) -> Told {
        self.chapter("Rules, compiled to WebAssembly and published")?;
        self.apply("healthcare.btr", HEALTHCARE)?;
        self.apply("agents.btr", AGENTS)?;
        for rule in self.client.rules().map_err(broken)? {
            let line = format!("  {:<9} {:<28} {}", rule.severity, rule.id, rule.summary);
            self.say(line.trim_end())?;
        }
        Ok(())
    }

    /// Traffic flows on a thread of its own, and signals are shown as they come.
    pub(super) fn morning(&mut self) -> Told {
        self.chapter("A morning's traffic from an EHR service and an AI agent, through the OpenTelemetry SDK")?;
        let mut since = self.changes(Some(0))?.1;
        let (done, sent) = mpsc::channel();
        let (client, traffic) = (&self.client, &mut self.traffic);
        let console = &mut *self.console;
        let sent = thread::scope(|scope| -> Result<(usize, usize), Failure> {
            scope.spawn(move || {
                let outcome = traffic.send_morning().map(|()| traffic.sent());
                // Nobody listens any more where showing failed.
                let _gone = done.send(outcome);
            });
            let mut finished = None;
            for _ in 0..WAITS_MAX {
                let (signals, next) = changes(client, Some(since)).map_err(Failure::usage)?;
                since = next;
                for signal in &signals {
                    show(console, signal)?;
                }
                match sent.try_recv() {
                    Ok(outcome) => {
                        finished = Some(
                            outcome
                                .context("the traffic was not taken")
                                .map_err(Failure::usage)?,
                        );
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
                }
                if let Some(sent) = finished
                    && signals.is_empty()
                    && judged(client).map_err(Failure::usage)? >= sent.0 as u64
                {
                    return Ok(sent);
                }
            }
            Err(Failure::usage(anyhow!(
                "the traffic was not judged in time"
            )))
        })?;
        self.say(
            format!(
                "\n  {} traces, {} spans: acknowledged, stored and judged",
                sent.0, sent.1
            )
            .as_str(),
        )?;
        for coverage in self.client.coverage().map_err(broken)? {
            let sum = &coverage.coverage;
            let share = sum
                .coverage
                .map_or("none".to_owned(), |share| format!("{:.1} %", share * 100.0));
            let line = format!(
                "  {:<28} held {:>4}  violated {:>2}  coverage {share}",
                coverage.rule, sum.held, sum.violated
            );
            self.say(&line)?;
        }
        Ok(())
    }

    /// A rule that was not there while the traffic flowed, over what is stored.
    pub(super) fn question(&mut self) -> Told {
        self.chapter("A question that nobody had asked: was anybody charged without insurance?")?;
        self.quote(QUESTION)?;
        let request = ReplayRequest {
            rules: Vec::new(),
            packs: vec![pack("charge.btr", QUESTION)],
            beside_published: false,
            from: None,
            to: None,
        };
        let report = self
            .client
            .replay(&request, &mut |_| ControlFlow::Continue(()))
            .map_err(broken)?;
        let elapsed = took(std::time::Duration::from_millis(report.elapsed_ms));
        let Some(rule) = report.rules.first() else {
            return Err(Failure::usage(anyhow!("the replay answered for no rule")));
        };
        self.say(
            format!(
                "  replayed over {} stored traces in {elapsed}: {} violated, {} held, {} not applicable",
                report.traces, rule.violated, rule.held, rule.not_applicable
            )
            .as_str(),
        )?;
        for violation in &rule.violations {
            let line = format!(
                "  {}  trace {}  {}",
                violation.time, violation.trace_id, violation.message
            );
            self.say(&line)?;
        }
        Ok(())
    }

    /// One rule is replaced while the server runs; the next trace is judged by the new version.
    pub(super) fn swap(&mut self) -> Told {
        self.chapter(
            "A rule swapped in the running server: at most three records a request, not five",
        )?;
        let stricter = HEALTHCARE.replace("count(phi.access) > 5", "count(phi.access) > 3");
        if stricter == HEALTHCARE {
            return Err(Failure::usage(anyhow!(
                "the pack has changed and the demo has not"
            )));
        }
        self.export_is_judged()?;
        self.apply("healthcare.btr", &stricter)?;
        self.export_is_judged()
    }

    pub(super) fn end(&mut self) -> Told {
        self.chapter("Try next")?;
        for line in [
            "  betrace serve --data ./betrace-data               the server, to stay",
            "  betrace rules apply examples/packs/healthcare     these rules; change one and apply it again",
            "  betrace signals watch                             violations as they happen",
            "  betrace import traces.jsonl --data ./betrace-data traces that you have as files",
            "  betrace --help",
        ] {
            self.say(line)?;
        }
        Ok(())
    }

    fn export_is_judged(&mut self) -> Told {
        const RULE: &str = "record-export-is-small";
        let sent = self
            .traffic
            .send_export(4)
            .context("the traffic was not taken")
            .map_err(Failure::usage)?;
        let id = TraceId(sent.to_bytes());
        let verdict = self.verdict(id, RULE).map_err(Failure::usage)?;
        self.say(
            format!("  a request that reads four records, trace {id}\n    {RULE} {verdict}")
                .as_str(),
        )
    }

    /// Waits for the verdict of a rule on a trace that was sent.
    fn verdict(&self, id: TraceId, rule: &str) -> anyhow::Result<String> {
        let mut since = changes(&self.client, None)?.1;
        for _ in 0..WAITS_MAX {
            if let Ok(trace) = self.client.trace(id)
                && let Some(found) = trace.verdicts.iter().find(|verdict| verdict.rule == rule)
            {
                return Ok(format!(
                    "version {}: {}",
                    found.version,
                    found.verdict.name()
                ));
            }
            // Paces the asking: answers when a signal changes, or after the wait.
            since = changes(&self.client, Some(since))?.1;
        }
        bail!("trace {id} was not judged in time")
    }

    fn apply(&mut self, name: &str, source: &str) -> Told {
        let request = ApplyRequest {
            packs: vec![pack(name, source)],
            dry_run: false,
            take_over: false,
            mode: RuleMode::Live,
        };
        let report = self.client.apply(&request).map_err(broken)?;
        let n_new = report.rules.iter().filter(|rule| rule.version > 1).count();
        if n_new > 0 {
            self.say(
                format!("  betrace rules apply {name}: version 2 is live, no trace waited for it")
                    .as_str(),
            )?;
        }
        Ok(())
    }

    fn changes(&self, since: Option<u64>) -> Result<(Vec<SignalView>, u64), Failure> {
        changes(&self.client, since).map_err(Failure::usage)
    }

    fn chapter(&mut self, title: &str) -> Told {
        let title = self.console.paint().bold(title);
        self.say(format!("\n{title}").as_str())
    }

    fn quote(&mut self, text: &str) -> Told {
        text.lines()
            .try_for_each(|line| self.say(format!("    {line}").as_str()))
    }

    fn say(&mut self, line: &str) -> Told {
        self.console.line(line)?;
        Ok(self.console.flush()?)
    }
}

fn pack(name: &str, source: &str) -> PackUpload {
    PackUpload {
        name: name.to_owned(),
        component: None,
        source: Some(source.to_owned()),
        reference: None,
    }
}

fn broken(error: crate::api::error::ApiError) -> Failure {
    Failure::usage(anyhow!(error))
}

fn changes(client: &Client, since: Option<u64>) -> anyhow::Result<(Vec<SignalView>, u64)> {
    let query = ChangesQuery {
        since,
        wait_ms: Some(WAIT_MS),
        rule: None,
    };
    let changes = client.signal_changes(&query)?;
    Ok((changes.signals, changes.next))
}

/// How many traces were judged by every rule.
fn judged(client: &Client) -> anyhow::Result<u64> {
    let sums = client.coverage()?.into_iter().map(|rule| {
        let sum = rule.coverage;
        sum.held + sum.violated + sum.not_applicable + sum.inconclusive
    });
    Ok(sums.min().unwrap_or(0))
}

fn show(console: &mut Console, signal: &SignalView) -> Told {
    let severity = match signal.severity.as_str() {
        "critical" | "high" => console.paint().red(&signal.severity),
        _ => console.paint().yellow(&signal.severity),
    };
    console.line(format_args!(
        "  {severity}  {}  {}",
        signal.signal, signal.message
    ))?;
    let witnesses: Vec<String> = signal
        .witnesses
        .iter()
        .map(|witness| {
            format!(
                "{} in {} (span {})",
                witness.name, witness.service, witness.span_id
            )
        })
        .collect();
    console.line(format_args!(
        "      rule {} v{}, trace {}, witness {}",
        signal.rule,
        signal.version,
        signal.trace_id,
        witnesses.join(", ")
    ))?;
    Ok(console.flush()?)
}
