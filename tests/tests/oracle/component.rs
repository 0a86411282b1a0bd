//! A pack in wasmtime, without the host's sandbox: the contract alone.

use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker},
};

use self::bindings::{
    RulePack, RulePackPre,
    exports::betrace::rules::pack::{self, Batch},
};

pub(crate) mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "rule-pack" });
}

/// A compiled pack and what it says of itself.
pub(crate) struct Pack {
    pre: RulePackPre<()>,
    pub(crate) rules: Vec<pack::Rule>,
}

fn engine() -> &'static Engine {
    static ENGINE: std::sync::OnceLock<Engine> = std::sync::OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config
            .wasm_gc(false)
            .gc_support(false)
            .wasm_function_references(false)
            .wasm_exceptions(false)
            .concurrency_support(false);
        Engine::new(&config).unwrap()
    })
}

impl Pack {
    pub(crate) fn load(component: &[u8]) -> Self {
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
    pub(crate) fn evaluate(&self, asked: &[u32], batch: &Batch) -> pack::Findings {
        let (mut store, instance) = instantiate(&self.pre);
        instance
            .betrace_rules_pack()
            .call_evaluate(&mut store, asked, batch)
            .unwrap()
    }
}

fn instantiate(pre: &RulePackPre<()>) -> (Store<()>, RulePack) {
    let mut store = Store::new(engine(), ());
    let instance = pre.instantiate(&mut store).unwrap();
    (store, instance)
}
