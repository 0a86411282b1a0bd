//! Looks at the bytes of a pack before anything expensive does.
//!
//! Two passes over the binary with wasmparser, the first for imports alone. The second reads the structure and refuses, with a sentence for the author,
//! whatever a pack has no use for. It counts what things unfold to, not what they take in the file: a few bytes
//! declare 50,000 locals, nest 10,000 blocks, or double a type thirty times.
//!
//! INVARIANT: what is done here takes time and memory in proportion to the size of the file, which is capped first,
//! and no recursion follows the bytes. It runs in the host's own process. What does not have that property, the
//! validator and the compiler, runs in the child ([`super::compile`]): a validator pops a thousand operands for two
//! bytes of a call, and wasmparser reads a type within a type by recursion.
//!
//! What `wit-component` makes of one module without imports passes: one core module, one instance of it,
//! functions lifted from it, and a nested component of types alone that gives the exported interface its names.
//!
//! | sections | file |
//! |---|---|
//! | of the component | `component` |
//! | of its core module | `module` |

mod component;
mod module;

use wasmparser::{BinaryReaderError, Parser, Validator, WasmFeatures};

use self::component::{Shape, check_imports};
use super::{
    error::{LoadError, excerpt},
    limits::PACK_BYTES_MAX,
};

/// The interface that a pack exports.
pub const PACK_INTERFACE: &str = "betrace:rules/pack@1.0.0";
/// What stands before the version in [`PACK_INTERFACE`].
const PACK_NAME: &str = "betrace:rules/pack@";

/// Refuses what is not, by its structure, a pack.
pub(super) fn precheck(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > PACK_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: bytes.len() });
    }
    check_header(bytes)?;
    // Before its shape: types that no pack has come with the imports that no pack has, and ahead of them.
    check_imports(bytes)?;
    let mut shape = Shape::new(bytes);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| unreadable(&error, bytes.len()))?;
        shape.check(&payload)?;
    }
    shape.finish()
}

/// Refuses what is not valid. Its time is not bounded by the size of the file.
pub(super) fn validate(bytes: &[u8]) -> Result<(), LoadError> {
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map(|_| ())
        .map_err(|error| unreadable(&error, bytes.len()))
}

/// What exists in WebAssembly for a guest: as in the engine's configuration.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let not_wasm = |what| Err(LoadError::NotWasm { what });
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        // A version that is no component's is the parser's to name.
        [0, b'a', b's', b'm', _, _, _, _, ..] => Ok(()),
        _ if bytes.starts_with(b"\0asm") || b"\0asm".starts_with(bytes) => {
            Err(LoadError::Truncated {
                offset: bytes.len() as u64,
            })
        }
        [0x7f, b'E', b'L', b'F', ..] => {
            not_wasm("an ELF executable or library; build for `wasm32-unknown-unknown`")
        }
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            not_wasm("a compressed file; decompress it first")
        }
        [b'P', b'K', 3, 4, ..] => not_wasm("a zip archive"),
        _ if std::str::from_utf8(bytes).is_ok() => {
            not_wasm("text; rules in the rule language are files that end in `.btr`")
        }
        _ => not_wasm("it does not begin with `\\0asm`"),
    }
}

fn unreadable(error: &BinaryReaderError, len: usize) -> LoadError {
    // wasmparser counts from the start of the file, and reports the end where bytes are wanting.
    if error.offset() >= len || error.message().contains("unexpected end") {
        return LoadError::Truncated { offset: len as u64 };
    }
    invalid(error)
}

fn invalid(error: &BinaryReaderError) -> LoadError {
    LoadError::Invalid {
        what: format!("{} (at byte {})", excerpt(error.message()), error.offset()),
    }
}

fn shape<T>(what: &str) -> Result<T, LoadError> {
    Err(LoadError::Shape { what: what.into() })
}

/// Says of which thing there is more than a pack may have.
fn check_most(what: &'static str, found: u64, most: u64) -> Result<(), LoadError> {
    if found > most {
        return Err(LoadError::Over { what, found, most });
    }
    Ok(())
}
