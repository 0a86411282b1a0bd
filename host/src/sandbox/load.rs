//! From bytes to a pack that may be published. Each step is dearer than the one before it, and none is
//! reached by what an earlier one refuses.
//!
//! size -> structure, names and versions -> compile in a child -> link against nothing -> `describe` ->
//! check every field -> trial batches

use std::sync::{Arc, atomic::Ordering};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};

use crate::rule_id::Digest;

use super::{
    Sandbox,
    bindings::RulePackPre,
    call::{self, CallBudget, Guest},
    compile::compile,
    describe::check_description,
    error::{CallError, LoadError},
    limits::RULES_PER_CALL_MAX,
    pack::{LoadedMark, PackPlan, PackPre},
    precheck::precheck,
    trial::trial_batches,
};

impl Sandbox {
    /// Loads a pack. May block for as long as compiling may take, 10 s at most in a child.
    ///
    /// # Errors
    ///
    /// Says why the bytes are not a pack that this host can run; nothing is kept of them.
    pub fn load(&self, bytes: &[u8]) -> Result<Arc<PackPre>, LoadError> {
        precheck(bytes)?;
        let digest = Digest(Sha256::digest(bytes).into());
        if let Some(pack) = self.loaded(digest) {
            return Ok(pack);
        }
        let mark = self.mark_loaded()?;
        let component = compile(&self.engine, &self.compiler, bytes)?;
        let pre = self.link(&component)?;
        let rules = self
            .turnstile
            .enter(|| call::describe(&self.engine, &self.limits, &pre))
            .map_err(|error| match error {
                CallError::Fault(fault) => LoadError::Describe(fault),
                CallError::Host { what } => LoadError::Host { what },
            })?;
        let rules = check_description(rules)?;
        let plan = PackPlan::new(&rules)?;
        let pack = Arc::new(PackPre {
            pre,
            digest,
            rules,
            plan,
            _loaded: mark,
        });
        self.try_out(&pack)?;
        self.keep(&pack);
        Ok(pack)
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
            what: format!("{error:#}"),
        };
        let linker: Linker<Guest> = Linker::new(&self.engine);
        let pre = linker
            .instantiate_pre(component)
            .map_err(|error| interface(&error))?;
        RulePackPre::new(pre).map_err(|error| interface(&error))
    }

    /// Calls every rule on the trial batches.
    fn try_out(&self, pack: &PackPre) -> Result<(), LoadError> {
        let all: Vec<u32> = (0..pack.rules.len() as u32).collect();
        for batch in trial_batches(&pack.plan) {
            for rules in all.chunks(RULES_PER_CALL_MAX) {
                let Err(error) = self.call(pack, rules, &batch, CallBudget::default()) else {
                    continue;
                };
                // Which of them it was; alone it may pass, and then it passes in production too.
                for rule in rules {
                    let alone = self.call(pack, &[*rule], &batch, CallBudget::default());
                    let Err(CallError::Fault(fault)) = alone else {
                        continue;
                    };
                    return Err(LoadError::Trial {
                        rule: pack
                            .rules
                            .get(*rule as usize)
                            .map_or_else(String::new, |rule| rule.id.to_string()),
                        traces: batch.traces,
                        fault,
                    });
                }
                if let CallError::Host { what } = error {
                    return Err(LoadError::Host { what });
                }
            }
        }
        Ok(())
    }
}
