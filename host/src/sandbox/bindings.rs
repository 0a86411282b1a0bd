//! The contract in Rust words, generated from `wit/`, where every item is documented.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "rule-pack",
});
