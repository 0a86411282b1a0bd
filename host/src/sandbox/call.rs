//! One call of a pack: a fresh store and instance, all its budgets, and what went wrong if it did.
//!
//! Isolation rests on this file: a store is made for one call and dropped with it, so nothing that a guest
//! wrote outlives its answer, and nothing of another tenant is ever in the same store. Every budget is set
//! before the first instruction of the guest, and the deadline again before the call, since a start
//! function runs on instantiation.

use std::time::Duration;

use wasmtime::{Engine, FrameInfo, ResourceLimiter, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::{clock::thread_processor_time, verdict::Reason};

use super::{
    bindings::{
        RulePack,
        exports::betrace::rules::pack::{Batch, Findings, Rule},
    },
    epoch::ticks,
    error::{CallError, RuleFault, excerpt},
    limits::{DESCRIPTION_BYTES_MAX, MEMORY_BYTES_MAX, SandboxLimits, TABLE_ELEMENTS_MAX},
    pack::PackPre,
};

/// What a call may use beyond what follows from its size.
#[derive(Clone, Copy, Debug)]
pub struct CallBudget {
    /// How many times the usual deadline: a call that was stopped for time is repeated with more.
    pub deadlines: u32,
    /// Less fuel than follows from the call's size, for a caller that asks again with all of it.
    pub fuel_max: u64,
    /// Called every millisecond that the guest computes, on its thread, for whoever is to be in nobody's way.
    pub give_way: Option<fn()>,
}

impl Default for CallBudget {
    fn default() -> Self {
        Self {
            deadlines: 1,
            fuel_max: u64::MAX,
            give_way: None,
        }
    }
}

/// What a call answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Within their ranges.
    pub findings: Findings,
    /// What it cost.
    pub fuel_spent: u64,
}

/// What a store holds beside the guest: its limits.
#[derive(Debug, Default)]
pub(super) struct Guest {
    /// Ticks of the epoch until it is looked how long the guest has computed, after those that the store waits for.
    unlooked: u64,
    /// What the guest was refused: then that is why it failed.
    denied: Option<Denied>,
}

#[derive(Clone, Copy, Debug)]
enum Denied {
    Memory,
    Table,
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= MEMORY_BYTES_MAX;
        if !granted {
            self.denied = Some(Denied::Memory);
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= TABLE_ELEMENTS_MAX;
        if !granted {
            self.denied = Some(Denied::Table);
        }
        Ok(granted)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}

/// What a call may spend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spend {
    pub(super) fuel: u64,
    pub(super) stop: Stop,
    /// See [`CallBudget::give_way`].
    pub(super) give_way: Option<fn()>,
}

/// When a call is stopped whose fuel lasts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Once it has computed for so long; see [`Call::watch`].
    Computed(Duration),
    /// Once so much time has passed: somebody waits for the answer.
    Passed(Duration),
}

impl Stop {
    pub(super) fn time(self) -> Duration {
        match self {
            Self::Computed(time) | Self::Passed(time) => time,
        }
    }
}

impl Spend {
    /// What a call that judges may spend.
    pub(super) fn of_call(
        limits: &SandboxLimits,
        n_rules: usize,
        n_spans: usize,
        budget: CallBudget,
    ) -> Self {
        let fuel = limits.fuel(n_rules, n_spans).min(budget.fuel_max);
        let deadline = limits.deadline(fuel).saturating_mul(budget.deadlines);
        Self {
            fuel,
            stop: Stop::Computed(deadline),
            give_way: budget.give_way,
        }
    }
}

/// Judges `batch` by `rules`, positions in the pack, ascending. The findings are within their ranges.
pub(super) fn evaluate(
    engine: &Engine,
    pack: &PackPre,
    rules: &[u32],
    batch: &Batch,
    spend: &Spend,
) -> Result<Answer, CallError> {
    let n_spans = batch.trace_ends.last().map_or(0, |end| *end as usize);
    let n_traces = batch.traces as usize;
    // What findings of the largest size take: for each rule and trace a verdict and all of a violation,
    // and each span a witness of each rule.
    let lifted = rules
        .len()
        .saturating_mul(n_traces.saturating_mul(16) + n_spans.saturating_mul(4))
        .saturating_add(4 << 10);
    let (findings, fuel_spent) = Call {
        engine,
        spend,
        lifted,
    }
    .run(
        |store| pack.pre.instantiate(store),
        |pack, store| pack.betrace_rules_pack().call_evaluate(store, rules, batch),
    )?;
    super::findings::check(&findings, pack, rules, batch).map_err(|detail| RuleFault {
        kind: Reason::BadOutput,
        detail,
        fuel_spent,
    })?;
    Ok(Answer {
        findings,
        fuel_spent,
    })
}

/// Asks a pack what it holds.
pub(super) fn describe(
    engine: &Engine,
    pre: &super::bindings::RulePackPre<Guest>,
    spend: &Spend,
) -> Result<Vec<Rule>, CallError> {
    let (rules, _) = Call {
        engine,
        spend,
        lifted: DESCRIPTION_BYTES_MAX,
    }
    .run(
        |store| pre.instantiate(store),
        |pack, store| pack.betrace_rules_pack().call_describe(store),
    )?;
    Ok(rules)
}

/// The budgets of one call.
struct Call<'a> {
    engine: &'a Engine,
    spend: &'a Spend,
    /// Bytes that may come back.
    lifted: usize,
}

impl Call<'_> {
    /// Instantiates and calls; returns the answer and the fuel that it cost.
    fn run<T>(
        &self,
        instantiate: impl FnOnce(&mut Store<Guest>) -> wasmtime::Result<RulePack>,
        call: impl FnOnce(&RulePack, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<(T, u64), CallError> {
        let mut store = Store::new(self.engine, Guest::default());
        store.limiter(|guest| guest);
        store
            .set_fuel(self.spend.fuel)
            .map_err(|error| host(&error))?;
        store.set_hostcall_fuel(self.lifted);
        self.watch(&mut store);
        let pack = match instantiate(&mut store) {
            Ok(pack) => pack,
            Err(error) if error.is::<Trap>() || store.data().denied.is_some() => {
                return Err(self.fault(&store, &error).into());
            }
            // Whatever else fails here failed for want of something of the host's: this component was
            // instantiated when it was loaded.
            Err(error) => return Err(host(&error)),
        };
        if let Stop::Computed(_) = self.spend.stop {
            self.set_deadline(&mut store);
        }
        match call(&pack, &mut store) {
            Ok(answer) => Ok((answer, self.spent(&store))),
            Err(error) => Err(self.fault(&store, &error).into()),
        }
    }

    /// Stops the guest once it has computed for its deadline, and gives way meanwhile.
    ///
    /// The epoch counts time that passes, and on a busy machine most of that is not the guest's: half of the
    /// deadline passes unmeasured, since asking the system at the start would cost every call; from then on
    /// what counts is the processor time of this thread.
    fn watch(&self, store: &mut Store<Guest>) {
        self.set_deadline(store);
        let Spend { stop, give_way, .. } = *self.spend;
        let mut since = None;
        store.epoch_deadline_callback(move |mut store| {
            if let Some(give_way) = give_way {
                give_way();
            }
            let unlooked = &mut store.data_mut().unlooked;
            if *unlooked > 0 {
                return Ok(UpdateDeadline::Continue(next(unlooked, give_way)));
            }
            let Stop::Computed(deadline) = stop else {
                return Ok(UpdateDeadline::Interrupt);
            };
            let now = thread_processor_time();
            let since = *since.get_or_insert(now);
            let left = (deadline / 2).saturating_sub(now.saturating_sub(since));
            if left.is_zero() {
                return Ok(UpdateDeadline::Interrupt);
            }
            *unlooked = ticks(left);
            Ok(UpdateDeadline::Continue(next(unlooked, give_way)))
        });
    }

    fn set_deadline(&self, store: &mut Store<Guest>) {
        let mut unlooked = ticks(match self.spend.stop {
            Stop::Computed(deadline) => deadline / 2,
            Stop::Passed(time) => time,
        });
        store.set_epoch_deadline(next(&mut unlooked, self.spend.give_way));
        store.data_mut().unlooked = unlooked;
    }

    /// Says why an answer could not be taken over.
    fn said_of_answer(&self, error: &wasmtime::Error) -> String {
        let what = format!("{error:#}");
        // The engine's error has no type that could be asked for.
        if what.contains("fuel allocated for hostcalls") {
            let most = self.lifted;
            return format!("hands over more than the {most} bytes that its answer may take");
        }
        what
    }

    fn spent(&self, store: &Store<Guest>) -> u64 {
        self.spend
            .fuel
            .saturating_sub(store.get_fuel().unwrap_or(0))
    }

    fn fault(&self, store: &Store<Guest>, error: &wasmtime::Error) -> RuleFault {
        let trap = error.downcast_ref::<Trap>();
        let kind = match trap {
            Some(Trap::OutOfFuel) => Reason::OutOfFuel,
            Some(Trap::Interrupt) => Reason::DeadlineExceeded,
            // A guest that is refused memory gives up in its own way, mostly by `unreachable`.
            _ if store.data().denied.is_some() => Reason::MemoryLimit,
            Some(_) => Reason::Trapped,
            // No trap, so the answer, or the room for the question, was not where the guest said.
            None => Reason::BadOutput,
        };
        let detail = match (kind, trap) {
            (Reason::OutOfFuel, _) => format!("spent all of its {} units of fuel", self.spend.fuel),
            (Reason::DeadlineExceeded, _) => {
                let most = self.spend.stop.time();
                format!("computed for more than {} ms", most.as_millis())
            }
            (Reason::MemoryLimit, _) => match store.data().denied {
                Some(Denied::Table) => {
                    format!("asked for more than {TABLE_ELEMENTS_MAX} entries of its table")
                }
                Some(Denied::Memory) | None => {
                    let most = MEMORY_BYTES_MAX >> 20;
                    format!("asked for more than {most} MiB of memory")
                }
            },
            (_, Some(trap)) => said_of_trap(*trap, error),
            (_, None) => self.said_of_answer(error),
        };
        RuleFault {
            kind,
            // Names of the guest's functions are in it.
            detail: excerpt(detail.trim_end()),
            fuel_spent: self.spent(store),
        }
    }
}

/// Says what trapped, and in which function where that has a name.
fn said_of_trap(trap: Trap, error: &wasmtime::Error) -> String {
    let trap = trap.to_string();
    let what = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let frame = backtrace.and_then(|backtrace| backtrace.frames().first());
    match frame.and_then(FrameInfo::func_name) {
        Some(name) => format!("{what}, in function `{name}`"),
        None => what.to_owned(),
    }
}

fn host(error: &wasmtime::Error) -> CallError {
    CallError::Host {
        what: format!("{error:#}"),
    }
}

/// Takes the ticks until the guest is next interrupted: one where it gives way, else all.
fn next(unlooked: &mut u64, give_way: Option<fn()>) -> u64 {
    let next = if give_way.is_some() { 1 } else { *unlooked };
    *unlooked = unlooked.saturating_sub(next);
    next
}
