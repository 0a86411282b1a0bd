//! A core module to a component: the contract in `wit/` beside it, checked and wrapped by wit-component. It cannot tell which
//! compiler made the module.

use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// The contract, one package in two files.
const WIT: [(&str, &str); 2] = [
    ("pack.wit", include_str!("../../wit/pack.wit")),
    ("world.wit", include_str!("../../wit/world.wit")),
];

/// The custom section that names the version of the timezone database, where a rule has a timezone.
const TZ_SECTION: &str = "betrace:tzdata";

/// Wraps a core module that exports what the world `rule-pack` asks for. `tz`: the version of the timezone database
/// that its rules were compiled with.
///
/// # Errors
/// None that a rule can cause: an error is a mistake in `codegen`, as text.
pub(crate) fn encode(module: Vec<u8>, tz: Option<&str>) -> Result<Vec<u8>, String> {
    let mut component = wrap(module)?;
    if let Some(version) = tz {
        let section = wasm_encoder::CustomSection {
            name: TZ_SECTION.into(),
            data: version.as_bytes().into(),
        };
        append(&section, &mut component);
    }
    #[cfg(debug_assertions)]
    validate(&component)?;
    Ok(component)
}

/// Wraps a core module, of whatever language, that exports what the world `rule-pack` asks for by the canonical ABI, and
/// imports nothing. One that names the contract itself, as the bindings of wit-bindgen do, may.
///
/// What comes of it is not validated: it is for a sandbox to load.
///
/// # Errors
/// What the module lacks or has too much, as text.
pub fn wrap(mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let metadata = metadata()?;
    let section = wasm_encoder::CustomSection {
        name: "component-type".into(),
        data: metadata.into(),
    };
    append(&section, &mut module);
    let encoder = ComponentEncoder::default()
        .validate(false)
        .module(&module)
        .map_err(|error| format!("{error:#}"))?;
    { encoder }.encode().map_err(|error| format!("{error:#}"))
}

fn append(section: &wasm_encoder::CustomSection<'_>, bytes: &mut Vec<u8>) {
    bytes.push(wasm_encoder::Section::id(section));
    wasm_encoder::Encode::encode(section, bytes);
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

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::{TZ_SECTION, append, encode, metadata, wrap};
    use crate::{Source, codegen, front, pattern::Tables, reads};

    #[test]
    fn the_version_of_the_timezones_stands_in_a_section_of_its_own() {
        let source = Source {
            name: "a.btr",
            text: b"a",
        };
        let mut tables = Tables::default();
        let (pack, _) = front(&source, &mut tables).0.unwrap();
        let module = codegen::emit(&pack, &reads::pack_reads(&pack), &mut tables).unwrap();
        let version = |tz| {
            let component = encode(module.clone(), tz).unwrap();
            Parser::new(0).parse_all(&component).find_map(|payload| {
                let Ok(Payload::CustomSection(section)) = payload else {
                    return None;
                };
                (section.name() == TZ_SECTION).then(|| section.data().to_vec())
            })
        };
        assert_eq!(version(Some("2026a")), Some(b"2026a".to_vec()));
        assert_eq!(version(None), None);
    }

    #[test]
    fn a_module_may_name_the_contract_itself() {
        let source = Source {
            name: "a.btr",
            text: b"a",
        };
        let mut tables = Tables::default();
        let (pack, _) = front(&source, &mut tables).0.unwrap();
        let mut module = codegen::emit(&pack, &reads::pack_reads(&pack), &mut tables).unwrap();
        let without = wrap(module.clone()).unwrap();
        let section = wasm_encoder::CustomSection {
            name: "component-type:by-bindings".into(),
            data: metadata().unwrap().into(),
        };
        append(&section, &mut module);
        let mut validator = wasmparser::Validator::new();
        let named = wrap(module).unwrap();
        assert!(validator.validate_all(&named).is_ok());
        let exports = |component: &[u8]| {
            let name = b"betrace:rules/pack@1.0.0";
            component
                .windows(name.len())
                .filter(|of| of == name)
                .count()
        };
        assert_eq!(exports(&named), exports(&without));
    }
}
