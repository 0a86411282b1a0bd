//! From bytes to a pack that may be published. Each step is dearer than the one before it, and none is
//! reached by what an earlier one refuses.
//!
//! size -> structure, names and versions -> validate and compile in a child -> link against nothing ->
//! `describe` -> check every field -> trial batches
//!
//! The parts of the way add up to [`LOAD_WALL_MAX`].

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};

use crate::{clock::Clock as _, rule_id::Digest};

use super::{
    Sandbox,
    bindings::{RulePackPre, exports::betrace::rules::pack::Rule},
    call::{self, CallBudget, Guest, Spend},
    compile::{CompileTime, compile},
    describe::check_description,
    error::{CallError, LoadError, excerpt},
    limits::{
        COMPILE_AGAIN_TIMES, COMPILE_CPU_SECONDS_MAX, COMPILE_WALL_MAX, LOAD_WALL_MAX,
        TRIAL_WALL_MAX,
    },
    pack::{LoadedMark, PackPlan, PackPre},
    precheck::precheck,
    trial::Trial,
};

/// What of [`LOAD_WALL_MAX`] goes into what is linear in the size of a pack: looking it through, linking, reading
/// what it says of itself.
const LOAD_SLACK: Duration = Duration::from_millis(500);

impl Sandbox {
    /// Loads a pack. May block for [`LOAD_WALL_MAX`], where a child compiles.
    ///
    /// # Errors
    ///
    /// Says why the bytes are not a pack that this host can run; nothing is kept of them.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<PackPre>, LoadError> {
        let begun = self.clock.monotonic();
        precheck(bytes)?;
        let digest = Digest(Sha256::digest(bytes).into());
        if let Some(pack) = self.loaded(digest) {
            return Ok(pack);
        }
        let mark = self.mark_loaded()?;
        let component = self.compile(bytes, begun)?;
        let trial = Trial::begin(self);
        let pre = self.link(&component)?;
        let rules = trial.call(|spend| call::describe(&self.engine, &pre, spend))?;
        let pack = described(pre, digest, rules.map_err(LoadError::Describe)?, mark)?;
        trial.try_out(&pack)?;
        self.keep(&pack);
        Ok(pack)
    }

    /// Loads a pack that was published: it has had its trial, and nobody waits for an answer. A host must start with
    /// the rules that it had, on a machine that is busier than that on which they were uploaded.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::load`].
    pub fn load_published(&self, bytes: &[u8]) -> Result<Arc<PackPre>, LoadError> {
        precheck(bytes)?;
        let digest = Digest(Sha256::digest(bytes).into());
        if let Some(pack) = self.loaded(digest) {
            return Ok(pack);
        }
        let mark = self.mark_loaded()?;
        let time = CompileTime {
            cpu_seconds: COMPILE_CPU_SECONDS_MAX * u64::from(COMPILE_AGAIN_TIMES),
            wall: COMPILE_WALL_MAX * COMPILE_AGAIN_TIMES,
        };
        let component = self
            .compiling
            .enter(|| compile(&self.engine, &self.compiler, bytes, time))?;
        let pre = self.link(&component)?;
        let spend = Spend::of_call(&self.limits, 1, 0, CallBudget::default());
        let rules = self
            .turnstile
            .enter(|| call::describe(&self.engine, &pre, &spend))
            .map_err(|error| match error {
                CallError::Fault(fault) => LoadError::Describe(fault),
                CallError::Host { what } => LoadError::Host { what },
            })?;
        let pack = described(pre, digest, rules, mark)?;
        self.keep(&pack);
        Ok(pack)
    }

    /// Compiles when its turn has come, so that whoever uploads has an answer in time.
    fn compile(&self, bytes: &[u8], begun: Duration) -> Result<Component, LoadError> {
        let left = || {
            let passed = self.clock.monotonic().saturating_sub(begun);
            LOAD_WALL_MAX.saturating_sub(TRIAL_WALL_MAX + LOAD_SLACK + passed)
        };
        // Half of it, so that there is time to compile afterwards.
        let turn = self.compiling.enter_within(left() / 2, || {
            let time = CompileTime {
                cpu_seconds: COMPILE_CPU_SECONDS_MAX,
                wall: COMPILE_WALL_MAX.min(left()),
            };
            compile(&self.engine, &self.compiler, bytes, time)
        });
        turn.unwrap_or_else(|| {
            let n = self.limits.compiles_max;
            Err(LoadError::Busy {
                what: format!("{n} packs are being compiled, as many as may be at a time"),
            })
        })
    }

    /// Takes one of the places for loaded packs.
    fn mark_loaded(&self) -> Result<LoadedMark, LoadError> {
        let max = self.limits.packs_max;
        let before = self.n_loaded.fetch_add(1, Ordering::Relaxed);
        let mark = LoadedMark(Arc::clone(&self.n_loaded));
        if before >= max {
            return Err(LoadError::TooManyPacks { max });
        }
        Ok(mark)
    }

    /// Links against nothing and checks the types of the interface.
    fn link(&self, component: &Component) -> Result<RulePackPre<Guest>, LoadError> {
        let interface = |error: &wasmtime::Error| LoadError::Interface {
            what: excerpt(&format!("{error:#}")),
        };
        let linker: Linker<Guest> = Linker::new(&self.engine);
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| interface(&error))?;
        RulePackPre::new(pre).map_err(|error| interface(&error))
    }
}

/// Checks what a pack says of itself, and puts it together.
fn described(
    pre: RulePackPre<Guest>,
    digest: Digest,
    rules: Vec<Rule>,
    mark: LoadedMark,
) -> Result<Arc<PackPre>, LoadError> {
    let rules = check_description(rules)?;
    let plan = PackPlan::new(&rules)?;
    let stateful = rules.iter().map(|_| AtomicBool::new(false)).collect();
    Ok(Arc::new(PackPre {
        pre,
        digest,
        rules,
        plan,
        stateful,
        n_calls: AtomicU64::new(0),
        _loaded: mark,
    }))
}
