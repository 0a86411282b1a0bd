//! Runs packs where they can do no harm. The only user of wasmtime.
//!
//! A pack imports nothing: it can compute, and nothing else. What it computes with is bounded by fuel, by a
//! deadline, by memory, by the size of its answer ([`limits`]), and its instance is thrown away after every
//! call. What it answers is checked before anybody sees it. A pack that misbehaves is data, a
//! [`RuleFault`]; it cannot make the host fail, wait or grow.
//!
//! | step | file |
//! |---|---|
//! | bytes -> structure, names and version checked | `precheck` |
//! | -> validated and compiled in a child process with limits of its own | `compile` |
//! | -> asked what it holds, and every field of that checked | `describe`, `want`, `pack` |
//! | -> tried on small batches in several companies, kept | `trial`, `load` |
//! | a batch -> findings, or a fault | `call`, `findings` |
//!
//! Not covered: a side channel through the processor's caches, and what a guest may learn from the time
//! that a call takes, since it has no clock and nobody to tell.

mod bindings;
mod call;
mod compile;
mod describe;
mod engine;
mod epoch;
mod error;
mod findings;
pub mod limits;
mod load;
mod pack;
mod precheck;
mod producers;
#[cfg(test)]
mod tests;
mod trial;
mod turnstile;
mod tzdata;
mod want;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use wasmtime::Engine;

use crate::{clock::SystemClock, rule_id::Digest};

pub use self::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Findings, Values},
    call::{Answer, CallBudget},
    compile::{COMPILE_PACK_ARG, PackCompiler, compile_child},
    describe::{MessagePart, RuleDescription},
    error::{CallError, LoadError, RuleFault, SandboxError},
    findings::{Said, said_of},
    limits::SandboxLimits,
    pack::{PackPlan, PackPre, RuleUses},
    precheck::PACK_INTERFACE,
    producers::producers,
    tzdata::tz_version,
    want::{FixedColumn, Form, Table, TextColumn, Want, WantColumn, WantScope},
};

use self::{call::Spend, epoch::Epoch, turnstile::Turnstile};

/// The engine, its clock, and the packs that are loaded. One for a process.
pub struct Sandbox {
    engine: Engine,
    epoch: Epoch,
    compiler: PackCompiler,
    limits: SandboxLimits,
    turnstile: Turnstile,
    /// Lets as many packs be compiled at a time as [`SandboxLimits::compiles_max`] says.
    compiling: Turnstile,
    /// A guest is stopped by the machine's time, whatever time the host is told.
    clock: SystemClock,
    n_loaded: Arc<AtomicUsize>,
    /// What is loaded, so that the same bytes for two tenants are compiled once.
    by_digest: Mutex<HashMap<Digest, Weak<PackPre>>>,
}

impl Sandbox {
    /// Starts an engine and the thread that moves its epoch on.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] where the machine has no room for the instances, or no thread.
    pub fn new(compiler: PackCompiler, limits: SandboxLimits) -> Result<Self, SandboxError> {
        let engine = engine::host_engine(&limits)?;
        Ok(Self {
            epoch: Epoch::start(&engine)?,
            engine,
            compiler,
            limits,
            turnstile: Turnstile::new(limits.instances_max),
            compiling: Turnstile::new(limits.compiles_max.max(1)),
            clock: SystemClock::new(),
            n_loaded: Arc::default(),
            by_digest: Mutex::default(),
        })
    }

    /// Judges `batch` by `rules`: positions in the pack, ascending. Blocks while all instances are taken, and
    /// then for no longer than the deadline.
    ///
    /// The caller keeps to [`limits::SPANS_PER_CALL_MAX`], [`limits::VERDICTS_PER_CALL_MAX`] and
    /// [`limits::RULES_PER_CALL_MAX`].
    ///
    /// # Errors
    ///
    /// [`CallError::Fault`] where the rule misbehaved, [`CallError::Host`] where there is no instance to be
    /// had.
    pub fn call(
        &self,
        pack: &PackPre,
        rules: &[u32],
        batch: &Batch,
        budget: CallBudget,
    ) -> Result<Answer, CallError> {
        let n_spans = batch.trace_ends.last().map_or(0, |end| *end as usize);
        let spend = Spend::of_call(&self.limits, rules.len(), n_spans, budget);
        let _often = budget.give_way.map(|_| self.epoch.tick_by_tick());
        self.turnstile
            .enter(|| call::evaluate(&self.engine, pack, rules, batch, &spend))
    }

    /// Returns the limits.
    pub fn limits(&self) -> &SandboxLimits {
        &self.limits
    }

    /// Returns how many packs are loaded.
    pub fn n_loaded(&self) -> usize {
        self.n_loaded.load(Ordering::Relaxed)
    }

    fn loaded(&self, digest: Digest) -> Option<Arc<PackPre>> {
        let by_digest = self
            .by_digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        by_digest.get(&digest)?.upgrade()
    }

    fn keep(&self, pack: &Arc<PackPre>) {
        let mut by_digest = self
            .by_digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        by_digest.retain(|_, pack| pack.strong_count() > 0);
        by_digest.insert(pack.digest, Arc::downgrade(pack));
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("compiler", &self.compiler)
            .field("limits", &self.limits)
            .field("n_loaded", &self.n_loaded())
            .finish_non_exhaustive()
    }
}
