//! What the host says of itself: metrics for Prometheus.
//!
//! Every metric's name is a constant of [`names`], `betrace_<area>_<noun>` with its unit. Labels are the
//! tenant, the rule and small closed sets: nothing that a client of ingest can choose freely.

mod costs;
mod seals;
pub mod spans;
mod standing;
mod tenants;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

pub use self::seals::SealMetrics;
pub use self::tenants::of_tenant;
use self::{costs::CostMetrics, standing::StandingMetrics};
use crate::{
    rule_id::{RuleId, RuleMode},
    tenant::TenantId,
    verdict::{Reason, Verdict},
};

/// The names of all metrics, without the suffix that their kind and unit add.
pub mod names {
    /// Requests taken, by tenant. Counter.
    pub const INGEST_REQUESTS: &str = "betrace_ingest_requests";
    /// Spans acknowledged, by tenant. Counter.
    pub const INGEST_SPANS: &str = "betrace_ingest_spans";
    /// Spans refused for good (`partial_success`), by tenant. Counter.
    pub const INGEST_SPANS_REJECTED: &str = "betrace_ingest_spans_rejected";
    /// Requests refused with a retryable error, by tenant. Counter.
    pub const INGEST_REFUSED: &str = "betrace_ingest_requests_refused";
    /// Open traces. Gauge.
    pub const ASSEMBLE_OPEN_TRACES: &str = "betrace_assemble_open_traces";
    /// Spans of open traces. Gauge.
    pub const ASSEMBLE_OPEN_SPANS: &str = "betrace_assemble_open_spans";
    /// Traces sealed into blocks, by tenant. Counter.
    pub const SEAL_TRACES: &str = "betrace_seal_traces";
    /// Traces that late spans reopened, by tenant. Counter.
    pub const SEAL_REOPENED: &str = "betrace_seal_traces_reopened";
    /// Traces cut at a limit, by tenant. Counter.
    pub const SEAL_CUT: &str = "betrace_seal_traces_cut";
    /// Traces stored without their earlier part, by tenant. Counter.
    pub const SEAL_FRAGMENTS: &str = "betrace_seal_fragments";
    /// Traces that start far from when they arrived, by tenant. Counter.
    pub const SEAL_CLOCK_OFF: &str = "betrace_seal_traces_clock_off";
    /// Exact repetitions of spans that were dropped, by tenant. Counter.
    pub const SEAL_REPEATED: &str = "betrace_seal_spans_repeated";
    /// Traces that retention removed. Counter.
    pub const RETENTION_TRACES: &str = "betrace_retention_traces";
    /// Bytes of blocks that retention removed. Counter.
    pub const RETENTION_BYTES: &str = "betrace_retention";
    /// Signals that retention removed. Counter.
    pub const RETENTION_SIGNALS: &str = "betrace_retention_signals";
    /// Files that retention unlinked. Counter.
    pub const RETENTION_FILES: &str = "betrace_retention_files";
    /// Verdicts, by tenant, rule, severity and verdict. Counter.
    pub const JUDGE_VERDICTS: &str = "betrace_judge_verdicts";
    /// Signals raised, by tenant, rule, severity and mode (`live` or `shadow`). Counter.
    pub const JUDGE_SIGNALS: &str = "betrace_judge_signals";
    /// Inconclusive verdicts, by tenant, rule and reason. Counter.
    pub const JUDGE_INCONCLUSIVE: &str = "betrace_judge_inconclusive";
    /// Units of fuel that calls spent, by tenant and rule. Counter.
    pub const JUDGE_FUEL: &str = "betrace_judge_fuel";
    /// Seconds of a processor that calls took, by tenant and rule. Counter.
    pub const JUDGE_PROCESSOR: &str = "betrace_judge_processor";
    /// Seconds of a processor that judging took, calls and all else, by tenant. Counter.
    pub const JUDGE_TENANT_PROCESSOR: &str = "betrace_judge_tenant_processor";
    /// What rules had to see of a block, by tenant and rule. Counter.
    pub const JUDGE_BATCHES: &str = "betrace_judge_batches";
    /// Batches on which a rule failed by its own doing, by tenant, rule and reason. Counter.
    pub const JUDGE_BATCHES_FAILED: &str = "betrace_judge_batches_failed";
    /// Live rules that are quarantined, by tenant, rule and reason. Gauge.
    pub const JUDGE_QUARANTINED: &str = "betrace_judge_quarantined";
    /// Whether a tenant is over its budget, by tenant. Gauge.
    pub const JUDGE_SLOWED: &str = "betrace_judge_slowed";
    /// Seconds from the listing of a sealed block to its durable verdicts, by tenant. Histogram.
    pub const JUDGE_SEAL_TO_VERDICT: &str = "betrace_judge_seal_to_verdict";
    /// Blocks that wait for their verdicts. Gauge.
    pub const JUDGE_UNJUDGED_BLOCKS: &str = "betrace_judge_unjudged_blocks";
    /// Age of the oldest open trace. Gauge.
    pub const ASSEMBLE_OLDEST_OPEN: &str = "betrace_assemble_oldest_open";
    /// How long the block that waits longest waits for its verdicts. Gauge.
    pub const JUDGE_OLDEST_UNJUDGED: &str = "betrace_judge_oldest_unjudged";
    /// Judged blocks that are not merged yet. Gauge.
    pub const COMPACTION_SMALL_BLOCKS: &str = "betrace_compaction_small_blocks";
    /// Bytes that are left of the disk of the store. Gauge.
    pub const DISK_FREE: &str = "betrace_disk_free";
    /// When spans will be refused for want of room. Gauge.
    pub const DISK_FULL_AFTER: &str = "betrace_disk_full_after";
    /// Bytes of the inbox that are not yet released. Gauge.
    pub const INBOX_BYTES: &str = "betrace_inbox_size";
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabels {
    tenant: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    tenant: String,
    rule: String,
    severity: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    tenant: String,
    rule: String,
    severity: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    tenant: String,
    rule: String,
    reason: &'static str,
}

impl ReasonLabels {
    fn of(tenant: &TenantId, rule: &RuleId, reason: &'static str) -> Self {
        Self {
            tenant: tenant.to_string(),
            rule: rule.to_string(),
            reason,
        }
    }
}

/// The severity of a rule whose pack does not load: nobody can say it.
pub const UNKNOWN_SEVERITY: &str = "unknown";

/// A rule of a tenant, as metrics name it.
#[derive(Clone, Copy, Debug)]
pub struct RuleLabel<'a> {
    /// Whose rule.
    pub tenant: &'a TenantId,
    /// Which rule.
    pub rule: &'a RuleId,
    /// The rule's severity, in lower case, or [`UNKNOWN_SEVERITY`].
    pub severity: &'static str,
    /// Whether its version is on trial.
    pub mode: RuleMode,
}

/// The counters of one host. Cheap to update from any thread.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    requests: Family<TenantLabels, Counter>,
    spans: Family<TenantLabels, Counter>,
    spans_rejected: Family<TenantLabels, Counter>,
    requests_refused: Family<TenantLabels, Counter>,
    traces_sealed: Family<TenantLabels, Counter>,
    traces_reopened: Family<TenantLabels, Counter>,
    verdicts: Family<VerdictLabels, Counter>,
    signals: Family<SignalLabels, Counter>,
    inconclusive: Family<ReasonLabels, Counter>,
    seal_to_verdict: Family<TenantLabels, Histogram, fn() -> Histogram>,
    costs: CostMetrics,
    /// What is odd of sealed traces.
    pub seals: SealMetrics,
    /// Open traces.
    pub open_traces: Gauge,
    /// Spans of open traces.
    pub open_spans: Gauge,
    /// Traces that retention removed.
    pub retired_traces: Counter,
    /// Bytes of blocks that retention removed.
    pub retired_bytes: Counter,
    /// Files that retention unlinked.
    pub retired_files: Counter,
    /// Signals that retention removed.
    pub expired_signals: Counter,
    /// Blocks without verdicts.
    pub unjudged_blocks: Gauge,
    /// How things stand.
    pub standing: StandingMetrics,
}

impl Telemetry {
    /// Registers every metric.
    pub fn new() -> Self {
        let mut new = Self {
            registry: Registry::default(),
            requests: Family::default(),
            spans: Family::default(),
            spans_rejected: Family::default(),
            requests_refused: Family::default(),
            traces_sealed: Family::default(),
            traces_reopened: Family::default(),
            verdicts: Family::default(),
            signals: Family::default(),
            inconclusive: Family::default(),
            // 1 ms to 65 s.
            seal_to_verdict: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 2.0, 17))
            }),
            costs: CostMetrics::default(),
            seals: SealMetrics::default(),
            open_traces: Gauge::default(),
            open_spans: Gauge::default(),
            retired_traces: Counter::default(),
            retired_bytes: Counter::default(),
            retired_files: Counter::default(),
            expired_signals: Counter::default(),
            unjudged_blocks: Gauge::default(),
            standing: StandingMetrics::default(),
        };
        new.register();
        new
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            names::INGEST_REQUESTS,
            "OTLP requests acknowledged",
            self.requests.clone(),
        );
        registry.register(
            names::INGEST_SPANS,
            "Spans acknowledged",
            self.spans.clone(),
        );
        registry.register(
            names::INGEST_SPANS_REJECTED,
            "Spans refused for good",
            self.spans_rejected.clone(),
        );
        registry.register(
            names::INGEST_REFUSED,
            "OTLP requests refused with a retryable error",
            self.requests_refused.clone(),
        );
        registry.register(
            names::ASSEMBLE_OPEN_TRACES,
            "Open traces",
            self.open_traces.clone(),
        );
        registry.register(
            names::ASSEMBLE_OPEN_SPANS,
            "Spans of open traces",
            self.open_spans.clone(),
        );
        registry.register(
            names::SEAL_TRACES,
            "Traces sealed",
            self.traces_sealed.clone(),
        );
        registry.register(
            names::SEAL_REOPENED,
            "Sealed traces that late spans reopened",
            self.traces_reopened.clone(),
        );
        registry.register(names::JUDGE_VERDICTS, "Verdicts", self.verdicts.clone());
        registry.register(names::JUDGE_SIGNALS, "Signals raised", self.signals.clone());
        registry.register(
            names::JUDGE_INCONCLUSIVE,
            "Inconclusive verdicts by reason",
            self.inconclusive.clone(),
        );
        registry.register_with_unit(
            names::JUDGE_SEAL_TO_VERDICT,
            "From a sealed block to its verdicts",
            Unit::Seconds,
            self.seal_to_verdict.clone(),
        );
        self.costs.register(registry);
        self.seals.register(registry);
        registry.register(
            names::JUDGE_UNJUDGED_BLOCKS,
            "Blocks that wait for their verdicts",
            self.unjudged_blocks.clone(),
        );
        self.standing.register(registry);
        self.register_retention();
    }

    fn register_retention(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            names::RETENTION_TRACES,
            "Traces that retention removed",
            self.retired_traces.clone(),
        );
        registry.register_with_unit(
            names::RETENTION_BYTES,
            "Bytes of blocks that retention removed",
            Unit::Bytes,
            self.retired_bytes.clone(),
        );
        registry.register(
            names::RETENTION_SIGNALS,
            "Signals that retention removed",
            self.expired_signals.clone(),
        );
        registry.register(
            names::RETENTION_FILES,
            "Files that retention unlinked",
            self.retired_files.clone(),
        );
    }

    /// Counts a request that was acknowledged.
    pub fn ingested(&self, tenant: &TenantId, n_spans: u64, n_rejected: u64) {
        self.requests.get_or_create(&labels(tenant)).inc();
        self.spans.get_or_create(&labels(tenant)).inc_by(n_spans);
        if n_rejected > 0 {
            self.spans_rejected
                .get_or_create(&labels(tenant))
                .inc_by(n_rejected);
        }
    }

    /// Counts a request that the client is to send again.
    pub fn refused(&self, tenant: &TenantId) {
        self.requests_refused.get_or_create(&labels(tenant)).inc();
    }

    /// Counts traces that became rows of a block, and how many of them were stored before.
    pub fn sealed(&self, tenant: &TenantId, n_traces: u64, n_reopened: u64) {
        self.traces_sealed
            .get_or_create(&labels(tenant))
            .inc_by(n_traces);
        if n_reopened > 0 {
            self.traces_reopened
                .get_or_create(&labels(tenant))
                .inc_by(n_reopened);
        }
    }

    /// Counts verdicts of one rule.
    pub fn judged(&self, rule: RuleLabel<'_>, verdict: Verdict, n_traces: u64) {
        let labels = VerdictLabels {
            tenant: rule.tenant.to_string(),
            rule: rule.rule.to_string(),
            severity: rule.severity,
            verdict: verdict.name(),
        };
        self.verdicts.get_or_create(&labels).inc_by(n_traces);
    }

    /// Counts signals that one rule raised.
    pub fn signalled(&self, rule: RuleLabel<'_>, n_signals: u64) {
        let labels = SignalLabels {
            tenant: rule.tenant.to_string(),
            rule: rule.rule.to_string(),
            severity: rule.severity,
            mode: rule.mode.name(),
        };
        self.signals.get_or_create(&labels).inc_by(n_signals);
    }

    /// Counts inconclusive verdicts of one rule.
    pub fn inconclusive(&self, rule: RuleLabel<'_>, reason: Reason, n_traces: u64) {
        let labels = ReasonLabels::of(rule.tenant, rule.rule, reason.name());
        self.inconclusive.get_or_create(&labels).inc_by(n_traces);
    }

    /// Records how long a block waited for its verdicts.
    pub fn seal_to_verdict(&self, tenant: &TenantId, seconds: f64) {
        let of_tenant = self.seal_to_verdict.get_or_create(&labels(tenant));
        of_tenant.observe(seconds);
    }

    /// Returns all metrics in the OpenMetrics text format, which Prometheus reads.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

fn labels(tenant: &TenantId) -> TenantLabels {
    TenantLabels {
        tenant: tenant.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_reads_its_own_metrics_and_nothing_else() {
        let telemetry = Telemetry::new();
        let of = |name: &str| TenantId::try_new(name).unwrap();
        for (n, name) in (1..).zip(["a", "ab", "b"]) {
            telemetry.ingested(&of(name), n, 0);
        }
        telemetry.open_spans.set(9);
        let series = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(
            series(&of_tenant(&telemetry.render(), &of("a"))),
            [
                "betrace_ingest_requests_total{tenant=\"a\"} 1",
                "betrace_ingest_spans_total{tenant=\"a\"} 1",
            ]
        );
        assert_eq!(of_tenant(&telemetry.render(), &of("c")), "# EOF\n");
    }

    /// What the page of metrics lists is what there is: each name, with the ending that its kind and unit add.
    #[test]
    fn the_page_of_metrics_lists_what_there_is() {
        let (page, _traces) = include_str!("../METRICS.md")
            .split_once("\n## Traces\n")
            .unwrap();
        let row = |line: &str| {
            line.strip_prefix("| `")
                .and_then(|rest| Some(rest.split_once('`')?.0.to_owned()))
        };
        let mut listed: Vec<String> = page.lines().filter_map(row).collect();
        let said = |line: &str| {
            Some(
                line.split_once("&str = \"")?
                    .1
                    .split_once('"')?
                    .0
                    .to_owned(),
            )
        };
        let mut names: Vec<String> = include_str!("telemetry.rs")
            .lines()
            .filter_map(said)
            .collect();
        names.retain(|name| name.starts_with("betrace_"));
        let ending = |name: &str| {
            [
                "",
                "_total",
                "_seconds",
                "_seconds_total",
                "_bytes_total",
                "_bytes",
            ]
            .map(|end| format!("{name}{end}"))
        };
        for name in &names {
            let at = listed.iter().position(|of| ending(name).contains(of));
            listed.remove(at.unwrap_or_else(|| panic!("`{name}` is not listed")));
        }
        assert_eq!(listed, [""; 0], "listed, and not there");
        assert!(names.len() > 20);
    }

    #[test]
    fn verdicts_and_signals_are_shown_by_rule_and_severity() {
        let telemetry = Telemetry::new();
        let tenant = TenantId::default_tenant();
        let rule = RuleId::try_new("phi-audit").unwrap();
        let label = RuleLabel {
            tenant: &tenant,
            rule: &rule,
            severity: "critical",
            mode: RuleMode::Shadow,
        };
        telemetry.ingested(&tenant, 7, 0);
        telemetry.judged(label, Verdict::Violated, 2);
        telemetry.signalled(label, 2);
        telemetry.seal_to_verdict(&tenant, 0.004);
        telemetry.inconclusive(label, Reason::ALL[0], 1);
        let text = telemetry.render();
        for line in [
            "betrace_ingest_spans_total{tenant=\"default\"} 7",
            "betrace_judge_verdicts_total{tenant=\"default\",rule=\"phi-audit\",severity=\"critical\",verdict=\"violated\"} 2",
            "betrace_judge_signals_total{tenant=\"default\",rule=\"phi-audit\",severity=\"critical\",mode=\"shadow\"} 2",
            "betrace_judge_seal_to_verdict_seconds_count{tenant=\"default\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        telemetry.forget(&tenant, std::slice::from_ref(&rule));
        let text = telemetry.render();
        assert!(!text.contains("default"), "{text}");
    }
}
