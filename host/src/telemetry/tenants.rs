//! The metrics of one tenant: shown alone, and dropped with it.

use super::{ReasonLabels, SignalLabels, Telemetry, UNKNOWN_SEVERITY, VerdictLabels, labels};
use crate::{
    rule_id::{RuleId, RuleMode},
    signal::Severity,
    tenant::TenantId,
    verdict::{Reason, Verdict},
};

impl Telemetry {
    /// Drops the series of a tenant that was removed, of which these were the rules.
    pub fn forget(&self, tenant: &TenantId, rules: &[RuleId]) {
        for family in [
            &self.requests,
            &self.spans,
            &self.spans_rejected,
            &self.requests_refused,
            &self.traces_sealed,
            &self.traces_reopened,
        ] {
            family.remove(&labels(tenant));
        }
        self.seal_to_verdict.remove(&labels(tenant));
        self.costs.forget(tenant, rules);
        self.seals.forget(tenant);
        let severities = Severity::ALL.map(Severity::name).into_iter();
        let severities = severities.chain([UNKNOWN_SEVERITY]);
        for (rule, severity) in rules
            .iter()
            .flat_map(|rule| severities.clone().map(move |severity| (rule, severity)))
        {
            let (tenant, rule) = (tenant.to_string(), rule.to_string());
            for verdict in Verdict::ALL {
                self.verdicts.remove(&VerdictLabels {
                    tenant: tenant.clone(),
                    rule: rule.clone(),
                    severity,
                    verdict: verdict.name(),
                });
            }
            for reason in Reason::ALL {
                self.inconclusive.remove(&ReasonLabels {
                    tenant: tenant.clone(),
                    rule: rule.clone(),
                    reason: reason.name(),
                });
            }
            for mode in RuleMode::ALL {
                self.signals.remove(&SignalLabels {
                    tenant: tenant.clone(),
                    rule: rule.clone(),
                    severity,
                    mode: mode.name(),
                });
            }
        }
    }
}

/// Returns of all metrics, as [`Telemetry::render`] gives them, those of one tenant: what is labelled with it, and nothing
/// of the host.
pub fn of_tenant(all: &str, tenant: &TenantId) -> String {
    // The tenant is the first label wherever there is one, and a name of a tenant needs no escaping.
    let alone = format!("{{tenant=\"{tenant}\"}}");
    let among = format!("{{tenant=\"{tenant}\",");
    let is_its = |line: &str| {
        let labels = line.find('{').and_then(|at| line.get(at..));
        labels.is_some_and(|labels| labels.starts_with(&alone) || labels.starts_with(&among))
    };
    let mut text = String::new();
    // What is said of a metric comes before its series: also that it is there tells of other tenants.
    let mut heading = Vec::new();
    let mut headed = false;
    for line in all.lines() {
        match (line.starts_with('#'), headed) {
            (true, true) => (heading, headed) = (vec![line], false),
            (true, false) => heading.push(line),
            (false, _) => {
                headed = true;
                if is_its(line) {
                    heading
                        .drain(..)
                        .for_each(|line| push_line(&mut text, line));
                    push_line(&mut text, line);
                }
            }
        }
    }
    push_line(&mut text, "# EOF");
    text
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
