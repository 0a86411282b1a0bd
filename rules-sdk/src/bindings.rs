//! The contract in `wit/`, as wit-bindgen writes it in Rust. Nothing else of the crate is unsafe.

wit_bindgen::generate!({
    // A link to the contract, which a published crate has a copy of.
    path: "wit",
    world: "rule-pack",
    pub_export_macro: true,
    export_macro_name: "export_pack",
    default_bindings_module: "betrace_rules::bindings",
});
