//! How much of the host a tenant may take.
//!
//! What is not set has the default of [`Limit::default_value`], so that a better default reaches those who never chose.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{size, time::DurationArg};

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Spans acknowledged a second, averaged over a few seconds. Over it, requests are to be sent again later.
    SpansPerSecond,
    /// Traces that are open at once. Over it, requests are to be sent again later.
    OpenTraces,
    /// Spans of open traces. Over it, requests are to be sent again later.
    OpenSpans,
    /// Memory of open traces, in bytes as sent. Over it, requests are to be sent again later.
    OpenBytes,
    /// Bytes of stored blocks. Over it, requests are refused for good.
    StoredBytes,
    /// Bytes of stored blocks that retention leaves. Over it, those that arrived first go.
    RetainedBytes,
    /// Seconds since its last span arrived after which a block goes.
    StoredAge,
    /// Seconds since its last change after which a signal goes.
    SignalsAge,
    /// Rules that are published at once. Over it, publishing is refused.
    Rules,
    /// What of a processor judging may take while other tenants are there, in percent. Over it, the tenant is judged in the
    /// slow lane.
    JudgePercent,
}

impl Limit {
    /// All of them, in the order in which people are shown them.
    pub const ALL: [Self; 10] = [
        Self::SpansPerSecond,
        Self::OpenTraces,
        Self::OpenSpans,
        Self::OpenBytes,
        Self::StoredBytes,
        Self::RetainedBytes,
        Self::StoredAge,
        Self::SignalsAge,
        Self::Rules,
        Self::JudgePercent,
    ];

    /// Returns the name, as the API and the store write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SpansPerSecond => "spans_per_second",
            Self::OpenTraces => "open_traces",
            Self::OpenSpans => "open_spans",
            Self::OpenBytes => "open_bytes",
            Self::StoredBytes => "stored_bytes",
            Self::RetainedBytes => "retained_bytes",
            Self::StoredAge => "stored_age",
            Self::SignalsAge => "signals_age",
            Self::Rules => "rules",
            Self::JudgePercent => "judge_percent",
        }
    }

    /// Whether it is counted in seconds, and written as an age.
    pub fn is_age(self) -> bool {
        matches!(self, Self::StoredAge | Self::SignalsAge)
    }

    /// Parses a name, with `-` for `_` where the command line has it so.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.replace('-', "_");
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// Returns the limit of a tenant for whom none was set; `None` where there is none.
    pub fn default_value(self) -> Option<u64> {
        match self {
            // What a machine takes and holds is bounded for all tenants together, by admission and by the disk.
            // How long traces and signals are kept of a tenant that does not say is for the server's configuration.
            Self::SpansPerSecond
            | Self::StoredBytes
            | Self::RetainedBytes
            | Self::StoredAge
            | Self::SignalsAge => None,
            Self::OpenTraces | Self::OpenSpans => Some(1_000_000),
            Self::OpenBytes => Some(512 << 20),
            // A quarter of the packs that a machine of ordinary limits can have loaded.
            Self::Rules => Some(2_500),
            Self::JudgePercent => Some(25),
        }
    }
}

/// The limits of one tenant: those that were set for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantLimits(BTreeMap<Limit, u64>);

impl TenantLimits {
    /// Returns what holds: what was set, or else the default; `None` where nothing bounds it.
    pub fn value(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied().or(limit.default_value())
    }

    /// Returns what was set.
    pub fn set_value(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).copied()
    }

    /// Sets a limit; `None` goes back to the default.
    pub fn set(&mut self, limit: Limit, value: Option<u64>) {
        match value {
            Some(value) => self.0.insert(limit, value),
            None => self.0.remove(&limit),
        };
    }

    /// Returns the limits that were set.
    pub fn each_set(&self) -> impl ExactSizeIterator<Item = (Limit, u64)> + '_ {
        self.0.iter().map(|(limit, value)| (*limit, *value))
    }

    /// Whether `used` and `more` together are over a limit. Returns the limit then.
    pub fn exceeded(&self, limit: Limit, used: u64, more: u64) -> Option<u64> {
        let max = self.value(limit)?;
        (used.saturating_add(more) > max).then_some(max)
    }
}

impl FromIterator<(Limit, u64)> for TenantLimits {
    fn from_iter<I: IntoIterator<Item = (Limit, u64)>>(limits: I) -> Self {
        Self(limits.into_iter().collect())
    }
}

/// A limit as the command line has it: `spans-per-second=5000`, `stored-bytes=10GiB`, `stored-age=30d`, `rules=default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitArg(pub Limit, pub Option<u64>);

impl FromStr for LimitArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Limit::ALL.map(|limit| limit.name().replace('_', "-"));
        let names = names.join(", ");
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("expected NAME=NUMBER, where NAME is one of {names}"))?;
        let limit = Limit::from_name(name)
            .ok_or_else(|| format!("`{name}` is none of the limits: {names}"))?;
        if value == "default" {
            return Ok(Self(limit, None));
        }
        if limit.is_age() {
            let age: DurationArg = value.parse()?;
            return Ok(Self(limit, Some(age.0.as_secs())));
        }
        let value = size::parse(value);
        value.map(|value| Self(limit, Some(value))).ok_or_else(|| {
            "expected a number, as it is or in KiB, MiB, GiB or TiB, or `default`".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_found_by_its_name_and_serde_writes_the_same() {
        for limit in Limit::ALL {
            assert_eq!(Limit::from_name(limit.name()), Some(limit));
            let json = serde_json::to_value(limit).unwrap();
            assert_eq!(json, limit.name());
        }
    }

    #[test]
    fn what_is_set_wins_over_the_default_until_it_is_unset() {
        let mut limits = TenantLimits::default();
        assert_eq!(limits.exceeded(Limit::Rules, 2_500, 0), None);
        assert_eq!(limits.exceeded(Limit::Rules, 2_500, 1), Some(2_500));
        assert_eq!(
            limits.exceeded(Limit::StoredBytes, u64::MAX, u64::MAX),
            None
        );
        limits.set(Limit::Rules, Some(3));
        assert_eq!(limits.exceeded(Limit::Rules, 3, 1), Some(3));
        limits.set(Limit::Rules, None);
        assert_eq!(limits.value(Limit::Rules), Some(2_500));
    }

    #[test]
    fn a_limit_is_written_with_units_and_what_is_wrong_is_said() {
        for (text, limit, value) in [
            ("spans-per-second=5000", Limit::SpansPerSecond, Some(5_000)),
            ("stored_bytes=10GiB", Limit::StoredBytes, Some(10 << 30)),
            ("rules=default", Limit::Rules, None),
            ("stored-age=30d", Limit::StoredAge, Some(30 * 86_400)),
            ("stored-age=default", Limit::StoredAge, None),
            ("retained-bytes=1MiB", Limit::RetainedBytes, Some(1 << 20)),
        ] {
            assert_eq!(text.parse(), Ok(LimitArg(limit, value)));
        }
        for (text, said) in [
            ("rules", "NAME=NUMBER"),
            ("cpu=1", "spans-per-second"),
            ("rules=-1", "expected a number"),
            ("rules=1kB", "expected a number"),
            ("stored-age=30", "expected a duration"),
            ("stored-bytes=99999999999TiB", "expected a number"),
        ] {
            let error = text.parse::<LimitArg>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
