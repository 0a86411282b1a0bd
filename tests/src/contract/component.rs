//! A pack in wasmtime, without the host's sandbox: the contract alone.

use wasmtime::{
    Config, Engine, OptLevel, Store,
    component::{Component, Linker},
};

use bindings::{
    RulePack, RulePackPre,
    exports::betrace::rules::pack::{self, Batch},
};

pub(crate) mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "rule-pack" });
}

/// A compiled pack and what it says of itself.
#[expect(missing_debug_implementations, reason = "nothing of it can be shown")]
pub struct Pack {
    pre: RulePackPre<()>,
    /// What `describe` answers.
    pub rules: Vec<pack::Rule>,
}

fn engine() -> &'static Engine {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        // Rules run for microseconds here; what takes time is compiling them.
        config
            .cranelift_opt_level(OptLevel::None)
            .wasm_gc(false)
            .gc_support(false)
            .wasm_function_references(false)
            .wasm_exceptions(false)
            .concurrency_support(false);
        Engine::new(&config).unwrap()
    })
}

impl Pack {
    /// Loads a component, which must fit the contract.
    pub fn load(component: &[u8]) -> Self {
        let component = Component::new(engine(), component).unwrap();
        let pre =
            RulePackPre::new(Linker::new(engine()).instantiate_pre(&component).unwrap()).unwrap();
        let (mut store, instance) = instantiate(&pre);
        let rules = instance
            .betrace_rules_pack()
            .call_describe(&mut store)
            .unwrap();
        Self { pre, rules }
    }

    /// Calls `evaluate` in a fresh instance.
    ///
    /// # Errors
    ///
    /// The trap, where it traps.
    pub fn evaluate(&self, asked: &[u32], batch: &Batch) -> Result<pack::Findings, String> {
        let (mut store, instance) = instantiate(&self.pre);
        instance
            .betrace_rules_pack()
            .call_evaluate(&mut store, asked, batch)
            .map_err(|trap| format!("{trap:#}"))
    }
}

fn instantiate(pre: &RulePackPre<()>) -> (Store<()>, RulePack) {
    let mut store = Store::new(engine(), ());
    let instance = pre.instantiate(&mut store).unwrap();
    (store, instance)
}
