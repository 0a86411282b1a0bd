//! What one rule says of one trace.

use serde::{Deserialize, Serialize};

/// The verdict of one rule on one trace. The numbers are those of the store, two bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verdict {
    /// The situation that the rule speaks of did not occur.
    NotApplicable = 0,
    /// It occurred, and the trace behaved.
    Held = 1,
    /// It occurred, and the trace did not behave.
    Violated = 2,
    /// It cannot be told; the reason is kept beside it.
    Inconclusive = 3,
}

impl Verdict {
    /// All four, in order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::NotApplicable,
        Self::Held,
        Self::Violated,
        Self::Inconclusive,
    ];

    /// Returns the name that the language and the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Returns the verdict of a number from the store; `None` above 3.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Why a verdict is inconclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// Something that the rule reads is missing from the trace.
    Incomplete = 0,
    /// The rule spent its fuel on this trace alone.
    OutOfFuel = 1,
    /// The rule ran past its deadline with fuel unspent, repeatedly.
    DeadlineExceeded = 2,
    /// The rule asked for more memory than an instance may have.
    MemoryLimit = 3,
    /// The rule trapped.
    Trapped = 4,
    /// The rule's answer was out of range.
    BadOutput = 5,
    /// The rule fails too often, or its pack does not load; its traces wait until the quarantine is lifted.
    Quarantined = 6,
    /// The rule's answer hung on the traces beside the one that it judged.
    Stateful = 7,
}

impl Reason {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::OutOfFuel,
        Self::DeadlineExceeded,
        Self::MemoryLimit,
        Self::Trapped,
        Self::BadOutput,
        Self::Quarantined,
        Self::Stateful,
    ];

    /// Returns the name that the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::OutOfFuel => "out_of_fuel",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::MemoryLimit => "memory_limit",
            Self::Trapped => "trapped",
            Self::BadOutput => "bad_output",
            Self::Quarantined => "quarantined",
            Self::Stateful => "stateful",
        }
    }

    /// Returns the reason of a number from the store.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What of a rule broke. The numbers are those of `findings.clause` in `wit/pack.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Clause {
    /// The condition of a bare rule or of `match` came true.
    Match = 0,
    /// The `always` clause was false.
    Always = 1,
    /// The `never` clause came true.
    Never = 2,
}

impl Clause {
    /// Returns the clause of a number; `None` above 2.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Match, Self::Always, Self::Never]
            .get(usize::from(number))
            .copied()
    }

    /// Returns the name that the surfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// The verdicts of one version of one rule on the traces of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVerdicts {
    /// One for each trace of the block.
    pub verdicts: Vec<Verdict>,
    /// Why, for each inconclusive trace (its number in the block), ascending.
    pub inconclusive: Vec<(u32, Reason)>,
    /// One for each violated trace, ascending.
    pub violations: Vec<Violation>,
}

/// A violation, by its place in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The number of the trace in the block.
    pub trace: u32,
    /// What broke.
    pub clause: Clause,
    /// Rows of the block's span table, ascending, at most 100.
    pub witnesses: Vec<u32>,
}

/// The most witnesses that a violation names.
pub const WITNESSES_MAX: usize = 100;

impl RuleVerdicts {
    /// Counts the traces by the number of their verdict, without those in `skip` (ascending).
    pub fn counts(&self, skip: &[u32]) -> [u64; 4] {
        // Four plain passes, each of many verdicts at a time.
        let mut counts = Verdict::ALL.map(|of| {
            let of_kind = self.verdicts.iter().filter(|verdict| **verdict == of);
            of_kind.count() as u64
        });
        for trace in skip {
            let verdict = self.verdicts.get(*trace as usize);
            let count = verdict.and_then(|verdict| counts.get_mut(*verdict as usize));
            if let Some(count) = count {
                *count -= 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_counted_by_verdict_without_the_skipped() {
        let rule = RuleVerdicts {
            verdicts: vec![
                Verdict::Held,
                Verdict::Violated,
                Verdict::Held,
                Verdict::NotApplicable,
            ],
            inconclusive: Vec::new(),
            violations: Vec::new(),
        };
        assert_eq!(rule.counts(&[]), [1, 2, 1, 0]);
        assert_eq!(rule.counts(&[2, 3]), [0, 1, 1, 0]);
    }
}
