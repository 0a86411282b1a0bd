//! How the verdicts on a block lie in the catalog: two bits a trace, or runs where those are shorter.
//!
//! ```text
//! traces | hours of T: how many, then the first and the steps; which trace has which, in runs
//!        | traces that were not counted | rules: id, version, verdicts, why inconclusive
//! ```

use crate::{
    block::Postings,
    rule_id::{RuleId, RuleVersion},
    store::codec::{Malformed, Reader, Writer},
    verdict::{Reason, Verdict},
};

/// The verdicts on a block, and what coverage needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct JudgedBlock {
    /// For each trace, the hour of its T, counted from 1970.
    pub(in crate::store) hours: Hours,
    /// The traces that were superseded when the block was judged: they never entered the coverage.
    pub(in crate::store) uncounted: Postings,
    pub(in crate::store) rules: Vec<RuleOutcome>,
}

/// The verdicts of one version of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct RuleOutcome {
    pub(in crate::store) rule: RuleId,
    pub(in crate::store) version: RuleVersion,
    pub(in crate::store) verdicts: Vec<Verdict>,
    pub(in crate::store) inconclusive: Vec<(u32, Reason)>,
}

/// The hours of traces: the distinct ones, and for each trace which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Hours {
    /// Ascending.
    pub(in crate::store) distinct: Vec<u64>,
    /// For each trace, an index into `distinct`.
    pub(in crate::store) of_trace: Vec<u32>,
}

impl Hours {
    pub(in crate::store) fn of(hours: &[u64]) -> Self {
        let mut distinct = hours.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let of_trace = hours
            .iter()
            .map(|hour| distinct.partition_point(|d| d < hour) as u32)
            .collect();
        Self { distinct, of_trace }
    }

    fn put(&self, writer: &mut Writer) {
        writer.varint(self.distinct.len() as u64);
        let mut last = 0;
        for hour in &self.distinct {
            writer.varint(hour - last);
            last = *hour;
        }
        if self.distinct.len() > 1 {
            for (index, n) in runs(&self.of_trace) {
                writer.varint(index.into()).varint(n);
            }
        }
    }

    fn read(reader: &mut Reader<'_>, n_traces: usize) -> Result<Self, Malformed> {
        let n = reader.count()?;
        let mut last = 0u64;
        let distinct = (0..n)
            .map(|_| {
                last = last
                    .checked_add(reader.varint()?)
                    .ok_or("an hour is too large")?;
                Ok(last)
            })
            .collect::<Result<Vec<u64>, Malformed>>()?;
        let of_trace = if n > 1 {
            let mut of_trace = Vec::with_capacity(n_traces);
            while of_trace.len() < n_traces {
                let (index, n) = (reader.u32()?, reader.varint()?);
                if index as usize >= distinct.len() {
                    return Err("an hour is not there".to_owned());
                }
                fill(&mut of_trace, index, n, n_traces)?;
            }
            of_trace
        } else if n == 1 || n_traces == 0 {
            vec![0; n_traces]
        } else {
            return Err("there are traces and no hours".to_owned());
        };
        Ok(Self { distinct, of_trace })
    }
}

impl JudgedBlock {
    pub(in crate::store) fn to_value(&self) -> Vec<u8> {
        let Self {
            hours,
            uncounted,
            rules,
        } = self;
        let mut writer = Writer::new();
        writer.varint(hours.of_trace.len() as u64);
        hours.put(&mut writer);
        writer
            .bytes(&uncounted.to_bytes())
            .varint(rules.len() as u64);
        for rule in rules {
            rule.put(&mut writer);
        }
        writer.finish()
    }

    /// Reads the verdicts on a block that has `n_traces`.
    pub(in crate::store) fn read(
        reader: &mut Reader<'_>,
        n_traces: u32,
    ) -> Result<Self, Malformed> {
        if reader.varint()? != u64::from(n_traces) {
            return Err("it has another number of traces than the block".to_owned());
        }
        let hours = Hours::read(reader, n_traces as usize)?;
        let uncounted = Postings::from_bytes(reader.bytes()?).map_err(|e| e.to_string())?;
        let n_rules = reader.count()?;
        let rules = (0..n_rules)
            .map(|_| RuleOutcome::read(reader, n_traces))
            .collect::<Result<_, Malformed>>()?;
        Ok(Self {
            hours,
            uncounted,
            rules,
        })
    }
}

/// The verdicts follow as runs.
const RUNS: u8 = 0;
/// The verdicts follow as two bits each, the first lowest.
const PACKED: u8 = 1;

impl RuleOutcome {
    fn put(&self, writer: &mut Writer) {
        let Self {
            rule,
            version,
            verdicts,
            inconclusive,
        } = self;
        writer.text(rule.as_str()).varint(version.0.into());
        let mut as_runs = Writer::new();
        for (verdict, n) in runs(verdicts) {
            as_runs.varint(n << 2 | verdict as u64);
        }
        let as_runs = as_runs.finish();
        let as_runs = as_runs
            .get(crate::store::codec::HEADER_BYTES..)
            .unwrap_or_default();
        if as_runs.len() <= verdicts.len().div_ceil(4) {
            writer.u8(RUNS).raw(as_runs);
        } else {
            writer.u8(PACKED);
            for four in verdicts.chunks(4) {
                let bits = four.iter().rev().fold(0, |bits, v| bits << 2 | *v as u8);
                writer.u8(bits);
            }
        }
        writer.varint(inconclusive.len() as u64);
        for (trace, reason) in inconclusive {
            writer.varint((*trace).into()).u8(*reason as u8);
        }
    }

    fn read(reader: &mut Reader<'_>, n_traces: u32) -> Result<Self, Malformed> {
        let rule = RuleId::try_new(reader.text()?).ok_or("a rule id is none")?;
        let version = RuleVersion(reader.u32()?);
        let n = n_traces as usize;
        let verdicts = match reader.u8()? {
            RUNS => {
                let mut verdicts = Vec::with_capacity(n);
                while verdicts.len() < n {
                    let run = reader.varint()?;
                    let verdict = Verdict::from_number(run as u8 & 3).ok_or("a verdict is none")?;
                    fill(&mut verdicts, verdict, run >> 2, n)?;
                }
                verdicts
            }
            PACKED => {
                let bytes = reader.raw(n.div_ceil(4))?;
                let of_byte = |byte: &u8| [0, 2, 4, 6].map(|shift| byte >> shift & 3);
                let numbers = bytes.iter().flat_map(of_byte).take(n);
                let verdict = |number| Verdict::from_number(number).ok_or("a verdict is none");
                numbers.map(verdict).collect::<Result<_, _>>()?
            }
            other => return Err(format!("verdicts of kind {other}")),
        };
        let n_inconclusive = reader.count()?;
        let inconclusive = (0..n_inconclusive)
            .map(|_| {
                let trace = reader.u32()?;
                let reason = Reason::from_number(reader.u8()?).ok_or("a reason is none")?;
                if trace >= n_traces {
                    return Err("a trace is not there".to_owned());
                }
                Ok((trace, reason))
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(Self {
            rule,
            version,
            verdicts,
            inconclusive,
        })
    }
}

/// Returns each item that differs from the one before, and how often it stands there.
fn runs<T: Copy + PartialEq>(items: &[T]) -> impl Iterator<Item = (T, u64)> + '_ {
    items
        .chunk_by(|a, b| a == b)
        .filter_map(|run| Some((*run.first()?, run.len() as u64)))
}

/// Appends a run, which may not go past `n_max` items.
fn fill<T: Copy>(items: &mut Vec<T>, item: T, n: u64, n_max: usize) -> Result<(), Malformed> {
    let room = n_max - items.len();
    match usize::try_from(n) {
        Ok(n) if n > 0 && n <= room => {
            items.resize(items.len() + n, item);
            Ok(())
        }
        Ok(_) | Err(_) => Err(format!("a run of {n} where {room} traces are left")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::codec::Place;

    fn outcome(id: &str, verdicts: Vec<Verdict>) -> RuleOutcome {
        let inconclusive = (0..)
            .zip(&verdicts)
            .filter(|(_, v)| **v == Verdict::Inconclusive)
            .map(|(i, _)| (i, Reason::ALL[i as usize % Reason::ALL.len()]))
            .collect();
        RuleOutcome {
            rule: RuleId::try_new(id).unwrap(),
            version: RuleVersion(7),
            verdicts,
            inconclusive,
        }
    }

    fn read(value: &[u8], n_traces: u32) -> Result<JudgedBlock, String> {
        let place = Place {
            file: "f",
            table: "t",
            key: 0,
        };
        let read = place.decode(value, |r| JudgedBlock::read(r, n_traces));
        read.map_err(|e| e.to_string())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            traces in prop::collection::vec((0u8..4, 0u8..4, 470_000u64..470_003), 0..200),
        ) {
            let verdicts = |f: fn(&(u8, u8, u64)) -> u8| {
                traces.iter().map(|t| Verdict::from_number(f(t)).unwrap()).collect()
            };
            let hours: Vec<u64> = traces.iter().map(|t| t.2).collect();
            let judged = JudgedBlock {
                hours: Hours::of(&hours),
                uncounted: Postings::new(vec![3, 5]),
                rules: vec![
                    outcome("scattered", verdicts(|t| t.0)),
                    outcome("rare", verdicts(|t| t.1 / 3)),
                ],
            };
            let value = judged.to_value();
            prop_assert_eq!(read(&value, traces.len() as u32), Ok(judged));
            prop_assert!(read(&value, traces.len() as u32 + 1).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), n in 0u32..50) {
            let mut reader = Reader::new(&bytes);
            drop(JudgedBlock::read(&mut reader, n));
        }
    }

    #[test]
    fn verdicts_take_a_quarter_byte_and_less_where_they_repeat() {
        let size = |verdicts: Vec<Verdict>| {
            let judged = JudgedBlock {
                hours: Hours::of(&vec![470_000; verdicts.len()]),
                uncounted: Postings::new(Vec::new()),
                rules: vec![outcome("r", verdicts)],
            };
            judged.to_value().len()
        };
        assert!(size(vec![Verdict::NotApplicable; 1_400]) < 40);
        let scattered = (0..1_400).map(|i| Verdict::ALL[i % 3]).collect();
        assert!(size(scattered) < 400);
    }
}
