//! A violation as the user meets it.
//!
//! A signal is (tenant, rule id, trace id): a trace that is judged again by the same rule amends or
//! retracts its signal and never raises a second one. It keeps a copy of its witnesses, so that it
//! outlives the spans. What happens to a signal when its trace is judged is `Signal::raise`,
//! `Signal::judged_again` and `Signal::not_violated`; nothing else changes one.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::UnixNanos,
    rule_id::{RuleId, RuleMode, RuleVersion},
    tenant::TenantId,
    trace::{SpanId, TraceId},
    verdict::{Clause, Verdict},
};

/// The most entries of a history. Past it the second oldest goes: the first says when it all began.
pub const SIGNAL_HISTORY_MAX: usize = 64;

/// Identifies a signal: the same for the same tenant, rule id and trace id, for ever and everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalId(pub [u8; 16]);

impl SignalId {
    /// Works out the id: the first half of a SHA-256, since a trace id is chosen by whoever sends it,
    /// and nobody is to be able to make two signals collide.
    pub fn of(tenant: &TenantId, rule: &RuleId, trace: TraceId) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str().as_bytes(), rule.as_str().as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(trace.0);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(id)
    }

    /// Parses 32 hexadecimal digits; `None` where it is not an id.
    pub fn from_hex(text: &str) -> Option<Self> {
        TraceId::from_hex(text).map(|id| Self(id.0))
    }
}

impl fmt::Display for SignalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SignalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SignalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How grave a violation is. The numbers are those of `severity` in `wit/pack.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Severity {
    /// Worth knowing.
    Info = 0,
    /// Worth a look some day.
    Low = 1,
    /// Worth a look.
    Medium = 2,
    /// Worth a look today.
    High = 3,
    /// Worth waking somebody for.
    Critical = 4,
}

impl Severity {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// Returns the name that the language and the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Returns the severity of a number from the store; `None` above 4.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Where a signal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SignalStatus {
    /// As it was raised.
    Open = 0,
    /// Its trace was judged again and the outcome differs in some part.
    Amended = 1,
    /// Its trace was judged again and is no violation.
    Retracted = 2,
}

impl SignalStatus {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 3] = [Self::Open, Self::Amended, Self::Retracted];

    /// Returns the name that the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Amended => "amended",
            Self::Retracted => "retracted",
        }
    }

    /// Returns the status of a name; `None` where it is not one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Returns the status of a number from the store; `None` above 2.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A span that proves a violation, copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The span's id.
    #[serde(serialize_with = "text")]
    pub span_id: SpanId,
    /// The span's name.
    pub name: String,
    /// `service.name` of its resource; empty where it has none.
    pub service: String,
    /// When it started.
    #[serde(serialize_with = "rfc3339")]
    pub start: UnixNanos,
    /// How long it took.
    pub duration_ns: u64,
}

/// One judging of a signal's trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignalEvent {
    /// The rule's version then.
    pub version: RuleVersion,
    /// Its verdict.
    pub verdict: Verdict,
    /// When it was recorded.
    #[serde(serialize_with = "rfc3339")]
    pub when: UnixNanos,
    /// What broke, where the verdict was a violation.
    pub clause: Option<Clause>,
}

/// A violation that judging found, before it is known whether its signal exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The rule.
    pub rule: RuleId,
    /// Its version.
    pub version: RuleVersion,
    /// Whether the version is on trial.
    pub mode: RuleMode,
    /// The name under which the rule reports violations.
    pub signal: String,
    /// How grave it is.
    pub severity: Severity,
    /// What happened, in a sentence.
    pub message: String,
    /// The trace.
    pub trace_id: TraceId,
    /// The start of the trace's first span.
    pub time: UnixNanos,
    /// What broke.
    pub clause: Clause,
    /// The spans that prove it, in order of start; at most `WITNESSES_MAX`.
    pub witnesses: Vec<Witness>,
}

/// A violation as the user meets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// Its id.
    pub id: SignalId,
    /// Whose it is. Not shown: whoever may read it knows.
    #[serde(skip)]
    pub tenant: TenantId,
    /// The rule.
    pub rule: RuleId,
    /// The rule's version at the latest judging.
    pub version: RuleVersion,
    /// Whether the version of the latest violation is on trial.
    pub mode: RuleMode,
    /// The name under which the rule reports violations.
    pub signal: String,
    /// How grave it is.
    pub severity: Severity,
    /// What happened, in a sentence, as of the latest violation.
    pub message: String,
    /// The trace.
    #[serde(serialize_with = "text")]
    pub trace_id: TraceId,
    /// The start of the trace's first span.
    #[serde(serialize_with = "rfc3339")]
    pub time: UnixNanos,
    /// When it was raised.
    #[serde(serialize_with = "rfc3339")]
    pub opened: UnixNanos,
    /// When it last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated: UnixNanos,
    /// Where it stands.
    pub status: SignalStatus,
    /// What broke, as of the latest violation.
    pub clause: Clause,
    /// The spans that prove it, as of the latest violation.
    pub witnesses: Vec<Witness>,
    /// Every judging that changed it, oldest first.
    pub history: Vec<SignalEvent>,
}

impl Signal {
    /// Makes the signal of a violation that has none yet.
    pub fn raise(tenant: &TenantId, raised: Raised, when: UnixNanos) -> Self {
        let history = vec![raised.event(when)];
        Self {
            id: SignalId::of(tenant, &raised.rule, raised.trace_id),
            tenant: tenant.clone(),
            rule: raised.rule,
            version: raised.version,
            mode: raised.mode,
            signal: raised.signal,
            severity: raised.severity,
            message: raised.message,
            trace_id: raised.trace_id,
            time: raised.time,
            opened: when,
            updated: when,
            status: SignalStatus::Open,
            clause: raised.clause,
            witnesses: raised.witnesses,
            history,
        }
    }

    /// Takes over a later violation of the same trace by the same rule. Returns whether anything
    /// changed: the same violation again leaves the signal as it is.
    pub fn judged_again(&mut self, raised: Raised, when: UnixNanos) -> bool {
        debug_assert!(self.rule == raised.rule && self.trace_id == raised.trace_id);
        let stands = self
            .history
            .last()
            .is_some_and(|last| last.verdict == Verdict::Violated);
        let same = stands
            && self.version == raised.version
            && self.mode == raised.mode
            && self.signal == raised.signal
            && self.severity == raised.severity
            && self.message == raised.message
            && self.time == raised.time
            && self.clause == raised.clause
            && self.witnesses == raised.witnesses;
        if same {
            return false;
        }
        self.remember(raised.event(when));
        self.status = SignalStatus::Amended;
        self.version = raised.version;
        self.mode = raised.mode;
        self.signal = raised.signal;
        self.severity = raised.severity;
        self.message = raised.message;
        self.time = raised.time;
        self.clause = raised.clause;
        self.witnesses = raised.witnesses;
        true
    }

    /// Records that the trace was judged again and is no longer shown to be a violation. Returns
    /// whether anything changed.
    ///
    /// An inconclusive verdict amends and does not retract: nothing has shown that the trace behaved.
    pub fn not_violated(
        &mut self,
        version: RuleVersion,
        verdict: Verdict,
        when: UnixNanos,
    ) -> bool {
        debug_assert!(verdict != Verdict::Violated);
        let same = self
            .history
            .last()
            .is_some_and(|last| last.verdict == verdict && last.version == version);
        if same {
            return false;
        }
        self.remember(SignalEvent {
            version,
            verdict,
            when,
            clause: None,
        });
        self.version = version;
        self.status = match verdict {
            Verdict::NotApplicable | Verdict::Held => SignalStatus::Retracted,
            Verdict::Violated | Verdict::Inconclusive => SignalStatus::Amended,
        };
        true
    }

    fn remember(&mut self, event: SignalEvent) {
        if self.history.len() >= SIGNAL_HISTORY_MAX {
            self.history.remove(1);
        }
        self.updated = event.when;
        self.history.push(event);
    }
}

impl Raised {
    fn event(&self, when: UnixNanos) -> SignalEvent {
        SignalEvent {
            version: self.version,
            verdict: Verdict::Violated,
            when,
            clause: Some(self.clause),
        }
    }
}

fn text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes a time as RFC 3339; one that no calendar holds as its number.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields by reference"
)]
fn rfc3339<S: Serializer>(time: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(timestamp) => serializer.collect_str(&timestamp),
        Err(_) => serializer.serialize_u64(time.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(version: u32, message: &str) -> Raised {
        Raised {
            rule: RuleId::try_new("phi-audit").unwrap(),
            version: RuleVersion(version),
            mode: RuleMode::Live,
            signal: "PHI_AUDIT".into(),
            severity: Severity::Critical,
            message: message.into(),
            trace_id: TraceId([7; 16]),
            time: UnixNanos(1_700_000_000_000_000_001),
            clause: Clause::Always,
            witnesses: vec![Witness {
                span_id: SpanId([1; 8]),
                name: "phi.access".into(),
                service: "ehr".into(),
                start: UnixNanos(1_700_000_000_000_000_001),
                duration_ns: 12,
            }],
        }
    }

    fn signal() -> Signal {
        Signal::raise(&TenantId::default_tenant(), raised(1, "a"), UnixNanos(5))
    }

    #[test]
    fn the_id_is_a_function_of_tenant_rule_and_trace() {
        let tenant = |name| TenantId::try_new(name).unwrap();
        let rule = |id| RuleId::try_new(id).unwrap();
        let id = SignalId::of(&tenant("a"), &rule("bc"), TraceId([7; 16]));
        assert_eq!(
            id,
            SignalId::of(&tenant("a"), &rule("bc"), TraceId([7; 16]))
        );
        for other in [
            SignalId::of(&tenant("ab"), &rule("c"), TraceId([7; 16])),
            SignalId::of(&tenant("a"), &rule("bd"), TraceId([7; 16])),
            SignalId::of(&tenant("a"), &rule("bc"), TraceId([8; 16])),
        ] {
            assert_ne!(id, other);
        }
        assert_eq!(SignalId::from_hex(&id.to_string()), Some(id));
    }

    #[test]
    fn the_same_violation_again_changes_nothing() {
        let mut signal = signal();
        let before = signal.clone();
        assert!(!signal.judged_again(raised(1, "a"), UnixNanos(9)));
        assert_eq!(signal, before);
    }

    #[test]
    fn a_violation_that_differs_amends_and_remembers() {
        let mut signal = signal();
        assert!(signal.judged_again(raised(2, "b"), UnixNanos(9)));
        assert_eq!(signal.status, SignalStatus::Amended);
        assert_eq!(
            (signal.opened, signal.updated),
            (UnixNanos(5), UnixNanos(9))
        );
        assert_eq!(signal.message, "b");
        let versions: Vec<u32> = signal.history.iter().map(|e| e.version.0).collect();
        assert_eq!(versions, [1, 2]);
    }

    #[test]
    fn a_version_that_is_no_longer_on_trial_takes_the_mark_away() {
        let on_trial = Raised {
            mode: RuleMode::Shadow,
            ..raised(1, "a")
        };
        let mut signal = Signal::raise(&TenantId::default_tenant(), on_trial, UnixNanos(5));
        assert_eq!(signal.mode, RuleMode::Shadow);
        assert!(signal.judged_again(raised(2, "a"), UnixNanos(9)));
        assert_eq!(signal.mode, RuleMode::Live);
    }

    #[test]
    fn what_behaves_after_all_is_retracted_and_may_be_violated_again() {
        let mut signal = signal();
        assert!(signal.not_violated(RuleVersion(1), Verdict::Held, UnixNanos(9)));
        assert_eq!(signal.status, SignalStatus::Retracted);
        assert!(!signal.not_violated(RuleVersion(1), Verdict::Held, UnixNanos(10)));
        assert!(signal.judged_again(raised(1, "a"), UnixNanos(11)));
        assert_eq!(signal.status, SignalStatus::Amended);
        assert_eq!(signal.history.len(), 3);
    }

    #[test]
    fn an_inconclusive_verdict_does_not_retract() {
        let mut signal = signal();
        assert!(signal.not_violated(RuleVersion(1), Verdict::Inconclusive, UnixNanos(9)));
        assert_eq!(signal.status, SignalStatus::Amended);
    }

    #[test]
    fn the_history_is_bounded_and_keeps_its_beginning() {
        let mut signal = signal();
        for i in 0..200 {
            signal.judged_again(raised(1, &i.to_string()), UnixNanos(10 + i));
        }
        assert_eq!(signal.history.len(), SIGNAL_HISTORY_MAX);
        assert_eq!(signal.history[0].when, UnixNanos(5));
        assert_eq!(signal.history.last().unwrap().when, UnixNanos(209));
    }

    #[test]
    fn times_and_ids_are_text_in_json() {
        let json = serde_json::to_value(signal()).unwrap();
        assert_eq!(json["time"], "2023-11-14T22:13:20.000000001Z");
        assert_eq!(json["trace_id"], "07070707070707070707070707070707");
        assert_eq!(json["witnesses"][0]["span_id"], "0101010101010101");
        assert_eq!(json["severity"], "critical");
        assert_eq!(json["history"][0]["clause"], "always");
        assert!(json.get("tenant").is_none());
    }
}
