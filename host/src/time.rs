//! Times and durations as people write them: RFC 3339, dates, or ages such as `24h` and `30d`.

use std::{str::FromStr, time::Duration};

use jiff::Timestamp;

use crate::clock::UnixNanos;

/// A moment as the user gave it; an age counts back from the moment of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeArg {
    /// A moment.
    At(UnixNanos),
    /// So long ago.
    Ago(Duration),
}

impl TimeArg {
    /// Returns the moment, where it is `now`.
    pub fn resolve(self, now: UnixNanos) -> UnixNanos {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => {
                let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
                UnixNanos(now.0.saturating_sub(age))
            }
        }
    }
}

impl FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Ago(Duration::ZERO));
        }
        if let Ok(DurationArg(age)) = text.parse() {
            return Ok(Self::Ago(age));
        }
        // A date is its midnight in UTC.
        let at = match text.len() {
            10 => format!("{text}T00:00:00Z").parse::<Timestamp>(),
            _ => text.parse(),
        };
        at.ok()
            .and_then(|at| u64::try_from(at.as_nanosecond()).ok())
            .map(|ns| Self::At(UnixNanos(ns)))
            .ok_or_else(|| {
                "expected a time like 2026-03-01T19:30:00Z or 2026-03-01, or an age like 24h or 30d"
                    .to_owned()
            })
    }
}

/// A duration as the rule language writes it: a number and one of `ns us ms s m h d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationArg(pub Duration);

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a duration like 250ms, 7s, 15m, 24h or 30d".to_owned();
        let at = text
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(expected)?;
        let (number, unit) = text.split_at(at);
        let unit_ns: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(expected()),
        };
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(expected());
        }
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit_ns))
            .map(|ns| Self(Duration::from_nanos(ns)))
            .ok_or_else(|| "that is longer than 584 years".to_owned())
    }
}

/// Prints a moment as RFC 3339 in UTC, to the millisecond or finer where it is.
pub fn rfc3339(at: UnixNanos) -> String {
    Timestamp::from_nanosecond(i128::from(at.0))
        .map_or_else(|_| format!("{}ns", at.0), |at| at.to_string())
}

/// Prints how long something took: `less than 1 ms`, `412 ms`, `3.2 s`, `4 min 10 s`.
pub fn took(elapsed: Duration) -> String {
    let ms = elapsed.as_millis();
    match ms {
        // Reports count whole milliseconds: what is finer is not known.
        0 => "less than 1 ms".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", elapsed.as_secs_f64()),
        60_000.. => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_a_date_or_an_age() {
        let now = UnixNanos(1_772_393_400_000_000_000);
        for (text, expect) in [
            ("2026-03-01T19:30:00Z", 1_772_393_400_000_000_000),
            ("2026-03-01T20:30:00+01:00", 1_772_393_400_000_000_000),
            ("2026-03-01", 1_772_323_200_000_000_000),
            ("24h", now.0 - 86_400_000_000_000),
            ("30d", now.0 - 30 * 86_400_000_000_000),
            ("now", now.0),
        ] {
            let time: TimeArg = text.parse().unwrap();
            assert_eq!(time.resolve(now).0, expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_says_what_is() {
        for bad in [
            "",
            "yesterday",
            "24",
            "h",
            "-3h",
            "1.5h",
            "1y",
            "2026-13-01",
            "1969-01-01",
        ] {
            let error = bad.parse::<TimeArg>().unwrap_err();
            assert!(error.contains("24h"), "{bad}: {error}");
        }
        assert!("99999999999999d".parse::<DurationArg>().is_err());
    }

    #[test]
    fn times_print_as_they_are_read() {
        let at = UnixNanos(1_772_393_400_120_000_000);
        assert_eq!(rfc3339(at), "2026-03-01T19:30:00.12Z");
        assert_eq!(took(Duration::ZERO), "less than 1 ms");
        assert_eq!(took(Duration::from_millis(412)), "412 ms");
        assert_eq!(took(Duration::from_secs(250)), "4 min 10 s");
    }
}
