//! What every pack must bear before it is published: small batches, judged in several companies.
//!
//! An instance lives for one call, so no rule can remember an earlier one; what it could do is let the verdict of a
//! trace hang on the traces, or the rules, beside it. So the same traces are judged all together, in the other
//! order, in pairs and alone, and by halves of the rules, and each must get the same answer every time. What shows
//! only on traces of another kind is looked for on live batches (`judge::stateful`).

mod batch;

use std::time::Duration;

use self::batch::{Maker, TRACES};
use super::{
    Sandbox,
    bindings::exports::betrace::rules::pack::{Batch, Findings},
    call::{self, Spend, Stop},
    error::{CallError, LoadError, RuleFault},
    findings::said_of,
    limits::{RULES_PER_CALL_MAX, TRIAL_WALL_MAX},
    pack::PackPre,
};
use crate::{clock::Clock as _, verdict::Reason};

/// A pack on trial.
pub(super) struct Trial<'a> {
    sandbox: &'a Sandbox,
    /// When, by the sandbox's clock, it must have been heard.
    until: Duration,
}

/// A pack, and the batches that it is asked about.
#[derive(Clone, Copy)]
struct Tried<'a> {
    pack: &'a PackPre,
    maker: &'a Maker<'a>,
}

/// What was said of the trial traces by some rules.
struct Heard {
    traces: Vec<u32>,
    batch: Batch,
    findings: Findings,
}

impl<'a> Trial<'a> {
    /// Begins a trial: from here on the pack has [`TRIAL_WALL_MAX`].
    pub(super) fn begin(sandbox: &'a Sandbox) -> Self {
        let until = sandbox.clock.monotonic() + TRIAL_WALL_MAX;
        Self { sandbox, until }
    }

    /// Returns what a call may spend: as much fuel as one rule on one batch, and the time that is left.
    ///
    /// # Errors
    ///
    /// [`LoadError::TrialLimit`] where no time is left.
    pub(super) fn spend(&self) -> Result<Spend, LoadError> {
        let left = self.until.saturating_sub(self.sandbox.clock.monotonic());
        if left.is_zero() {
            return Err(too_slow());
        }
        Ok(Spend {
            fuel: self.sandbox.limits.fuel(1, 0),
            stop: Stop::Passed(left),
            give_way: None,
        })
    }

    /// Runs a call of a pack on trial; a fault is data.
    ///
    /// # Errors
    ///
    /// [`LoadError::TrialLimit`], and where the host has no instance.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&Spend) -> Result<T, CallError>,
    ) -> Result<Result<T, RuleFault>, LoadError> {
        let spend = self.spend()?;
        let turnstile = &self.sandbox.turnstile;
        let Some(answer) = turnstile.enter_within(spend.stop.time(), || call(&spend)) else {
            return Err(LoadError::Busy {
                what: "all instances are taken".into(),
            });
        };
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(CallError::Fault(fault)) if fault.kind == Reason::DeadlineExceeded => {
                Err(too_slow())
            }
            Err(CallError::Fault(fault)) => Ok(Err(fault)),
            Err(CallError::Host { what }) => Err(LoadError::Host { what }),
        }
    }

    /// Asks every rule about the trial traces.
    ///
    /// # Errors
    ///
    /// Which rule fails, or answers differently in other company.
    pub(super) fn try_out(&self, pack: &PackPre) -> Result<(), LoadError> {
        let maker = Maker::new(&pack.plan);
        let pack = Tried {
            pack,
            maker: &maker,
        };
        let all: Vec<u32> = (0..pack.pack.rules.len() as u32).collect();
        let mut chunks = all.chunks(RULES_PER_CALL_MAX);
        chunks.try_for_each(|rules| self.try_rules(pack, rules))
    }

    /// Asks some rules about the trial traces in several companies.
    fn try_rules(&self, pack: Tried<'_>, rules: &[u32]) -> Result<(), LoadError> {
        let Some(whole) = self.hear(pack, rules, &TRACES)? else {
            // Together they spend too much: each is asked by itself, or company would be a way around the question.
            let mut each = rules.chunks(1);
            return each.try_for_each(|rule| self.try_rules(pack, rule));
        };
        let backwards: Vec<u32> = TRACES.iter().rev().copied().collect();
        let alone = TRACES.chunks(1);
        for traces in alone.chain(TRACES.chunks(2)).chain([backwards.as_slice()]) {
            if let Some(heard) = self.hear(pack, rules, traces)? {
                compare(pack.pack, rules, rules, &whole, &heard)?;
            }
        }
        let (few, others) = rules.split_at(rules.len() / 2);
        for part in [few, others] {
            if !few.is_empty()
                && let Some(heard) = self.hear(pack, part, &TRACES)?
            {
                compare(pack.pack, rules, part, &whole, &heard)?;
            }
        }
        Ok(())
    }

    /// Asks some rules about some traces; `None` where they spend too much together and none of them alone. Of one rule
    /// alone it is never `None`.
    fn hear(
        &self,
        pack: Tried<'_>,
        rules: &[u32],
        traces: &[u32],
    ) -> Result<Option<Heard>, LoadError> {
        let batch = pack.maker.batch(rules, traces);
        match self.evaluate(pack.pack, rules, &batch)? {
            Ok(findings) => Ok(Some(Heard {
                traces: traces.to_vec(),
                batch,
                findings,
            })),
            Err(fault) => self.blame(pack, rules, traces, fault).map(|()| None),
        }
    }

    fn evaluate(
        &self,
        pack: &PackPre,
        rules: &[u32],
        batch: &Batch,
    ) -> Result<Result<Findings, RuleFault>, LoadError> {
        let engine = &self.sandbox.engine;
        let answer = self.call(|spend| call::evaluate(engine, pack, rules, batch, spend))?;
        Ok(answer.map(|answer| answer.findings))
    }

    /// Says which rule it is that failed. Alone all of them may pass, and then pass in production too.
    fn blame(
        &self,
        pack: Tried<'_>,
        rules: &[u32],
        traces: &[u32],
        fault: RuleFault,
    ) -> Result<(), LoadError> {
        let refused = |rule: u32, fault| LoadError::Trial {
            rule: pack.pack.id_of(rule),
            traces: traces.len(),
            fault,
        };
        if let [rule] = rules {
            return Err(refused(*rule, fault));
        }
        for rule in rules {
            let batch = pack.maker.batch(&[*rule], traces);
            if let Err(fault) = self.evaluate(pack.pack, &[*rule], &batch)? {
                return Err(refused(*rule, fault));
            }
        }
        match fault.kind {
            Reason::OutOfFuel | Reason::MemoryLimit => Ok(()),
            Reason::DeadlineExceeded
            | Reason::Trapped
            | Reason::BadOutput
            | Reason::Incomplete
            | Reason::Quarantined
            | Reason::Stateful => Err(LoadError::Stateful {
                rule: rules
                    .first()
                    .map_or_else(String::new, |rule| pack.pack.id_of(*rule)),
                what: format!(
                    "beside other rules of its pack it fails ({fault}), and alone it does not"
                ),
            }),
        }
    }
}

/// Refuses a pack that says of one trace different things. `part` are some of `rules`.
fn compare(
    pack: &PackPre,
    rules: &[u32],
    part: &[u32],
    whole: &Heard,
    heard: &Heard,
) -> Result<(), LoadError> {
    for (number, rule) in part.iter().enumerate() {
        let Ok(in_whole) = rules.binary_search(rule) else {
            continue;
        };
        for (at, trace) in heard.traces.iter().enumerate() {
            let Some(before) = whole.traces.iter().position(|known| known == trace) else {
                continue;
            };
            let said = said_of(&heard.findings, &heard.batch, number, at);
            let before = said_of(&whole.findings, &whole.batch, in_whole, before);
            if said != before {
                return Err(LoadError::Stateful {
                    rule: pack.id_of(*rule),
                    what: format!(
                        "of one trial trace it says `{before}` among {} traces and {} rules, and `{said}` among {} and {}",
                        whole.traces.len(),
                        rules.len(),
                        heard.traces.len(),
                        part.len()
                    ),
                });
            }
        }
    }
    Ok(())
}

fn too_slow() -> LoadError {
    LoadError::TrialLimit {
        most_ms: TRIAL_WALL_MAX.as_millis(),
    }
}
