//! A core module to a component: the contract in `wit/` beside it, checked and wrapped by wit-component.

use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The contract, one package in two files.
const WIT: [(&str, &str); 2] = [
    ("pack.wit", include_str!("../../wit/pack.wit")),
    ("world.wit", include_str!("../../wit/world.wit")),
];

/// Wraps a core module that exports what the world `rule-pack` asks for.
///
/// # Errors
/// None that a rule can cause: an error is a mistake in `codegen`, as text.
pub(crate) fn encode(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let metadata = metadata()?;
    let section = wasm_encoder::CustomSection {
        name: "component-type".into(),
        data: metadata.into(),
    };
    module.push(wasm_encoder::Section::id(&section));
    wasm_encoder::Encode::encode(&section, &mut module);
    let encoder = ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .map_err(|error| format!("{error:#}"))?;
    let component = { encoder }.encode().map_err(|error| format!("{error:#}"))?;
    #[cfg(debug_assertions)]
    validate(&component)?;
    Ok(component)
}

/// Checks a component with the features that the sandbox allows.
#[cfg(debug_assertions)]
fn validate(component: &[u8]) -> Result<(), String> {
    use wasmparser::WasmFeatures;
    let features = WasmFeatures::MVP
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::SIMD;
    wasmparser::Validator::new_with_features(features)
        .validate_all(component)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// The world, encoded once in a process.
fn metadata() -> Result<&'static [u8], String> {
    static METADATA: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    METADATA
        .get_or_init(encode_world)
        .as_deref()
        .map_err(Clone::clone)
}

fn encode_world() -> Result<Vec<u8>, String> {
    let mut files = wit_parser::SourceMap::default();
    for (name, text) in WIT {
        files.push_str(name, text);
    }
    let mut resolve = Resolve::default();
    let group = files.parse().map_err(|(_, error)| format!("{error:?}"))?;
    let package = resolve
        .push_group(group)
        .map_err(|error| format!("{error:?}"))?;
    let world = resolve
        .select_world(&[package], Some("rule-pack"))
        .map_err(|error| format!("{error:#}"))?;
    wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
        .map_err(|error| format!("{error:#}"))
}
