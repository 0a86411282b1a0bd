//! How long things take, and what is reported of it.

use std::{fs, io, time::Duration};

use serde::Serialize;

use super::native::Counts;
use crate::{
    cli::{console::Console, table::Table},
    clock::Clock,
    verdict::Verdict,
};

/// How often something is measured at least, unless it takes longer than a minute.
const RUNS_MIN: usize = 3;

/// How often at most.
const RUNS_MAX: usize = 1_000;

/// The ticks of a second in which Linux tells processor time: `USER_HZ` (proc(5)), 100 on every machine that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Spans a second of wall time.
    SpansPerSecond,
    /// Seconds of processor time, of all threads, for a million spans.
    CpuSecondsPerMillionSpans,
    /// Bytes of all files for each span.
    BytesPerSpan,
    /// Wall time for each trace.
    NsPerTrace,
    /// Wall time for each span.
    NsPerSpan,
    /// Wall time for each trace that is looked for.
    NsPerLookup,
    /// Wall time.
    Ms,
}

impl Unit {
    fn text(self) -> &'static str {
        match self {
            Self::SpansPerSecond => "spans/s",
            Self::CpuSecondsPerMillionSpans => "CPU s per 1 M spans",
            Self::BytesPerSpan => "bytes per span",
            Self::NsPerTrace => "ns per trace",
            Self::NsPerSpan => "ns per span",
            Self::NsPerLookup => "ns per lookup",
            Self::Ms => "ms",
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) part: &'static str,
    pub(super) case: String,
    pub(super) rules: u64,
    pub(super) threads: usize,
    pub(super) traces: u64,
    pub(super) spans: u64,
    /// The median of the runs.
    pub(super) figure: f64,
    pub(super) unit: Unit,
    /// The same of the processor time of all threads, where the runs took long enough to tell.
    pub(super) cpu: Option<f64>,
    /// How often it was measured.
    pub(super) runs: usize,
    /// The same figure of the same questions in native code over decoded columns, on as many threads.
    pub(super) native: Option<f64>,
    /// How many times as much processor time as native code took; of wall time where processor time cannot be told.
    pub(super) ratio_to_native: Option<f64>,
    /// The traces of all rules by verdict, where rules were judged.
    pub(super) verdicts: Option<Verdicts>,
}

/// Traces by verdict.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Verdicts {
    not_applicable: u64,
    held: u64,
    violated: u64,
    inconclusive: u64,
}

impl From<Counts> for Verdicts {
    fn from([not_applicable, held, violated, inconclusive]: Counts) -> Self {
        Self {
            not_applicable,
            held,
            violated,
            inconclusive,
        }
    }
}

/// What a row is about.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) part: &'static str,
    pub(super) name: String,
    pub(super) rules: u64,
    pub(super) threads: usize,
    pub(super) traces: u64,
    pub(super) spans: u64,
}

impl Case {
    /// Reports a figure of which there is no native one.
    pub(super) fn figure(self, unit: Unit, figure: f64, runs: usize) -> Row {
        let Self {
            part,
            name,
            rules,
            threads,
            traces,
            spans,
        } = self;
        Row {
            part,
            case: name,
            rules,
            threads,
            traces,
            spans,
            figure,
            unit,
            cpu: None,
            runs,
            native: None,
            ratio_to_native: None,
            verdicts: None,
        }
    }

    /// Reports how long judging took, beside native code.
    pub(super) fn judged(self, unit: Unit, of: &Judged) -> Row {
        let things = match unit {
            Unit::NsPerTrace => self.traces,
            Unit::NsPerSpan => self.spans,
            Unit::SpansPerSecond
            | Unit::CpuSecondsPerMillionSpans
            | Unit::BytesPerSpan
            | Unit::NsPerLookup
            | Unit::Ms => 1,
        };
        let each = |time: Duration| time.as_nanos() as f64 / things.max(1) as f64;
        let (took, native) = match (of.cpu, of.native_cpu) {
            (Some(cpu), Some(native_cpu)) => (cpu, native_cpu),
            _ => (of.took, of.native),
        };
        let ratio = took.as_secs_f64() / native.as_secs_f64();
        Row {
            cpu: of.cpu.map(each),
            native: Some(each(of.native)),
            ratio_to_native: Some(ratio).filter(|ratio| ratio.is_finite()),
            verdicts: Some(of.counts.into()),
            ..self.figure(unit, each(of.took), of.runs)
        }
    }
}

/// How long judging took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    pub(super) took: Duration,
    pub(super) cpu: Option<Duration>,
    pub(super) runs: usize,
    pub(super) native: Duration,
    pub(super) native_cpu: Option<Duration>,
    pub(super) counts: Counts,
}

/// Runs something again and again for `at_least`, and returns the median time, the number of runs and the last result.
pub(super) fn repeat<T, E>(
    clock: &dyn Clock,
    at_least: Duration,
    mut run: impl FnMut() -> Result<T, E>,
) -> Result<(Duration, usize, T), E> {
    let started = clock.monotonic();
    let mut times = Vec::new();
    loop {
        let before = clock.monotonic();
        let result = run()?;
        let after = clock.monotonic();
        times.push(after.saturating_sub(before));
        let elapsed = after.saturating_sub(started);
        let enough = times.len() >= RUNS_MIN && elapsed >= at_least;
        if enough || times.len() >= RUNS_MAX || elapsed >= Duration::from_mins(1) {
            return Ok((median(&mut times), times.len(), result));
        }
    }
}

/// Measures the processor time of something, all of its runs together; nothing of less than 100 ms, of which steps of
/// 10 ms tell too little.
pub(super) fn with_cpu<T, E>(
    run: impl FnOnce() -> Result<T, E>,
) -> Result<(T, Option<Duration>), E> {
    let before = process_cpu_time();
    let result = run()?;
    let took = process_cpu_time().zip(before);
    let took = took.map(|(after, before)| after.saturating_sub(before));
    Ok((
        result,
        took.filter(|took| *took >= Duration::from_millis(100)),
    ))
}

/// Returns the median; zero of nothing.
pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Returns the processor time that this process has spent, all of its threads together, in steps of 10 ms; nothing where
/// the system does not tell.
pub(super) fn process_cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1_000 / TICKS_PER_SECOND,
    ))
}

/// Writes the figures for people.
pub(super) fn print(rows: &[Row], console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&[
        "PART", "CASE", "RULES", "THREADS", "SPANS", "FIGURE", "UNIT", "CPU", "NATIVE", "RATIO",
    ]);
    for row in rows {
        let or_dash = |value: Option<f64>| value.map_or("-".to_owned(), figure);
        table.row(vec![
            row.part.to_owned(),
            row.case.clone(),
            row.rules.to_string(),
            row.threads.to_string(),
            row.spans.to_string(),
            figure(row.figure),
            row.unit.text().to_owned(),
            or_dash(row.cpu),
            or_dash(row.native),
            or_dash(row.ratio_to_native),
        ]);
    }
    table.print(console)
}

/// Writes a figure with three digits that count.
fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Names the counts for an error.
pub(super) fn spelled(counts: Counts) -> String {
    let of_verdict = Verdict::ALL.iter().zip(counts);
    let spelled: Vec<_> = of_verdict
        .map(|(verdict, count)| format!("{count} {}", verdict.name()))
        .collect();
    spelled.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::clock::UnixNanos;

    #[test]
    fn the_median_is_of_three_runs_at_least() {
        let clock = ManualClock::new(UnixNanos(0));
        let mut steps = [3, 1, 2].into_iter();
        let run = || {
            clock.advance(Duration::from_secs(steps.next().ok_or(())?));
            Ok::<_, ()>(())
        };
        let (took, runs, ()) = repeat(&clock, Duration::from_secs(6), run).unwrap();
        assert_eq!((took, runs), (Duration::from_secs(2), 3));
    }

    #[test]
    fn figures_have_three_digits_that_count() {
        assert_eq!(figure(123_456.7), "123457");
        assert_eq!(figure(12.34), "12.3");
        assert_eq!(figure(0.1234), "0.12");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_processor_time() {
        assert!(process_cpu_time().is_some());
    }
}
